/**
 * A data set that holds every type in every encoding that a server of the matrix writes into an RDB, as commands. Which
 * encoding a command leads to depends on the server's version: the same hash is a ziplist in 6.0 and a listpack in 7.0,
 * the same small set a hash table in 7.0 and a listpack in 7.2.
 *
 * Everything is made from a fixed seed, so that a failure can be had again.
 */
import { Random } from '../fuzz/random.ts';
import type { ServerSource } from '../servers/catalog.ts';
import type { CommandLine, Word } from '../servers/resp.ts';

const far = 4_102_444_800_000;

/** Bytes that no compression can shorten. */
const noise = (random: Random, sizeBytes: number): Buffer =>
  Buffer.from(Array.from({ length: sizeBytes }, () => random.whole(0, 255)));

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

function strings(random: Random): CommandLine[] {
  const numbers = [
    '0',
    '-1',
    '127',
    '-129',
    '32767',
    '-32769',
    '2147483647',
    '-2147483649',
    '9223372036854775807',
  ];
  const texts: Word[] = ['', 'short', 'e'.repeat(44), 'r'.repeat(45), '007', '1.5', ' 1'];
  return [
    ...numbers.map((text, index) => ['SET', `int:${index}`, text]),
    ...texts.map((text, index) => ['SET', `text:${index}`, text]),
    ['SET', 'lzf', 'compress me, '.repeat(1000)],
    ['SET', 'lzf:barely', `${'a'.repeat(24)}`],
    ['SET', 'noise', noise(random, 5000)],
    ['SET', Buffer.from([0, 255, 13, 10, 36]), Buffer.from(range(256))],
    ['SET', 'large', noise(random, 300_000)],
    ['APPEND', 'int:0', '5'],
    ['SETRANGE', 'padded', 40, 'x'],
    ['SETBIT', 'bits', 12_345, 1],
    ['BITFIELD', 'fields', 'SET', 'u8', '#3', 200, 'INCRBY', 'i16', 100, -7],
  ];
}

function lists(random: Random): CommandLine[] {
  return [
    ['RPUSH', 'list:small', 'a', '1', '-1', '', '300', '70000', '5000000000', 'x'.repeat(64)],
    [
      'RPUSH',
      'list:widths',
      ...[12, 13, 127, 128, -128, 4095, 4096, -4097, 32_768, 8_388_607, 2 ** 31, 2 ** 53],
    ],
    ['RPUSH', 'list:long', ...range(3000).map((index) => (index % 3 ? `element ${index}` : index))],
    // Longer than a node may be: plain nodes from 7.0 on.
    ['RPUSH', 'list:huge', 'head', noise(random, 20_000), 'q'.repeat(30_000), 'tail'],
    ['RPUSH', 'list:mixed', ...range(40).map((index) => 'm'.repeat(index * 13))],
    ['LPOP', 'list:long'],
  ];
}

function sets(random: Random): CommandLine[] {
  return [
    ['SADD', 'set:int16', 1, -2, 300],
    ['SADD', 'set:int32', 1, 70_000, -70_000],
    ['SADD', 'set:int64', 1, '5000000000', '-9223372036854775808'],
    ['SADD', 'set:ints', ...range(512).map((index) => index * 7)],
    ['SADD', 'set:manyints', ...range(700).map((index) => index * 7)],
    ['SADD', 'set:small', 'a', 'b', '1', '', noise(random, 30)],
    ['SADD', 'set:large', ...range(1000).map((index) => `member:${index}`)],
    ['SADD', 'set:wide', 'w'.repeat(100), 'v'],
  ];
}

function hashes(random: Random): CommandLine[] {
  const pairs = (count: number): Word[] =>
    range(count).flatMap((index) => [`field:${index}`, index % 2 ? index : `v${index}`]);
  return [
    ['HSET', 'hash:small', 'f', 'v', 'n', '12', '', 'empty', 'long', 'x'.repeat(64)],
    ['HSET', 'hash:limit', ...pairs(128)],
    ['HSET', 'hash:large', ...pairs(1000)],
    ['HSET', 'hash:wide', 'f', 'x'.repeat(65), noise(random, 20), noise(random, 200)],
  ];
}

function sortedSets(): CommandLine[] {
  const scores = [
    '0',
    '-0',
    '1',
    '1.5',
    '-3.25',
    '1e20',
    'inf',
    '-inf',
    '3.0000000000000004',
    '1e-300',
    '17179869184',
  ];
  return [
    ['ZADD', 'zset:small', ...scores.flatMap((score, index) => [score, `m${index}`])],
    ['ZADD', 'zset:ties', ...range(20).flatMap((index) => [index % 3, `tie${index}`])],
    ['ZADD', 'zset:large', ...range(1000).flatMap((index) => [index / 8, `member:${index}`])],
    ['ZADD', 'zset:wide', 1, 'w'.repeat(65), 2, 'v'],
    ['GEOADD', 'geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania', -179.9, -85, 'far'],
  ];
}

