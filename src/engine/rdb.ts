/**
 * What an engine does with RDB files that are no part of a store: THE INTERFACE of the RDB toolkit.
 *
 *     chunks --> scan.push(chunk) --> scan.take(into): bytes of JSON, commands, CSV, another RDB
 *                                 \-> scan.takeBatch(): records of keys, made into objects only where somebody looks
 *
 * One crossing per chunk of the file, never one per key. No file, no clock: bytes come in, bytes go out, and moments are
 * parameters. What the jobs mean is said where they are asked for (src/rdb); how keys are laid out in a batch is said
 * here, because both engines write it and src/rdb reads it.
 */

/** What a scan does. */
export type RdbJob =
  /** Keys as records: `takeBatch`. */
  | { job: 'entries'; values: boolean; sizes: boolean; partBytes: number }
  /** JSON Lines, or one document in the layout of redis-rdb-tools. */
  | { job: 'json'; layout: 'lines' | 'rdb-tools' }
  /** Commands in RESP for a server of version [major, minor]. */
  | { job: 'commands'; target: [number, number] }
  /** A line per key. */
  | { job: 'keys' }
  /** CSV with the columns of redis-rdb-tools. */
  | { job: 'memory' }
  /** Sums over all keys, as one JSON document at the end. */
  | { job: 'tally'; top: number; separators: string; depth: number; nowMs: number }
  /** Another RDB. `version` null: that of the file or the nearest that can be written. */
  | {
      job: 'copy';
      version: number | null;
      compress: boolean;
      checksum: boolean;
      /** Look into every value; leave out those that are broken. */
      careful: boolean;
    }
  /** Nothing comes out; broken keys are counted and named. */
  | { job: 'check' }
  /** One of the three passes of a comparison: see `RdbTools.ledger`. */
  | { job: 'record' | 'compare' | 'missing'; ledger: RdbLedger };

/** What the passes of a comparison share; opaque. */
export interface RdbLedger {
  /** Frees it at once. */
  close(): void;
}

/** Which keys are wanted: those for which everything holds that is given. */
export interface RdbFilter {
  /** Databases. */
  dbs?: number[];
  /** 'string', 'list', 'set', 'zset', 'hash', 'stream', 'module'. */
  types?: string[];
  /** A glob, as KEYS takes it. */
  glob?: Buffer;
  /** A regular expression that matches somewhere in the name; it may begin with flags, as `(?ims)`. */
  regex?: string;
  /** What the name begins with. */
  prefix?: Buffer;
  /** Bytes in Redis's memory, at least, as `memoryBytes` estimates them. */
  memoryMin?: number;
  /** true: only keys that expire; false: only those that do not. */
  expires?: boolean;
  /** true: only keys that are expired at `nowMs`; false: only those that are not. */
  expired?: boolean;
  /** Unix ms, for `expired`. */
  nowMs?: number;
}

/** Types by their number in a record. */
export const rdbTypes = ['string', 'list', 'set', 'zset', 'hash', 'stream', 'module'] as const;
export type RdbType = (typeof rdbTypes)[number];

/** Encodings by their number in a record; a number beyond them: not known. */
export const rdbEncodings = [
  'int',
  'embstr',
  'raw',
  'quicklist',
  'intset',
  'hashtable',
  'listpack',
  'ziplist',
  'zipmap',
  'skiplist',
  'stream',
  'module',
] as const;
export type RdbEncoding = (typeof rdbEncodings)[number];

/** Numbers in a record. */
export const recordLength = 16;

/**
 * Where the numbers of a record are. NaN: not said, or not asked for. Positions are in the batch's heap.
 * A value's form there (little-endian): string: its bytes; list, set: { u32 length, bytes }*; zset: { u32 length, bytes,
 * f64 score }*; hash: { u32 length, bytes, u32 length, bytes, f64 Unix ms of expiry or 0 }*; module: u64 id, bytes;
 * stream: { u8 tag, ... }*, see `streamTags`.
 */
export const RecordField = {
  db: 0,
  /** Type + 16 * encoding. */
  what: 1,
  keyAt: 2,
  keyBytes: 3,
  /** Unix ms. */
  expireAtMs: 4,
  idleSeconds: 5,
  frequency: 6,
  /** Bytes in the file: type, name and value. 0 in a part that is not the last. */
  encodedBytes: 7,
  /** Estimate of what it takes in Redis 7.0. */
  memoryBytes: 8,
  /** Elements; the length of a string. */
  elements: 9,
  /** The longest element. */
  longestBytes: 10,
  valueAt: 11,
  valueBytes: 12,
  /** Position of the key in the file. */
  offset: 13,
  /** 1: its value is here; 2: more parts of it follow; 4: it goes on from the record before. */
  flags: 14,
} as const;

