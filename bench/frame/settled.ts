/**
 * The resident size of a process once it has settled: a server that has just loaded still gives memory back for a while, and
 * what users pay for is what it holds afterwards.
 */
import { residentMb } from './process.ts';

/** Steps of a quarter of a second without a change of more than half a percent end the wait; ten seconds do in any case. */
export async function settledMb(pid: number): Promise<number> {
  let size = residentMb(pid);
  for (let calm = 0, step = 0; calm < 3 && step < 40; step++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const next = residentMb(pid);
    calm = Math.abs(next - size) <= size * 0.005 ? calm + 1 : 0;
    size = next;
  }
  return size;
}
