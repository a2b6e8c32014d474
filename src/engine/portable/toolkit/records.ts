/**
 * Keys as records, both ways: what was read becomes numbers and a heap, and what a program laid out becomes values.
 *
 * The layout is that of src/engine/rdb.ts. Nothing of a record is trusted on the way in: it comes from somebody's program.
 */
import { RedtwinError } from '../../../errors.ts';
import {
  type RdbBatch,
  type RdbFact,
  RecordField,
  rdbEncodings,
  rdbTypes,
  recordLength,
  StreamTag,
} from '../../rdb.ts';
import { bytes } from '../bytes.ts';
import type { Attributes, ModuleAux } from '../rdb/decoder.ts';
import type { Dialect } from '../rdb/format.ts';
import type { RdbValue } from '../rdb/value.ts';
import { StreamValue } from '../stream.ts';
import { addConsumer, newGroup } from '../stream-group.ts';
import { makeStreamId, type StreamId, streamIdMax, streamIdMs, streamIdSeq } from '../stream-id.ts';
import type { Entry, Job } from './job.ts';
import { rawWithoutId } from './json.ts';

/** Grows as it is written to. */
class Heap {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  used = 0;

  #room(size: number): number {
    const at = this.used;
    this.used += size;
    if (this.used > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.used, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return at;
  }
  raw(text: Buffer): void {
    const at = this.#room(text.length);
    text.copy(this.#buffer, at);
  }
  text(text: string): void {
    this.count(text.length);
    this.raw(bytes(text));
  }
  tag(tag: number): void {
    const at = this.#room(1);
    this.#buffer[at] = tag;
  }
  count(count: number): void {
    const at = this.#room(4);
    this.#buffer.writeUInt32LE(count, at);
  }
  double(number: number): void {
    const at = this.#room(8);
    this.#buffer.writeDoubleLE(number, at);
  }
  unsigned(number: bigint): void {
    const at = this.#room(8);
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, number), at);
  }
  id(id: StreamId): void {
    this.unsigned(streamIdMs(id));
    this.unsigned(streamIdSeq(id));
  }
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.used);
    this.#buffer = Buffer.allocUnsafe(64 * 1024);
    this.used = 0;
    return taken;
  }
}

export class RecordsJob implements Job {
  readonly #options: { values: boolean; sizes: boolean; partBytes: number };
  #records: number[] = [];
  #facts: RdbFact[] = [];
  readonly #heap = new Heap();

  constructor(options: { values: boolean; sizes: boolean; partBytes: number }) {
    this.#options = options;
  }

  begin({ vendor, version }: Dialect): void {
    this.#facts.push({ fact: 'version', magic: vendor === 'redis' ? 'REDIS' : 'VALKEY', version });
  }
  aux(name: string, value: string): void {
    this.#facts.push({ fact: 'aux', name: bytes(name), value: bytes(value) });
  }
  library(source: string): void {
    this.#facts.push({ fact: 'function', code: bytes(source) });
  }
  moduleAux({ module, raw }: ModuleAux): void {
    this.#facts.push({ fact: 'module-aux', module, raw });
  }

