/**
 * A key of an RDB, seen through the record that the engine wrote of it.
 *
 *     entry.key, entry.type, entry.memoryBytes     a number or a slice, read when asked for
 *     entry.value                                  decoded when asked for, each time anew
 *
 * Its one idea: an entry is a view. Nothing of it is an object before somebody looks, so going over keys alone does not
 * pay for their values. An entry keeps the batch it lies in alive (about as much as a chunk of the file).
 */
import {
  type RdbBatch,
  type RdbEncoding,
  type RdbType,
  RecordField,
  rdbEncodings,
  rdbTypes,
  recordLength,
  StreamTag,
} from '../engine/rdb.ts';
import { moduleTypeName } from './module-name.ts';

/** How names and values are given: bytes as they are, or UTF-8 text. */
export type As = 'buffer' | 'string';
export type Text<A extends As> = A extends 'string' ? string : Buffer;

export interface HashField<A extends As> {
  field: Text<A>;
  value: Text<A>;
  /** Unix ms, or null when the field does not expire. */
  expireAtMs: number | null;
}

export interface ZsetMember<A extends As> {
  member: Text<A>;
  score: number;
}

export interface StreamEntry<A extends As> {
  /** 'ms-seq'. */
  id: string;
  fields: [field: Text<A>, value: Text<A>][];
}

export interface StreamGroup<A extends As> {
  name: Text<A>;
  lastId: string;
  /** Null when the writer did not know. */
  entriesRead: bigint | null;
  pending: { id: string; deliveredMs: number; deliveries: number }[];
  /** `activeMs` is null when it never was; `pending` are ids. */
  consumers: { name: Text<A>; seenMs: number; activeMs: number | null; pending: string[] }[];
}

export interface StreamValue<A extends As> {
  entries: StreamEntry<A>[];
  length: bigint;
  lastId: string;
  firstId: string;
  maxDeletedId: string;
  /** Null when the version did not say. */
  entriesAdded: bigint | null;
  groups: StreamGroup<A>[];
}

/** A value that only its module understands. */
export interface ModuleValue {
  /** Nine letters. */
  module: string;
  /** The 64-bit id in the file. */
  id: bigint;
  /** Everything behind the id, as it lies in the file. */
  raw: Buffer;
}

/** A value by its type. Of a value that comes in parts, the elements of this part. */
export interface ValueOf<A extends As> {
  string: Text<A>;
  list: Text<A>[];
  set: Text<A>[];
  zset: ZsetMember<A>[];
  hash: HashField<A>[];
  stream: StreamValue<A>;
  module: ModuleValue;
}

const nullIfNone = (number: number): number | null => (Number.isNaN(number) ? null : number);

/** A key. Sizes are null when they were not asked for (`sizes: false`). */
export class RdbEntry<A extends As = 'buffer'> {
  readonly #records: Float64Array;
  readonly #at: number;
  readonly #heap: Buffer;
  readonly #as: As;

  constructor(batch: RdbBatch, index: number, as: As) {
    this.#records = batch.records;
    this.#at = index * recordLength;
    this.#heap = batch.heap;
    this.#as = as;
  }

