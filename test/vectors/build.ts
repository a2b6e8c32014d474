/**
 * Writes the golden vectors: rdb/*.rdb and vectors.json. Run it after a change here: npx tsx test/vectors/build.ts
 *
 * One file per generation of the format, each with every type and opcode that came with it, in all their forms;
 * and files that are broken in one way each.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  aux,
  bytes,
  compressed,
  crc64,
  double,
  entry,
  integer,
  intset,
  length,
  lengthId,
  listpack,
  moduleId,
  number,
  oldDouble,
  type Part,
  rawId,
  rdb,
  select,
  string,
  ziplist,
  zipmap,
} from './bytes.ts';
import type { BadVector, GoodVector } from './vectors.ts';

const good: (GoodVector & { bytes: Buffer })[] = [];
const bad: (BadVector & { bytes: Buffer })[] = [];

const words = (line: string): string[] => line.split(' ');

interface Holds {
  keys: number;
  commands: (string | string[])[];
  ask?: (string | string[])[];
  report?: Record<string, unknown>;
}

function holds(
  file: string,
  about: string,
  data: Buffer,
  { keys, commands, ask = [], report = {} }: Holds,
): void {
  const [, magic, version] = /^(REDIS|VALKEY)(\d+)/.exec(data.toString('latin1', 0, 9))!;
  const lines = (all: (string | string[])[]): string[][] =>
    all.map((line) => (typeof line === 'string' ? words(line) : line));
  good.push({
    file,
    about,
    magic: magic!,
    version: Number(version),
    keys,
    commands: lines(commands),
    ask: lines(ask),
    report,
    bytes: data,
  });
}

const refused = (file: string, about: string, error: string, data: Buffer): void => {
  bad.push({ file, about, error, bytes: data });
};

const far = 4102444800000; // The year 2100, in ms.
const soon = 2147483647000; // The last moment that 32 bits of seconds can say.
const long = 'a long string that wants two bytes for its length, '.repeat(3).trim();

// --- Version 1 to 5: elements one by one ---

holds(
  'redis-0001-oldest.rdb',
  'the first version: no checksum, expiry in seconds',
  rdb(
    'REDIS0001',
    select(0),
    entry(0, 'k', string('v')),
    253,
    number(soon / 1000, 4),
    entry(0, 'expires', string('v')),
  ),
  { keys: 2, commands: ['SET k v', `SET expires v PXAT ${soon}`], ask: ['PEXPIRETIME expires'] },
);

holds(
  'redis-0003-elements.rdb',
  'strings in every form, lists, sets, sorted sets and hashes element by element; several databases',
  rdb(
    'REDIS0003',
    select(0),
    entry(0, 'empty', string('')),
    entry(0, 'plain', string('hello')),
    entry(0, 'long', string(long)),
    entry(0, 'int8', integer(-128, 1)),
    entry(0, 'int16', integer(-32768, 2)),
    entry(0, 'int32', integer(-2147483648, 4)),
    entry(0, 'int64', string('9223372036854775807')),
    entry(0, 'lzf', compressed(bytes(0x02, 'abc', 0xe0, 0x12, 0x02), 30)),
    entry(0, '\u00ff\u0000binary', string('\u0000\u0001\u00fe\r\n')),
    bytes(0, integer(42, 1), string('a key that is an integer')),
    entry(1, 'list', length(4), string('a'), integer(7, 1), string(long), string('')),
    entry(2, 'set', length(3), string('x'), string('y'), integer(300, 2)),
    entry(2, 'intset', length(2), integer(1, 1), integer(70000, 4)),
    entry(
      3,
      'zset',
      length(5),
      string('a'),
      oldDouble('1.5'),
      string('b'),
      oldDouble('-inf'),
      string('c'),
      oldDouble('inf'),
      string('d'),
      oldDouble('-0.1'),
      string('e'),
      oldDouble('1e+20'),
    ),
    entry(4, 'hash', length(2), string('f'), string('v'), string('g'), integer(5, 1)),
    select(3),
    entry(0, 'other', string('database')),
    select(15),
    entry(0, 'last', string('database')),
  ),
  {
    keys: 17,
    commands: [
      ['SET', 'empty', ''],
      'SET plain hello',
      ['SET', 'long', long],
      'SET int8 -128',
      'SET int16 -32768',
      'SET int32 -2147483648',
      'SET int64 9223372036854775807',
      ['SET', 'lzf', 'abc'.repeat(10)],
      ['SET', '\u00ff\u0000binary', '\u0000\u0001\u00fe\r\n'],
      ['SET', '42', 'a key that is an integer'],
      ['RPUSH', 'list', 'a', '7', long, ''],
      'SADD set x y 300',
      'SADD intset 1 70000',
      'ZADD zset 1.5 a -inf b inf c -0.1 d 1e20 e',
      'HSET hash f v g 5',
      'SELECT 3',
      'SET other database',
      'SELECT 15',
      'SET last database',
      'SELECT 0',
    ],
    ask: [
      'OBJECT ENCODING int64',
      'OBJECT ENCODING plain',
      'OBJECT ENCODING long',
      'OBJECT ENCODING list',
      'OBJECT ENCODING set',
      'OBJECT ENCODING intset',
      'OBJECT ENCODING zset',
      'OBJECT ENCODING hash',
      'LRANGE list 0 -1',
      'ZRANGE zset 0 -1 WITHSCORES',
    ],
  },
);

// --- Version 6 to 8: packed in ziplists ---

const wide = 'w'.repeat(300);
holds(
  'redis-0006-packed.rdb',
  'zipmap, ziplists with every kind of entry, intsets of every width, expiry in ms, more than one kind of length',
  rdb(
    'REDIS0006',
    select(0),
    entry(9, 'zipmap', string(zipmap(0, 'f', 'v', 'g', ''))),
    entry(9, 'zipmap2', string(zipmap(3, 'f', 'v', 'wide', wide))),
    entry(
      10,
      'list',
      string(
        ziplist(
          'a',
          wide,
          'after a long one',
          bytes(0xf1),
          bytes(0xfd),
          bytes(0xfe, 0x80),
          bytes(0xc0, number(-32768, 2)),
          bytes(0xf0, number(-8388608, 3)),
          bytes(0xd0, number(-2147483648, 4)),
          bytes(0xe0, number(-(2n ** 63n), 8)),
          '',
        ),
      ),
    ),
    entry(11, 'intset2', string(intset(2, -32768, 0, 32767))),
    entry(11, 'intset4', string(intset(4, -2147483648, 5))),
    entry(11, 'intset8', string(intset(8, -(2n ** 63n), 2n ** 63n - 1n))),
    entry(12, 'zset', string(ziplist('a', '1.5', 'b', bytes(0xf3), 'c', 'inf'))),
    bytes(252, number(far, 8)),
    entry(13, 'hash', string(ziplist('f', 'v', bytes(0xf2), bytes(0xc0, number(1000, 2))))),
    entry(13, 'hash2', bytes(0x80, number(ziplist('f', long).length, -4), ziplist('f', long))),
    entry(0, 'length64', bytes(0x81, number(5, -8), 'hello')),
  ),
  {
    keys: 10,
    commands: [
      ['HSET', 'zipmap', 'f', 'v', 'g', ''],
      ['HSET', 'zipmap2', 'f', 'v', 'wide', wide],
      [
        'RPUSH',
        'list',
        'a',
        wide,
        'after a long one',
        '0',
        '12',
        '-128',
        '-32768',
        '-8388608',
        '-2147483648',
        '-9223372036854775808',
        '',
      ],
      'SADD intset2 -32768 0 32767',
      'SADD intset4 -2147483648 5',
      'SADD intset8 -9223372036854775808 9223372036854775807',
      'ZADD zset 1.5 a 2 b inf c',
      'HSET hash f v 1 1000',
      `PEXPIREAT hash ${far}`,
      ['HSET', 'hash2', 'f', long],
      'SET length64 hello',
    ],
    ask: [
      'OBJECT ENCODING zipmap',
      'OBJECT ENCODING zipmap2',
      'OBJECT ENCODING hash',
      'OBJECT ENCODING hash2',
      'OBJECT ENCODING zset',
      'OBJECT ENCODING intset8',
      'SMEMBERS intset2',
      'LRANGE list 0 -1',
      'PEXPIRETIME hash',
    ],
  },
);

const moduleValue = (name: string): Part => [
  length(moduleId(name, 3)),
  2,
  length(7),
  1,
  length(2n ** 40n),
  3,
  number(0, 4),
  4,
  double(1.5),
  5,
  string('text'),
  5,
  integer(300, 2),
  0,
];
holds(
  'redis-0008-modules.rdb',
  'aux fields, hints of sizes, quicklists of ziplists, doubles in binary, values of modules',
  rdb(
    'REDIS0008',
    aux('redis-ver', '4.0.14'),
    bytes(250, string('redis-bits'), integer(64, 1)),
    aux('repl-id', 'a'.repeat(40)),
    aux('unknown', 'is skipped'),
    select(0, 5, 1),
    entry(14, 'list', length(2), string(ziplist('a', bytes(0xf2))), string(ziplist(long))),
    entry(
      5,
      'zset',
      length(3),
      string('b'),
      double(2.5),
      string('a'),
      double(-1e300),
      string('c'),
      double(Infinity),
    ),
    entry(7, 'json', moduleValue('ReJSON-RL')),
    entry(7, 'bloom', moduleValue('MBbloom--')),
    bytes(252, number(far, 8)),
    entry(0, 'k', string('v')),
  ),
  {
    keys: 5,
    commands: [['RPUSH', 'list', 'a', '1', long], 'ZADD zset 2.5 b -1e300 a inf c', `SET k v PXAT ${far}`],
    ask: ['LRANGE list 0 -1', 'ZRANGE zset 0 -1 WITHSCORES', 'PEXPIRETIME k'],
    report: { opaqueModuleValues: 2, modules: ['ReJSON-RL', 'MBbloom--'] },
  },
);

// --- Streams ---

/** Three entries, the second deleted, the third with fields of its own. */
const node = listpack(
  2,
  1,
  2,
  'f',
  'g',
  0,
  2,
  0,
  0,
  'v1',
  'w1',
  5,
  3,
  0,
  1,
  'v2',
  'w2',
  5,
  0,
  2,
  -3,
  1,
  'other',
  30,
  6,
);
const nodeKey = string(rawId(1000, 5));
const streamNodes: Part = [length(1), nodeKey, string(node), length(2), lengthId(1002, 2)];
const makeStream = (key: string): string[] => [
  `XADD ${key} 1000-5 f v1 g w1`,
  `XADD ${key} 1000-6 f v2 g w2`,
  `XADD ${key} 1002-2 other 30`,
  `XDEL ${key} 1000-6`,
];
const pendingEntry = (ms: number, seq: number): Part => [rawId(ms, seq), number(1700000000000, 8), length(3)];
const consumers = (withActive: boolean): Part => [
  length(2),
  string('alice'),
  number(1700000000001, 8),
  withActive ? number(1700000000000, 8) : [],
  length(1),
  rawId(1000, 5),
  string('bob'),
  number(1700000000002, 8),
  withActive ? number(-1, 8) : [],
  length(0),
];
const claim = (key: string): string[] => [
  `XGROUP CREATE ${key} g 0`,
  `XCLAIM ${key} g alice 0 1000-5 TIME 1700000000000 RETRYCOUNT 3 FORCE JUSTID LASTID 1000-5`,
  `XGROUP CREATECONSUMER ${key} g bob`,
];
const asks = (key: string): string[] => [`XRANGE ${key} - +`, `XPENDING ${key} g`, `XLEN ${key}`];

