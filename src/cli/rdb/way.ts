/**
 * The way into a large file: through the system's page cache, or past it (O_DIRECT).
 *
 *     8 MB cached --> how fast? --.
 *     8 MB direct --> how fast? --+--> the next 8 MB go the way that was the faster one when it was last taken
 *
 * Its one idea: no way is the faster one everywhere, so the file's own portions tell. The cache needs a fresh page for every
 * 4 KB; on a virtual machine whose host has taken its free pages back each of them costs more than the bytes in it (500 MB:
 * 1.5 to 2.5 s), where the disk takes the same bytes in half a second. With pages at hand, or on a slow disk, it is the other way round.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** A direct write must begin in memory and in the file at a multiple of the disk's block; no disk has larger ones. */
const blockBytes = 4096;
/** Long enough to be timed beside one that came by chance, short enough to try the slower way at little cost. */
const portionBytes = 8 * 1024 * 1024;
/** What the way not taken is thought to have gained with each portion, so that it is tried again one day. */
const hope = 1.02;

export type Way = 'cached' | 'direct';

/** Chooses, from how long portions took. It starts with the cache: what is small should be where its reader looks first. */
export class WayChoice {
  way: Way = 'cached';
  /** Bytes a ms. Who was never taken is worth a try. */
  readonly #rates: Record<Way, number> = {
    cached: Number.POSITIVE_INFINITY,
    direct: Number.POSITIVE_INFINITY,
  };
  #bytes = 0;
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** All that was handed over is written, and `bytes` of it are new. */
  wrote(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    if (this.#bytes < portionBytes) return;
    const other = this.way === 'cached' ? 'direct' : 'cached';
    this.#rates[this.way] = this.#bytes / Math.max(nowMs - this.#sinceMs, 1);
    this.#rates[other] *= hope;
    if (this.#rates[other] > this.#rates[this.way]) this.way = other;
    this.#bytes = 0;
    this.#sinceMs = nowMs;
  }

  /** The direct way does not work here. */
  closeDirect(): void {
    this.#rates.direct = 0;
    this.way = 'cached';
  }
}

/** Memory that a direct write can take bytes from: what can be resized is given whole pages. Where it is not, the write fails. */
export function pageAligned(bytes: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(bytes, { maxByteLength: bytes }));
}

/** The file, opened once more, past the cache. */
export class DirectFile {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Null where the system or the file system has no such way. */
  static async open(path: string): Promise<DirectFile | null> {
    // Linux has it; the constant's type does not say that others do not.
    const direct = constants.O_DIRECT as number | undefined;
    if (direct === undefined) return null;
    const file = await open(path, constants.O_WRONLY | direct).catch(() => null);
    return file === null ? null : new DirectFile(file);
  }

  static takes(bytes: Uint8Array, position: number): boolean {
    return bytes.length > 0 && bytes.length % blockBytes === 0 && position % blockBytes === 0;
  }

  /** How many bytes it took. What is wrong with the disk, the cached way will say of the rest. */
  async write(bytes: Uint8Array, position: number): Promise<number> {
    const written = await this.#file.write(bytes, 0, bytes.length, position).catch(() => null);
    return written?.bytesWritten ?? 0;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