  entry(entry: Entry): void {
    const { values, partBytes } = this.#options;
    const record = this.#recordOf(entry);
    if (!values) return void this.#records.push(...record);
    record[RecordField.flags] = 1;
    record[RecordField.valueAt] = this.#heap.used;
    // A part ends where it has grown large enough; what follows is another record of the same key.
    const breathe = () => {
      if (partBytes === 0 || this.#heap.used - record[RecordField.valueAt]! < partBytes) return;
      const part = [...record];
      part[RecordField.valueBytes] = this.#heap.used - record[RecordField.valueAt]!;
      part[RecordField.flags] = record[RecordField.flags]! + 2;
      part[RecordField.encodedBytes] = 0;
      for (const size of [RecordField.memoryBytes, RecordField.elements, RecordField.longestBytes])
        part[size] = Number.NaN;
      this.#records.push(...part);
      record[RecordField.keyAt] = this.#heap.used;
      this.#heap.raw(bytes(entry.key));
      record[RecordField.valueAt] = this.#heap.used;
      record[RecordField.flags] = 5;
    };
    writeValue(this.#heap, entry.value, breathe);
    record[RecordField.valueBytes] = this.#heap.used - record[RecordField.valueAt]!;
    this.#records.push(...record);
  }

  #recordOf({ db, key, value, attributes, summary, encodedBytes, offset }: Entry): number[] {
    const { sizes } = this.#options;
    const record = new Array<number>(recordLength).fill(0);
    const none = Number.NaN;
    const isKnown = sizes || value.type !== 'string';
    const encoding = isKnown ? rdbEncodings.indexOf(summary.encoding) : 15;
    record[RecordField.db] = db;
    record[RecordField.what] = rdbTypes.indexOf(value.type) + 16 * encoding;
    record[RecordField.keyAt] = this.#heap.used;
    record[RecordField.keyBytes] = key.length;
    record[RecordField.expireAtMs] = attributes.expireAtMs ?? none;
    record[RecordField.idleSeconds] = attributes.idleSeconds ?? none;
    record[RecordField.frequency] = attributes.frequency ?? none;
    record[RecordField.encodedBytes] = encodedBytes;
    record[RecordField.memoryBytes] = sizes ? summary.memoryBytes : none;
    record[RecordField.elements] = sizes ? summary.elements : none;
    record[RecordField.longestBytes] = sizes ? summary.longestBytes : none;
    record[RecordField.offset] = offset;
    this.#heap.raw(bytes(key));
    return record;
  }

  takeBatch(): RdbBatch {
    const batch = { records: Float64Array.from(this.#records), heap: this.#heap.take(), facts: this.#facts };
    this.#records = [];
    this.#facts = [];
    return batch;
  }
}

function writeValue(heap: Heap, value: RdbValue, breathe: () => void): void {
  switch (value.type) {
    case 'string':
      heap.raw(value.bytes);
      return;
    case 'list':
    case 'set':
      for (const element of value.type === 'list' ? value.elements : value.members) {
        breathe();
        heap.text(element);
      }
      return;
    case 'zset':
      value.members.forEach((member, at) => {
        breathe();
        heap.text(member);
        heap.double(value.scores[at]!);
      });
      return;
    case 'hash':
      value.fields.forEach((field, at) => {
        breathe();
        heap.text(field);
        heap.text(value.values[at]!);
        heap.double(value.expiresAtMs?.[at] ?? 0);
      });
      return;
    case 'module': {
      const body = rawWithoutId(value.raw);
      heap.unsigned(moduleId(value.raw, body));
      heap.raw(body);
      return;
    }
    case 'stream':
      writeStream(heap, value.stream, breathe);
  }
}

/** The id in front of a module's value, whatever length it is coded in. */
function moduleId(raw: Buffer, body: Buffer): bigint {
  const head = raw.subarray(0, raw.length - body.length);
  const number = head.length === 9 ? head.subarray(1) : head.length === 5 ? head.subarray(1) : head;
  const coded = BigInt(`0x${number.toString('hex')}`);
  return head.length === 2 ? coded & 0x3fffn : coded;
}

function writeStream(heap: Heap, stream: StreamValue, breathe: () => void): void {
  for (const { id, fields } of stream.range(0n, streamIdMax)) {
    breathe();
    heap.tag(StreamTag.entry);
    heap.id(id);
    heap.count(fields.length / 2);
    for (const text of fields) heap.text(text);
  }
  heap.tag(StreamTag.info);
  heap.unsigned(BigInt(stream.length));
  for (const id of [stream.lastId, stream.firstId, stream.maxDeletedId]) heap.id(id);
  heap.unsigned(stream.entriesAdded);
  for (const group of stream.groups.values()) {
    heap.tag(StreamTag.group);
    heap.text(group.name);
    heap.id(group.lastId);
    heap.unsigned(group.entriesRead);
    for (const { id, deliveredMs, count } of group.pending.from(0n)) {
      heap.tag(StreamTag.pending);
      heap.id(id);
      heap.unsigned(BigInt(deliveredMs));
      heap.unsigned(BigInt(count));
    }
    for (const consumer of group.consumers.values()) {
      heap.tag(StreamTag.consumer);
      heap.text(consumer.name);
      heap.unsigned(BigInt(consumer.seenMs));
      heap.unsigned(BigInt(consumer.activeMs));
      for (const { id } of consumer.pending.from(0n)) {
        heap.tag(StreamTag.owned);
        heap.id(id);
      }
    }
  }
}

/** A key that a record holds, as the encoder's values are built from it. */
export interface RecordKey {
  db: number;
  key: string;
  value: RdbValue;
  attributes: Attributes;
}

/** Reads one record. Throws 'rdb-corrupt' for one that is none. */
export function readRecord(records: Float64Array, index: number, heap: Uint8Array): RecordKey {
  const field = (name: keyof typeof RecordField) => records[index * recordLength + RecordField[name]]!;
  const type = rdbTypes[field('what') & 15];
  const value = new Cursor(heap, field('valueAt'), field('valueBytes'));
  const key = new Cursor(heap, field('keyAt'), field('keyBytes')).rest();
  const orNull = (number: number) => (Number.isNaN(number) ? null : number);
  if (type === undefined) throw broken('a record of an unknown type');
  return {
    db: field('db'),
    key,
    value: readValue(type, value),
    attributes: {
      expireAtMs: orNull(field('expireAtMs')),
      idleSeconds: orNull(field('idleSeconds')),
      frequency: orNull(field('frequency')),
      keyMeta: null,
    },
  };
}

const broken = (why: string): RedtwinError => new RedtwinError('rdb-corrupt', why, { offset: 0 });

class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(heap: Uint8Array, at: number, size: number) {
    if (!(at >= 0 && size >= 0 && at + size <= heap.length))
      throw broken('a record whose value ends too early');
    this.#bytes = Buffer.from(heap.buffer, heap.byteOffset + at, size);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }
  #take(size: number): Buffer {
    if (this.#at + size > this.#bytes.length) throw broken('a record whose value ends too early');
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }
  rest(): string {
    return this.#take(this.#bytes.length - this.#at).toString('latin1');
  }
  restBytes(): Buffer {
    return Buffer.from(this.#take(this.#bytes.length - this.#at));
  }
  tag(): number {
    return this.#take(1)[0]!;
  }
  text(): string {
    return this.#take(this.count()).toString('latin1');
  }
  count(): number {
    return this.#take(4).readUInt32LE();
  }
  double(): number {
    return this.#take(8).readDoubleLE();
  }
  signed(): bigint {
    return this.#take(8).readBigInt64LE();
  }
  unsigned(): bigint {
    return this.#take(8).readBigUInt64LE();
  }
  id(): StreamId {
    return makeStreamId(this.unsigned(), this.unsigned());
  }
}

function readValue(type: (typeof rdbTypes)[number], from: Cursor): RdbValue {
  switch (type) {
    case 'string':
      return { type, bytes: from.restBytes() };
    case 'list':
      return { type, elements: texts(from) };
    case 'set':
      return { type, members: texts(from) };
    case 'zset': {
      const zset = { type, members: [] as string[], scores: [] as number[] };
      while (!from.isAtEnd) {
        zset.members.push(from.text());
        zset.scores.push(from.double());
      }
      return zset;
    }
    case 'hash': {
      const hash = { type, fields: [] as string[], values: [] as string[], expiresAtMs: [] as number[] };
      while (!from.isAtEnd) {
        hash.fields.push(from.text());
        hash.values.push(from.text());
        hash.expiresAtMs.push(from.double());
      }
      return { ...hash, expiresAtMs: hash.expiresAtMs.some((at) => at > 0) ? hash.expiresAtMs : null };
    }
    case 'module': {
      const id = Buffer.alloc(9);
      id[0] = 0x81;
      id.writeBigUInt64BE(from.unsigned(), 1);
      return { type, name: '', raw: Buffer.concat([id, from.restBytes()]) };
    }
    case 'stream':
      return { type, stream: readStream(from) };
  }
}

function texts(from: Cursor): string[] {
  const list: string[] = [];
  while (!from.isAtEnd) list.push(from.text());
  return list;
}

const nodeLimits = { 'stream-node-max-bytes': 4096, 'stream-node-max-entries': 100 };

function readStream(from: Cursor): StreamValue {
  const stream = new StreamValue();
  const loose = broken('a stream whose parts are out of order');
  let group = newGroup('', 0n, -1n);
  let consumer = addConsumer(group, '', 0);
  while (!from.isAtEnd) {
    const tag = from.tag();
    switch (tag) {
      case StreamTag.entry: {
        const id = from.id();
        const fields = Array.from({ length: Math.min(from.count() * 2, 1e7) }, () => from.text());
        if (id <= stream.lastId) throw broken('stream entries that do not rise');
        stream.append(id, fields, nodeLimits);
        break;
      }
      case StreamTag.info: {
        const [length, lastId] = [from.signed(), from.id()];
        if (BigInt(stream.length) !== length || lastId < stream.lastId)
          throw broken('stream whose length or last id is not that of its entries');
        stream.lastId = lastId;
        stream.firstId = from.id();
        stream.maxDeletedId = from.id();
        const added = from.signed();
        stream.entriesAdded = added < 0n ? length : added;
        break;
      }
      case StreamTag.group:
        group = newGroup(from.text(), from.id(), from.signed());
        stream.groups.set(group.name, group);
        break;
      case StreamTag.pending:
        group.pending.set({
          id: from.id(),
          consumer,
          deliveredMs: Number(from.signed()),
          count: Number(from.signed()),
        });
        break;
      case StreamTag.consumer: {
        consumer = addConsumer(group, from.text(), Number(from.signed()));
        consumer.activeMs = Number(from.signed());
        break;
      }
      case StreamTag.owned: {
        const delivery = group.pending.get(from.id());
        if (delivery === undefined) throw loose;
        delivery.consumer = consumer;
        consumer.pending.set(delivery);
        break;
      }
      case StreamTag.tail:
        from.text();
        break;
      default:
        throw broken('a stream with a part that is not known');
    }
  }
  return stream;
}