holds(
  'redis-0009-stream.rdb',
  'the first form of streams; LRU and LFU hints; a field of a module outside of any key',
  rdb(
    'REDIS0009',
    aux('redis-ver', '5.0.14'),
    bytes(247, length(moduleId('testmodul', 1)), 2, 1, 5, string('before the keys'), 0),
    select(0, 4, 0),
    bytes(248, length(100)),
    entry(0, 'idle', string('v')),
    bytes(249, 200),
    entry(0, 'used', string('v')),
    entry(
      15,
      'x',
      streamNodes,
      length(1),
      string('g'),
      lengthId(1000, 5),
      length(1),
      pendingEntry(1000, 5),
      consumers(false),
    ),
    entry(15, 'empty', length(0), length(0), lengthId(5, 5), length(0)),
    bytes(247, length(moduleId('testmodul', 1)), 2, 2, 2, 64, 200, 0),
  ),
  {
    keys: 4,
    commands: [
      'SET idle v',
      'SET used v',
      ...makeStream('x'),
      ...claim('x'),
      'XADD empty 5-5 f v',
      'XDEL empty 5-5',
      // The first form does not tell what was added and deleted.
      'XSETID empty 5-5 ENTRIESADDED 0',
    ],
    ask: [...asks('x'), 'XLEN empty'],
    report: { opaqueModuleAux: 2, modules: ['testmodul'] },
  },
);

