/**
 * What a start leaves behind in V8's heap.
 *
 * Loading the program's files fills the young generation several times, and each time that enough of it lives on, V8 makes it
 * larger: to 8 MB, half of which stays resident for as long as the server is idle (Node 20.20: 5.8 MB, and 2.0 with this).
 * So it may not grow while they are loaded; that takes more and smaller collections, some 2 ms in all.
 */
import { setFlagsFromString } from 'node:v8';

/** V8's own factor. */
const usual = 2;

/** Holds the young generation at the size that it has; calling what it returns ends that. */
export function holdYoungGeneration(): () => void {
  setFlagsFromString('--semi-space-growth-factor=1');
  return () => setFlagsFromString(`--semi-space-growth-factor=${usual}`);
}
