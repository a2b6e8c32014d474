/**
 * The Snapshot of engine.ts: an RDB of everything as of one moment, written in slices while commands run.
 *
 *     keys in the order of their serial numbers:   1 2 3 4 5 6 7 8 | 9 10
 *                                                  written ^ walk    ^ younger than the moment: not in it
 *     a command is about to change 6:              6 is written first, out of order, and the walk leaves it out
 *
 * Its one idea: who changes a key that is not written yet has it written first (Database.guards). So nothing is copied,
 * and the price is paid by the commands that change many keys during the walk. A database that is emptied leaves its
 * dictionaries to the walk.
 */
import type { Snapshot, SnapshotOptions, SnapshotStatus } from '../engine.ts';
import type { Database } from './database.ts';
import type { Dict, Entry } from './dict.ts';
import type { Keyspace } from './keyspace.ts';
import { Encoder } from './rdb/encoder.ts';
import type { Value } from './value.ts';

/** Keys in a slice: about a millisecond. */
const keysPerSlice = 200;

/** One database of the moment. */
interface Part {
  readonly db: number;
  readonly database: Database;
  readonly keys: number;
  readonly expires: number;
  readonly expiries: Dict<number>;
  readonly walk: Iterator<Entry<Value>>;
  /** Serials from this one on are younger than the moment. */
  readonly endSerial: number;
  /** The walk is beyond this serial. */
  walkedSerial: number;
  /** Serials written before the walk came to them. */
  readonly early: Set<number>;
  readonly guard: (key: string) => void;
}

export class RdbSnapshot implements Snapshot {
  readonly #encoder: Encoder;
  readonly #keysTotal: number;
  readonly #lossy: boolean;
  #parts: Part[];
  #keys = 0;
  /** Of the last SELECTDB; -1 before the first. */
  #selected = -1;
  #isOver = false;
  /** Why it cannot be completed: told to the next who reads. */
  #failure: unknown = null;
  #ready: Buffer[] = [];

  /** Takes the moment. O(databases). Throws 'rdb-unsupported-version' when the version cannot be written. */
  constructor(keyspace: Keyspace, options: SnapshotOptions) {
    const { version, compress, checksum, content = 'all' } = options;
    this.#lossy = options.lossy === true;
    this.#encoder = new Encoder({
      version,
      compress,
      checksum,
      limits: keyspace.settings,
      lossy: this.#lossy,
    });
    for (const [key, value] of options.aux) this.#encoder.aux(key, value);
    if (content === 'all') for (const raw of keyspace.moduleAux) this.#encoder.moduleAux(raw);
    if (content !== 'none') for (const source of keyspace.functions.values()) this.#encoder.library(source);
    const databases = content === 'all' ? keyspace.databases : [];
    this.#parts = databases.flatMap((database, db) => (database.size > 0 ? [this.#part(database, db)] : []));
    this.#keysTotal = this.#parts.reduce((sum, part) => sum + part.keys, 0);
  }

  /** One slice. */
  async read(bytes: number): Promise<Buffer | null> {
    while (!this.#isOver && this.#encoder.length === 0) this.#slice(bytes);
    return this.#take(bytes);
  }

  /** Nobody is there to write while the event loop turns. */
  readonly write = null;

  readNow(bytes: number): Buffer | null {
    while (!this.#isOver && this.#encoder.length < bytes) this.#slice(bytes);
    return this.#take(bytes);
  }

  status(): SnapshotStatus {
    return { keys: this.#keys, keysTotal: this.#keysTotal, ...this.#encoder.leftOut };
  }

  release(): void {
    for (const part of this.#parts) part.database.guards.delete(part.guard);
    this.#parts = [];
    this.#ready = [];
    this.#isOver = true;
  }

  #part(database: Database, db: number): Part {
    const { values, expiries } = database;
    const part: Part = {
      db,
      database,
      keys: values.size,
      expires: expiries.size,
      expiries,
      walk: values.entries(),
      endSerial: values.nextSerial,
      walkedSerial: 0,
      early: new Set(),
      guard: (key) => {
        const entry = values.entry(key);
        if (!entry || entry.serial >= part.endSerial || entry.serial <= part.walkedSerial) return;
        if (part.early.has(entry.serial)) return;
        part.early.add(entry.serial);
        this.#write(part, entry);
      },
    };
    database.guards.add(part.guard);
    return part;
  }

  /** Some keys of the walk, or the end. */
  #slice(bytes: number): void {
    for (let n = 0; n < keysPerSlice && this.#encoder.length < bytes; n++) {
      const part = this.#parts[0];
      if (part === undefined) {
        this.#ready.push(this.#encoder.finish());
        this.#isOver = true;
        return;
      }
      const next = part.walk.next();
      if (next.done || next.value.serial >= part.endSerial) {
        part.database.guards.delete(part.guard);
        this.#parts.shift();
      } else {
        part.walkedSerial = next.value.serial;
        if (!part.early.delete(next.value.serial)) this.#write(part, next.value);
      }
    }
  }

  #write(part: Part, { key, value }: Entry<Value>): void {
    if (this.#failure !== null) return;
    if (this.#selected !== part.db) this.#encoder.select(part.db, part.keys, part.expires);
    this.#selected = part.db;
    try {
      this.#encoder.entry(key, value, part.expiries.get(key) ?? null);
    } catch (cause) {
      // It may be a client's command that is being run: the one who reads is told, not the client.
      this.#failure = cause;
    }
    this.#keys++;
  }

  #take(bytes: number): Buffer | null {
    if (this.#failure !== null) {
      this.release();
      throw this.#failure;
    }
    if (this.#ready.length === 0) this.#ready.push(this.#encoder.take());
    const first = this.#ready[0]!;
    if (first.length === 0) {
      this.#ready = [];
      return null;
    }
    const part = first.subarray(0, Math.max(1, bytes));
    if (part.length === first.length) this.#ready.shift();
    else this.#ready[0] = first.subarray(part.length);
    return part;
  }
}