holds(
  'redis-0010-listpacks.rdb',
  'listpacks, quicklists with an element that stands alone, the second form of streams, a function library',
  rdb(
    'REDIS0010',
    aux('redis-ver', '7.0.15'),
    aux('aof-base', '0'),
    bytes(245, string("#!lua name=mylib\nredis.register_function('f', function() return 1 end)")),
    select(0, 6, 0),
    entry(16, 'hash', string(listpack('f', 'v', 'n', 5, 'm', -4096, 'long', long))),
    entry(17, 'zset', string(listpack('a', -1, 'b', '2.5', 7, 70000, 'c', 'inf'))),
    entry(
      18,
      'list',
      length(3),
      length(2),
      string(listpack('a', 127, 128, -129, 'x'.repeat(64))),
      length(1),
      string('alone'),
      length(2),
      string(listpack(-8388608, 2147483648, -(2n ** 63n))),
    ),
    entry(18, 'big', length(1), length(2), string(listpack('y'.repeat(5000), 'z'.repeat(63)))),
    entry(
      19,
      'x',
      streamNodes,
      lengthId(1000, 5),
      lengthId(1000, 6),
      length(3),
      length(1),
      string('g'),
      lengthId(1000, 5),
      length(1),
      length(1),
      pendingEntry(1000, 5),
      consumers(false),
    ),
    entry(
      19,
      'unread',
      length(0),
      length(0),
      lengthId(9, 9),
      lengthId(0, 0),
      lengthId(9, 9),
      length(7),
      length(1),
      string('g'),
      lengthId(9, 9),
      length(2n ** 64n - 1n),
      length(0),
      length(0),
    ),
  ),
  {
    keys: 6,
    commands: [
      ['HSET', 'hash', 'f', 'v', 'n', '5', 'm', '-4096', 'long', long],
      'ZADD zset -1 a 2.5 b inf c 70000 7',
      [
        'RPUSH',
        'list',
        'a',
        '127',
        '128',
        '-129',
        'x'.repeat(64),
        'alone',
        '-8388608',
        '2147483648',
        '-9223372036854775808',
      ],
      ['RPUSH', 'big', 'y'.repeat(5000), 'z'.repeat(63)],
      ...makeStream('x'),
      'XGROUP CREATE x g 0 ENTRIESREAD 1',
      ...claim('x').slice(1),
      'XADD unread 9-9 f v',
      'XDEL unread 9-9',
      'XSETID unread 9-9 ENTRIESADDED 7',
      'XGROUP CREATE unread g 9-9',
    ],
    ask: [
      ...asks('x'),
      'XINFO STREAM x',
      'XINFO GROUPS x',
      'XINFO STREAM unread',
      'XINFO GROUPS unread',
      'HGETALL hash',
      'LRANGE list 0 -1',
      'OBJECT ENCODING hash',
      'OBJECT ENCODING zset',
    ],
    report: { functions: 1 },
  },
);

