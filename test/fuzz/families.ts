/**
 * Makers of random commands, by family. Left out on purpose: what is random by itself (SPOP, RANDOMKEY...), what tells
 * the time that has passed (TTL, OBJECT IDLETIME...) and relative expiry, because two servers are never asked at the
 * same moment; conformance cases cover those.
 */
import type { Maker } from './batch.ts';
import { hashes, lists, sets } from './collections.ts';
import { bitmaps, geo, hyperloglog, streams } from './streams.ts';
import { index, key, member, moment, value } from './words.ts';
import { sortedSets } from './zsets.ts';

const s = (random: Parameters<Maker>[0]): string => key(random, 's');

const strings: Maker[] = [
  (r) => ['SET', s(r), value(r), ...r.maybe(r.of(['NX', 'XX', 'GET', 'KEEPTTL'])), ...r.maybe('GET')],
  (r) => ['SET', s(r), value(r), r.of(['EXAT', 'PXAT', 'exat']), moment(r)],
  (r) => ['GET', s(r)],
  (r) => ['GETDEL', s(r)],
  (r) => ['GETSET', s(r), value(r)],
  (r) => ['GETEX', s(r), ...r.of([[], ['PERSIST'], ['EXAT', moment(r)], ['PXAT', moment(r)]])],
  (r) => ['SETNX', s(r), value(r)],
  (r) => ['APPEND', s(r), value(r)],
  (r) => ['STRLEN', s(r)],
  (r) => [r.of(['INCR', 'DECR']), s(r)],
  (r) => [r.of(['INCRBY', 'DECRBY']), s(r), r.once(6) ? value(r) : r.whole(-100, 100)],
  (r) => ['INCRBYFLOAT', s(r), r.once(3) ? value(r) : r.whole(-1000, 1000) / 8],
  (r) => [r.of(['GETRANGE', 'SUBSTR']), s(r), index(r), index(r)],
  (r) => ['SETRANGE', s(r), r.once(9) ? index(r) : r.whole(0, 20), value(r)],
  (r) => ['MSET', ...r.many(1, 3, () => [s(r), value(r)]).flat()],
  (r) => ['MSETNX', ...r.many(1, 3, () => [s(r), value(r)]).flat()],
  (r) => ['MGET', ...r.many(1, 4, () => s(r))],
  (r) => [
    'LCS',
    s(r),
    s(r),
    ...r.of([[], ['LEN'], ['IDX'], ['IDX', 'WITHMATCHLEN'], ['IDX', 'MINMATCHLEN', '2']]),
  ],
];

const any = (r: Parameters<Maker>[0]): string => key(r, r.of(['s', 'l', 'e', 'h', 'z', 'x', 'p', 'b', 'g']));

const keys: Maker[] = [
  (r) => [r.of(['DEL', 'UNLINK', 'EXISTS', 'TOUCH']), ...r.many(1, 3, () => any(r))],
  (r) => ['TYPE', any(r)],
  (r) => ['OBJECT', 'ENCODING', any(r)],
  (r) => ['RENAME', any(r), any(r)],
  (r) => ['RENAMENX', any(r), any(r)],
  (r) => ['COPY', any(r), any(r), ...r.maybe('REPLACE'), ...(r.once(6) ? ['DB', '0'] : [])],
  (r) => ['PERSIST', any(r)],
  (r) => [r.of(['EXPIREAT', 'PEXPIREAT']), any(r), moment(r), ...r.maybe(r.of(['NX', 'XX', 'GT', 'LT']))],
  (r) => [r.of(['EXPIRETIME', 'PEXPIRETIME']), any(r)],
  () => 'DBSIZE',
  (r) => ({ line: ['KEYS', r.of(['*', 's*', '?1', '[a-m]*', '[^s]?', '\\s1', 'nosuch'])], unordered: true }),
  (r) => ['DEBUG', 'DIGEST-VALUE', any(r), any(r)],
  // Redis compares by strcoll, for which a text ends at its first NUL: equal ones come in any order.
  (r) => ({
    line: ['SORT', key(r, r.of(['l', 'e', 'z'])), 'ALPHA', ...r.maybe(r.of(['ASC', 'DESC']))],
    unordered: true,
  }),
  (r) => ['SORT', key(r, 'l'), ...r.maybe('LIMIT', index(r), index(r))],
  (r) => ({ line: ['SORT', key(r, 'l'), 'BY', 'nosort'], unordered: true }),
  // Not REFCOUNT: inside EXEC Redis counts the queued command's own hold on the value.
  (r) => ['OBJECT', r.of(['ENCODING', 'NOSUCH']), any(r)],
];

const transactions: Maker[] = [
  () => 'MULTI',
  () => ({ line: 'EXEC', unordered: true }),
  () => ({ line: 'EXEC', unordered: true }),
  () => 'DISCARD',
  (r) => ['WATCH', any(r)],
  () => 'UNWATCH',
  (r) => (r.once(3) ? ['nosuch', member(r)] : ['PING', value(r)]),
  (r) => ['SELECT', r.once(5) ? 99 : 0],
];

/**
 * What only one side can be asked: the choice is the engine's own, or depends on the moment. Their feeds must say what came of
 * it, and are replayed. Nothing here expires while a test runs.
 */
export const unrepeatable: readonly Maker[] = [
  (r) => ['SPOP', key(r, 'e'), ...r.maybe(r.whole(1, 4))],
  (r) => ['SRANDMEMBER', key(r, 'e'), r.whole(-3, 3)],
  (r) => [
    r.of(['EXPIRE', 'PEXPIRE']),
    any(r),
    r.whole(4_000_000, 5_000_000),
    ...r.maybe(r.of(['NX', 'XX', 'GT', 'LT'])),
  ],
  (r) => ['EXPIRE', any(r), -1],
  (r) => [r.of(['SETEX', 'PSETEX']), s(r), r.whole(4_000_000, 5_000_000), value(r)],
  (r) => ['SET', s(r), value(r), r.of(['EX', 'PX']), r.whole(4_000_000, 5_000_000), ...r.maybe('GET')],
  (r) => ['GETEX', s(r), r.of(['EX', 'PX']), r.whole(4_000_000, 5_000_000)],
  (r) => ['XADD', key(r, 'x'), ...r.maybe('MAXLEN', r.of(['=', '~']), r.whole(0, 4)), '*', 'f', value(r)],
  (r) => ['XREADGROUP', 'GROUP', 'g', r.of(['a', 'b']), 'COUNT', 2, 'STREAMS', key(r, 'x'), '>'],
  (r) => ['XAUTOCLAIM', key(r, 'x'), 'g', r.of(['a', 'b']), 0, '-', ...r.maybe('JUSTID')],
  (r) => ['HPEXPIRE', key(r, 'h'), r.whole(4_000_000, 5_000_000), 'FIELDS', 1, member(r)],
  (r) => ['EVAL', "redis.call('spop', KEYS[1]) return redis.call('incr', KEYS[2])", 2, key(r, 'e'), s(r)],
];

/** All families. Which of them a run draws from is the caller's choice. */
export const families: Readonly<Record<string, readonly Maker[]>> = {
  strings,
  keys,
  lists,
  sets,
  hashes,
  sortedSets,
  streams,
  bitmaps,
  hyperloglog,
  geo,
  transactions,
};
