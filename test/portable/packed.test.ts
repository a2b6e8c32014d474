/**
 * The packed forms of the portable engine, each on its own: checksums, LZF, listpacks, ziplists, intsets, zipmaps.
 *
 * Three questions to each: does it read what a real server wrote, does a round trip give the same back, and does
 * it refuse every broken input with an error of ours and nothing else?
 */
import test from 'ava';
import fc from 'fast-check';
import { crc64 } from '../../src/engine/portable/crc64.ts';
import { readIntset, writeIntset } from '../../src/engine/portable/intset.ts';
import { listpackElementBytes, readListpack, writeListpack } from '../../src/engine/portable/listpack.ts';
import { lzfCompress, lzfDecompress } from '../../src/engine/portable/lzf.ts';
import { readZiplist } from '../../src/engine/portable/ziplist.ts';
import { readZipmap } from '../../src/engine/portable/zipmap.ts';
import { RedtwinError } from '../../src/errors.ts';

/**
 * A binary string with a taste for what the formats treat specially: integers, lengths at their limits, any byte.
 */
const element = fc.oneof(
  fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String),
  fc.integer({ min: -9000, max: 9000 }).map(String),
  fc.constantFrom(
    '',
    '007',
    '-0',
    '+1',
    '9223372036854775808',
    'x'.repeat(63),
    'x'.repeat(64),
    'y'.repeat(4096),
  ),
);

/** Runs a reader on damaged bytes: it gives something, or refuses with 'rdb-corrupt'. */
const survives = (read: () => unknown): void => {
  try {
    read();
  } catch (error) {
    if (!(error instanceof RedtwinError) || error.code !== 'rdb-corrupt') throw error;
  }
};

/** Properties of a reader: bit flips and cuts never make it fail in any other way than it says. */
const refusesDamage = (bytes: fc.Arbitrary<Buffer>, read: (bytes: Buffer) => unknown): void => {
  fc.assert(
    fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), (whole, at, flip, cut) => {
      const flipped = Buffer.from(whole);
      flipped[at % whole.length]! ^= flip;
      survives(() => read(flipped));
      survives(() => read(whole.subarray(0, cut % whole.length)));
    }),
    { numRuns: 500 },
  );
};

test('crc64 gives the check value, goes on where it stopped, and does not mind how bytes are cut', (t) => {
  t.is(crc64(Buffer.from('123456789')), 0xe9c6d914c4b8d9can);
  t.is(crc64(Buffer.from('REDIS0011\xff', 'latin1')), 0x629738748d8a22c0n);
  t.is(crc64(Buffer.alloc(0)), 0n);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), (bytes, cut) => {
      const at = cut % (bytes.length + 1);
      return crc64(bytes.subarray(at), crc64(bytes.subarray(0, at))) === crc64(bytes);
    }),
  );
  // A table of one bit at a time is slow and cannot be wrong.
  const naive = (bytes: Uint8Array): bigint =>
    bytes.reduce((crc, byte) => {
      let value = crc ^ BigInt(byte);
      for (let bit = 0; bit < 8; bit++)
        value = value & 1n ? (value >> 1n) ^ 0x95ac9329ac4bc9b5n : value >> 1n;
      return value;
    }, 0n);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => crc64(bytes) === naive(bytes)));
});

test('lzf gives back what it was given', (t) => {
  const text = fc
    .array(fc.tuple(fc.constantFrom('a', 'bc', 'hello ', '\0', 'xyz'), fc.integer({ min: 1, max: 60 })), {
      minLength: 1,
      maxLength: 40,
    })
    .map((runs) => Buffer.from(runs.map(([word, times]) => word.repeat(times)).join('')));
  fc.assert(
    fc.property(text, (bytes) => {
      const packed = lzfCompress(bytes, bytes.length);
      return packed === null || lzfDecompress(packed, bytes.length).equals(bytes);
    }),
    { numRuns: 2000 },
  );
  const far = Buffer.concat([
    Buffer.from('needle in the haystack'),
    Buffer.alloc(8170, 'h'),
    Buffer.from('needle in'),
  ]);
  t.deepEqual(lzfDecompress(lzfCompress(far, far.length)!, far.length), far);
  t.is(lzfCompress(Buffer.from('abcdefghijklmnopqrstuvwxyz'), 22), null);
});

test('lzf reads every form of a run', (t) => {
  t.is(lzfDecompress(Buffer.from('0261626320 02'.replace(/ /g, ''), 'hex'), 6).toString(), 'abcabc');
  t.is(lzfDecompress(Buffer.from('0061e00300', 'hex'), 13).toString(), 'a'.repeat(13));
});

