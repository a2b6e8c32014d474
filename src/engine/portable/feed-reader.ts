/**
 * A feed for readers that are older than our commands (feed-compat).
 *
 *     LMOVE a b LEFT RIGHT   the reader knows it     --> as it is
 *                            it does not             --> RESTORE a ..., RESTORE b ...   what the command made of its keys
 *     FUNCTION LOAD ...      no key tells it         --> nothing, counted
 *
 * One rule instead of a translation for each command: what a reader does not understand is told as the state of the keys
 * that were written, in an RDB version that it can load. That is always right, and dear for large values, which is why it
 * is done only for those who ask for it. Fields of hashes that expire lose their time on the way; the HDEL that follows
 * when they do expire is fed as ever.
 */
import { commandOf, keysOf } from '../../protocol/command-lookup.ts';
import type { Effect } from './feed.ts';
import type { Keyspace } from './keyspace.ts';
import { dumpAs } from './rdb/payload.ts';
import { expiringFields } from './rdb/writer.ts';

/** Readers by the commands they know; each knows what those before it know. */
const readers = ['5.0', '6.2', '7.0', 'auto'] as const;
export type Reader = (typeof readers)[number];
/** The newest RDB version that each loads. */
const rdbVersions = { '5.0': 9, '6.2': 9, '7.0': 10, auto: 12 } as const;

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/**
 * What is fed for one command that ran in database `db`, whose own form `fed` is. For a keyspace whose feed-compat is not
 * 'auto'.
 */
export function translated(keyspace: Keyspace, db: number, fed: readonly Buffer[][]): Effect[] {
  const reader = keyspace.settings['feed-compat'] as Reader;
  const isKnown = (words: readonly Buffer[]): boolean =>
    readers.indexOf(needs(words)) <= readers.indexOf(reader);
  if (fed.every(isKnown)) return fed.map((args) => ({ db, args }));
  const effects: Effect[] = [];
  const written = new Map<string, { db: number; key: Buffer }>();
  for (const args of fed) {
    const keys = writtenKeys(db, args);
    for (const place of keys) written.set(`${place.db}:${place.key.toString('latin1')}`, place);
    if (!isKnown(args)) {
      if (keys.length > 0) keyspace.counters.feedTranslated++;
      else if (isFlush(args)) effects.push({ db, args: args.slice(0, 1) });
      else keyspace.counters.feedDropped++;
    } else if (keys.length === 0) {
      effects.push({ db, args });
    }
  }
  for (const { db: at, key } of written.values()) effects.push(state(keyspace, at, key, reader));
  return effects;
}

/** A key's state: what it holds, or that it is gone. */
function state(keyspace: Keyspace, db: number, key: Buffer, reader: Reader): Effect {
  const database = keyspace.databases[db];
  const name = key.toString('latin1');
  const value = database?.get(name);
  if (database === undefined || value === undefined) return { db, args: [bytes('DEL'), key] };
  const dialect = { vendor: 'redis', version: rdbVersions[reader], lossy: true } as const;
  keyspace.counters.feedFieldExpiriesDropped += expiringFields(value, dialect);
  const payload = dumpAs(value, dialect, keyspace.settings, keyspace.settings.rdbcompression);
  const expiry = bytes(String(database.expiry(name) ?? 0));
  return { db, args: [bytes('RESTORE'), key, expiry, payload, bytes('REPLACE'), bytes('ABSTTL')] };
}

const wordOf = (words: readonly Buffer[], at: number): string =>
  words[at]?.toString('latin1').toLowerCase() ?? '';

const isFlush = (words: readonly Buffer[]): boolean => /^flush(all|db)$/.test(wordOf(words, 0));

/** The first reader that understands a command of our feed. */
function needs(words: readonly Buffer[]): Reader {
  const name = wordOf(words, 0);
  const has = (from: number, ...options: string[]): boolean =>
    words.slice(from).some((_, at) => options.includes(wordOf(words, from + at)));
  switch (name) {
    case 'hexpire':
    case 'hexpireat':
    case 'hpexpire':
    case 'hpexpireat':
    case 'hpersist':
    case 'hsetex':
    case 'hgetex':
    case 'hgetdel':
      return 'auto';
    case 'restore': {
      const version = payloadVersion(words[3]);
      return version <= 9 ? '5.0' : version === 10 ? '7.0' : 'auto';
    }
    case 'function':
    case 'spublish':
      return '7.0';
    case 'expire':
    case 'pexpire':
    case 'expireat':
    case 'pexpireat':
    case 'xsetid':
      return words.length > 3 ? '7.0' : '5.0';
    case 'xgroup':
      if (has(2, 'entriesread')) return '7.0';
      return wordOf(words, 1) === 'createconsumer' ? '6.2' : '5.0';
    case 'set':
      // A value may be called PXAT: options stand behind it.
      return has(3, 'get') ? '7.0' : words.length > 3 ? '6.2' : '5.0';
    case 'lmove':
    case 'copy':
    case 'zdiffstore':
    case 'zrangestore':
    case 'geosearchstore':
      return '6.2';
    case 'lpop':
    case 'rpop':
      return words.length > 2 ? '6.2' : '5.0';
    case 'zadd':
      return has(2, 'gt', 'lt') ? '6.2' : '5.0';
    case 'geoadd':
      return has(2, 'nx', 'xx', 'ch') ? '6.2' : '5.0';
    case 'xadd':
    case 'xtrim':
      return has(2, 'nomkstream', 'minid', 'limit') ? '6.2' : '5.0';
    case 'flushall':
    case 'flushdb':
      return wordOf(words, 1) === 'sync' ? '6.2' : '5.0';
    default:
      return commandOf(words) === null ? 'auto' : '5.0';
  }
}

/** The RDB version in a payload's footer; infinite when there is none. */
const payloadVersion = (payload: Buffer | undefined): number =>
  payload !== undefined && payload.length >= 10 ? payload.readUInt16LE(payload.length - 10) : Infinity;

/** The keys that a command writes, each in its database. */
function writtenKeys(db: number, words: readonly Buffer[]): { db: number; key: Buffer }[] {
  const command = commandOf(words);
  if (command === null) return [];
  // COPY source destination DB n.
  const at = command.name === 'copy' ? words.findIndex((_, i) => wordOf(words, i) === 'db') : -1;
  const target = at < 0 ? db : Number(wordOf(words, at + 1));
  return (keysOf(command, words) ?? [])
    .filter(({ flags }) => flags.some((flag) => flag === 'insert' || flag === 'update' || flag === 'delete'))
    .map(({ key }) => ({ db: target, key }));
}