holds(
  'redis-0011-set-listpack.rdb',
  'sets as listpacks, the third form of streams',
  rdb(
    'REDIS0011',
    select(0, 3, 0),
    entry(20, 'set', string(listpack('a', 'b', 5))),
    entry(20, 'numbers', string(listpack(3, 1, 2))),
    entry(
      21,
      'x',
      streamNodes,
      lengthId(1000, 5),
      lengthId(1000, 6),
      length(3),
      length(1),
      string('g'),
      lengthId(1000, 5),
      length(1),
      length(1),
      pendingEntry(1000, 5),
      consumers(true),
    ),
  ),
  {
    keys: 3,
    commands: [
      'SADD set a b 5',
      'SADD numbers 3 1 2',
      ...makeStream('x'),
      'XGROUP CREATE x g 0 ENTRIESREAD 1',
      ...claim('x').slice(1),
    ],
    ask: [
      ...asks('x'),
      'XINFO STREAM x',
      'SMEMBERS numbers',
      'OBJECT ENCODING set',
      'OBJECT ENCODING numbers',
    ],
  },
);

// --- Fields that expire ---

const expiringHash = [
  'HSET h f v g w n 5',
  `HPEXPIREAT h ${far} FIELDS 1 g`,
  `HPEXPIREAT h ${far + 1000} FIELDS 1 n`,
];
const askExpiring = ['HGETALL h', 'HPEXPIRETIME h FIELDS 3 f g n', 'HLEN h'];

