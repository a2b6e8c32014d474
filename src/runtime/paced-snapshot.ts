/**
 * rdb-key-save-delay: a snapshot that takes its time, for tests that want to see one under way.
 *
 * The engine knows no clock, so the waiting is done here, after a chunk, for the keys that were in it (Redis 7.0 waits after each
 * key; the sum is the same). Microseconds for each key; below zero, as many keys share one microsecond. Who sets it lower while
 * it is waited for does not wait for what it was before.
 */
import type { Snapshot } from '../engine/engine.ts';

/** The longest that a lower delay goes unnoticed. */
const napMsMax = 100;

/** The snapshot, waited upon; `delayMicros` is asked anew again and again. */
export function paced(snapshot: Snapshot, delayMicros: () => number): Snapshot {
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
    const made = snapshot.status().keys - keys;
    keys += made;
    const began = performance.now();
    const restMs = (): number => {
      const micros = delayMicros();
      return began + (micros >= 0 ? made * micros : made / -micros) / 1000 - performance.now();
    };
    for (let rest = restMs(); rest >= 1 && !isReleased; rest = restMs()) await nap(Math.min(rest, napMsMax));
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
