/**
 * Loads a snapshot as it comes, and keeps it in a file: the RDB file of this server once all of it is there.
 *
 *     chunk -+> DirectSink --> loaded, in order -------------------------+-> commit
 *            '> temp-<time>.<pid>.rdb --(fsync beside)--> fsync, rename -'
 *                    '--> not in order, or the disk fails: removed
 *
 * Its one idea: the file is for the next start, and nobody reads it now; so loading does not wait for it, and is done
 * moments after the last byte has come. Redis receives the file first and loads it then, and renames before it loads; here
 * a snapshot that turns out to be broken never replaces the RDB file of before.
 */
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Loader } from '../engine/engine.ts';
import { DirectSink, type SinkListener, type SnapshotSink } from './snapshot-sink.ts';

const fsyncEveryBytes = 8 * 1024 * 1024;
const queuedBytesMax = 4 * 1024 * 1024;

export interface SpoolPlan {
  dir: string;
  /** Name of the file once it is loaded. */
  fileName: string;
  /** Unix ms, for the temporary name. */
  nowMs: number;
  loader: Loader;
}

/**
 * Writes are queued; more than 4 MiB of them pause the socket, and so does a loader that does not keep up.
 */
export class SpooledSink implements SnapshotSink {
  readonly #plan: SpoolPlan;
  readonly #listener: SinkListener;
  readonly #path: string;
  readonly #direct: DirectSink;
  /** Everything that touches the file happens in this order, but for the fsyncs on the way. */
  #work: Promise<void>;
  #file: FileHandle | null = null;
  /** An fsync on the way: beside the writes that follow, one at a time. */
  #syncing: Promise<void> | null = null;
  #queuedBytes = 0;
  #unsyncedBytes = 0;
  /** Who cannot keep up, so that no more is to be sent. */
  readonly #waitsFor = { disk: false, loader: false };
  #over = false;

  constructor(plan: SpoolPlan, listener: SinkListener) {
    this.#plan = plan;
    this.#listener = listener;
    this.#path = join(plan.dir, `temp-${plan.nowMs}.${process.pid}.rdb`);
    const told: SinkListener = {
      ready: () => this.#hasRoom('loader'),
      loaded: (report) => {
        this.#over = true;
        this.#work = this.#work.then(() => this.#file?.close());
        listener.loaded(report);
      },
      spoiled: (because, detail) => {
        this.drop();
        listener.spoiled(because, detail);
      },
    };
    this.#direct = new DirectSink(plan.loader, told, () => this.#keep());
    this.#work = this.#onDisk(async () => {
      this.#file = await open(this.#path, 'wx+', 0o644);
    });
  }

  get loadedBytes(): number {
    return this.#direct.loadedBytes;
  }

  take(chunk: Buffer): boolean {
    if (this.#over) return true;
    this.#queuedBytes += chunk.length;
    const own = Buffer.from(chunk);
    this.#then(() => this.#write(own));
    const waits = this.#waitsFor;
    waits.disk ||= this.#queuedBytes >= queuedBytesMax;
    if (!this.#direct.take(own)) waits.loader = true;
    return this.#over || !(waits.disk || waits.loader);
  }

  finish(): void {
    this.#direct.finish();
  }

  drop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#direct.drop();
    // Behind what is under way, because a file cannot be closed while it is written to.
    this.#work = this.#work.then(() => this.#clean());
  }

  #then(next: () => Promise<void>): void {
    this.#work = this.#work.then(() => (this.#over ? undefined : next()));
  }

  #hasRoom(who: 'disk' | 'loader'): void {
    const waits = this.#waitsFor;
    if (this.#over || !waits[who]) return;
    waits[who] = false;
    if (!waits.disk && !waits.loader) this.#listener.ready();
  }

  /** Runs something that may fail for reasons of the disk: full, read-only, gone. */
  async #onDisk(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (this.#over) return;
      this.drop();
      this.#listener.spoiled('snapshot-disk', `${this.#path}: ${(error as Error).message}`);
    }
  }

  async #write(chunk: Buffer): Promise<void> {
    await this.#onDisk(async () => {
      for (let at = 0; at < chunk.length; ) {
        const { bytesWritten } = await this.#file!.write(chunk, at);
        at += bytesWritten;
      }
    });
    this.#queuedBytes -= chunk.length;
    this.#unsyncedBytes += chunk.length;
    // Bit by bit, so that the last fsync is not one long wait; and beside the writing, which goes on.
    if (this.#unsyncedBytes >= fsyncEveryBytes && this.#syncing === null && !this.#over) {
      this.#unsyncedBytes = 0;
      this.#syncing = this.#onDisk(async () => await this.#file!.datasync()).finally(() => {
        this.#syncing = null;
      });
    }
    if (this.#queuedBytes <= queuedBytesMax / 4) this.#hasRoom('disk');
  }

  /** The snapshot is in order: its file gets its name, when all of it is on the disk. */
  async #keep(): Promise<void> {
    this.#then(() =>
      this.#onDisk(async () => {
        await this.#file!.sync();
        await rename(this.#path, join(this.#plan.dir, this.#plan.fileName));
      }),
    );
    await this.#work;
  }

  /**
   * The file is ours alone and worth nothing: if it cannot be removed, that is said by the next one that
   * cannot be made.
   */
  async #clean(): Promise<void> {
    if (this.#file === null) return;
    await this.#syncing;
    await this.#file.close().catch(() => {});
    await unlink(this.#path).catch(() => {});
  }
}