holds(
  'redis-0012-field-expiry.rdb',
  'hashes whose fields expire, small and large, and hints for a cluster',
  rdb(
    'REDIS0012',
    aux('redis-ver', '7.4.0'),
    select(0, 2, 0),
    bytes(244, length(100), length(2), length(0)),
    entry(
      24,
      'h',
      number(far, 8),
      length(3),
      length(0),
      string('f'),
      string('v'),
      length(1),
      string('g'),
      string('w'),
      length(1001),
      string('n'),
      integer(5, 1),
    ),
    entry(25, 'h2', number(far, 8), string(listpack('g', 'w', far, 'n', 5, far + 1000, 'f', 'v', 0))),
  ),
  {
    keys: 2,
    commands: [...expiringHash, ...expiringHash.map((line) => line.replace(' h ', ' h2 '))],
    ask: ['HPEXPIRETIME h FIELDS 3 f g n', 'HPEXPIRETIME h2 FIELDS 3 f g n', 'HLEN h', 'HLEN h2'],
  },
);

holds(
  'redis-0012-field-expiry-candidates.rdb',
  'the same in the forms of the release candidates of 7.4',
  rdb(
    'REDIS0012',
    select(0),
    entry(
      22,
      'h',
      length(3),
      length(0),
      string('f'),
      string('v'),
      length(far),
      string('g'),
      string('w'),
      length(far + 1000),
      string('n'),
      integer(5, 1),
    ),
    entry(23, 'h2', string(listpack('g', 'w', far, 'n', 5, far + 1000, 'f', 'v', 0))),
  ),
  {
    keys: 2,
    commands: [...expiringHash, ...expiringHash.map((line) => line.replace(' h ', ' h2 '))],
    ask: ['HPEXPIRETIME h FIELDS 3 f g n', 'HPEXPIRETIME h2 FIELDS 3 f g n'],
  },
);

