/**
 * Where the bytes of a snapshot go while they come: into a loader, and into a file besides when one is to be kept.
 *
 *     direct     socket --> loader ------------------------------------------> commit
 *     spooled    socket -+> loader ----------------------------------+-------> commit      spooled-sink.ts
 *                        '> temp-<time>.<pid>.rdb --> fsync, rename -'
 *
 * Either way the data set is replaced in one moment, when the RDB is complete and its checksum is right;
 * until then nothing is touched. Both say "not now" when they cannot keep up (the socket is then paused), and
 * both work in slices, so that clients are answered in between. Facts: repl-diskless-load of Redis 7.0.
 */
import type { Loader, LoadReport } from '../engine/engine.ts';
import { RedtwinError } from '../errors.ts';
import { paceMs, pendingBytesMax } from './loader-pace.ts';

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
  readonly #beforeCommit: (() => Promise<void>) | null;
  /** When this turn of the event loop began to load; null before. */
  #sliceFrom: number | null = null;
  /** Runs while the loader is busy with what it has. */
  #pace: NodeJS.Timeout | null = null;
  #waiting: Buffer[] = [];
  /** `take` has said "not now", and `ready` has not been said since. */
  #isFull = false;
  #isFinishing = false;
  /** What comes before the commit is under way, or done. */
  #isPrepared = false;
  #over = false;

  /**
   * `beforeCommit` is called once, when the whole snapshot has come and is in order; the commit waits for it. Only `drop`
   * ends that wait when it rejects, so it never does.
   */
  constructor(loader: Loader, listener: SinkListener, beforeCommit: (() => Promise<void>) | null = null) {
    this.#loader = loader;
    this.#listener = listener;
    this.#beforeCommit = beforeCommit;
  }

  get loadedBytes(): number {
    return this.#loader.bytes;
  }

  take(chunk: Buffer): boolean {
    if (this.#over) return true;
    this.#waiting.push(chunk);
    this.#load();
    this.#waiting = this.#waiting.map((piece) => Buffer.from(piece));
    this.#isFull ||= this.#waiting.length > 0;
    return !this.#isFull;
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
        if (this.#isFull) this.#goOn();
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
    this.#load();
    if (this.#over || this.#waiting.length > 0) return;
    if (this.#isFinishing) this.#commit();
    else if (this.#isFull) {
      this.#isFull = false;
      this.#listener.ready();
    }
  }

  #commit(): void {
    if (this.#over) return;
    let report: LoadReport;
    try {
      if (this.#isBehind(0)) return;
      // What has not ended is refused by the commit, in the right words, and nothing is prepared for it.
      if (this.#beforeCommit && !this.#isPrepared && this.#loader.settle()) {
        this.#isPrepared = true;
        void this.#beforeCommit().then(() => this.#commit());
        return;
      }
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
