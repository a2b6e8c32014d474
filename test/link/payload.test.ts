/**
 * The end of a snapshot is found wherever chunks are cut, and a line too.
 *
 * The same bytes come whole, cut at each place, and one by one.
 */
import test from 'ava';
import fc from 'fast-check';
import { LineCutter, lineBytesMax } from '../../src/runtime/lines.ts';
import { payloadCutter } from '../../src/runtime/payload.ts';

const mark = 'abababababababababababababababababababac';

/** Cuts `bytes` at the given places and feeds it all. */
const feed = (format: Parameters<typeof payloadCutter>[0], bytes: Buffer, sizes: number[]) => {
  const cutter = payloadCutter(format);
  const payload: Buffer[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    const chunk = bytes.subarray(at, at + size);
    if (chunk.length === 0) continue;
    at += chunk.length;
    const cut = cutter.take(Buffer.from(chunk));
    payload.push(...cut.payload);
    if (cut.rest !== null)
      return { payload: Buffer.concat(payload), rest: Buffer.concat([cut.rest, bytes.subarray(at)]) };
  }
  return { payload: Buffer.concat(payload), rest: null };
};

// Only two letters, so that beginnings of the mark come up all the time.
const treacherous = fc.array(fc.constantFrom('a', 'b', 'ab', 'abababababababababababababababababababab'), {
  maxLength: 30,
  size: 'max',
});
const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 100, size: 'max' });

test('the mark is found at any split', (t) => {
  fc.assert(
    fc.property(treacherous, sizes, fc.string(), (parts, cuts, behind) => {
      const body = parts.join('');
      const found = feed({ ends: 'mark', mark }, Buffer.from(body + mark + behind), cuts);
      return found.payload.toString() === body && found.rest?.toString() === behind;
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('byte by byte, and in one piece', (t) => {
  const bytes = Buffer.from(`payload${mark}*1`);
  for (const cuts of [new Array<number>(bytes.length).fill(1), []]) {
    const { payload, rest } = feed({ ends: 'mark', mark }, bytes, cuts);
    t.is(payload.toString(), 'payload');
    t.is(rest?.toString(), '*1');
  }
});

test('never more than 39 bytes are held back', (t) => {
  fc.assert(
    fc.property(treacherous, sizes, (parts, cuts) => {
      const body = parts.join('');
      const found = feed({ ends: 'mark', mark }, Buffer.from(body), cuts);
      return (
        found.rest === null &&
        body.startsWith(found.payload.toString()) &&
        body.length - found.payload.length < 40
      );
    }),
  );
  t.pass();
});

test('a length is counted down', (t) => {
  const { payload, rest } = feed({ ends: 'length', bytes: 7 }, Buffer.from('payload*1'), [3, 3]);
  t.is(payload.toString(), 'payload');
  t.is(rest?.toString(), '*1');
  t.is(feed({ ends: 'length', bytes: 8 }, Buffer.from('payload'), [3]).rest, null);
});

test('lines are cut at any split, with either end', (t) => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z]{0,20}$/)), sizes, fc.boolean(), (lines, cuts, crlf) => {
      const bytes = Buffer.from(lines.map((line) => line + (crlf ? '\r\n' : '\n')).join(''));
      const cutter = new LineCutter();
      const seen: string[] = [];
      let at = 0;
      for (const size of [...cuts, bytes.length]) {
        let chunk = bytes.subarray(at, at + size);
        at += chunk.length;
        while (chunk.length > 0) {
          const taken = cutter.take(chunk)!;
          if (taken.line !== null) seen.push(taken.line);
          chunk = chunk.subarray(taken.used);
        }
      }
      return JSON.stringify(seen) === JSON.stringify(lines);
    }),
  );
  t.pass();
});

test('a line without an end is given up', (t) => {
  const cutter = new LineCutter();
  t.not(cutter.take(Buffer.alloc(lineBytesMax, 'x')), null);
  t.is(cutter.take(Buffer.from('x')), null);
});
