type Listener = (reason: unknown) => void;

interface Listening {
  readonly listeners: Set<Listener>;
  readonly stop: () => void;
}

const listening = new WeakMap<AbortSignal, Listening>();

/**
 * Calls a function when a signal is aborted.
 *
 * One signal may guard thousands of commands, and Node warns of a leak where a signal has more than ten listeners: all
 * share one, which goes with the last of them.
 *
 * @returns What takes the function away again.
 */
export function onAbort(signal: AbortSignal | undefined, listener: Listener): () => void {
  if (signal === undefined || signal.aborted) return () => undefined;
  const { listeners, stop } = listening.get(signal) ?? listenTo(signal);
  listeners.add(listener);
  return () => {
    if (listeners.delete(listener) && listeners.size === 0) stop();
  };
}

function listenTo(signal: AbortSignal): Listening {
  const listeners = new Set<Listener>();
  const onEvent = () => {
    for (const listener of listeners) listener(signal.reason);
  };
  const stop = () => {
    signal.removeEventListener('abort', onEvent);
    listening.delete(signal);
  };
  signal.addEventListener('abort', onEvent, { once: true });
  const started = { listeners, stop };
  listening.set(signal, started);
  return started;
}
