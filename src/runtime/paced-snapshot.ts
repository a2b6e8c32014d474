/**
 * rdb-key-save-delay: a snapshot that takes its time, for tests that want to see one under way.
 *
 * How long is said in key-delay.ts; here the next chunk is not given before that.
 */
import type { Snapshot } from '../engine/engine.ts';
import { KeyDelay } from './key-delay.ts';

/** The longest that a lower delay goes unnoticed. */
const napMsMax = 100;

/** The snapshot, waited upon; `delayMicros` is asked anew again and again. */
export function paced(snapshot: Snapshot, delayMicros: () => number): Snapshot {
  const delay = new KeyDelay(delayMicros);
  let keys = 0;
  let isReleased = false;
  let wake = (): void => {};
  const nap = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const waited = async <T>(bytes: number, step: (bytes: number) => Promise<T>): Promise<T> => {
    const done = await step(delayMicros() > 0 ? 1 : bytes);
    const before = keys;
    keys = snapshot.status().keys;
    delay.add(keys - before);
    // A rest shorter than a timer can be is left to be rested for with the next one.
    for (let rest = delay.restMs(); rest >= 1 && !isReleased; rest = delay.restMs())
      await nap(Math.min(rest, napMsMax));
    return done;
  };
  const { write } = snapshot;
  return {
    read: (bytes) => waited(bytes, (count) => snapshot.read(count)),
    write: write && ((fd, bytes, gently) => waited(bytes, (count) => write(fd, count, gently))),
    readNow: (bytes) => snapshot.readNow(bytes),
    status: () => snapshot.status(),
    release: () => {
      isReleased = true;
      wake();
      snapshot.release();
    },
  };
}
