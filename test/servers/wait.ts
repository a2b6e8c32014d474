/**
 * Waiting for a condition instead of for a time: tests on a busy machine stay right, and on a fast one stay fast.
 */

/** Thrown by a condition that can never come true any more: waiting ends at once. */
export class Hopeless extends Error {}

/**
 * Asks `condition` again and again until it gives something truthy, and gives that. After `timeoutMs` (60 s, because machines are busy) it
 * throws `what`, with the last thing that went wrong or was seen. Between two questions it rests 5 ms, then longer and longer, up to
 * `pauseMsMax`.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = 60_000,
  pauseMsMax = 100,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    let seen: unknown;
    try {
      const value = await condition();
      if (value) return value;
      seen = value;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      seen = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}; last: ${String(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
