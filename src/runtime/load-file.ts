/**
 * Loads dbfilename at start, chunk by chunk, so that clients can already be told that the server is loading.
 */
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { LoadOptions, LoadReport, Store } from '../engine/engine.ts';
import { RedtwinError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import { caughtUp, pendingBytesMax } from './loader-pace.ts';
import { paced } from './paced-loader.ts';

const chunkBytes = 512 * 1024;
/** With a delay for each key, so that one sees how far it is. */
const slowChunkBytes = 16 * 1024;

export interface LoadProgress {
  readonly startedMs: number;
  readonly totalBytes: number;
  loadedBytes: number;
}

export interface LoadParts {
  store: Store;
  log: Log;
  options: LoadOptions;
  /** `key-load-delay`. */
  delayMicros: () => number;
  /** The server ends: its reason is thrown, and nothing is loaded. */
  signal: AbortSignal;
  /** Called once, with what goes on changing while the file is read. */
  onProgress: (progress: LoadProgress) => void;
}

/** What `loadFile` is about to do; null when there is no file (or none that can be looked at: `loadFile` tells then). */
export function expectedFile(path: string, startedMs: number): LoadProgress | null {
  try {
    return { startedMs, totalBytes: statSync(path).size, loadedBytes: 0 };
  } catch {
    return null;
  }
}

/**
 * The report, or null when there is no such file. Throws RedtwinError 'rdb-corrupt' when it cannot be read or understood, and
 * the signal's reason; the keyspace is untouched then.
 */
export async function loadFile(path: string, parts: LoadParts): Promise<LoadReport | null> {
  const startedMs = performance.now();
  const { log } = parts;
  const report = await read(path, parts).catch((cause: unknown) => {
    if (parts.signal.aborted) throw cause;
    if (!(cause instanceof RedtwinError)) throw failed(String(cause), 'Exiting.', cause);
    log.warning(
      `The integrity check failed of ${path}: "redtwin rdb check" tells more, "redtwin rdb repair" saves what is whole`,
    );
    const what = cause.code === 'rdb-checksum' ? 'RDB CRC error' : 'integrity check failed';
    const end = 'Terminating server after rdb file reading failure.';
    throw failed(`${what}, ${cause.message}`, end, cause);
  });
  if (!report) return null;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(3);
  log.notice(`Done loading RDB, keys loaded: ${report.keys}, keys expired: ${report.expiredSkipped}.`);
  log.notice(`DB loaded from disk: ${seconds} seconds`);
  if (report.opaqueModuleValues + report.opaqueModuleAux > 0)
    log.warning(
      `The file has ${report.opaqueModuleValues} values of modules (${report.modules.join(', ')}), which are kept but not understood`,
    );
  return report;
}

/** In the words that people search the log of Redis for. */
const failed = (what: string, end: string, cause: unknown): RedtwinError =>
  new RedtwinError('rdb-corrupt', `Fatal error loading the DB: ${what}. ${end}`, { cause });

async function read(path: string, parts: LoadParts): Promise<LoadReport | null> {
  const { store, options, delayMicros, signal, onProgress } = parts;
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw cause;
  });
  if (!file) return null;
  const loader = paced(store.loader(options), delayMicros);
  try {
    const { size } = await file.stat();
    const progress: LoadProgress = { startedMs: options.nowMs, totalBytes: size, loadedBytes: 0 };
    onProgress(progress);
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(
        chunk,
        0,
        delayMicros() === 0 ? chunkBytes : slowChunkBytes,
        null,
      );
      if (bytesRead === 0) break;
      loader.write(chunk.subarray(0, bytesRead));
      progress.loadedBytes += bytesRead;
      await caughtUp(loader, pendingBytesMax, signal);
    }
    await caughtUp(loader, 0, signal);
    return loader.commit();
  } catch (cause) {
    loader.abort();
    throw cause;
  } finally {
    await file.close();
  }
}
