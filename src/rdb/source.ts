/**
 * Where the bytes of an RDB come from, as chunks.
 *
 *     path            read ahead: one read is under way while the chunk before it is worked on; or read by this thread alone
 *     Buffer          one chunk
 *     stream          Node's or the web's
 *     redis:// URL    a full resync, as a replica would get it (full-sync.ts)
 *     .gz, .zst       recognised by their first bytes, and unpacked (unpack.ts)
 *
 * Its one idea: everything behind it sees chunks and nothing else. Who does not take the next chunk stops the reading.
 */
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { RedtwinError } from '../errors.ts';
import type { Packing } from './unpack.ts';

// What only some sources need is loaded when one of them comes: sockets, TLS and zlib take longer than a look at a small file.

/** What an RDB can be read from. */
export type RdbSource = string | URL | Uint8Array | NodeJS.ReadableStream | ReadableStream<Uint8Array>;

export interface OpenSource {
  chunks: AsyncIterable<Uint8Array>;
  /** Bytes of the file as it lies there (packed, if it is); null when nobody knows. */
  totalBytes: number | null;
  /** Bytes of it taken so far. */
  takenBytes(): number;
}

/**
 * Large enough that a crossing per chunk costs nothing, small enough for a processor's cache, and for what is made of a chunk to
 * be below what allocators fetch from the system one by one (a batch of 512 KB of small keys took twice the resident memory).
 */
const usualChunkBytes = 256 * 1024;

/** By the magic of gzip (1f 8b) and of zstd (28 b5 2f fd). Null: not packed. */
function packing(head: Uint8Array): Packing | null {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd ? 'zstd' : null;
}

/**
 * Opens a source. `isAlone`: the process has nothing else to do than this, so a file may be read by the thread that asks. Throws
 * RedtwinError 'rdb-source' when it cannot be.
 */
export async function openSource(
  source: RdbSource,
  signal?: AbortSignal,
  isAlone = false,
): Promise<OpenSource> {
  if (source instanceof Uint8Array) return unpacked([source], source.length);
  if (typeof source === 'string' && isServerUrl(source))
    return unpacked(synced(new URL(source), signal), null);
  if (source instanceof URL && isServerUrl(source.href)) return unpacked(synced(source, signal), null);
  if (source === '-')
    return unpacked(createReadStream('', { fd: 0, highWaterMark: usualChunkBytes, autoClose: false }), null);
  if (typeof source === 'string' || source instanceof URL) {
    const file = await stat(source).catch((cause: unknown) => {
      throw unreadable(source, cause);
    });
    if (file.isDirectory()) throw unreadable(source, new Error('it is a folder'));
    if (!file.isFile()) return unpacked(createReadStream(source, { highWaterMark: usualChunkBytes }), null);
    return unpacked(isAlone ? readHere(source) : readAhead(source), file.size);
  }
  const stream = source instanceof ReadableStream ? Readable.fromWeb(source as never) : source;
  return unpacked(stream as AsyncIterable<Uint8Array>, null);
}

const isServerUrl = (text: string): boolean => /^rediss?:\/\//.test(text);

async function* synced(url: URL, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  yield* (await import('./full-sync.ts')).fullSync(url, signal);
}

const unreadable = (path: string | URL, cause: unknown): RedtwinError =>
  new RedtwinError('rdb-source', `${String(path)} cannot be read: ${(cause as Error).message}`, { cause });

/** A file's chunks. Two buffers take turns: one is worked on while the other is filled. */
async function* readAhead(path: string | URL): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const buffers = [Buffer.allocUnsafeSlow(usualChunkBytes), Buffer.allocUnsafeSlow(usualChunkBytes)];
  const read = (turn: number) => file.read(buffers[turn % 2]!, 0, usualChunkBytes, null);
  try {
    let next = read(0);
    for (let turn = 0; ; turn++) {
      const { bytesRead } = await next;
      if (bytesRead === 0) return;
      next = read(turn + 1);
      // Should nobody come back for it, its failure is nobody's either.
      next.catch(() => {});
      yield buffers[turn % 2]!.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Chunks between two turns of the event loop: 4 MB, some milliseconds. */
const chunksPerTurn = 16;

/**
 * The same, read by this thread. To wake another one for each chunk, and to be woken by it, takes longer than to copy 256 KB from the
 * system's cache (a fifth of the time of `check`); from a disk, the system reads ahead by itself. Signals are seen when the event
 * loop has its turn.
 */
async function* readHere(path: string | URL): AsyncGenerator<Uint8Array> {
  const file = opened(path);
  const buffer = Buffer.allocUnsafeSlow(usualChunkBytes);
  try {
    for (let chunk = 1; ; chunk++) {
      const bytesRead = readSync(file, buffer, 0, usualChunkBytes, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      if (chunk % chunksPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    closeSync(file);
  }
}

function opened(path: string | URL): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function unpacked(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  totalBytes: number | null,
): Promise<OpenSource> {
  let taken = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      taken += chunk.length;
      yield chunk;
    }
  }
  const packed = counted();
  const first = await packed.next();
  const head: Uint8Array = first.done === true ? Buffer.alloc(0) : first.value;
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield head;
      yield* packed;
    } finally {
      // Who stops at the first chunk closes the file, too.
      await packed.return(undefined);
    }
  }
  const how = packing(head);
  const plain = how === null ? whole() : (await import('./unpack.ts')).unpack(whole(), how, usualChunkBytes);
  return { chunks: plain, totalBytes, takenBytes: () => taken };
}
