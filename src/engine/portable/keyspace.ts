/**
 * Everything a store holds: databases, settings, gates, feed, counters, and who must hear of a change.
 *
 * It offers the few operations that more than one room needs (touch a watched key, delete an expired one, end a
 * unit of work) and otherwise lets call.ts and the commands speak to its parts directly.
 */
import type { Gates } from '../engine.ts';
import { Access } from './access.ts';
import type { Busy } from './busy.ts';
import { bytes } from './bytes.ts';
import { CommandCounters } from './command-stats.ts';
import { Database } from './database.ts';
import { type EventClass, EventLog } from './events.ts';
import { type Effect, FeedLog } from './feed.ts';
import { isFreedAside } from './lazy-free.ts';
import { Random } from './random.ts';
import type { Scripts } from './script/scripts.ts';
import type { Session } from './session.ts';
import { defaultSettings, type Settings } from './settings.ts';
import { Traces } from './traces.ts';
import { WaitingRoom } from './waiting.ts';

/** Counters that resetStats clears. */
export interface Counters {
  keyspaceHits: number;
  keyspaceMisses: number;
  expiredKeys: number;
  evictedKeys: number;
  expiredFields: number;
  lazyFreed: number;
  feedTranslated: number;
  feedDropped: number;
  feedFieldExpiriesDropped: number;
}

const zeroCounters = (): Counters => ({
  keyspaceHits: 0,
  keyspaceMisses: 0,
  expiredKeys: 0,
  evictedKeys: 0,
  expiredFields: 0,
  lazyFreed: 0,
  feedTranslated: 0,
  feedDropped: 0,
  feedFieldExpiriesDropped: 0,
});

export class Keyspace {
  databases: Database[];
  readonly settings: Settings = defaultSettings();
  readonly gates: Gates = {
    replica: false,
    readOnly: false,
    masterDown: false,
    loading: false,
    misconf: false,
    noReplicas: false,
    paused: false,
  };
  readonly random: Random;
  readonly feed: FeedLog;
  readonly events = new EventLog();
  readonly waitingRoom = new WaitingRoom();
  readonly access = new Access();
  readonly traces = new Traces();
  /** FLUSHALL has run since the host was last told. */
  flushedAll = false;
  counters = zeroCounters();
  /** Counters per command. */
  readonly commandCounters: CommandCounters;
  /** Changes made to the data since the start, as Redis counts them for save points. */
  changes = 0;
  /** Commands that scripts have run, while somebody monitors them. */
  scripted: { db: number; args: Buffer[] }[] | null = null;
  /** DEBUG SET-ACTIVE-EXPIRE. */
  isActiveExpiryOn = true;
  /** DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may call what has the flag noscript. */
  scriptsCallAll = false;
  /** DEBUG SET-SKIP-CHECKSUM-VALIDATION: RESTORE does not look at checksums. */
  skipsDumpChecksums = false;
  /** Sources of function libraries by name, as snapshots carry them. Who changes them says so to `scripts`. */
  readonly functions = new Map<string, Buffer>();
  /** What is known of scripts, and what becomes of those sources when they are run. */
  readonly scripts: Scripts;
  /** Fields that modules put into an RDB outside of any key: kept raw, passed on to snapshots. */
  moduleAux: Buffer[] = [];
  /** What the last load left out because it had expired, where that is to be told. */
  dropped: { db: number; key: string }[] = [];
  /** A value of a module came in, so there may be some to count. */
  mayHoldModules = false;
  /** Effects of the unit in progress: a command, or a whole EXEC. */
  effects: Effect[] = [];
  /** The script that rests in the middle. */
  busy: Busy | null = null;
  /** Sessions that watch a key, by database and key. */
  readonly #watchers = new Map<string, Set<Session>>();

  /** `monotonicMs`: the clock by which commands are timed; without one they take no time. */
  constructor(
    databases: number,
    seed: bigint,
    backlogBytes: number,
    scripts: Scripts,
    monotonicMs?: () => number,
  ) {
    this.scripts = scripts;
    this.commandCounters = new CommandCounters(monotonicMs);
    this.databases = Array.from({ length: databases }, () => new Database());
    this.random = new Random(seed);
    this.feed = new FeedLog(backlogBytes);
  }

  /** Expired keys are hidden but not deleted: deleting them is our primary's work, or writes are paused. */
  get keepsExpired(): boolean {
    return this.gates.replica || this.gates.paused;
  }

  resetCounters(): void {
    this.counters = zeroCounters();
    this.commandCounters.reset();
  }

  notify(flags: EventClass, event: string, key: string, db: number): void {
    this.events.add(this.settings['notify-keyspace-events'], flags, event, key, db);
  }