holds(
  'redis-0013-key-meta.rdb',
  'the fourth form of streams, with producers; what modules attach to keys',
  rdb(
    'REDIS0013',
    select(0, 2, 0),
    bytes(243, 1, number(0x12345678, 4), 2, length(5), 5, string('meta'), 0),
    entry(0, 'k', string('v')),
    entry(
      26,
      'x',
      streamNodes,
      lengthId(1000, 5),
      lengthId(1000, 6),
      length(3),
      length(1),
      string('g'),
      lengthId(1000, 5),
      length(1),
      length(1),
      pendingEntry(1000, 5),
      consumers(true),
      length(60000),
      length(100),
      length(1),
      string('producer'),
      length(1),
      string('iid'),
      lengthId(1000, 5),
      length(1),
      length(0),
    ),
  ),
  {
    keys: 2,
    commands: ['SET k v', ...makeStream('x'), 'XGROUP CREATE x g 0 ENTRIESREAD 1', ...claim('x').slice(1)],
    ask: [...asks('x'), 'XINFO STREAM x'],
    report: { opaqueModuleAux: 1 },
  },
);

holds(
  'valkey-080.rdb',
  'Valkey 9: the same numbers mean other things',
  rdb(
    'VALKEY080',
    aux('valkey-ver', '9.0.0'),
    select(0, 2, 0),
    bytes(243, string('j'.repeat(40)), length(2), length(0), length(100), length(200), length(16383)),
    entry(
      22,
      'h',
      length(3),
      string('f'),
      string('v'),
      number(-1, 8),
      string('g'),
      string('w'),
      number(far, 8),
      string('n'),
      integer(5, 1),
      number(far + 1000, 8),
    ),
    entry(4, 'plain', length(1), string('f'), string('v')),
  ),
  { keys: 2, commands: [...expiringHash, 'HSET plain f v'], ask: askExpiring },
);

for (const magic of ['REDIS0014', 'REDIS0015', 'VALKEY081']) {
  holds(
    `${magic.toLowerCase().replace(/(?=0)/, '-')}.rdb`,
    'a version of which only what is new is not read',
    rdb(
      magic,
      aux('ctime', '1'),
      select(0, 2, 0),
      entry(0, 'k', string('v')),
      entry(2, 's', length(1), string('m')),
    ),
    { keys: 2, commands: ['SET k v', 'SADD s m'] },
  );
}

// --- Oddities that are right ---

holds(
  'no-checksum.rdb',
  'a checksum of zero says that there is none',
  bytes('REDIS0011', select(0), entry(0, 'k', string('v')), 255, Buffer.alloc(8)),
  { keys: 1, commands: ['SET k v'] },
);

holds(
  'empty-collections.rdb',
  'collections without elements are skipped',
  rdb(
    'REDIS0011',
    select(0),
    entry(1, 'l', length(0)),
    entry(2, 's', length(0)),
    entry(5, 'z', length(0)),
    entry(4, 'h', length(0)),
    entry(16, 'h2', string(listpack())),
    entry(0, 'k', string('v')),
  ),
  { keys: 1, commands: ['SET k v'], report: { emptySkipped: 5 } },
);

holds('nothing.rdb', 'no keys at all', rdb('REDIS0011', aux('redis-ver', '7.2.0')), {
  keys: 0,
  commands: [],
});

// --- Broken ones ---

const fine = rdb('REDIS0011', select(0), entry(0, 'k', string('v')));
const withEntry = (...parts: readonly Part[]): Buffer => rdb('REDIS0011', select(0), parts);

