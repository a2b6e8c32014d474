/**
 * Random commands on streams and groups, bitmaps, HyperLogLogs and geo sets. Stream IDs are explicit and collide often;
 * nothing that tells an idle time is asked. Distances are not stored: V8's sine and glibc's differ in the last bit now and
 * then, which shows only where all 17 digits do.
 */
import type { Maker } from './batch.ts';
import type { Random } from './random.ts';
import { count, index, key, member, value } from './words.ts';

const x = (random: Random): string => key(random, 'x');
const p = (random: Random): string => key(random, 'p');
const b = (random: Random): string => key(random, 'b');
const g = (random: Random): string => key(random, 'g');
const group = (random: Random): string => random.of(['g1', 'g2']);
const consumer = (random: Random): string => random.of(['c1', 'c2', 'c3']);

/** The newest ID a run has made so far, kept beside its source so that a seed gives the same commands again. */
const newest = new WeakMap<Random, number>();
/** Mostly ahead of what was added before, sometimes in the past, sometimes nonsense. */
const id = (r: Random): string => {
  if (r.once(20)) return r.of(['x', '0-0', '5-', '-', '18446744073709551615-18446744073709551615', '1-1-1']);
  if (r.once(3)) return `${r.whole(1, 40)}-${r.whole(0, 3)}`;
  const next = (newest.get(r) ?? 1) + r.whole(0, 2);
  newest.set(r, next);
  return r.once(4) ? `${next}-*` : `${next}-${r.whole(1, 3)}`;
};
/** A bound of a range. */
const bound = (r: Random): string =>
  r.of(['-', '+', String(r.whole(1, 60)), `${r.whole(1, 60)}-1`, `(${r.whole(1, 60)}-0`]);
const trim = (r: Random): (string | number)[] =>
  r.of<(string | number)[]>([
    ['MAXLEN', r.whole(0, 12)],
    ['MAXLEN', '=', r.whole(0, 12)],
    ['MINID', r.whole(1, 60)],
  ]);

export const streams: Maker[] = [
  (r) => ['XADD', x(r), id(r), ...r.many(1, 3, () => [member(r), value(r)]).flat()],
  (r) => ['XADD', x(r), id(r), 'f', member(r), 'g', member(r)],
  (r) => ['XADD', x(r), ...r.maybe('NOMKSTREAM'), ...trim(r), id(r), 'f', member(r)],
  (r) => ['XLEN', x(r)],
  (r) => [r.of(['XRANGE', 'XREVRANGE']), x(r), bound(r), bound(r), ...r.maybe('COUNT', count(r))],
  (r) => ['XREAD', ...r.maybe('COUNT', count(r)), 'STREAMS', x(r), r.whole(0, 60)],
  (r) => ['XDEL', x(r), ...r.many(1, 3, () => `${r.whole(1, 60)}-${r.whole(0, 3)}`)],
  (r) => ['XTRIM', x(r), ...trim(r)],
  (r) => ['XSETID', x(r), `${r.whole(1, 90)}-${r.whole(0, 3)}`],
  (r) => [
    'XGROUP',
    'CREATE',
    x(r),
    group(r),
    r.of(['$', '0', '5', `${r.whole(1, 50)}-1`]),
    ...r.maybe('MKSTREAM'),
  ],
  (r) => ['XGROUP', r.of(['DESTROY', 'NOSUCH']), x(r), group(r)],
  (r) => ['XGROUP', r.of(['CREATECONSUMER', 'DELCONSUMER']), x(r), group(r), consumer(r)],
  (r) => ['XGROUP', 'SETID', x(r), group(r), r.of(['$', '0', String(r.whole(1, 50))])],
  (r) => [
    'XREADGROUP',
    'GROUP',
    group(r),
    consumer(r),
    ...r.maybe('COUNT', count(r)),
    ...r.maybe('NOACK'),
    'STREAMS',
    x(r),
    r.of(['>', '0', '5']),
  ],
  (r) => ['XACK', x(r), group(r), ...r.many(1, 3, () => `${r.whole(1, 60)}-${r.whole(0, 3)}`)],
  (r) => ['XPENDING', x(r), group(r)],
  (r) => [
    'XCLAIM',
    x(r),
    group(r),
    consumer(r),
    0,
    `${r.whole(1, 60)}-${r.whole(0, 3)}`,
    ...r.maybe('JUSTID'),
    ...r.maybe('FORCE'),
  ],
  (r) => ['XAUTOCLAIM', x(r), group(r), consumer(r), 0, r.whole(0, 30), ...r.maybe('COUNT', r.whole(1, 4))],
  (r) => ['XINFO', r.of(['STREAM', 'GROUPS', 'NOSUCH']), x(r)],
];

