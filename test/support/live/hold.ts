import type { ProxyHooks, SentCommand } from '../qemu/qmp-proxy.js';

/** Holds one message of a session up, so that something can happen meanwhile. */
export interface Hold {
  readonly hooks: ProxyHooks;
  /** Settles when the message has come. */
  readonly arrived: Promise<void>;
  /** Lets it pass; whatever comes after it passes by itself. */
  release(): void;
}

/** @param when - `before` QEMU gets the command, or `after` it has answered and before the client knows. */
export function holdAt(when: 'before' | 'after', execute: string): Hold {
  const arrival = signal();
  const pass = signal();
  const hook = async (command: SentCommand) => {
    if (command.execute !== execute) return;
    arrival.settle();
    await pass.settled;
  };
  return { hooks: { [when]: hook }, arrived: arrival.settled, release: pass.settle };
}

function signal() {
  let settle = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { settled, settle };
}
