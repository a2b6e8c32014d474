/**
 * Random commands on sorted sets: few members with scores that often tie, so that the order by member shows, and
 * bounds that often lie on a member.
 */
import type { Maker } from './batch.ts';
import type { Random } from './random.ts';
import { count, index, key, lexBound, member, score, scoreBound } from './words.ts';

const z = (random: Random): string => key(random, 'z');
/** Sets whose members all have score 0: on others a skiplist answers ranges by name as its random levels happen to be. */
const named = (random: Random): string => `y${random.whole(1, 2)}`;
const limit = (r: Random): (string | number)[] =>
  r.once(3) ? ['LIMIT', r.whole(-1, 4), r.whole(-1, 5)] : [];

export const sortedSets: Maker[] = [
  (r) => ['ZADD', named(r), ...r.many(1, 4, () => [0, member(r)]).flat()],
  (r) =>
    r.once(4) ? ['ZADD', named(r), ...r.many(100, 150, () => [0, r.whole(1, 500)]).flat()] : ['ZCARD', z(r)],
  (r) => ['ZADD', z(r), ...r.many(1, 4, () => [score(r), member(r)]).flat()],
  (r) => ['ZADD', z(r), ...r.many(60, 200, () => [r.whole(-9, 9), r.whole(1, 500)]).flat()],
  (r) => [
    ...['ZADD', z(r), ...r.maybe(r.of(['NX', 'XX'])), ...r.maybe(r.of(['GT', 'LT'])), ...r.maybe('CH')],
    ...r.many(1, 3, () => [score(r), member(r)]).flat(),
  ],
  (r) => ['ZADD', z(r), ...r.maybe(r.of(['NX', 'XX', 'GT', 'LT'])), 'INCR', score(r), member(r)],
  (r) => ['ZINCRBY', z(r), score(r), member(r)],
  (r) => ['ZREM', z(r), ...r.many(1, 3, () => member(r))],
  (r) => ['ZSCORE', z(r), member(r)],
  (r) => ['ZMSCORE', z(r), ...r.many(1, 3, () => member(r))],
  (r) => ['ZCARD', z(r)],
  (r) => [r.of(['ZRANK', 'ZREVRANK']), z(r), member(r)],
  (r) => [r.of(['ZRANGE', 'ZREVRANGE']), z(r), index(r), index(r), ...r.maybe('WITHSCORES')],
  (r) => [
    'ZRANGE',
    z(r),
    scoreBound(r),
    scoreBound(r),
    'BYSCORE',
    ...r.maybe('REV'),
    ...limit(r),
    ...r.maybe('WITHSCORES'),
  ],
  (r) => ['ZRANGE', named(r), lexBound(r), lexBound(r), 'BYLEX', ...r.maybe('REV'), ...limit(r)],
  (r) => ['ZRANGESTORE', z(r), z(r), scoreBound(r), scoreBound(r), 'BYSCORE', ...limit(r)],
  (r) => ['ZRANGESTORE', z(r), z(r), index(r), index(r), ...r.maybe('REV')],
  (r) => [
    r.of(['ZRANGEBYSCORE', 'ZREVRANGEBYSCORE']),
    z(r),
    scoreBound(r),
    scoreBound(r),
    ...r.maybe('WITHSCORES'),
    ...limit(r),
  ],
  (r) => [r.of(['ZRANGEBYLEX', 'ZREVRANGEBYLEX']), named(r), lexBound(r), lexBound(r), ...limit(r)],
  (r) => ['ZCOUNT', z(r), scoreBound(r), scoreBound(r)],
  (r) => ['ZLEXCOUNT', named(r), lexBound(r), lexBound(r)],
  (r) => ['ZREMRANGEBYRANK', z(r), index(r), index(r)],
  (r) => ['ZREMRANGEBYSCORE', z(r), scoreBound(r), scoreBound(r)],
  (r) => ['ZREMRANGEBYLEX', named(r), lexBound(r), lexBound(r)],
  (r) => [r.of(['ZPOPMIN', 'ZPOPMAX']), z(r), ...r.maybe(count(r))],
  (r) => [
    'ZMPOP',
    r.whole(1, 3),
    ...r.many(2, 3, () => z(r)),
    r.of(['MIN', 'MAX']),
    ...r.maybe('COUNT', count(r)),
  ],
  (r) => [
    ...[r.of(['ZUNIONSTORE', 'ZINTERSTORE']), z(r), 2, z(r), r.once(3) ? key(r, 'e') : z(r)],
    ...r.maybe('WEIGHTS', score(r), score(r)),
    ...r.maybe('AGGREGATE', r.of(['SUM', 'MIN', 'MAX'])),
  ],
  (r) => ['ZDIFFSTORE', z(r), 2, z(r), z(r)],
  (r) => [r.of(['ZUNION', 'ZINTER', 'ZDIFF']), 2, z(r), z(r), ...r.maybe('WITHSCORES')],
  (r) => ['ZINTERCARD', 2, z(r), z(r), ...r.maybe('LIMIT', count(r))],
];