const bit = (r: Random): number => (r.once(9) ? r.whole(-1, 5000) : r.whole(0, 70));

export const bitmaps: Maker[] = [
  (r) => ['SETBIT', b(r), bit(r), r.once(12) ? 2 : r.whole(0, 1)],
  (r) => ['GETBIT', b(r), bit(r)],
  (r) => [
    'BITCOUNT',
    b(r),
    ...r.of([[], [index(r)], [index(r), index(r)], [index(r), index(r), r.of(['BIT', 'BYTE'])]]),
  ],
  (r) => [
    'BITPOS',
    b(r),
    r.whole(0, 1),
    ...r.of([[], [index(r)], [index(r), index(r)], [index(r), index(r), 'BIT']]),
  ],
  (r) => ['BITOP', r.of(['AND', 'OR', 'XOR', 'NOT']), b(r), ...r.many(1, 3, () => b(r))],
  (r) => ['BITFIELD', b(r), ...r.many(1, 3, () => field(r)).flat()],
  (r) => ['BITFIELD_RO', b(r), 'GET', type(r), r.whole(0, 30)],
  (r) => ['SET', b(r), value(r)],
];
const type = (r: Random): string =>
  `${r.of(['u', 'i'])}${r.of([1, 2, 5, 8, 16, 31, 32, 63, r.once(8) ? 65 : 7])}`;
const place = (r: Random): string => (r.once(3) ? `#${r.whole(0, 5)}` : String(r.whole(0, 60)));
const field = (r: Random): (string | number)[] =>
  r.of<(string | number)[]>([
    ['GET', type(r), place(r)],
    ['SET', type(r), place(r), r.whole(-300, 300)],
    ['INCRBY', type(r), place(r), r.whole(-300, 300)],
    ['OVERFLOW', r.of(['WRAP', 'SAT', 'FAIL'])],
  ]);

export const hyperloglog: Maker[] = [
  (r) => ['PFADD', p(r), ...r.many(0, 4, () => member(r))],
  (r) => ['PFADD', p(r), ...r.many(50, 300, () => r.whole(1, 100_000))],
  (r) => ['PFCOUNT', ...r.many(1, 3, () => p(r))],
  (r) => ['PFMERGE', p(r), ...r.many(0, 2, () => p(r))],
  (r) => ['GET', p(r)],
];

const place2 = (r: Random): (string | number)[] =>
  r.once(15) ? [200, 'x'] : [r.whole(-1800, 1800) / 10, r.whole(-850, 850) / 10];
const unit = (r: Random): string => r.of(['m', 'km', 'mi', 'ft', r.once(6) ? 'x' : 'KM']);

export const geo: Maker[] = [
  (r) => [
    'GEOADD',
    g(r),
    ...r.maybe(r.of(['NX', 'XX'])),
    ...r.maybe('CH'),
    ...r.many(1, 3, () => [...place2(r), member(r)]).flat(),
  ],
  (r) => ['GEOPOS', g(r), ...r.many(0, 3, () => member(r))],
  (r) => ['GEODIST', g(r), member(r), member(r), ...r.maybe(unit(r))],
  (r) => ['GEOHASH', g(r), ...r.many(0, 3, () => member(r))],
  (r) => ({
    line: [
      'GEOSEARCH',
      g(r),
      'FROMLONLAT',
      ...place2(r),
      'BYRADIUS',
      r.whole(1, 9000),
      'km',
      r.of(['ASC', 'DESC']),
      ...r.maybe('WITHDIST'),
      ...r.maybe('WITHCOORD'),
      ...r.maybe('WITHHASH'),
    ],
    unordered: true,
  }),
  (r) => ({
    line: [
      'GEOSEARCH',
      g(r),
      'FROMMEMBER',
      member(r),
      'BYBOX',
      r.whole(1, 9000),
      r.whole(1, 9000),
      unit(r),
      'ASC',
      ...r.maybe('COUNT', r.whole(1, 3)),
    ],
    unordered: true,
  }),
  (r) => ['GEOSEARCHSTORE', g(r), g(r), 'FROMLONLAT', ...place2(r), 'BYRADIUS', r.whole(1, 9000), 'km'],
];
