/**
 * Keys as records: the way from a program's values to what an engine writes. The forms are those of src/engine/rdb.ts.
 *
 * Its one idea: an entry that was read is passed on as it lies there; only what a program made itself is laid out anew.
 */

import type { RdbType } from '../engine/rdb.ts';
import { RecordField, rdbTypes, recordLength, StreamTag } from '../engine/rdb.ts';
import type { As, HashField, ModuleValue, StreamValue, ValueOf, ZsetMember } from './entry.ts';

/** A key to be written. Texts are Buffers or strings (UTF-8), mixed as one likes. */
export type NewEntry = {
  [Type in RdbType]: {
    db?: number;
    key: string | Uint8Array;
    type: Type;
    value: NewValue[Type];
    /** Unix ms. */
    expireAtMs?: number | null;
    idleSeconds?: number | null;
    frequency?: number | null;
  };
}[RdbType];

type AnyText = string | Uint8Array;
interface NewValue {
  string: AnyText;
  list: AnyText[];
  set: AnyText[];
  zset: { member: AnyText; score: number }[];
  hash: { field: AnyText; value: AnyText; expireAtMs?: number | null }[];
  stream: StreamValue<As>;
  module: Pick<ModuleValue, 'id' | 'raw'>;
}

/** Gathers records until they are taken. */
export class RecordHeap {
  #records: number[] = [];
  #heap = Buffer.allocUnsafe(64 * 1024);
  #used = 0;

  get bytes(): number {
    return this.#used;
  }

  /** A record may take no bytes at all: an empty string whose name is empty. */
  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  take(): { records: Float64Array; heap: Buffer } {
    const taken = { records: Float64Array.from(this.#records), heap: this.#heap.subarray(0, this.#used) };
    this.#records = [];
    this.#heap = Buffer.allocUnsafe(64 * 1024);
    this.#used = 0;
    return taken;
  }

  add(entry: NewEntry): void {
    const record = new Array<number>(recordLength).fill(0);
    const none = Number.NaN;
    record[RecordField.db] = entry.db ?? 0;
    record[RecordField.what] = rdbTypes.indexOf(entry.type);
    record[RecordField.keyAt] = this.#used;
    record[RecordField.keyBytes] = this.#bytes(entry.key);
    record[RecordField.expireAtMs] = entry.expireAtMs ?? none;
    record[RecordField.idleSeconds] = entry.idleSeconds ?? none;
    record[RecordField.frequency] = entry.frequency ?? none;
    record[RecordField.valueAt] = this.#used;
    this.#value(entry);
    record[RecordField.valueBytes] = this.#used - record[RecordField.valueAt]!;
    record[RecordField.flags] = 1;
    this.#records.push(...record);
  }

  #value(entry: NewEntry): void {
    switch (entry.type) {
      case 'string':
        this.#bytes(entry.value);
        return;
      case 'list':
      case 'set':
        for (const element of entry.value) this.#text(element);
        return;
      case 'zset':
        for (const { member, score } of entry.value as ZsetMember<As>[]) {
          this.#text(member);
          this.#double(score);
        }
        return;
      case 'hash':
        for (const { field, value, expireAtMs } of entry.value as HashField<As>[]) {
          this.#text(field);
          this.#text(value);
          this.#double(expireAtMs ?? 0);
        }
        return;
      case 'module':
        this.#unsigned(entry.value.id);
        this.#bytes(entry.value.raw);
        return;
      case 'stream':
        this.#stream(entry.value);
    }
  }

  #stream(stream: ValueOf<As>['stream']): void {
    for (const { id, fields } of stream.entries) {
      this.#tag(StreamTag.entry);
      this.#id(id);
      this.#count(fields.length);
      for (const text of fields.flat()) this.#text(text);
    }
    this.#tag(StreamTag.info);
    this.#signed(stream.length);
    for (const id of [stream.lastId, stream.firstId, stream.maxDeletedId]) this.#id(id);
    this.#signed(stream.entriesAdded ?? -1n);
    for (const { name, lastId, entriesRead, pending, consumers } of stream.groups) {
      this.#tag(StreamTag.group);
      this.#text(name);
      this.#id(lastId);
      this.#signed(entriesRead ?? -1n);
      for (const { id, deliveredMs, deliveries } of pending) {
        this.#tag(StreamTag.pending);
        this.#id(id);
        this.#signed(BigInt(deliveredMs));
        this.#signed(BigInt(deliveries));
      }
      for (const consumer of consumers) {
        this.#tag(StreamTag.consumer);
        this.#text(consumer.name);
        this.#signed(BigInt(consumer.seenMs));
        this.#signed(BigInt(consumer.activeMs ?? -1));
        for (const id of consumer.pending) {
          this.#tag(StreamTag.owned);
          this.#id(id);
        }
      }
    }
  }

  /** Room for that many bytes; gives where they begin. */
  #room(bytes: number): number {
    const at = this.#used;
    this.#used += bytes;
    if (this.#used > this.#heap.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#used, this.#heap.length * 2));
      this.#heap.copy(larger, 0, 0, at);
      this.#heap = larger;
    }
    return at;
  }

  /** Gives the number of bytes. */
  #bytes(text: AnyText): number {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    const at = this.#room(bytes.length);
    this.#heap.set(bytes, at);
    return bytes.length;
  }

  #text(text: AnyText): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    this.#count(bytes.length);
    this.#bytes(bytes);
  }

  #tag(tag: number): void {
    const at = this.#room(1);
    this.#heap[at] = tag;
  }

  #count(count: number): void {
    const at = this.#room(4);
    this.#heap.writeUInt32LE(count, at);
  }

  #double(number: number): void {
    const at = this.#room(8);
    this.#heap.writeDoubleLE(number, at);
  }

  #signed(number: bigint): void {
    const at = this.#room(8);
    this.#heap.writeBigInt64LE(number, at);
  }

  #unsigned(number: bigint): void {
    const at = this.#room(8);
    this.#heap.writeBigUInt64LE(number, at);
  }

  #id(id: string): void {
    const [ms, seq] = id.split('-');
    this.#unsigned(BigInt(ms ?? '0'));
    this.#unsigned(BigInt(seq ?? '0'));
  }
}
