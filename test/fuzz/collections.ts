/**
 * Random commands on lists, sets and hashes, with arguments around the edges where encodings change and ranges end.
 * Sets' and hashes' replies are unordered once they are hash tables.
 */
import type { Maker } from './batch.ts';
import type { Random } from './random.ts';
import { count, index, key, member, value } from './words.ts';

const l = (random: Random): string => key(random, 'l');
const e = (random: Random): string => key(random, 'e');
const h = (random: Random): string => key(random, 'h');
const side = (random: Random): string => random.of(['LEFT', 'RIGHT']);

export const lists: Maker[] = [
  (r) => [r.of(['LPUSH', 'RPUSH']), l(r), ...r.many(1, 4, () => value(r))],
  (r) => ['RPUSH', l(r), ...r.many(30, 140, () => member(r))],
  (r) => [r.of(['LPUSHX', 'RPUSHX']), l(r), ...r.many(1, 3, () => value(r))],
  (r) => [r.of(['LPOP', 'RPOP']), l(r), ...r.maybe(count(r))],
  (r) => ['LLEN', l(r)],
  (r) => ['LRANGE', l(r), index(r), index(r)],
  (r) => ['LINDEX', l(r), index(r)],
  (r) => ['LSET', l(r), index(r), value(r)],
  (r) => ['LINSERT', l(r), r.of(['BEFORE', 'AFTER', r.once(8) ? 'x' : 'before']), member(r), value(r)],
  (r) => ['LREM', l(r), index(r), member(r)],
  (r) => ['LTRIM', l(r), index(r), index(r)],
  (r) => ['LPOS', l(r), member(r), ...r.maybe('RANK', r.whole(-3, 3)), ...r.maybe('COUNT', count(r))],
  (r) => ['LPOS', l(r), member(r), ...r.maybe('COUNT', count(r)), ...r.maybe('MAXLEN', count(r))],
  (r) => ['RPOPLPUSH', l(r), l(r)],
  (r) => ['LMOVE', l(r), l(r), side(r), side(r)],
  (r) => ['LMPOP', r.whole(1, 3), ...r.many(2, 3, () => l(r)), side(r), ...r.maybe('COUNT', count(r))],
];

export const sets: Maker[] = [
  (r) => ['SADD', e(r), ...r.many(1, 4, () => member(r))],
  (r) => ['SADD', e(r), ...r.many(1, 4, () => r.whole(-70_000, 70_000))],
  (r) => ['SADD', e(r), ...r.many(100, 600, () => r.whole(1, 2000))],
  (r) => ['SREM', e(r), ...r.many(1, 3, () => member(r))],
  (r) => ['SISMEMBER', e(r), member(r)],
  (r) => ['SMISMEMBER', e(r), ...r.many(1, 4, () => member(r))],
  (r) => ['SCARD', e(r)],
  (r) => ({ line: ['SMEMBERS', e(r)], unordered: true }),
  (r) => ['SMOVE', e(r), e(r), member(r)],
  (r) => ({ line: [r.of(['SINTER', 'SUNION', 'SDIFF']), ...r.many(1, 3, () => e(r))], unordered: true }),
  (r) => [r.of(['SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE']), ...r.many(2, 4, () => e(r))],
  (r) => ['SINTERCARD', r.whole(1, 3), ...r.many(2, 3, () => e(r)), ...r.maybe('LIMIT', count(r))],
];

export const hashes: Maker[] = [
  (r) => ['HSET', h(r), ...r.many(1, 3, () => [member(r), value(r)]).flat()],
  (r) => ['HMSET', h(r), ...r.many(1, 3, () => [member(r), value(r)]).flat()],
  (r) => ['HSET', h(r), ...r.many(100, 300, () => [r.whole(1, 900), member(r)]).flat()],
  (r) => ['HSETNX', h(r), member(r), value(r)],
  (r) => ['HGET', h(r), member(r)],
  (r) => ['HMGET', h(r), ...r.many(1, 3, () => member(r))],
  (r) => ['HDEL', h(r), ...r.many(1, 3, () => member(r))],
  (r) => [r.of(['HLEN', 'HSTRLEN', 'HEXISTS']), h(r), ...r.maybe(member(r))],
  (r) => ({ line: [r.of(['HGETALL', 'HKEYS', 'HVALS']), h(r)], unordered: true }),
  (r) => ['HINCRBY', h(r), member(r), r.once(6) ? value(r) : r.whole(-50, 50)],
  (r) => ['HINCRBYFLOAT', h(r), member(r), r.once(5) ? value(r) : r.whole(-500, 500) / 8],
];
