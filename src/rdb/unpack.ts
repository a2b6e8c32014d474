/**
 * Packed sources, unpacked on the way.
 *
 *     gzip                                 zlib
 *     zstd   Node 22.15 and later          zlib
 *            before it                     the machine's own `zstd -dc`, through pipes
 *
 * Its one idea: a packed source is a source like any other, whichever Node reads it; only where neither way is there, it is told so.
 */
import { spawn } from 'node:child_process';
import { pipeline } from 'node:stream';
import * as zlib from 'node:zlib';
import { RedtwinError } from '../errors.ts';

export type Packing = 'gzip' | 'zstd';

/** The bytes behind a packing. What is wrong with it is a RedtwinError 'rdb-source'. */
export async function* unpack(
  packed: AsyncIterable<Uint8Array>,
  how: Packing,
  chunkBytes: number,
): AsyncGenerator<Uint8Array> {
  const unpacker = how === 'gzip' ? zlib.createGunzip({ chunkSize: chunkBytes }) : zstd(chunkBytes);
  try {
    if (unpacker === null) yield* throughZstd(packed);
    // What goes wrong on the way there ends the unpacker with that error, which its reader meets.
    else yield* pipeline(packed, unpacker, () => {}) as unknown as AsyncIterable<Uint8Array>;
  } catch (cause) {
    if (cause instanceof RedtwinError) throw cause;
    throw new RedtwinError('rdb-source', `${how}: ${(cause as Error).message}`, { cause });
  }
}

/** Null before Node 22.15; the types here are those of Node 20. */
function zstd(chunkSize: number): NodeJS.ReadWriteStream | null {
  const { createZstdDecompress } = zlib as unknown as {
    createZstdDecompress?: (options: { chunkSize: number }) => NodeJS.ReadWriteStream;
  };
  return createZstdDecompress?.({ chunkSize }) ?? null;
}

async function* throughZstd(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const child = spawn('zstd', ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<string | null>((resolve) => {
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-300);
    });
    child.once('error', ({ code, message }: NodeJS.ErrnoException) =>
      resolve(
        code === 'ENOENT'
          ? `it takes Node 22.15 (this is ${process.versions.node}), or zstd on the machine`
          : message,
      ),
    );
    child.once('close', (code) => resolve(code === 0 ? null : said.trim() || `zstd ended as ${code}`));
  });
  // That it does not read on says less than why it ended; a source that breaks ends it, and is told.
  let broken: Error | null = null;
  pipeline(packed, child.stdin, (error: NodeJS.ErrnoException | null | undefined) => {
    if (error == null || error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    broken = error;
    child.kill();
  });
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    const wrong = await ended;
    if (broken !== null) throw broken;
    if (wrong !== null) throw new Error(wrong);
  } finally {
    child.kill();
  }
}
