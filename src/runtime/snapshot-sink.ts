/**
 * Where the bytes of a snapshot go while they come: straight into a loader, or into a file first.
 *
 *     direct     socket -> loader ----------------------------------------> commit
 *     spooled    socket -> temp-<time>.<pid>.rdb, fsync -> loader, rename -> commit
 *
 * Either way the data set is replaced in one moment, when the RDB is complete and its checksum is right;
 * until then nothing is touched. Both say "not now" when they cannot keep up (the socket is then paused), and
 * both work in slices, so that clients are answered in between. Facts: repl-diskless-load of Redis 7.0, save
 * that Redis renames before it loads; here a snapshot that turns out to be broken never replaces the RDB file
 * of before.
 */
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Loader, LoadReport } from '../engine/engine.ts';
import { RedtwinError } from '../errors.ts';
import { caughtUp, paceMs, pendingBytesMax } from './loader-pace.ts';

/** What a sink tells the driver. After `loaded` or `spoiled` nothing more comes. */
export interface SinkListener {
  /** `take` may be called again. */
  ready(): void;
  /** The snapshot is the data set now; called in the same turn as the swap. */
  loaded(report: LoadReport): void;
  spoiled(because: 'snapshot-broken' | 'snapshot-disk', detail: string): void;
}

export interface SnapshotSink {
  /** Bytes that the loader has taken. */
  readonly loadedBytes: number;
  /**
   * Takes payload, which is the caller's again on return. False: the bytes were taken, but send no more
   * before `ready`.
   */
  take(chunk: Buffer): boolean;
  /** All has come: load what is not loaded, and swap. Ends with `loaded` or `spoiled`. */
  finish(): void;
  /** Gives up. Idempotent; the listener hears nothing more. */
  drop(): void;
}

/**
 * How long the event loop may be held by loading, and in which pieces a chunk is loaded so that this can be
 * kept.
 */
const sliceMs = 8;
const pieceBytes = 16 * 1024;
const fileChunkBytes = 512 * 1024;
const fsyncEveryBytes = 8 * 1024 * 1024;
const spooledBytesMax = 4 * 1024 * 1024;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Errors of the RDB are the primary's doing and end the transfer; anything else is a bug of ours and is
 * thrown on.
 */
function brokenBecause(error: unknown): string {
  if (error instanceof RedtwinError && error.code.startsWith('rdb-')) {
    const where = error.offset === undefined ? '' : ` at byte ${error.offset}`;
    return `${error.code}: ${error.message}${where}`;
  }
  throw error;
}

/**
 * Loads as it comes. What does not fit into the slice of this turn, or is more than the loader's threads keep up with,
 * waits: one chunk at most.
 */
export class DirectSink implements SnapshotSink {
  readonly #loader: Loader;
  readonly #listener: SinkListener;
  /** When this turn of the event loop began to load; null before. */
  #sliceFrom: number | null = null;
  /** Runs while the loader is busy with what it has. */
  #pace: NodeJS.Timeout | null = null;
  #waiting: Buffer[] = [];
  #isFinishing = false;
  #over = false;

  constructor(loader: Loader, listener: SinkListener) {
    this.#loader = loader;
    this.#listener = listener;
  }

  get loadedBytes(): number {
    return this.#loader.bytes;
  }

