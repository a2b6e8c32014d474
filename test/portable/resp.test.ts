/**
 * The request parser: whole or byte by byte it finds the same requests, and it breaks off as Redis does.
 */
import test from 'ava';
import fc from 'fast-check';
import { splitInline } from '../../src/engine/portable/inline.ts';
import { type ParserLimits, RequestParser } from '../../src/engine/portable/resp.ts';

const limits: ParserLimits = { bulkBytesMax: 512 * 1024 * 1024, authenticated: true };

/** Everything that a parser makes of these chunks: requests as latin-1 words, then how it ended. */
function parse(chunks: readonly Uint8Array[], given = limits): { requests: string[][]; end: string } {
  const parser = new RequestParser();
  const requests: string[][] = [];
  for (const chunk of chunks) {
    const borrowed = Uint8Array.from(chunk);
    parser.feed(borrowed);
    for (;;) {
      const parsed = parser.next(given);
      if (parsed.is === 'request') requests.push(parsed.args.map((arg) => arg.toString('latin1')));
      else if (parsed.is === 'broken') return { requests, end: parsed.error };
      else break;
    }
    parser.settle();
    // What was borrowed is the caller's again.
    borrowed.fill(0x2a);
  }
  return { requests, end: `${parser.pendingBytes} pending` };
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const singly = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));

/** Cuts bytes at positions given as fractions. */
function cut(bytes: Uint8Array, fractions: readonly number[]): Uint8Array[] {
  const places = [...new Set(fractions.map((f) => Math.floor(f * bytes.length)))].sort((a, b) => a - b);
  return [0, ...places].map((start, index) => bytes.subarray(start, places[index] ?? bytes.length));
}

const word = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b)),
  fc.constantFrom('GET', '', '\r\n', '*1\r\n', '$3\r\nfoo\r\n').map(bytesOf),
  fc.integer({ min: 60_000, max: 70_000 }).map((n) => Buffer.alloc(n, 'x')),
);
const multibulk = fc
  .array(word, { minLength: 1, maxLength: 6 })
  .map((words) =>
    Buffer.concat([
      bytesOf(`*${words.length}\r\n`),
      ...words.flatMap((w) => [bytesOf(`$${w.length}\r\n`), w, bytesOf('\r\n')]),
    ]),
  );
const piece = fc.oneof(
  { weight: 6, arbitrary: multibulk },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('PING\r\n', '\r\n', '\n', '*0\r\n', '*-1\r\n', 'SET "a b" \'c\'\n')
      .map(bytesOf),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('*x\r\n', '*1\r\n!', '*1\r\n$-1\r\n', '"\r\n', '*1\r\n$999999999999\r\n')
      .map(bytesOf),
  },
);

test('any chunking gives what one chunk gives', (t) => {
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 6 }),
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 8 }),
      (pieces, fractions) => {
        const bytes = Buffer.concat(pieces);
        const whole = parse([bytes]);
        t.deepEqual(parse(cut(bytes, fractions)), whole);
        if (bytes.length < 2000) t.deepEqual(parse(singly(bytes)), whole);
      },
    ),
    { numRuns: 300 },
  );
});

test('arbitrary bytes never make it throw, and chunking does not matter for them either', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      t.deepEqual(parse(singly(bytes)), parse([bytes]));
    }),
  );
});

test('breaks off with the words of Redis', (t) => {
  const broken: [string, string][] = [
    ['*x\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['*2147483648\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['*\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['*1\n$4\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['*1\r\nX', 'partial'],
    ['*1\r\nX4\r\n', "ERR Protocol error: expected '$', got 'X'"],
    ['*1\r\n$-1\r\n', 'ERR Protocol error: invalid bulk length'],
    ['*1\r\n$536870913\r\n', 'ERR Protocol error: invalid bulk length'],
    ['*1\r\n$x\r\n', 'ERR Protocol error: invalid bulk length'],
    ['set "a"b c\r\n', 'ERR Protocol error: unbalanced quotes in request'],
    ["set 'a\r\n", 'ERR Protocol error: unbalanced quotes in request'],
    ['x'.repeat(70_000), 'ERR Protocol error: too big inline request'],
    [`*${'1'.repeat(70_000)}`, 'ERR Protocol error: too big mbulk count string'],
    [`*1\r\n$${'1'.repeat(70_000)}`, 'ERR Protocol error: too big bulk count string'],
  ];
  for (const [text, error] of broken) {
    const { requests, end } = parse([bytesOf(text)]);
    t.deepEqual(requests, []);
    if (error === 'partial') t.regex(end, /pending/);
    else t.is(end, error, text.slice(0, 40));
  }
});

test('those who are not authenticated get little', (t) => {
  const given = { ...limits, authenticated: false };
  t.is(parse([bytesOf('*11\r\n')], given).end, 'ERR Protocol error: unauthenticated multibulk length');
  t.is(parse([bytesOf('*1\r\n$16385\r\n')], given).end, 'ERR Protocol error: unauthenticated bulk length');
  t.regex(parse([bytesOf('*10\r\n$16384\r\n')], given).end, /pending/);
});

test('a promised length allocates nothing', (t) => {
  const parser = new RequestParser();
  parser.feed(bytesOf('*2147483647\r\n$536870912\r\nabc'));
  t.is(parser.next(limits).is, 'partial');
  parser.settle();
  t.is(parser.pendingBytes, 3);
});

test('inline quoting', (t) => {
  const words = (line: string): string[] | undefined => splitInline(line)?.map((w) => w.toString('latin1'));
  t.deepEqual(words('  a  b\t c '), ['a', 'b', 'c']);
  t.deepEqual(words('"a b" \'c d\''), ['a b', 'c d']);
  t.deepEqual(words('"\\x41\\n\\r\\t\\b\\a\\q\\"" x'), ['A\n\r\t\b\x07q"', 'x']);
  t.deepEqual(words("'a\\'b\\n'"), ["a'b\\n"]);
  t.deepEqual(words('foo"bar baz"'), ['foobar baz']);
  t.deepEqual(words('""'), ['']);
  t.deepEqual(words('"\\xg1"'), ['xg1']);
  t.is(words('"a"b'), undefined);
  t.is(words('"a'), undefined);
  t.is(words('"a\\'), undefined);
  t.deepEqual(words(''), []);
});
