/**
 * Where a result goes: standard output, or a file that is complete or not there at all.
 *
 *     write, write ... --> FILE.<pid>.part --> close: rename to FILE (an RDB: on the disk before)
 *                                         '--> abandon, or a signal that ends the process: removed
 *
 * A pipe whose reader has gone (`| head`) ends the command without a word, as with any other tool.
 */
import { createWriteStream, rmSync } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { RedtwinError } from '../../errors.ts';
import { DirectFile, WayChoice } from './way.ts';

export interface Output {
  /** `bytes` must stay as they are until the promise of the next write (or of close) is fulfilled. */
  write(bytes: Uint8Array): Promise<void> | void;
  /** Forgets everything behind the first `bytes`; not there when what was written is gone. */
  cutBack?(bytes: number): Promise<void>;
  /** Fewer bytes than this had better wait for more; not more than a buffer of run.ts holds. */
  readonly leastBytes?: number;
  close(): Promise<void>;
  /** The result is of no use: what was written to a file is removed. */
  abandon(): Promise<void>;
}

/** Thrown when nobody reads any more. */
export class ReaderGone extends Error {}

/**
 * Has `make` write to the file of this path, or to standard output; when it fails, nothing of the file is left. `isLasting`: the
 * result is on the disk before it has its name, so that not even a power cut leaves less. For RDBs, which may take the place of what
 * they were made of; text can be made again.
 */
export async function intoOutput<T>(
  path: string | undefined,
  make: (output: Output) => Promise<T>,
  isLasting = false,
): Promise<T> {
  const output = await openOutput(path, isLasting);
  try {
    const result = await make(output);
    await output.close();
    return result;
  } catch (error) {
    await output.abandon();
    throw error;
  }
}

/** A result that is there as a whole. */
export async function print(text: string, path: string | undefined): Promise<void> {
  await intoOutput(path, async (output) => output.write(Buffer.from(text)));
}

async function openOutput(path: string | undefined, isLasting: boolean): Promise<Output> {
  if (path === undefined || path === '-') return streamOutput(process.stdout, false);
  // What a link leads to is written, and a device or a pipe (/dev/null, /dev/stdout) is never replaced by a file.
  const target = await realpath(path).catch(() => path);
  const there = await stat(target).catch(() => null);
  if (there?.isDirectory() === true) throw new RedtwinError('config-bad-value', `${path} is a folder`);
  return there === null || there.isFile()
    ? FileOutput.create(target, isLasting)
    : streamOutput(createWriteStream(target), true);
}

function streamOutput(stream: Writable, isOurs: boolean): Output {
  let failure: NodeJS.ErrnoException | null = null;
  const fail = (error: NodeJS.ErrnoException | null | undefined): void => {
    failure ??= error ?? null;
  };
  stream.on('error', fail);
  const check = (): void => {
    if (failure !== null) throw failure.code === 'EPIPE' ? new ReaderGone() : failure;
  };
  return {
    async write(bytes) {
      check();
      // When the other side is slow, the scan waits, so memory stays bounded.
      if (bytes.length > 0)
        await new Promise<void>((resolve) => {
          stream.write(bytes, (error) => {
            fail(error);
            resolve();
          });
        });
      check();
    },
    async close() {
      // It may have failed, and be closed, long before; then nothing more would be heard of it.
      if (isOurs) await finished(stream.end()).catch(fail);
      check();
    },
    abandon: async () => {
      if (isOurs) stream.destroy();
    },
  };
}

/** Removed when a signal ends the process. */
const drafts = new Set<string>();

function watchSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const draft of drafts) rmSync(draft, { force: true });
      // Nobody listens any more: this time it ends the process, and whoever started it learns why.
      process.kill(process.pid, signal);
    });
  }
}

/** One write is under way while the next bytes are made. */
export class FileOutput implements Output {
  /** A file system gives larger pieces of memory to larger writes. */
  readonly leastBytes = 1024 * 1024;
  readonly #path: string;
  readonly #draft: string;
  readonly #file: FileHandle;
  readonly #isLasting: boolean;
  readonly #choice = new WayChoice(performance.now());
  /** Undefined: not asked for yet. Null: there is none. */
  #direct: DirectFile | null | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #bytes = 0;
  /** Of the write under way. */
  #lastBytes = 0;

  private constructor(path: string, draft: string, file: FileHandle, isLasting: boolean) {
    this.#path = path;
    this.#draft = draft;
    this.#file = file;
    this.#isLasting = isLasting;
  }

  static async create(path: string, isLasting: boolean): Promise<FileOutput> {
    const draft = `${path}.${process.pid}.part`;
    if (drafts.size === 0) watchSignals();
    drafts.add(draft);
    const file = await open(draft, 'w').catch((cause: NodeJS.ErrnoException) => {
      throw new RedtwinError('config-bad-value', `${path} cannot be written: ${cause.code}`, { cause });
    });
    return new FileOutput(path, draft, file, isLasting);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    await this.#writing;
    this.#choice.wrote(this.#lastBytes, performance.now());
    this.#lastBytes = bytes.length;
    this.#writing = this.#all(bytes, this.#bytes);
    // A failure is met by the next write or by close; until then it is nobody's.
    this.#writing.catch(() => {});
    this.#bytes += bytes.length;
  }

  async #all(bytes: Uint8Array, position: number): Promise<void> {
    let at = 0;
    if (this.#choice.way === 'direct' && DirectFile.takes(bytes, position)) {
      this.#direct ??= await DirectFile.open(this.#draft);
      at = (await this.#direct?.write(bytes, position)) ?? 0;
      if (at < bytes.length) this.#choice.closeDirect();
    }
    while (at < bytes.length) {
      at += (await this.#file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
    }
  }

  async cutBack(bytes: number): Promise<void> {
    await this.#writing;
    await this.#file.truncate(bytes);
    this.#bytes = bytes;
  }

  async close(): Promise<void> {
    try {
      await this.#writing;
      await this.#direct?.close();
      if (this.#isLasting) await this.#file.sync();
      await this.#file.close();
      await rename(this.#draft, this.#path);
    } catch (error) {
      await rm(this.#draft, { force: true });
      throw error;
    }
  }

  async abandon(): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#direct?.close().catch(() => {});
    await this.#file.close().catch(() => {});
    await rm(this.#draft, { force: true });
  }
}