  take(chunk: Buffer): boolean {
    if (this.#over) return true;
    this.#waiting.push(chunk);
    this.#load();
    this.#waiting = this.#waiting.map((piece) => Buffer.from(piece));
    return this.#waiting.length === 0;
  }

  finish(): void {
    this.#isFinishing = true;
    if (this.#waiting.length === 0) this.#commit();
  }

  drop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting = [];
    if (this.#pace) clearTimeout(this.#pace);
    this.#loader.abort();
  }

  /** Loads pieces until nothing waits, the slice is used up or the loader has enough. */
  #load(): void {
    if (this.#sliceFrom === null) {
      this.#sliceFrom = performance.now();
      setImmediate(() => {
        this.#sliceFrom = null;
        if (this.#waiting.length > 0) this.#goOn();
      });
    }
    try {
      while (!this.#over && this.#waiting.length > 0) {
        if (this.#isBehind(pendingBytesMax) || performance.now() - this.#sliceFrom >= sliceMs) return;
        const chunk = this.#waiting[0]!;
        if (chunk.length > pieceBytes) this.#waiting[0] = chunk.subarray(pieceBytes);
        else this.#waiting.shift();
        this.#loader.write(chunk.subarray(0, pieceBytes));
      }
      // Nothing more may come; what is wrong with this is to be known all the same.
      this.#isBehind(0);
    } catch (error) {
      this.#spoil(error);
    }
  }

  /** Whether the loader is busy with more than this; then this goes on by itself in a while. Throws as the loader. */
  #isBehind(bytes: number): boolean {
    if (this.#loader.pendingBytes <= bytes) return false;
    this.#pace ??= setTimeout(() => {
      this.#pace = null;
      this.#goOn();
    }, paceMs);
    return true;
  }

  #goOn(): void {
    if (this.#over) return;
    const waited = this.#waiting.length > 0;
    this.#load();
    if (this.#over || this.#waiting.length > 0) return;
    if (this.#isFinishing) this.#commit();
    else if (waited) this.#listener.ready();
  }

  #commit(): void {
    if (this.#over) return;
    let report: LoadReport;
    try {
      if (this.#isBehind(0)) return;
      report = this.#loader.commit();
    } catch (error) {
      this.#spoil(error);
      return;
    }
    this.#over = true;
    this.#listener.loaded(report);
  }

  #spoil(error: unknown): void {
    const detail = brokenBecause(error);
    this.drop();
    this.#listener.spoiled('snapshot-broken', detail);
  }
}

export interface SpoolPlan {
  dir: string;
  /** Name of the file once it is loaded. */
  fileName: string;
  /** Unix ms, for the temporary name. */
  nowMs: number;
  /** Opened when loading begins. */
  loader: () => Loader;
}

/**
 * Keeps the snapshot in a file of its own first. Writes are queued; more than 4 MiB of them pause the socket.
 */
export class SpooledSink implements SnapshotSink {
  readonly #plan: SpoolPlan;
  readonly #listener: SinkListener;
  readonly #path: string;
  /** Everything that touches the file happens in this order. */
  #work: Promise<void>;
  #file: FileHandle | null = null;
  #loader: Loader | null = null;
  #queuedBytes = 0;
  #unsyncedBytes = 0;
  #waiting = false;
  #over = false;

  constructor(plan: SpoolPlan, listener: SinkListener) {
    this.#plan = plan;
    this.#listener = listener;
    this.#path = join(plan.dir, `temp-${plan.nowMs}.${process.pid}.rdb`);
    this.#work = this.#onDisk(async () => {
      this.#file = await open(this.#path, 'wx+', 0o644);
    });
  }

  get loadedBytes(): number {
    return this.#loader?.bytes ?? 0;
  }

  take(chunk: Buffer): boolean {
    if (this.#over) return true;
    this.#queuedBytes += chunk.length;
    const own = Buffer.from(chunk);
    this.#then(() => this.#write(own));
    if (this.#queuedBytes < spooledBytesMax) return true;
    this.#waiting = true;
    return false;
  }

  finish(): void {
    this.#then(async () => {
      await this.#onDisk(async () => await this.#file!.sync());
      await this.#load();
    });
  }

  drop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#loader?.abort();
    // Behind what is under way, because a file cannot be closed while it is written to.
    this.#work = this.#work.then(() => this.#clean());
  }

  #then(next: () => Promise<void>): void {
    this.#work = this.#work.then(() => (this.#over ? undefined : next()));
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
      this.#unsyncedBytes += chunk.length;
      // Bit by bit, so that the last fsync is not one long wait.
      if (this.#unsyncedBytes >= fsyncEveryBytes) {
        await this.#file!.datasync();
        this.#unsyncedBytes = 0;
      }
    });
    this.#queuedBytes -= chunk.length;
    if (!this.#waiting || this.#over || this.#queuedBytes > spooledBytesMax / 4) return;
    this.#waiting = false;
    this.#listener.ready();
  }

  async #load(): Promise<void> {
    if (this.#over) return;
    const loader = this.#plan.loader();
    this.#loader = loader;
    const buffer = Buffer.allocUnsafe(fileChunkBytes);
    let sliceFrom = performance.now();
    let position = 0;
    for (;;) {
      let bytesRead = 0;
      await this.#onDisk(async () => {
        ({ bytesRead } = await this.#file!.read(buffer, 0, buffer.length, position));
      });
      if (this.#over) return;
      if (bytesRead === 0) break;
      position += bytesRead;
      for (let at = 0; at < bytesRead; at += pieceBytes) {
        try {
          loader.write(buffer.subarray(at, Math.min(at + pieceBytes, bytesRead)));
        } catch (error) {
          this.#spoil(error);
          return;
        }
        if (performance.now() - sliceFrom < sliceMs) continue;
        await nextTurn();
        if (this.#over) return;
        sliceFrom = performance.now();
      }
      if (!(await this.#hasCaughtUp(loader, pendingBytesMax))) return;
    }
    if (!(await this.#hasCaughtUp(loader, 0))) return;
    let ended = false;
    try {
      ended = loader.settle();
    } catch (error) {
      this.#spoil(error);
      return;
    }
    // A snapshot that did not end keeps its temporary name, and commit says what is wrong with it.
    if (ended)
      await this.#onDisk(async () => await rename(this.#path, join(this.#plan.dir, this.#plan.fileName)));
    if (this.#over) return;
    let report: LoadReport;
    try {
      report = loader.commit();
    } catch (error) {
      this.#spoil(error);
      return;
    }
    this.#over = true;
    this.#work = this.#work.then(() => this.#file?.close());
    this.#listener.loaded(report);
  }

  /** False when this is over: it was dropped meanwhile, or the loader met something broken. */
  async #hasCaughtUp(loader: Loader, bytes: number): Promise<boolean> {
    try {
      await caughtUp(loader, bytes);
    } catch (error) {
      if (!this.#over) this.#spoil(error);
    }
    return !this.#over;
  }

  #spoil(error: unknown): void {
    const detail = brokenBecause(error);
    this.drop();
    this.#listener.spoiled('snapshot-broken', detail);
  }

  /**
   * The file is ours alone and worth nothing: if it cannot be removed, that is said by the next one that
   * cannot be made.
   */
  async #clean(): Promise<void> {
    if (this.#file === null) return;
    await this.#file.close().catch(() => {});
    await unlink(this.#path).catch(() => {});
  }
}
