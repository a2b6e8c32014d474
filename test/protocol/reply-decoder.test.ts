/**
 * Replies as JavaScript values: every kind of both protocols, cut at any byte, and everything that is no RESP.
 *
 * What is encoded here is written by src/protocol/reply.ts, which the conformance suites hold against redis-server.
 */
import test from 'ava';
import fc from 'fast-check';
import { RedtwinError } from '../../src/errors.ts';
import { encodeReply, type Reply } from '../../src/protocol/reply.ts';
import {
  ReplyDecoder,
  type ReplyDecoderOptions,
  ReplyError,
  type ReplyValue,
} from '../../src/protocol/reply-decoder.ts';

/** Decodes chunks; what came out, in order. */
function decode(chunks: Iterable<Buffer>, options: Partial<ReplyDecoderOptions> = {}): ReplyValue[] {
  const values: ReplyValue[] = [];
  const decoder = new ReplyDecoder({ onReply: (value) => values.push(value), ...options });
  for (const chunk of chunks) decoder.feed(Buffer.from(chunk));
  return values;
}

/** One text as bytes, cut after each of the given positions. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
}

const one = (text: string, options: Partial<ReplyDecoderOptions> = {}): ReplyValue | undefined =>
  decode([Buffer.from(text)], options)[0];

test('every kind of reply has its value', (t) => {
  t.is(one('+OK\r\n'), 'OK');
  t.is(one('+OKAY\r\n'), 'OKAY');
  t.is(one('+\r\n'), '');
  t.is(one('$5\r\nhello\r\n'), 'hello');
  t.is(one('$4\r\na\r\nb\r\n'), 'a\r\nb');
  t.is(one('$2\r\né\r\n'), 'é');
  t.is(one('$-1\r\n'), null);
  t.is(one('*-1\r\n'), null);
  t.is(one('_\r\n'), null);
  t.is(one(':-12\r\n'), -12);
  t.is(one(':9007199254740991\r\n'), 9007199254740991);
  t.is(one(':-9223372036854775808\r\n'), -9223372036854775808n);
  t.is(one('#t\r\n'), true);
  t.is(one('#f\r\n'), false);
  t.is(one(',1.5e-3\r\n'), 0.0015);
  t.is(one(',-inf\r\n'), Number.NEGATIVE_INFINITY);
  t.is(one(',nan\r\n'), Number.NaN);
  t.is(one('(3492890328409238509324850943850943825024385\r\n'), 3492890328409238509324850943850943825024385n);
  t.is(one('=8\r\ntxt:text\r\n'), 'text');
  t.deepEqual(one('*3\r\n:1\r\n*0\r\n*1\r\n$-1\r\n'), [1, [], [null]]);
  t.deepEqual(one('%1\r\n+a\r\n~2\r\n:1\r\n:2\r\n'), new Map([['a', new Set([1, 2])]]));
  t.deepEqual(one('|1\r\n+ttl\r\n:3\r\n*1\r\n|1\r\n+x\r\n+y\r\n:7\r\n'), [7]);
  const error = one('-WRONGTYPE Operation against a key\r\n');
  t.true(error instanceof ReplyError);
  t.is((error as ReplyError).code, 'WRONGTYPE');
  t.is((one('!9\r\nERR a\r\nbc\r\n') as ReplyError).message, 'ERR a\r\nbc');
});

test('bulk strings come as Buffers when that is asked for, real ones', (t) => {
  const value = decode([Buffer.from('*2\r\n$3\r\n\xff\x00a\r\n+OK\r\n', 'latin1')], { buffers: true })[0];
  t.deepEqual(value, [Buffer.from('\xff\x00a', 'latin1'), 'OK']);
  t.is(Object.getPrototypeOf((value as ReplyValue[])[0]), Buffer.prototype);
});

test('pushes go their own way when there is one', (t) => {
  const pushes: ReplyValue[][] = [];
  const values = decode([Buffer.from('>2\r\n+message\r\n:1\r\n*1\r\n>1\r\n:2\r\n+OK\r\n')], {
    onPush: (items) => pushes.push(items),
  });
  t.deepEqual(pushes, [['message', 1]]);
  t.deepEqual(values, [[[2]], 'OK']);
  t.deepEqual(decode([Buffer.from('>1\r\n:2\r\n')]), [[2]]);
});

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constant('x'.repeat(5000)));
const { reply } = fc.letrec<{ reply: { reply: Reply; value: ReplyValue } }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 4 },
    fc.constant({ reply: { is: 'simple', text: 'OK' } as Reply, value: 'OK' }),
    fc.constant({ reply: { is: 'null' } as Reply, value: null }),
    fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((value) => ({
      reply: { is: 'integer', value } as Reply,
      value: BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value,
    })),
    fc.boolean().map((value) => ({ reply: { is: 'boolean', value } as Reply, value })),
    fc
      .double({ noNaN: true })
      .map((value) => ({ reply: { is: 'double', value } as Reply, value: value === 0 ? 0 : value })),
    text.map((value) => ({ reply: { is: 'bulk', value: Buffer.from(value) } as Reply, value })),
    fc.array(tie('reply'), { maxLength: 6 }).map((items) => ({
      reply: { is: 'array', items: items.map((item) => item.reply) } as Reply,
      value: items.map((item) => item.value),
    })),
    fc.array(fc.tuple(tie('reply'), tie('reply')), { maxLength: 3 }).map((pairs) => ({
      reply: { is: 'map', pairs: pairs.map(([key, value]) => [key.reply, value.reply]) } as Reply,
      value: new Map(pairs.map(([key, value]) => [key.value, value.value])),
    })),
  ),
}));

test('what was encoded comes out, wherever it is cut', (t) => {
  fc.assert(
    fc.property(
      fc.array(reply, { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 8 }),
      (replies, places) => {
        const bytes = Buffer.concat(replies.map((each) => encodeReply(each.reply, 3)));
        const values = replies.map((each) => each.value);
        t.deepEqual(decode(cut(bytes, places)), values);
        if (bytes.length < 300) t.deepEqual(decode([...bytes].map((byte) => Buffer.from([byte]))), values);
      },
    ),
    { numRuns: 300 },
  );
});

test('a bulk string of many chunks is read once', (t) => {
  const body = Buffer.alloc(3_000_001, 'é');
  const bytes = Buffer.concat([Buffer.from(`*2\r\n$${body.length}\r\n`), body, Buffer.from('\r\n:1\r\n')]);
  const chunks = cut(
    bytes,
    Array.from({ length: 200 }, (_, index) => index * 15_000),
  );
  t.deepEqual(decode(chunks, { buffers: true }), [[body, 1]]);
  t.deepEqual(decode(chunks), [[body.toString(), 1]]);
});

const refused = [
  ['hello\r\n', 'begins with'],
  ['$-2\r\n', 'negative'],
  ['$x\r\n', 'number is none'],
  [':\r\n', 'number is none'],
  [':1\rx', 'number is none'],
  ['$3\r\nabcd\r\n', 'another length'],
  [`:${'1'.repeat(600)}`, 'does not end'],
  ['$99999999999999999999\r\n', 'memory'],
  [`+${'x'.repeat(1024 * 1024 + 1)}`, 'does not end'],
  ['+a\rb\r\n', 'line feed'],
  ['%-1\r\n', 'length is none'],
  [',1,5\r\n', 'double is none'],
  ['(1e5\r\n', 'big number is none'],
  ['*1\r\n'.repeat(1025), 'too deeply'],
] as const;
for (const [bytes, why] of refused)
  test(`no RESP: ${JSON.stringify(bytes.slice(0, 24))}`, (t) => {
    for (const chunks of [[Buffer.from(bytes)], cut(Buffer.from(bytes), [1, 3, 5])]) {
      const error = t.throws(() => decode(chunks), { instanceOf: RedtwinError });
      t.is(error?.code, 'protocol-error');
      t.regex(error?.message ?? '', new RegExp(why));
    }
  });

test('any bytes: values or a protocol error', (t) => {
  const alphabet = fc.constantFrom(...'+-:$*%~>|_#,(!=0129xt\r\n'.split(''), '\r\n', '\r\n');
  fc.assert(
    fc.property(fc.array(alphabet, { maxLength: 60 }), (parts) => {
      try {
        decode([Buffer.from(parts.join(''))]);
      } catch (error) {
        t.is((error as RedtwinError).code, 'protocol-error');
      }
    }),
    { numRuns: 2000 },
  );
});
