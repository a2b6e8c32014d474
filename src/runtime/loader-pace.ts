/**
 * Keeps step with a loader that works on threads: whoever feeds it looks away until it has caught up, so that the event
 * loop answers clients in the meantime. With a loader that has no threads there is nothing to wait for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Loader } from '../engine/engine.ts';

/** With so much pending the threads have enough to do for some milliseconds; half of what the engine would take at most. */
export const pendingBytesMax = 2 * 1024 * 1024;

/** How long to look away: some hundred KiB of work. */
export const paceMs = 1;

/** Resolves when no more than `bytes` are pending; rejects with what the loader throws, and with the signal's reason. */
export async function caughtUp(loader: Loader, bytes: number, signal: AbortSignal): Promise<void> {
  while (loader.pendingBytes > bytes && !signal.aborted) await sleep(paceMs);
  signal.throwIfAborted();
}
