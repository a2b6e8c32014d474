/**
 * One pass over one RDB: source -> scan -> output, with the progress bar, and with errors as an exit code.
 *
 *     chunk --> scan.push --> scan.take --> one of two buffers --> output, which may still be writing the other
 *
 * Its one idea: the commands say which job runs and what is said at the end; how bytes flow is here, once.
 */
import type { RdbFilter, RdbJob, RdbScan } from '../../engine/rdb.ts';
import { RedtwinError } from '../../errors.ts';
import { openSource } from '../../rdb/source.ts';
import { type CommonOptions, ExitCode, filterOf } from './common.ts';
import { rdbTools } from './engine.ts';
import { intoOutput, type Output, ReaderGone } from './output.ts';
import { Progress } from './progress.ts';
import { pageAligned } from './way.ts';

/** A pass whose result is written to `output`. Gives the scan, for what else it knows. Throws what goes wrong. */
export async function pass(
  source: string,
  job: RdbJob,
  options: CommonOptions,
  output: Sink,
  filter: RdbFilter = filterOf(options),
): Promise<RdbScan> {
  const scan = (await rdbTools()).scan(job, filter, options.checksum);
  await pump(source, scan, options, output);
  return scan;
}

/** Pushes a source through a scan. What was made before an error is written too. */
export async function pump(
  source: string,
  scan: RdbScan,
  options: Pick<CommonOptions, 'progress'>,
  output: Sink,
): Promise<void> {
  const opened = await openSource(source, undefined, true);
  const progress = new Progress(opened, options.progress);
  const drain = new Drain(scan, output);
  try {
    for await (const chunk of opened.chunks) {
      scan.push(chunk);
      await drain.some(scan.retracted());
      progress.tick();
    }
    scan.finish();
  } finally {
    await drain.all();
    progress.end();
  }
}

type Sink = Pick<Output, 'write'> & Partial<Pick<Output, 'leastBytes' | 'cutBack'>>;

/** More than a chunk of a file becomes, mostly. */
const resultBytes = 1024 * 1024;

/** Moves what a scan makes to an output, which may go on writing one buffer while the other is filled. */
class Drain {
  readonly #scan: RdbScan;
  readonly #output: Sink;
  /** Made when first needed: not every command has bytes to give. */
  readonly #buffers: Uint8Array[] = [];
  #turn = 0;
  #filled = 0;

  constructor(scan: RdbScan, output: Sink) {
    this.#scan = scan;
    this.#output = output;
  }

  /**
   * All that is ready, but for the last bytes when the output had rather have more of them at once. Before it, what was written
   * is cut back to its first `keepBytes`.
   */
  async some(keepBytes: number | null = null): Promise<void> {
    if (keepBytes !== null) {
      await this.#write();
      await this.#output.cutBack?.(keepBytes);
    }
    for (;;) {
      this.#buffers[this.#turn] ??= pageAligned(resultBytes);
      const count = this.#scan.take(this.#buffers[this.#turn]!.subarray(this.#filled));
      this.#filled += count;
      if (this.#filled >= (this.#output.leastBytes ?? 1)) await this.#write();
      if (count === 0) return;
    }
  }

  async all(): Promise<void> {
    await this.some();
    if (this.#filled > 0) await this.#write();
  }

  async #write(): Promise<void> {
    const written = this.#output.write(this.#buffers[this.#turn]!.subarray(0, this.#filled));
    this.#turn = 1 - this.#turn;
    this.#filled = 0;
    if (written !== undefined) await written;
  }
}

/** A pass whose result is small: its bytes. */
export async function gathered(
  source: string,
  job: RdbJob,
  options: CommonOptions,
): Promise<{ bytes: Buffer; scan: RdbScan }> {
  const parts: Buffer[] = [];
  const scan = await pass(source, job, options, { write: (bytes) => void parts.push(Buffer.from(bytes)) });
  return { bytes: Buffer.concat(parts), scan };
}

/** A pass from a source to the output that the options name; the file is complete or not there. */
export async function toOutput(source: string, job: RdbJob, options: CommonOptions): Promise<RdbScan> {
  const make = (output: Output) => pass(source, job, options, output);
  return await intoOutput(options.output, make, job.job === 'copy');
}

/** Runs a command and sets the exit code. What goes wrong is one line on standard error. */
export async function command(run: () => Promise<number | undefined>): Promise<void> {
  try {
    process.exitCode = (await run()) ?? ExitCode.fine;
  } catch (error) {
    if (error instanceof ReaderGone) return;
    process.exitCode = ExitCode.trouble;
    process.stderr.write(`redtwin rdb: ${said(error)}\n`);
  }
}

/** An error in one line. An error that nobody foresaw keeps its stack. */
export function said(error: unknown): string {
  if (error instanceof RedtwinError) {
    const at = error.offset === undefined ? '' : ` (at byte ${error.offset})`;
    return `${error.message}${at} [${error.code}]`;
  }
  const known = error as NodeJS.ErrnoException;
  return known.syscall === undefined ? String(known.stack ?? error) : known.message;
}

/** Says on standard error what a target could not hold. */
export function tellLosses(scan: RdbScan, target: string): void {
  for (const [what, number] of Object.entries(scan.losses()))
    process.stderr.write(
      `redtwin rdb: ${target} has no place for ${words[what] ?? what}: ${number} left out\n`,
    );
}

const words: Record<string, string> = {
  'field-expiries': 'the expiry of hash fields',
  'stream-tails': 'idempotent producers of streams',
  functions: 'functions',
  'key-metadata': "modules' metadata of keys",
  'slot-imports': 'slot imports under way',
  streams: 'streams',
  'module-aux': 'data of modules that belongs to no key',
};
