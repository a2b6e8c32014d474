/**
 * Keys as the commands that make them, in RESP, for a server of a given version.
 *
 * The twin of crates/toolkit/src/commands.rs, which says which commands and why: the bytes are the same.
 */
import type { RdbLosses } from '../../rdb.ts';
import { bytes } from '../bytes.ts';
import { formatDouble } from '../numbers.ts';
import type { RdbValue } from '../rdb/value.ts';
import { formatStreamId, streamIdMax } from '../stream-id.ts';
import { dumpRaw } from './dump.ts';
import type { Entry, Job } from './job.ts';

/** Elements of one command, at most, and their bytes, about. */
const elementsMax = 128;
const elementsBytesMax = 64 * 1024;

export class CommandsJob implements Job {
  readonly #target: number;
  #out: string[] = [];
  #db = 0;
  readonly #losses: RdbLosses = {};

  constructor([major, minor]: [number, number]) {
    // 6.2 as 602: versions that compare.
    this.#target = major * 100 + minor;
  }

  #command(...words: string[]): void {
    this.#out.push(`*${words.length}\r\n`, ...words.map((word) => `$${word.length}\r\n${word}\r\n`));
  }

  #lose(what: string): void {
    this.#losses[what] = (this.#losses[what] ?? 0) + 1;
  }

  library(source: string): void {
    if (this.#target >= 700) this.#command('FUNCTION', 'LOAD', 'REPLACE', source);
    else this.#lose('functions');
  }

  moduleAux(): void {
    this.#lose('module-aux');
  }

  entry({ db, key, value, attributes }: Entry): void {
    if (db !== this.#db) {
      this.#db = db;
      this.#command('SELECT', String(db));
    }
    if (value.type === 'stream' && this.#target < 500) {
      this.#lose('streams');
      return;
    }
    const expiry = attributes.expireAtMs;
    if (value.type === 'string') {
      const text = value.bytes.toString('latin1');
      const isSet = expiry !== null && this.#target >= 602;
      this.#command('SET', key, text, ...(isSet ? ['PXAT', String(expiry)] : []));
      if (isSet) return;
    } else this.#value(key, value);
    if (expiry !== null) this.#command('PEXPIREAT', key, String(expiry));
  }

  #value(key: string, value: Exclude<RdbValue, { type: 'string' }>): void {
    switch (value.type) {
      case 'list':
        this.#many(
          'RPUSH',
          key,
          value.elements.map((element) => [element]),
        );
        return;
      case 'set':
        this.#many(
          'SADD',
          key,
          value.members.map((member) => [member]),
        );
        return;
      case 'zset':
        this.#many(
          'ZADD',
          key,
          value.members.map((member, at) => [score(value.scores[at]!), member]),
        );
        return;
      case 'hash':
        this.#hash(key, value);
        return;
      case 'stream':
        this.#stream(key, value.stream);
        return;
      case 'module': {
        const version = this.#target < 700 ? 9 : this.#target < 702 ? 10 : this.#target < 704 ? 11 : 12;
        this.#command('RESTORE', key, '0', dumpRaw(value.raw, version).toString('latin1'));
      }
    }
  }

  #hash(key: string, { fields, values, expiresAtMs }: RdbValue & { type: 'hash' }): void {
    const verb = this.#target >= 400 ? 'HSET' : 'HMSET';
    const expiries: [string, string][] = [];
    const flush = () => {
      for (const [field, at] of expiries.splice(0))
        this.#command('HPEXPIREAT', key, at, 'FIELDS', '1', field);
    };
    const pairs = fields.map((field, at) => {
      const expiry = expiresAtMs?.[at] ?? 0;
      return { words: [field, values[at]!], expiry };
    });
    let words: string[] = [];
    let size = 0;
    for (const pair of pairs) {
      words.push(...pair.words);
      size += bulkBytes(pair.words);
      if (pair.expiry > 0) {
        if (this.#target >= 704) expiries.push([pair.words[0]!, String(pair.expiry)]);
        else this.#lose('field-expiries');
      }
      if (words.length < elementsMax && size < elementsBytesMax) continue;
      this.#command(verb, key, ...words);
      flush();
      [words, size] = [[], 0];
    }
    if (words.length > 0) this.#command(verb, key, ...words);
    flush();
  }

  #many(verb: string, key: string, elements: string[][]): void {
    let words: string[] = [];
    let size = 0;
    for (const element of elements) {
      words.push(...element);
      size += bulkBytes(element);
      if (words.length < elementsMax && size < elementsBytesMax) continue;
      this.#command(verb, key, ...words);
      [words, size] = [[], 0];
    }
    if (words.length > 0) this.#command(verb, key, ...words);
  }

  #stream(key: string, stream: (RdbValue & { type: 'stream' })['stream']): void {
    const id = formatStreamId;
    for (const entry of stream.range(0n, streamIdMax))
      this.#command('XADD', key, id(entry.id), ...entry.fields);
    const last = id(stream.lastId);
    if (stream.length === 0)
      this.#command('XADD', key, 'MAXLEN', '0', stream.lastId === 0n ? '0-1' : last, 'x', 'y');
    const told = ['ENTRIESADDED', String(stream.entriesAdded), 'MAXDELETEDID', id(stream.maxDeletedId)];
    this.#command('XSETID', key, last, ...(this.#target >= 700 ? told : []));
    for (const group of stream.groups.values()) {
      const read =
        group.entriesRead < 0n || this.#target < 700 ? [] : ['ENTRIESREAD', String(group.entriesRead)];
      this.#command('XGROUP', 'CREATE', key, group.name, id(group.lastId), ...read);
      for (const consumer of group.consumers.values()) {
        if (consumer.pending.size === 0 && this.#target >= 602)
          this.#command('XGROUP', 'CREATECONSUMER', key, group.name, consumer.name);
        for (const { id: owned, deliveredMs, count } of consumer.pending.from(0n)) {
          const said = ['TIME', String(deliveredMs), 'RETRYCOUNT', String(count), 'JUSTID', 'FORCE'];
          this.#command('XCLAIM', key, group.name, consumer.name, '0', id(owned), ...said);
        }
      }
    }
  }

  take(): Buffer {
    return bytes(this.#out.splice(0).join(''));
  }

  losses(): RdbLosses {
    return { ...this.#losses };
  }
}

/** A score in the fewest digits that give it back, as JavaScript writes numbers; -0 keeps its sign. */
const score = (value: number): string =>
  Number.isFinite(value) && !Object.is(value, -0) ? String(value) : formatDouble(value);

const bulkBytes = (words: readonly string[]): number =>
  words.reduce((total, word) => total + word.length + String(word.length).length + 5, 0);
