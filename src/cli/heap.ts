/**
 * V8's heap, as a server wants it. Only the command sets this: an embedded server leaves the heap to whom it belongs.
 *
 *     start   the young generation may not grow while files are loaded
 *     later   no collection just because nothing else goes on, and none that waits for helpers (native engine)
 */
import { setFlagsFromString } from 'node:v8';

/** V8's own factor. */
const usualGrowth = 2;

/**
 * Holds the young generation at the size that it has; calling what it returns ends that. Loading the program's files fills it
 * several times, and each time that enough of it lives on, V8 makes it larger: to 8 MB, half of which stays resident for as long
 * as the server is idle (Node 20.20: 5.8 MB, and 2.0 with this). It takes more and smaller collections, some 2 ms in all.
 */
export function holdYoungGeneration(): () => void {
  setFlagsFromString('--semi-space-growth-factor=1');
  return () => setFlagsFromString(`--semi-space-growth-factor=${usualGrowth}`);
}

/** Milliseconds: some three weeks, and V8's own. */
const [never, usualDelay] = [2_000_000_000, 8000];

/**
 * Quiet is JavaScript's heap as the native engine wants it, whose data is outside; otherwise V8 has its own way.
 *
 * No collections that V8 begins to save memory, eight seconds after JavaScript has done something: marking a heap of 9 MB stops
 * everybody for 4 to 10 ms, and finds one or two. Collections that are needed come all the same. (Whether there are such collections
 * at all, --memory-reducer, is read before this runs; after how long they begin is read whenever one is planned, first of all during
 * the start.) And the young generation, of which little is left, is collected by this thread alone: on a busy core it waits for
 * helpers longer (7 to 11 ms now and then) than it takes (0.2 to 2).
 */
export function keepHeapQuiet(quiet: boolean): void {
  setFlagsFromString(`--gc-memory-reducer-start-delay-ms=${quiet ? never : usualDelay}`);
  setFlagsFromString(quiet ? '--no-parallel-scavenge' : '--parallel-scavenge');
}