test('lzf refuses what cannot be', (t) => {
  const refuses = (hex: string, size: number): void => {
    t.throws(() => lzfDecompress(Buffer.from(hex, 'hex'), size), {
      instanceOf: RedtwinError,
      code: 'rdb-corrupt',
    });
  };
  refuses('0061', 2 ** 31);
  refuses('0061', 2);
  refuses('0261', 3);
  refuses('2001', 3);
  refuses('0061e0', 9);
  refuses('0061e001', 9);
  refuses('00612000', 3);
  refusesDamage(fc.constant(lzfCompress(Buffer.alloc(300, 'abcdabcdzz'), 200)!), (bytes) =>
    lzfDecompress(bytes, 300),
  );
});

test('listpacks give back what they were given, and count their bytes rightly', (t) => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 60 }), (elements) => {
      const packed = writeListpack(elements);
      t.deepEqual(readListpack(packed), elements);
      t.is(packed.length, 7 + elements.reduce((sum, text) => sum + listpackElementBytes(text), 0));
    }),
  );
  const many = Array.from({ length: 70_000 }, (_, index) => String(index));
  t.deepEqual(readListpack(writeListpack(many)), many);
  const long = ['z'.repeat(20_000), 'z'.repeat(3_000_000)];
  t.deepEqual(readListpack(writeListpack(long)), long);
});

test('listpacks are the bytes that Redis writes', (t) => {
  const packed = writeListpack([
    'a',
    '127',
    '-1',
    '4095',
    '-4097',
    '70000',
    '-2147483649',
    '2147483648',
    '01',
  ]);
  t.is(
    packed.toString('hex'),
    '330000000900' +
      '816102' +
      '7f01' +
      'dfff02' +
      'cfff02' +
      'f1ffef03' +
      'f270110104' +
      'f4ffffff7fffffffff09' +
      'f4000000800000000009' +
      '82303103' +
      'ff',
  );
});

test('listpacks with damage are refused', (t) => {
  refusesDamage(fc.array(element, { minLength: 1, maxLength: 20 }).map(writeListpack), readListpack);
  t.throws(() => readListpack(Buffer.from('070000000100ff', 'hex')), {
    code: 'rdb-corrupt',
    message: /count/,
  });
});

test('ziplists are read in all their encodings', (t) => {
  const entries: [string, string][] = [
    ['0161', 'a'],
    [`4041${'62'.repeat(65)}`, 'b'.repeat(65)],
    [`8000004001${'63'.repeat(16385)}`, 'c'.repeat(16385)],
    ['c0e803', '1000'],
    ['d000000080', '-2147483648'],
    ['e0ffffffffffffff7f', '9223372036854775807'],
    ['f0000080', '-8388608'],
    ['fe80', '-128'],
    ['f1', '0'],
    ['fd', '12'],
  ];
  const parts: Buffer[] = [];
  let before = 0;
  let tail = 10;
  let size = 10;
  for (const [hex] of entries) {
    const head = before < 254 ? Buffer.from([before]) : Buffer.from([0xfe, 0, 0, 0, 0]);
    if (before >= 254) head.writeUInt32LE(before, 1);
    tail = size;
    before = head.length + hex.length / 2;
    size += before;
    parts.push(head, Buffer.from(hex, 'hex'));
  }
  const header = Buffer.alloc(10);
  header.writeUInt32LE(size + 1, 0);
  header.writeUInt32LE(tail, 4);
  header.writeUInt16LE(entries.length, 8);
  const whole = Buffer.concat([header, ...parts, Buffer.from([0xff])]);
  t.deepEqual(
    readZiplist(whole),
    entries.map(([, text]) => text),
  );
  header.writeUInt16LE(65535, 8);
  t.is(readZiplist(Buffer.concat([header, ...parts, Buffer.from([0xff])])).length, entries.length);
  t.deepEqual(readZiplist(Buffer.from('0b0000000a0000000000ff', 'hex')), []);
  refusesDamage(fc.constant(whole), readZiplist);
});

test('intsets give back what they were given, in the narrowest width', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), { maxLength: 40 }), (members) => {
      const sorted = members.sort((a, b) => (a < b ? -1 : 1));
      t.deepEqual(readIntset(writeIntset(sorted)), sorted);
    }),
  );
  t.is(writeIntset([-32768n, 32767n]).toString('hex'), '02000000020000000080ff7f');
  t.is(writeIntset([32768n]).readUInt32LE(0), 4);
  t.is(writeIntset([2n ** 31n]).readUInt32LE(0), 8);
  refusesDamage(fc.constant(writeIntset([-5n, 1n, 2n, 70000n])), readIntset);
  t.throws(() => readIntset(Buffer.from('020000000200000001000100', 'hex')), { message: /order/ });
});

test('zipmaps are read, padding and long values included', (t) => {
  const long = 'v'.repeat(300);
  const whole = Buffer.concat([
    Buffer.from('02' + '0161' + '0100' + '62' + '0163' + 'fe2c01000002', 'hex'),
    Buffer.from(`${long}..`),
    Buffer.from([0xff]),
  ]);
  t.deepEqual(readZipmap(whole), ['a', 'b', 'c', long]);
  t.deepEqual(readZipmap(Buffer.from('00ff', 'hex')), []);
  refusesDamage(fc.constant(whole), readZipmap);
});
