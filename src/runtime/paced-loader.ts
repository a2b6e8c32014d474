/**
 * key-load-delay: a loader that takes its time.
 *
 *     write --> loader, all of it is waited for --> so many keys more --> pendingBytes: "busy", until they are rested for
 *
 * Its one idea: whoever feeds a loader looks away while it says that it is busy (loader-pace.ts), so a rest is nothing new to
 * them, and everybody else is served meanwhile. While the delay is 0 everything is the loader's own. Who asks for more than `write`
 * gives (`commit`) without waiting, as DEBUG RELOAD does, does not rest.
 */
import type { Loader } from '../engine/engine.ts';
import { KeyDelay } from './key-delay.ts';

/** The loader, waited upon; `delayMicros` is asked anew again and again. */
export function paced(loader: Loader, delayMicros: () => number): Loader {
  const delay = new KeyDelay(delayMicros);
  return {
    write: (chunk) => {
      if (!delay.isSet) return loader.write(chunk);
      const before = loader.countKeys();
      loader.write(chunk);
      delay.add(loader.countKeys() - before);
      return loader.settle();
    },
    get bytes() {
      return loader.bytes;
    },
    /** A rest shorter than a timer can be is left to be rested for with the next one. */
    get pendingBytes() {
      return delay.isSet && delay.restMs() >= 1 ? Number.POSITIVE_INFINITY : loader.pendingBytes;
    },
    countKeys: () => loader.countKeys(),
    settle: () => loader.settle(),
    commit: () => loader.commit(),
    abort: () => loader.abort(),
  };
}
