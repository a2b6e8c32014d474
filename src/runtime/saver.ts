/**
 * Saves the data to dbfilename: when asked, when a save point says so, and before the end.
 *
 *     idle --> saving (beside everything else) --> saved, or failed: the old file stays
 *                 '-- another save, once this one is over, when it was asked for (BGSAVE in EXEC)
 *
 * One save at a time. How a file is replaced is in rdb-file.ts, what is in it in replica-snapshot.ts; here is when, and what
 * became of it.
 */
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { utf8 } from '../config/special-kinds.ts';
import type { Snapshot, Store } from '../engine/engine.ts';
import type { Log } from '../observe/log.ts';
import { replaceFile, replaceFileNow } from './rdb-file.ts';

/** A save that failed is not tried again by a save point before this (Redis 7.0). */
const retryAfterMs = 5000;

interface Parts {
  store: Store;
  config: Config;
  log: Log;
  nowMs: () => number;
  /** The RDB of now. Throws RedtwinError. */
  snapshot: () => Snapshot;
  /** Called after each save: the gate for writes may have changed. */
  onOutcome: () => void;
}

/** A save that has begun. */
interface Save {
  readonly path: string;
  /** Changes there had been at its moment. */
  readonly changes: number;
  readonly snapshot: Snapshot;
}

export class Saver {
  readonly #parts: Parts;
  #running: (Save & { done: Promise<boolean>; abort: AbortController }) | null = null;
  #startedMs = 0;
  lastSaveMs: number;
  lastOk = true;
  /** -1 before the first. */
  lastTookSeconds = -1;
  saves = 0;
  /** A save is to begin when there is a moment: BGSAVE inside of EXEC. */
  isScheduled = false;
  /** Changes there had been when the last save began: what came later is not saved. */
  #savedChanges = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.lastSaveMs = parts.nowMs();
  }

  get isSaving(): boolean {
    return this.#running !== null;
  }

  get startedMs(): number {
    return this.#startedMs;
  }

  /** How far the save under way is; null when there is none. */
  get status(): ReturnType<Snapshot['status']> | null {
    return this.#running?.snapshot.status() ?? null;
  }

  /** Changes made to the data since the last save, as Redis counts them. */
  get changesSinceSave(): number {
    return this.#parts.store.stats().changes - this.#savedChanges;
  }

  /** The data on disk and in memory are the same now (after loading). */
  markClean(): void {
    this.#savedChanges = this.#parts.store.stats().changes;
  }

  /** Path of the file, as configured now. */
  get path(): string {
    const { config } = this.#parts;
    return join(utf8(config.value('dir')), utf8(config.value('dbfilename')));
  }

  /** True when a save point may begin a save: none is under way, and the last one did not fail just now. */
  mayTry(nowMs: number): boolean {
    return !this.isSaving && (this.lastOk || nowMs - this.#startedMs > retryAfterMs);
  }

  /** Saves beside everything else; true when it worked. Joins a save that is under way. */
  save(): Promise<boolean> {
    if (this.#running) return this.#running.done;
    this.isScheduled = false;
    const save = this.#begun();
    if (save === null) return Promise.resolve(false);
    const abort = new AbortController();
    const done = replaceFile(save.path, save.snapshot, abort.signal).then(
      () => this.#ended(save, null),
      (cause: unknown) => this.#ended(save, cause),
    );
    this.#running = { ...save, done, abort };
    return done;
  }

  /** Ends the save that is under way, if there is one, which neither fails nor works by it; resolves when nothing is left of it. */
  async giveUp(): Promise<void> {
    if (this.#running === null) return;
    this.#parts.log.warning('There is a save under way, which is given up');
    this.#running.abort.abort();
    // It may be resting (rdb-key-save-delay).
    this.#running.snapshot.release();
    await this.#running.done;
  }

  /**
   * FLUSHALL: what a save under way would write is not wanted any longer. With save points the file is emptied, too, at once:
   * nobody may find the old data in it after a crash (Redis 7.0).
   */
  flushed(): void {
    const givenUp = this.giveUp();
    if (this.#parts.config.value('save').length > 0) void givenUp.then(() => this.save());
  }

  /** Saves while everything waits, so that nothing is written before it is done; true when it worked. No other save is under way. */
  saveNow(): boolean {
    const save = this.#begun();
    if (save === null) return false;
    try {
      replaceFileNow(save.path, save.snapshot);
    } catch (cause) {
      return this.#ended(save, cause);
    }
    return this.#ended(save, null);
  }

  /** Takes the moment; null when there can be no snapshot, which has been told then. */
  #begun(): Save | null {
    const { store, nowMs, snapshot } = this.#parts;
    const { path } = this;
    this.#startedMs = nowMs();
    try {
      return { path, changes: store.stats().changes, snapshot: snapshot() };
    } catch (cause) {
      this.#failed(path, cause);
      return null;
    }
  }

  #ended({ path, changes, snapshot }: Save, cause: unknown): boolean {
    const { log, nowMs, onOutcome } = this.#parts;
    const isAborted = this.#running?.abort.signal.aborted === true;
    this.#running = null;
    if (isAborted && cause !== null) return false;
    this.lastTookSeconds = Math.floor((nowMs() - this.#startedMs) / 1000);
    if (cause !== null) return this.#failed(path, cause);
    this.lastOk = true;
    this.#savedChanges = changes;
    this.lastSaveMs = nowMs();
    this.saves++;
    log.notice('DB saved on disk');
    const { fieldExpiries, functions } = snapshot.status();
    if (fieldExpiries + functions > 0)
      log.warning(
        `The file's RDB version could not hold ${fieldExpiries} expiries of hash fields and ${functions} function ` +
          'libraries: they are not in it (rdb-version-loss drop)',
      );
    onOutcome();
    return true;
  }

  #failed(path: string, cause: unknown): false {
    this.lastOk = false;
    this.#parts.log.warning(
      `Saving to ${path} failed; the file that was there is untouched: ${String(cause)}`,
    );
    this.#parts.onOutcome();
    return false;
  }
}
