import { QmpError } from '../error.js';

/**
 * What went wrong with a guest agent: nobody listens there; what answers is no agent; it does not answer in time; it closed the
 * connection; it refused a command; its guest is frozen by someone else; its guest was thawed while it was to be frozen.
 */
export type GuestAgentErrorCode =
  | 'guest-agent-unreachable'
  | 'guest-agent-malformed'
  | 'guest-agent-silent'
  | 'guest-agent-closed'
  | 'guest-agent-refused'
  | 'guest-agent-frozen'
  | 'guest-agent-thawed-early';

/** The guest could not be frozen, or thawed, as it should be. */
export class GuestAgentError extends QmpError {
  override readonly name = 'GuestAgentError';
  declare readonly kind: 'guest-agent';
  readonly code: GuestAgentErrorCode;
  /** The guest may be frozen by us still: look into it at once. */
  readonly mayBeFrozen: boolean;

  constructor(
    code: GuestAgentErrorCode,
    message: string,
    { mayBeFrozen = false, ...options }: ErrorOptions & { readonly mayBeFrozen?: boolean } = {},
  ) {
    super('guest-agent', message, options);
    this.code = code;
    this.mayBeFrozen = mayBeFrozen;
  }
}
