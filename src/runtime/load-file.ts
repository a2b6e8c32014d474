/**
 * Loads dbfilename at start, chunk by chunk, so that clients can already be told that the server is loading.
 */
import { open } from 'node:fs/promises';
import type { LoadOptions, LoadReport, Store } from '../engine/engine.ts';

const chunkBytes = 1024 * 1024;

export interface LoadProgress {
  readonly startedMs: number;
  readonly totalBytes: number;
  loadedBytes: number;
}

/**
 * The report, or null when there is no such file. Throws RedtwinError 'rdb-*' when it cannot be understood, and whatever
 * the file system says. The keyspace is untouched then.
 */
export async function loadFile(
  path: string,
  store: Store,
  options: LoadOptions,
  onProgress: (progress: LoadProgress) => void,
): Promise<LoadReport | null> {
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw cause;
  });
  if (!file) return null;
  const loader = store.loader(options);
  try {
    const { size } = await file.stat();
    const progress: LoadProgress = { startedMs: options.nowMs, totalBytes: size, loadedBytes: 0 };
    onProgress(progress);
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, null);
      if (bytesRead === 0) break;
      loader.write(chunk.subarray(0, bytesRead));
      progress.loadedBytes += bytesRead;
    }
    return loader.commit();
  } catch (cause) {
    loader.abort();
    throw cause;
  } finally {
    await file.close();
  }
}