function streams(source: ServerSource): CommandLine[] {
  const entries = range(350).map(
    (index): CommandLine => [
      ...['XADD', 'stream:long', `${1000 + index}-${index % 5}`, 'temp', index, 'hum', `h${index}`],
      ...(index % 10 === 0 ? ['extra', 'field'] : []),
    ],
  );
  const modern: CommandLine[] =
    source.name === 'redis-6.0'
      ? []
      : [
          ['XSETID', 'stream:set', '99-1', 'ENTRIESADDED', 1234, 'MAXDELETEDID', '50-0'],
          ['XGROUP', 'CREATE', 'stream:set', 'read', '7-1', 'ENTRIESREAD', 3],
        ];
  return [
    ...entries,
    ['XDEL', 'stream:long', '1003-3', '1100-0', '1349-4'],
    ['XTRIM', 'stream:long', 'MAXLEN', 300],
    ['XGROUP', 'CREATE', 'stream:long', 'g1', '0'],
    ['XGROUP', 'CREATE', 'stream:long', 'g2', '$'],
    ['XREADGROUP', 'GROUP', 'g1', 'alice', 'COUNT', 120, 'STREAMS', 'stream:long', '>'],
    ['XREADGROUP', 'GROUP', 'g1', 'bob', 'COUNT', 30, 'STREAMS', 'stream:long', '>'],
    ['XACK', 'stream:long', 'g1', '1050-0', '1051-1', '1052-2'],
    ['XCLAIM', 'stream:long', 'g1', 'carol', 0, '1055-0', '1060-0'],
    ['XADD', 'stream:set', '7-1', 'f', 'v'],
    ['XADD', 'stream:binary', '18446744073709551615-1', Buffer.from([0, 255]), 'x'.repeat(5000)],
    ['XADD', 'stream:empty', '5-5', 'f', 'v'],
    ['XDEL', 'stream:empty', '5-5'],
    ['XGROUP', 'CREATE', 'stream:made', 'g', '$', 'MKSTREAM'],
    ...modern,
  ];
}

/** Fields that expire: Redis 7.4 and Valkey 9 know them, each with encodings of its own. */
function fieldExpiry(source: ServerSource): CommandLine[] {
  if (!['redis-8.0', 'valkey-9.1'].includes(source.name)) return [];
  const many = range(600);
  return [
    ['HSET', 'hash:ttl', 'a', '1', 'b', '2', 'c', '3', 'keeps', 'v'],
    ['HPEXPIREAT', 'hash:ttl', far, 'FIELDS', 2, 'a', 'b'],
    ['HPEXPIREAT', 'hash:ttl', far + 12_345, 'FIELDS', 1, 'c'],
    ['HSET', 'hash:ttl:large', ...many.flatMap((index) => [`f${index}`, index])],
    [
      'HPEXPIREAT',
      'hash:ttl:large',
      far + 999,
      'FIELDS',
      300,
      ...many.slice(0, 300).map((index) => `f${index}`),
    ],
    ['HSETEX', 'hash:ttl:set', 'PXAT', far, 'FIELDS', 1, 'f', 'v'],
  ];
}

/** The whole data set for a server, in order. It ends in database 0. */
export function dataset(source: ServerSource): CommandLine[] {
  const random = new Random(source.rdbVersion);
  const library =
    '#!lua name=interop\nredis.register_function("interop", function(keys, args) return args[1] end)';
  return [
    ...strings(random),
    ...lists(random),
    ...sets(random),
    ...hashes(random),
    ...sortedSets(),
    ...streams(source),
    ...fieldExpiry(source),
    ['PFADD', 'hll:sparse', 'a', 'b', 'c'],
    ['PFADD', 'hll:dense', ...range(5000).map((index) => `element:${index}`)],
    ['PFCOUNT', 'hll:dense'],
    ...range(200).map((index): CommandLine => ['SET', `expiring:${index}`, index, 'PX', far - Date.now()]),
    ['PEXPIREAT', 'hash:large', far],
    ['EXPIREAT', 'list:long', far / 1000],
    ...(source.name === 'redis-6.0' ? [] : [['FUNCTION', 'LOAD', 'REPLACE', library]]),
    ...[1, 9, 15].flatMap((db): CommandLine[] => [
      ['SELECT', db],
      ['SET', 'db', db],
      ['RPUSH', 'list', db, 'x'],
      ['SET', 'leaves', 'soon', 'PX', 3000],
    ]),
    ['SELECT', 0],
  ];
}