/**
 * The parts of a stream's value: a byte that says which, then
 * entry: id, u32 count, { field, value }*; info: i64 length, id last, id first, id greatest deleted, i64 entries added (-1:
 * not known); group: name, id last delivered, i64 entries read (-1); pending: id, i64 Unix ms, i64 deliveries;
 * consumer: name, i64 seen, i64 active (Unix ms; -1: not said); owned: id; tail: bytes. An id is two u64; names, fields and
 * values are u32 length, bytes.
 */
export const StreamTag = { entry: 1, info: 2, group: 3, pending: 4, consumer: 5, owned: 6, tail: 7 } as const;

/** Something of the file that is no key. */
export type RdbFact =
  | { fact: 'version'; magic: string; version: number }
  | { fact: 'aux'; name: Buffer; value: Buffer }
  | { fact: 'function'; code: Buffer }
  | { fact: 'module-aux'; module: string; raw: Buffer };

/** Keys that are ready. The buffers belong to the caller. */
export interface RdbBatch {
  records: Float64Array;
  heap: Buffer;
  facts: RdbFact[];
}

/** How far a scan is. Counts of keys. */
export interface RdbProgress {
  /** Bytes taken. */
  bytes: number;
  /** The end of the RDB was seen, and its checksum was right. */
  done: boolean;
  wanted: number;
  refused: number;
  /** Left out because their value is broken ('check' and careful copies only). */
  broken: number;
}

/** A key whose value cannot be what it says. */
export interface BrokenKey {
  db: number;
  key: Buffer;
  /** Where it begins in the file. */
  offset: number;
  why: string;
}

/** What a target has no place for, counted by its name ('field-expiries', 'functions', 'streams'...); only what was met. */
export type RdbLosses = Record<string, number>;

/**
 * A job over one RDB. Errors are RedtwinError with code 'rdb-*' and `offset` (byte position); after one, `push` and `finish`
 * give the same error again, everything else may still be asked.
 */
export interface RdbScan {
  /** Takes a chunk of any size; it belongs to the caller again on return. Bytes behind the end are an error. */
  push(chunk: Uint8Array): void;
  /**
   * Moves bytes that are ready to the front of `into`, as many as fit, in order, and gives how many; 0 when all were taken. What
   * was ready when an error came can still be taken. (A buffer that the caller lends again and again: megabytes of new ones per
   * second would cost more than what is written into them.)
   */
  take(into: Uint8Array): number;
  /** Of 'entries': the keys that are ready. */
  takeBatch(): RdbBatch;
  /** No more will come: the rest is made ready. Throws 'rdb-truncated' when the end was not seen. */
  finish(): void;
  progress(): RdbProgress;
  /** The last key begun, wanted or not. */
  lastKey(): { db: number; key: Buffer };
  /** The first thousand broken keys. */
  brokenKeys(): BrokenKey[];
  losses(): RdbLosses;
  /**
   * Of a careful 'copy', asked before `take`: a key was broken of which bytes had been given out, because it was too large to be
   * held back; only so many of all bytes given out before are to be kept. null otherwise.
   */
  retracted(): number | null;
  /**
   * Of 'copy', after an error: how many of the bytes given out are to be kept, and what closes the file behind them, so that it
   * holds every complete key.
   */
  salvage(): { keepBytes: number; tail: Buffer };
}

/** Makes an RDB of records. */
export interface RdbRecordWriter {
  aux(name: Uint8Array, value: Uint8Array): void;
  function(code: Uint8Array): void;
  /** Keys as in a batch; each whole. Throws 'rdb-corrupt' for a record that is none. */
  write(records: Float64Array, heap: Uint8Array): void;
  /** What is ready. */
  take(): Buffer;
  /** Writes the end: `take` gives it. */
  finish(): void;
  losses(): RdbLosses;
}

/** The part of an engine that knows RDB files. */
export interface RdbTools {
  /** Throws 'rdb-unsupported-version' for a version that cannot be written, 'rdb-bad-filter' for a regular expression that is none. */
  scan(job: RdbJob, filter: RdbFilter, checksum: boolean): RdbScan;
  writer(options: { version: number; compress: boolean; checksum: boolean }): RdbRecordWriter;
  /**
   * For a comparison of two files: the passes 'record' (first file), 'compare' (second), 'missing' (first again) over the
   * names of part `part` of `parts`. 16 bytes of memory per key and a table's slack.
   */
  ledger(part: number, parts: number, seed: bigint): RdbLedger;
  /** The value of a DUMP payload, as a batch of one key without a name. Throws 'rdb-bad-dump', 'rdb-corrupt'. */
  decodeDump(payload: Uint8Array): RdbBatch;
  /** A DUMP payload of a record's value, in RDB version `version`. */
  encodeDump(records: Float64Array, heap: Uint8Array, version: number): Buffer;
}
