/** What differs between two files: see crates/toolkit/src/digests.rs. Here a key is held by SHA-1 words instead of a keyed hash. */
import { createHmac } from 'node:crypto';
import type { RdbLedger } from '../../rdb.ts';
import type { RdbValue } from '../rdb/value.ts';
import { streamIdMax } from '../stream-id.ts';
import type { Entry, Job } from './job.ts';
import { json } from './text.ts';

export class Ledger implements RdbLedger {
  readonly contents = new Map<string, { content: string; met: boolean }>();
  readonly part: number;
  readonly parts: number;
  readonly #seed: Buffer;

  constructor(part: number, parts: number, seed: bigint) {
    this.part = part;
    this.parts = Math.max(parts, 1);
    this.#seed = Buffer.alloc(8);
    this.#seed.writeBigUInt64LE(BigInt.asUintN(64, seed));
  }

  /** 12 characters that stand for the text: 72 bits. */
  hash(text: string): string {
    return createHmac('sha1', this.#seed).update(text).digest('base64').slice(0, 12);
  }

  has(name: string): boolean {
    return Buffer.from(name, 'base64').readUInt32LE() % this.parts === this.part;
  }

  close(): void {
    this.contents.clear();
  }
}

export class DigestsJob implements Job {
  readonly #side: 'record' | 'compare' | 'missing';
  readonly #ledger: Ledger;
  #out: string[] = [];

  constructor(side: 'record' | 'compare' | 'missing', ledger: Ledger) {
    this.#side = side;
    this.#ledger = ledger;
  }

  entry({ db, key, value, attributes }: Entry): void {
    const name = this.#ledger.hash(`${db} ${key}`);
    if (!this.#ledger.has(name)) return;
    const known = this.#ledger.contents.get(name);
    if (this.#side === 'missing') {
      if (known !== undefined && !known.met) this.#line('removed', db, key, value.type);
      return;
    }
    const content = this.#ledger.hash(JSON.stringify([value.type, attributes.expireAtMs, contentOf(value)]));
    if (this.#side === 'record') return void this.#ledger.contents.set(name, { content, met: false });
    if (known === undefined) this.#line('added', db, key, value.type);
    else {
      known.met = true;
      if (known.content !== content) this.#line('changed', db, key, value.type);
    }
  }

  #line(change: string, db: number, key: string, type: string): void {
    this.#out.push(`{"change":"${change}","db":${db},"key":${json(key)},"type":"${type}"}\n`);
  }

  take(): Buffer {
    return Buffer.from(this.#out.splice(0).join(''));
  }
}

/** What a value means, whatever its encoding and, where it has none, its order. */
function contentOf(value: RdbValue): unknown {
  switch (value.type) {
    case 'string':
      return value.bytes.toString('latin1');
    case 'list':
      return value.elements;
    case 'set':
      return [...value.members].sort();
    case 'zset':
      return value.members.map((member, at) => [member, String(value.scores[at]! + 0)]).sort();
    case 'hash':
      return value.fields.map((field, at) => [field, value.values[at], value.expiresAtMs?.[at] ?? 0]).sort();
    case 'module':
      return value.raw.toString('latin1');
    case 'stream': {
      const { lastId, groups } = value.stream;
      const entries = [...value.stream.range(0n, streamIdMax)].map(({ id, fields }) => [String(id), fields]);
      const told = [...groups.values()].map((group) => [
        group.name,
        String(group.lastId),
        [...group.pending.from(0n)].map((one) => [
          String(one.id),
          one.deliveredMs,
          one.count,
          one.consumer.name,
        ]),
        [...group.consumers.keys()],
      ]);
      return [String(lastId), entries, told];
    }
  }
}