  /** Ends a unit: its effects go into the feed, several of them as a transaction unless they stand apart. */
  endUnit(isTransaction = true): void {
    if (this.effects.length === 0) return;
    const effects = this.effects;
    this.effects = [];
    // A replica's feed is its primary's, byte for byte. What its own clients change (PFCOUNT's cache, a writable replica) stays here.
    if (!this.gates.replica && this.feed.isOn) this.feed.write(effects, isTransaction);
  }

  /** Deletes a key; a large value counts as freed aside when that is wanted. False when there is no such key. */
  release(db: number, key: string, isLazy: boolean): boolean {
    const database = this.databases[db]!;
    const value = isLazy ? database.get(key) : undefined;
    if (value !== undefined && isFreedAside(value)) this.counters.lazyFreed++;
    return database.delete(key);
  }

  /**
   * Deletes a key whose moment has come, and says so to the feed and to listeners. For a primary, or a writable
   * replica that is about to write the key.
   */
  deleteExpired(db: number, key: string): void {
    const isLazy = this.settings['lazyfree-lazy-expire'];
    this.release(db, key, isLazy);
    this.counters.expiredKeys++;
    const name = isLazy ? 'UNLINK' : 'DEL';
    this.effects.push({ db, args: [bytes(name), bytes(key)] });
    this.notify('x', 'expired', key, db);
    this.touch(db, key, 'gone');
  }

  /** Deletes a key to make room. The feed is told at once: what comes next has nothing to do with it. */
  deleteEvicted(db: number, key: string): void {
    const isLazy = this.settings['lazyfree-lazy-eviction'];
    this.release(db, key, isLazy);
    this.counters.evictedKeys++;
    const name = isLazy ? 'UNLINK' : 'DEL';
    this.effects.push({ db, args: [bytes(name), bytes(key)] });
    this.notify('e', 'evicted', key, db);
    this.touch(db, key, 'gone');
    this.endUnit(false);
  }

  /** Deletes a field of a hash whose moment has come, likewise. The hash may be empty afterwards. */
  deleteExpiredField(db: number, key: string, field: string): void {
    const hash = this.databases[db]!.get(key);
    if (hash?.type !== 'hash') return;
    this.databases[db]!.beforeChange(key);
    hash.delete(field);
    this.counters.expiredFields++;
    this.effects.push({ db, args: [bytes('HDEL'), bytes(key), bytes(field)] });
  }

  // --- WATCH ---

  watch(session: Session, db: number, key: string, wasExpired: boolean): void {
    if (session.watched.some((w) => w.db === db && w.key === key)) return;
    session.watched.push({ db, key, wasExpired });
    const name = watchName(db, key);
    const watchers = this.#watchers.get(name);
    if (watchers === undefined) this.#watchers.set(name, new Set([session]));
    else watchers.add(session);
  }

  unwatchAll(session: Session): void {
    for (const { db, key } of session.watched) {
      const name = watchName(db, key);
      const watchers = this.#watchers.get(name);
      watchers?.delete(session);
      if (watchers?.size === 0) this.#watchers.delete(name);
    }
    session.watched = [];
  }

  /** A key was changed or is gone: transactions of those who watch it will fail, those who wait for it will look again. */
  touch(db: number, key: string, kind: 'changed' | 'gone' = 'changed'): void {
    this.traces.add(kind, key);
    this.waitingRoom.signal(db, key);
    if (this.#watchers.size === 0) return;
    const watchers = this.#watchers.get(watchName(db, key));
    if (watchers === undefined) return;
    for (const session of [...watchers]) {
      const watched = session.watched.find((w) => w.db === db && w.key === key);
      if (watched?.wasExpired && this.databases[db]!.get(key) === undefined) {
        // It was expired when WATCH came and now it is gone: nothing changed for this client.
        watched.wasExpired = false;
        continue;
      }
      session.isStale = true;
    }
  }

  /**
   * A database is about to be emptied, or replaced by `other`: a watched key that is there before or after counts as
   * changed. An expired key counts as not there, as far as that can be told (`nowMs` is for the keys of `other`).
   */
  touchAll(db: number, other?: { db: number; nowMs: number }): void {
    for (const key of this.waitingRoom.keysOf(db)) this.waitingRoom.signal(db, key);
    const here = this.databases[db]!;
    const there = other && this.databases[other.db]!;
    for (const watchers of this.#watchers.values()) {
      for (const session of watchers) {
        for (const watched of session.watched) {
          if (watched.db !== db) continue;
          const wasThere = here.get(watched.key) !== undefined;
          const willBeThere = there?.get(watched.key) !== undefined;
          if (!wasThere && !willBeThere) continue;
          const willBeExpired = willBeThere && other!.nowMs > (there!.expiry(watched.key) ?? Infinity);
          if (watched.wasExpired ? !willBeThere || willBeExpired : !wasThere && willBeExpired) {
            // For this client the key was not there and still is not.
            watched.wasExpired = willBeThere;
          } else {
            session.isStale = true;
          }
        }
      }
    }
  }
}

const watchName = (db: number, key: string): string => `${db} ${key}`;
