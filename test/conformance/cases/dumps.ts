/**
 * DUMP and RESTORE. Payloads are made here byte by byte (a type, a value, a version, a checksum), so that every encoding
 * any server ever wrote can be restored and looked at: old ones must come out in the encoding of today.
 *
 * DUMP itself is compared byte by byte, except where LZF may shorten something: compressors may differ there.
 */
import { crc64 } from '../../../src/engine/portable/crc64.ts';
import type { Case, CommandLine } from '../case.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A payload: the value with its type byte, a version, and the checksum. */
function sealed(value: string, version = 10): Buffer {
  const summed = Buffer.concat([bytes(value), Buffer.from([version & 255, version >> 8])]);
  const sum = Buffer.alloc(8);
  sum.writeBigUInt64LE(crc64(summed));
  return Buffer.concat([summed, sum]);
}

const spoiled = (payload: Buffer, at: number): Buffer => {
  const copy = Buffer.from(payload);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

/** The elements "2" and "5", as Redis's own comments have them. */
const ziplist = '\x0f\0\0\0\x0c\0\0\0\x02\0\0\xf3\x02\xf6\xff';
const zipmap = '\x02\x03foo\x03\0bar\x05hello\x05\0world\xff';
const intset = '\x02\0\0\0\x03\0\0\0\xff\xff\x01\0\x05\0';
/** "f", "v". */
const listpack = '\x0d\0\0\0\x02\0\x81f\x02\x81v\x02\xff';
const counted = (text: string): string => String.fromCharCode(text.length) + text;
const text = sealed('\0\x05hello');

/** A sorted set of "a" with this score, written as newer servers do: with no more digits than it takes. */
const scored = (score: string): Buffer => {
  const entries = `\x81a\x02${String.fromCharCode(0x80 + score.length)}${score}${String.fromCharCode(1 + score.length)}`;
  return sealed(`\x11${counted(`${String.fromCharCode(entries.length + 7)}\0\0\0\x02\0${entries}\xff`)}`);
};

/** A sorted set with each of these scores is restored, dumped, changed and dumped again. */
const rescored = (...scores: string[]): CommandLine[] =>
  scores.flatMap((score): CommandLine[] => [
    ['RESTORE', 'r', '0', scored(score), 'REPLACE'],
    'DUMP r',
    'ZSCORE r a',
    'ZADD r 7 b',
    'DUMP r',
    'ZRANGE r 0 -1 WITHSCORES',
  ]);

/** Two entries, and a group with one of them pending; DUMP of redis-server 7.0.15. */
const stream = Buffer.from(
  '1301100000000000000005000000000000000128280000000f000201010001018166020001020100010001817602040102010100010001' +
    '8177020401ff02060105010000020101670501010100000000000000050000000000000001938f67fda101000001010163938f67fda101' +
    '000001000000000000000500000000000000010a0051632e73ca27673c',
  'hex',
);

/** RESTORE, then everything that tells one value from another. */
const restored = (name: string, payload: Buffer, look: string[]): Case => ({
  name: `restore ${name}`,
  commands: [['RESTORE', 'k', '0', payload], 'TYPE k', 'OBJECT ENCODING k', 'DEBUG DIGEST-VALUE k', ...look],
});

export const cases: Case[] = [
  {
    name: 'dump of what is never compressed',
    commands: [
      'DUMP nokey',
      'DUMP',
      'DUMP a b',
      'SET s hello',
      'DUMP s',
      'SET n 100',
      'DUMP n',
      'SET n -40000',
      'DUMP n',
      'SET n 123456789012',
      'DUMP n',
      'SET zero 007',
      'DUMP zero',
      'SETRANGE s 2 yy',
      'DUMP s',
      'RPUSH l a 1 -5000 b',
      'DUMP l',
      'SADD i 1 2 70000',
      'DUMP i',
      'SADD one x',
      'DUMP one',
      'HSET h f v',
      'DUMP h',
      'ZADD z 1.5 a -3 b',
      'DUMP z',
      'PEXPIRE z 100000',
      'DUMP z',
    ],
  },
  {
    name: 'dump: scores are written as %.17g writes them',
    commands: [
      'ZADD e 2.718281828459045 m',
      'DUMP e',
      'ZINCRBY e -1.4142135623730951 m',
      'DUMP e',
      'ZADD e 1234567.8912345678 m',
      'DUMP e',
      'ZADD e 6.0221407623e-19 m',
      'DUMP e',
      'ZADD e 6.0221407623e23 m',
      'DUMP e',
      'ZADD e 9007199254740993 m',
      'DUMP e',
      ...rescored('2.7182818284590451', '0.5', '3.1415926500000002'),
    ],
  },
  {
    name: 'dump: a score that somebody else wrote with other digits keeps them',
    except: { portable: 'it holds scores as numbers, and writes each as %.17g would' },
    commands: rescored('2.718281828459045', '-2.71828182845904523', '2.71e3', '3.14159265'),
  },
  {
    name: 'restore: the order of the checks',
    commands: [
      'RESTORE',
      'RESTORE k 0',
      'SET k v',
      ['RESTORE', 'k', '0', text],
      ['RESTORE', 'k', 'x', text],
      ['RESTORE', 'k', '-1', 'bad', 'REPLACE'],
      ['RESTORE', 'k', 'x', 'bad', 'REPLACE'],
      ['RESTORE', 'k', '0', 'bad', 'REPLACE'],
      ['RESTORE', 'k', '0', Buffer.concat([text.subarray(0, -8), Buffer.alloc(8)]), 'REPLACE'],
      ['RESTORE', 'k', '0', text, 'nonsense'],
      ['RESTORE', 'k', '0', text, 'IDLETIME'],
      ['RESTORE', 'k', '0', text, 'IDLETIME', '-1'],
      ['RESTORE', 'k', '0', text, 'IDLETIME', 'x'],
      ['RESTORE', 'k', '0', text, 'FREQ', '256'],
      ['RESTORE', 'k', '0', text, 'FREQ', '-1'],
      ['RESTORE', 'k', '0', text, 'FREQ', '1', 'IDLETIME', '1'],
      ['RESTORE', 'k', '0', text, 'IDLETIME', '1', 'FREQ', '1'],
      'GET k',
      ['RESTORE', 'k', '0', text, 'replace'],
      'GET k',
      'TTL k',
    ],
  },
  {
    name: 'restore: damage (Redis would read a value on into the footer, so the short one is shorter than that)',
    commands: [
      ...[0, 1, 3, 7, 8, 9, 16].map((at): (string | Buffer)[] => ['RESTORE', 'k', '0', spoiled(text, at)]),
      ['RESTORE', 'k', '0', ''],
      ['RESTORE', 'k', '0', text.subarray(1)],
      ['RESTORE', 'k', '0', sealed('')],
      ['RESTORE', 'k', '0', sealed('\x63abc')],
      ['RESTORE', 'k', '0', sealed('\x08abc')],
      ['RESTORE', 'k', '0', sealed('\0\x20hell')],
      ['RESTORE', 'k', '0', sealed('\x01\x05\x01a')],
      ['RESTORE', 'k', '0', sealed('\x02\x02\x01a\x01a')],
      ['RESTORE', 'k', '0', sealed('\x01\0')],
      ['RESTORE', 'k', '0', sealed('\x02\0')],
      ['RESTORE', 'k', '0', sealed('\x04\0')],
      ['RESTORE', 'k', '0', sealed('\x05\0')],
      ['RESTORE', 'k', '0', sealed(`\x10${counted('\x07\0\0\0\0\0\xff')}`)],
      ['RESTORE', 'k', '0', sealed(`\x0b${counted('\x02\0\0\0\0\0\0\0')}`)],
      ['RESTORE', 'k', '0', sealed('\x03\x01\x01a\xfd')],
      'EXISTS k',
      ['RESTORE', 'k', '0', sealed('\0\x05hello and more')],
      'GET k',
    ],
  },
  {
    name: 'restore: expiry',
    commands: [
      ['RESTORE', 'k', '100000', text],
      'PERSIST k',
      ['RESTORE', 'k', '33000000000000', text, 'ABSTTL', 'REPLACE'],
      'PEXPIRETIME k',
      ['RESTORE', 'k', '1', text, 'ABSTTL'],
      ['RESTORE', 'k', '1', text, 'ABSTTL', 'REPLACE'],
      'EXISTS k',
      ['RESTORE', 'gone', '1', text, 'ABSTTL'],
      'EXISTS gone',
    ],
  },
  {
    name: 'dump and restore in a transaction',
    commands: [
      'SET s v',
      'MULTI',
      'DUMP s',
      ['RESTORE', 's', '0', text],
      ['RESTORE', 't', '0', text],
      'EXEC',
      'GET t',
    ],
  },
  {
    name: 'dump and restore every type',
    commands: ['SELECT 1', ['RESTORE', 'k', '0', text], 'DUMP k', 'SELECT 0', 'EXISTS k', 'RENAME k j'],
  },
  restored('a string', text, ['GET k']),
  restored('an integer', sealed('\0\xc2\xff\xff\xff\x7f'), ['GET k', 'INCR k']),
  restored('a compressed string', sealed('\0\xc3\x09\x28\x01aa\xe0\x1b\0\x01aa'), ['GET k']),
  restored('of an old version', sealed('\0\x01v', 1), ['GET k']),
  restored('a list of elements', sealed('\x01\x02\x01a\xc0\x07', 6), ['LRANGE k 0 -1']),
  restored('a list in a ziplist', sealed(`\x0a${counted(ziplist)}`, 6), [
    'LRANGE k 0 -1',
    'RPUSH k x',
    'LRANGE k 0 -1',
  ]),
  restored('a list in ziplist nodes', sealed(`\x0e\x02${counted(ziplist)}${counted(ziplist)}`, 9), [
    'LRANGE k 0 -1',
  ]),
  restored('a list in listpack nodes', sealed(`\x12\x02\x02${counted(listpack)}\x01\x05plain`), [
    'LRANGE k 0 -1',
    'LLEN k',
  ]),
  restored('a set of names', sealed('\x02\x02\x01a\x01b', 6), ['SCARD k', 'SISMEMBER k a']),
  restored('a set of integers one by one', sealed('\x02\x02\x011\xc0\x05', 6), ['SMEMBERS k']),
  restored('an intset', sealed(`\x0b${counted(intset)}`, 6), ['SMEMBERS k', 'SADD k x', 'OBJECT ENCODING k']),
  restored('a hash of fields', sealed('\x04\x01\x01f\x01v', 6), ['HGETALL k']),
  restored('a hash in a zipmap', sealed(`\x09${counted(zipmap)}`, 2), ['HGETALL k']),
  restored('a hash in a ziplist', sealed(`\x0d${counted(ziplist)}`, 9), ['HGETALL k']),
  restored('a hash in a listpack', sealed(`\x10${counted(listpack)}`), ['HGETALL k', 'DUMP k']),
  restored('a sorted set with scores in text', sealed('\x03\x02\x01a\x031.5\x01b\xfe', 6), [
    'ZRANGE k 0 -1 WITHSCORES',
  ]),
  restored('a sorted set with binary scores', sealed('\x05\x01\x01a\0\0\0\0\0\0\xf8\x3f', 8), [
    'ZRANGE k 0 -1 WITHSCORES',
    'DUMP k',
  ]),
  restored('a sorted set in a ziplist', sealed(`\x0c${counted(ziplist)}`, 9), ['ZRANGE k 0 -1 WITHSCORES']),
  restored('a stream with a group', stream, [
    'XRANGE k - +',
    'XPENDING k g',
    'XINFO GROUPS k',
    'DUMP k',
    'XADD k 7-1 f x',
  ]),
  {
    name: 'restore: limits decide the encoding',
    config: {
      'hash-max-listpack-entries': 1,
      'zset-max-listpack-entries': 0,
      'set-max-intset-entries': 2,
    },
    commands: [
      ['RESTORE', 'h', '0', sealed('\x04\x02\x01f\x01v\x01g\x01w', 6)],
      'OBJECT ENCODING h',
      ['RESTORE', 'm', '0', sealed(`\x09${counted(zipmap)}`, 2)],
      'OBJECT ENCODING m',
      ['RESTORE', 'z', '0', sealed(`\x0c${counted(ziplist)}`, 9)],
      'OBJECT ENCODING z',
      ['RESTORE', 'i', '0', sealed(`\x0b${counted(intset)}`, 6)],
      'OBJECT ENCODING i',
    ],
  },
];