  #number(field: number): number {
    return this.#records[this.#at + field]!;
  }

  #slice(at: number, bytes: number): Text<A> {
    return (
      this.#as === 'string'
        ? this.#heap.toString('utf8', at, at + bytes)
        : this.#heap.subarray(at, at + bytes)
    ) as Text<A>;
  }

  get db(): number {
    return this.#number(RecordField.db);
  }

  get type(): RdbType {
    return rdbTypes[this.#number(RecordField.what) & 15]!;
  }

  /** What OBJECT ENCODING said in the Redis that wrote it. Null for strings whose value was not read. */
  get encoding(): RdbEncoding | null {
    return rdbEncodings[this.#number(RecordField.what) >>> 4] ?? null;
  }

  get key(): Text<A> {
    return this.#slice(this.#number(RecordField.keyAt), this.#number(RecordField.keyBytes));
  }

  /** Unix ms; null when it does not expire. */
  get expireAtMs(): number | null {
    return nullIfNone(this.#number(RecordField.expireAtMs));
  }

  /** Seconds since it was used, where the writer ran an LRU policy. */
  get idleSeconds(): number | null {
    return nullIfNone(this.#number(RecordField.idleSeconds));
  }

  /** The LFU counter, 0 to 255, where the writer ran an LFU policy. */
  get frequency(): number | null {
    return nullIfNone(this.#number(RecordField.frequency));
  }

  /** What it takes in the file: type, name and value. 0 in parts before the last. */
  get encodedBytes(): number {
    return this.#number(RecordField.encodedBytes);
  }

  /** Estimate of what it takes in Redis 7.0. */
  get memoryBytes(): number | null {
    return nullIfNone(this.#number(RecordField.memoryBytes));
  }

  /** Elements, members, fields or entries; the length of a string. */
  get elements(): number | null {
    return nullIfNone(this.#number(RecordField.elements));
  }

  /** The longest element, field or value. */
  get longestBytes(): number | null {
    return nullIfNone(this.#number(RecordField.longestBytes));
  }

  /** Position in the file of the key's type byte. */
  get offset(): number {
    return this.#number(RecordField.offset);
  }

  /** More parts of this value follow (only with `partBytes`). */
  get isPartial(): boolean {
    return (this.#number(RecordField.flags) & 2) !== 0;
  }

  /** This entry goes on with the value of the one before it (only with `partBytes`). */
  get isContinued(): boolean {
    return (this.#number(RecordField.flags) & 4) !== 0;
  }

  /** Whether the value was read at all (`values: false` leaves it out). */
  get hasValue(): boolean {
    return (this.#number(RecordField.flags) & 1) !== 0;
  }

  /**
   * The value, by `type`. O(value). Buffers in it are views of the batch, which they keep alive: copy what is kept
   * for long. Throws when values were not asked for.
   */
  get value(): ValueOf<A>[RdbType] {
    if (!this.hasValue) throw new TypeError('values were not asked for (values: false)');
    const at = this.#number(RecordField.valueAt);
    const end = at + this.#number(RecordField.valueBytes);
    const type = this.type;
    if (type === 'string') return this.#slice(at, end - at);
    const reader = new HeapReader<A>(this.#heap, at, end, this.#as);
    switch (type) {
      case 'list':
      case 'set':
        return reader.many(() => reader.text());
      case 'zset':
        return reader.many(() => ({ member: reader.text(), score: reader.double() }));
      case 'hash':
        return reader.many(() => ({
          field: reader.text(),
          value: reader.text(),
          expireAtMs: reader.double() || null,
        }));
      case 'module': {
        const id = reader.unsigned();
        return { module: moduleTypeName(id), id, raw: this.#heap.subarray(at + 8, end) };
      }
      default:
        return reader.stream();
    }
  }

  /** Where the record lies, for a writer that takes it as it is. */
  get record(): { records: Float64Array; heap: Buffer } {
    return { records: this.#records.subarray(this.#at, this.#at + recordLength), heap: this.#heap };
  }
}

/** Reads the forms that src/engine/rdb.ts describes. */
class HeapReader<A extends As> {
  readonly #heap: Buffer;
  readonly #end: number;
  readonly #as: As;
  #at: number;

  constructor(heap: Buffer, at: number, end: number, as: As) {
    this.#heap = heap;
    this.#at = at;
    this.#end = end;
    this.#as = as;
  }

  many<T>(read: () => T): T[] {
    const list: T[] = [];
    while (this.#at < this.#end) list.push(read());
    return list;
  }

  text(): Text<A> {
    const bytes = this.count();
    const at = this.#at;
    this.#at += bytes;
    return (
      this.#as === 'string'
        ? this.#heap.toString('utf8', at, at + bytes)
        : this.#heap.subarray(at, at + bytes)
    ) as Text<A>;
  }

  count(): number {
    this.#at += 4;
    return this.#heap.readUInt32LE(this.#at - 4);
  }

  double(): number {
    this.#at += 8;
    return this.#heap.readDoubleLE(this.#at - 8);
  }

  unsigned(): bigint {
    this.#at += 8;
    return this.#heap.readBigUInt64LE(this.#at - 8);
  }

  signed(): bigint {
    this.#at += 8;
    return this.#heap.readBigInt64LE(this.#at - 8);
  }

  id(): string {
    return `${this.unsigned()}-${this.unsigned()}`;
  }

  /** -1 stands for what was not said. */
  maybe(): bigint | null {
    const number = this.signed();
    return number < 0n ? null : number;
  }

  stream(): StreamValue<A> {
    const stream: StreamValue<A> = {
      entries: [],
      length: 0n,
      lastId: '0-0',
      firstId: '0-0',
      maxDeletedId: '0-0',
      entriesAdded: null,
      groups: [],
    };
    while (this.#at < this.#end) this.#streamPart(stream, this.#heap[this.#at++]!);
    return stream;
  }

  #streamPart(stream: StreamValue<A>, tag: number): void {
    const group = stream.groups.at(-1);
    switch (tag) {
      case StreamTag.entry: {
        const id = this.id();
        const fields: [Text<A>, Text<A>][] = [];
        for (let left = this.count(); left > 0; left--) fields.push([this.text(), this.text()]);
        stream.entries.push({ id, fields });
        return;
      }
      case StreamTag.info:
        stream.length = this.signed();
        stream.lastId = this.id();
        stream.firstId = this.id();
        stream.maxDeletedId = this.id();
        stream.entriesAdded = this.maybe();
        return;
      case StreamTag.group:
        stream.groups.push({
          name: this.text(),
          lastId: this.id(),
          entriesRead: this.maybe(),
          pending: [],
          consumers: [],
        });
        return;
      case StreamTag.pending:
        group?.pending.push({
          id: this.id(),
          deliveredMs: Number(this.signed()),
          deliveries: Number(this.signed()),
        });
        return;
      case StreamTag.consumer: {
        const [name, seenMs, active] = [this.text(), Number(this.signed()), this.maybe()];
        const activeMs = active === null ? null : Number(active);
        group?.consumers.push({ name, seenMs, activeMs, pending: [] });
        return;
      }
      case StreamTag.owned:
        group?.consumers.at(-1)?.pending.push(this.id());
        return;
      default:
        // What Redis 8.6 writes behind the groups: of no use to a reader.
        this.text();
    }
  }
}
