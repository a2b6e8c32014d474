/**
 * rdb-key-save-delay: a snapshot that takes its time, for tests that want to see one under way.
 *
 * The engine knows no clock, so the waiting is done here, after a chunk, for the keys that were in it (Redis 7.0 waits after each
 * key; the sum is the same). Microseconds for each key; below zero, as many keys share one microsecond.
 */
import type { Snapshot } from '../engine/engine.ts';

/** The snapshot, waited upon; `delayMicros` is asked anew for every chunk. */
export function paced(snapshot: Snapshot, delayMicros: () => number): Snapshot {
  let keys = 0;
  let end: (() => void) | null = null;
  const waited = async <T>(bytes: number, step: (bytes: number) => Promise<T>): Promise<T> => {
    const micros = delayMicros();
    const done = await step(micros > 0 ? 1 : bytes);
    const made = snapshot.status().keys - keys;
    keys += made;
    const waitMs = (micros >= 0 ? made * micros : made / -micros) / 1000;
    if (waitMs >= 1)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    return done;
  };
  const { write } = snapshot;
  return {
    read: (bytes) => waited(bytes, (count) => snapshot.read(count)),
    write: write && ((fd, bytes, gently) => waited(bytes, (count) => write(fd, count, gently))),
    readNow: (bytes) => snapshot.readNow(bytes),
    status: () => snapshot.status(),
    release: () => {
      end?.();
      snapshot.release();
    },
  };
}