refused('bad-magic.rdb', 'another kind of file', 'rdb-bad-magic', bytes('ELF0', fine));
refused(
  'bad-magic-digits.rdb',
  'a version that is no number',
  'rdb-bad-magic',
  bytes('REDIS00x1', fine.subarray(9)),
);
refused('version-0.rdb', 'a version that never was', 'rdb-unsupported-version', rdb('REDIS0000', select(0)));
refused(
  'version-16.rdb',
  'a version that is too new',
  'rdb-unsupported-version',
  rdb('REDIS0016', select(0)),
);
refused(
  'version-80-redis.rdb',
  "Valkey's version with Redis's magic",
  'rdb-unsupported-version',
  rdb('REDIS0080', select(0)),
);
refused('valkey-082.rdb', "Valkey's next version", 'rdb-unsupported-version', rdb('VALKEY082', select(0)));
for (const [name, what, magic, ...parts] of [
  ['stream', 'a stream of Redis 8.8', 'REDIS0014', entry(27, 'x', length(0))],
  ['array', 'an array', 'REDIS0014', entry(28, 'a', length(1), length(0), length(0), length(0), string('v'))],
  ['template', 'a template of hashes', 'REDIS0015', bytes(242, length(1), length(1), string('f'))],
  ['template-hash', 'a hash that refers to a template', 'REDIS0015', entry(32, 'h', length(1), string('v'))],
  ['path-hash', 'a type that nobody has seen', 'VALKEY081', entry(23, 'h', length(0))],
  ['update', 'a command within a snapshot', 'VALKEY081', bytes(242, '*1\r\n$4\r\nPING\r\n')],
] as const) {
  refused(`newer-${name}.rdb`, what, 'rdb-unknown-type', rdb(magic, select(0), ...parts));
}
refused(
  'valkey-011.rdb',
  "Redis's version with Valkey's magic",
  'rdb-unsupported-version',
  rdb('VALKEY011', select(0)),
);
refused(
  'checksum.rdb',
  'a wrong checksum',
  'rdb-checksum',
  bytes(fine.subarray(0, -1), fine[fine.length - 1]! ^ 1),
);
refused('truncated.rdb', 'it ends inside a value', 'rdb-truncated', fine.subarray(0, fine.length - 11));
refused('truncated-checksum.rdb', 'it ends inside its checksum', 'rdb-truncated', fine.subarray(0, -1));
refused('trailing.rdb', 'bytes behind the end', 'rdb-trailing-bytes', bytes(fine, 'x'));
refused(
  'unknown-type.rdb',
  'a type that no version has',
  'rdb-unknown-type',
  withEntry(entry(99, 'k', string('v'))),
);
refused(
  'unknown-type-8.rdb',
  'a type that was never used',
  'rdb-unknown-type',
  withEntry(entry(8, 'k', string('v'))),
);
refused(
  'old-module.rdb',
  'a module value of a release candidate',
  'rdb-unknown-type',
  withEntry(entry(6, 'k', length(1))),
);
refused(
  'old-function.rdb',
  'a function of a release candidate',
  'rdb-unknown-type',
  withEntry(246, string('x')),
);
refused(
  'key-meta-too-early.rdb',
  'an opcode that this version does not have',
  'rdb-unknown-type',
  withEntry(243, 0),
);
refused(
  'valkey-type-24.rdb',
  "Redis's type in Valkey's file",
  'rdb-unknown-type',
  rdb('VALKEY080', select(0), entry(24, 'h', number(0, 8), length(0))),
);
refused(
  'length-2-63.rdb',
  'a string of 2^63 bytes',
  'rdb-corrupt',
  withEntry(bytes(0, string('k'), 0x81, number(2n ** 63n, -8))),
);
refused(
  'length-form.rdb',
  'a length in a form that is not defined',
  'rdb-corrupt',
  withEntry(bytes(0, string('k'), 0x82, 0)),
);
refused(
  'string-form.rdb',
  'a string in a form that is not defined',
  'rdb-corrupt',
  withEntry(bytes(0, string('k'), 0xc4)),
);
refused(
  'lzf.rdb',
  'a compressed string that reaches before its start',
  'rdb-corrupt',
  withEntry(entry(0, 'k', compressed(bytes(0x00, 'a', 0x20, 0x05), 4))),
);
refused(
  'lzf-bomb.rdb',
  'a compressed string that says to hold more than it can',
  'rdb-corrupt',
  withEntry(entry(0, 'k', compressed(bytes(0x00, 'a'), 2 ** 30))),
);
refused(
  'ziplist.rdb',
  'a ziplist whose tail is elsewhere',
  'rdb-corrupt',
  withEntry(entry(10, 'l', string(bytes(number(14, 4), number(12, 4), number(1, 2), 0, 1, 'a', 255)))),
);
refused(
  'listpack.rdb',
  'a listpack of another size than it says',
  'rdb-corrupt',
  withEntry(entry(16, 'h', string(bytes(number(99, 4), number(0, 2), 255)))),
);
refused(
  'listpack-odd.rdb',
  'a hash with a field and no value',
  'rdb-corrupt',
  withEntry(entry(16, 'h', string(listpack('f')))),
);
refused(
  'intset.rdb',
  'an intset out of order',
  'rdb-corrupt',
  withEntry(entry(11, 's', string(intset(2, 5, 1)))),
);
refused(
  'zset-nan.rdb',
  'a score that is not a number',
  'rdb-corrupt',
  withEntry(entry(5, 'z', length(1), string('a'), double(Number.NaN))),
);
refused(
  'duplicate-field.rdb',
  'a field twice',
  'rdb-corrupt',
  withEntry(entry(4, 'h', length(2), string('f'), string('1'), string('f'), string('2'))),
);
refused(
  'duplicate-member.rdb',
  'a member twice',
  'rdb-corrupt',
  withEntry(entry(2, 's', length(2), string('f'), string('f'))),
);
refused(
  'duplicate-key.rdb',
  'a key twice',
  'rdb-corrupt',
  withEntry(entry(0, 'k', string('1')), entry(0, 'k', string('2'))),
);
refused(
  'database.rdb',
  'a database that is not configured',
  'rdb-corrupt',
  rdb('REDIS0011', select(16), entry(0, 'k', string('v'))),
);
refused(
  'stream-node.rdb',
  'a stream node that counts wrongly',
  'rdb-corrupt',
  withEntry(
    entry(
      15,
      'x',
      length(1),
      nodeKey,
      string(listpack(2, 0, 1, 'f', 0, 2, 0, 0, 'v', 4)),
      length(2),
      lengthId(1000, 5),
      length(0),
    ),
  ),
);
refused(
  'stream-pending.rdb',
  'a consumer with an entry that its group does not have',
  'rdb-corrupt',
  withEntry(entry(15, 'x', streamNodes, length(1), string('g'), lengthId(0, 0), length(0), consumers(false))),
);
refused(
  'module.rdb',
  'module data with an opcode that is not defined',
  'rdb-corrupt',
  withEntry(entry(7, 'm', length(moduleId('testmodul', 1)), 9)),
);

// --- Out they go ---

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
rmSync(here('rdb'), { recursive: true, force: true });
mkdirSync(here('rdb'));
for (const { file, bytes: data } of [...good, ...bad]) writeFileSync(here(`rdb/${file}`), data);
const without = <T extends { bytes: Buffer }>({ bytes: _, ...rest }: T): Omit<T, 'bytes'> => rest;
writeFileSync(here('vectors.json'), JSON.stringify({ good: good.map(without), bad: bad.map(without) }));
// Laid out as the rest of the tree, so that the formatter has nothing to say about it.
const formatted = spawnSync('npx', ['biome', 'format', '--write', here('vectors.json')], {
  encoding: 'utf8',
});
if (formatted.status !== 0) throw new Error(formatted.stderr);
console.log(
  `${good.length} that load, ${bad.length} that do not; crc64 of the first: ${crc64(good[0]!.bytes).toString(16)}`,
);
