/**
 * Saves the data to dbfilename: snapshot, a draft beside the file, rename.
 *
 *     snapshot.read --> temp-<pid>.rdb --> fsync --> rename to dump.rdb
 *
 * One save at a time. It runs beside everything else: a snapshot is the data of one moment whatever happens meanwhile,
 * and between two chunks the event loop is free.
 */
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { utf8 } from '../config/special-kinds.ts';
import type { Snapshot, Store } from '../engine/engine.ts';
import { RedtwinError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import { compatibleVersion } from './version.ts';

const chunkBytes = 1024 * 1024;
/** RDB version of Redis 7.0, and the first that can hold fields that expire. */
const rdbVersionUsual = 10;
const rdbVersionOfExpiringFields = 12;

interface Parts {
  store: Store;
  config: Config;
  log: Log;
  nowMs: () => number;
  /** AUX fields about replication, so that a restarted replica can go on where it was. */
  replicationAux: () => [string, string][];
  /** Called after a save that failed, and after the next that did not: the gate for writes changes. */
  onOutcome: () => void;
}

export class Saver {
  readonly #parts: Parts;
  #running: Promise<boolean> | null = null;
  #startedMs = 0;
  lastSaveMs: number;
  lastOk = true;
  /** -1 before the first. */
  lastTookSeconds = -1;
  saves = 0;
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

  /** Saves; true when it worked. A save under way is awaited instead of starting a second. */
  save(): Promise<boolean> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      this.#parts.onOutcome();
    });
    return this.#running;
  }

  async #run(): Promise<boolean> {
    const { config, log, nowMs } = this.#parts;
    const path = this.path;
    const draft = join(utf8(config.value('dir')), `temp-${process.pid}.rdb`);
    this.#startedMs = nowMs();
    try {
      const changes = await this.#write(draft, rdbVersionUsual).catch((cause: unknown) => {
        if (!(cause instanceof RedtwinError) || cause.code !== 'rdb-unsupported-version') throw cause;
        return this.#write(draft, rdbVersionOfExpiringFields);
      });
      await rename(draft, path);
      this.#savedChanges = changes;
      this.lastOk = true;
      this.lastSaveMs = nowMs();
      this.saves++;
      log.notice('DB saved on disk');
    } catch (cause) {
      this.lastOk = false;
      log.warning(`Saving to ${path} failed; the file that was there is untouched: ${String(cause)}`);
      await rm(draft, { force: true });
    }
    this.lastTookSeconds = Math.floor((nowMs() - this.#startedMs) / 1000);
    return this.lastOk;
  }

  /** Writes the data of this moment; resolves to the number of changes that it stands for. */
  async #write(draft: string, version: number): Promise<number> {
    const { store, config, nowMs } = this.#parts;
    const { changes, usedMemoryBytes } = store.stats();
    const snapshot = store.snapshot({
      version,
      compress: config.value('rdbcompression'),
      checksum: config.value('rdbchecksum'),
      nowMs: nowMs(),
      aux: [
        ['redis-ver', compatibleVersion],
        ['redis-bits', '64'],
        ['ctime', String(Math.floor(nowMs() / 1000))],
        ['used-mem', String(usedMemoryBytes)],
        ...this.#parts.replicationAux(),
        ['aof-base', '0'],
      ],
    });
    await writeSnapshot(snapshot, draft);
    return changes;
  }
}

async function writeSnapshot(snapshot: Snapshot, path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    // While a chunk is written the next one is encoded.
    let next = snapshot.read(chunkBytes);
    for (let chunk = await next; chunk; chunk = await next) {
      next = snapshot.read(chunkBytes);
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    snapshot.release();
    await file.close();
  }
}
