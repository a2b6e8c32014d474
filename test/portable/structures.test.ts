/**
 * The structures of the portable engine against naive twins: the dictionary and its scan guarantees, the ranked list,
 * the list, globs, and the numbers.
 */
import test from 'ava';
import fc from 'fast-check';
import { Dict } from '../../src/engine/portable/dict.ts';
import { globMatches } from '../../src/engine/portable/glob.ts';
import { ListValue } from '../../src/engine/portable/list.ts';
import { formatLongDouble, parseLongDouble } from '../../src/engine/portable/longdouble.ts';
import { formatDouble, parseDouble, parseInt64 } from '../../src/engine/portable/numbers.ts';
import { Random } from '../../src/engine/portable/random.ts';
import { RankedList } from '../../src/engine/portable/ranked.ts';

/** Ten keys, so that operations meet. */
const key = fc.constantFrom(...'abcdefghij');
const change = fc.record({ do: fc.constantFrom('set', 'delete'), key });

test('a dictionary is a map that keeps insertion order', (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const dict = new Dict<number>();
      const twin = new Map<string, number>();
      changes.forEach(({ do: what, key }, index) => {
        if (what === 'set') {
          t.is(dict.set(key, index), !twin.has(key));
          twin.set(key, index);
        } else {
          t.is(dict.delete(key), twin.delete(key));
        }
      });
      t.deepEqual([...dict], [...twin]);
      t.is(dict.size, twin.size);
      const sample = dict.sample(new Random(1n));
      t.is(sample !== undefined && twin.has(sample), twin.size > 0);
    }),
  );
});

test('a walk meets what is inserted meanwhile, and not what is deleted', (t) => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 20 }),
      fc.array(fc.array(change, { maxLength: 60 }), { maxLength: 5 }),
      (before, between) => {
        const dict = new Dict<number>();
        const twin = new Map<string, number>();
        const apply = (changes: { do: string; key: string }[]): void => {
          for (const { do: what, key } of changes) {
            if (what === 'set') {
              dict.set(key, 0);
              twin.set(key, 0);
            } else {
              dict.delete(key);
              twin.delete(key);
            }
          }
        };
        apply(before);
        const [met, expected] = [dict.entries(), twin.keys()];
        for (const changes of [...between, []]) {
          t.is(met.next().value?.key, expected.next().value);
          apply(changes);
        }
      },
    ),
  );
});

test('a scan tells everything that was there all along, exactly once, and ends', (t) => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 60 }),
      fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      (before, between, count) => {
        const dict = new Dict<number>();
        const apply = (changes: { do: string; key: string }[]): void => {
          for (const { do: what, key } of changes) {
            if (what === 'set') dict.set(key, 0);
            else {
              dict.delete(key);
              stayed.delete(key);
            }
          }
        };
        const stayed = new Set<string>();
        apply(before);
        for (const [key] of dict) stayed.add(key);
        const told: string[] = [];
        let cursor = 0;
        let steps = 0;
        do {
          cursor = dict.scan(cursor, count, (key) => told.push(key));
          apply(between[steps] ?? []);
          steps++;
        } while (cursor !== 0);
        for (const key of stayed) t.is(told.filter((k) => k === key).length, 1, key);
        t.true(steps <= 11);
      },
    ),
  );
});

test('a ranked list is a sorted array', (t) => {
  const compare = (a: number, b: number): number => a - b;
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 5000 }), { minLength: 600, maxLength: 2000 }),
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: 0, max: 700 }),
      (numbers, pivot, length) => {
        const half = numbers.length >> 1;
        const list = RankedList.from(numbers.slice(0, half), compare);
        for (const n of numbers.slice(half)) list.insert(n);
        const twin = [...numbers].sort(compare);
        t.deepEqual([...list], twin);
        const rank = list.rankOf(pivot);
        t.is(rank, twin.filter((n) => n < pivot).length);
        t.is(list.at(rank), twin[rank]);
        t.deepEqual(list.slice(rank, rank + length), twin.slice(rank, rank + length));
        list.removeRange(rank, rank + length);
        twin.splice(rank, length);
        t.deepEqual([...list], twin);
        t.is(list.length, twin.length);
        if (twin.length > 0) t.is(list.at(twin.length - 1), twin.at(-1));
        t.is(list.at(twin.length), undefined);
      },
    ),
    { numRuns: 50 },
  );
});

test('a list is an array with two ends', (t) => {
  const step = fc.record({
    do: fc.constantFrom('pushFront', 'pushBack', 'popFront', 'popBack', 'insert'),
    element: fc.string({ maxLength: 3 }),
    at: fc.nat(30),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const list = new ListValue();
      const twin: string[] = [];
      for (const { do: what, element, at } of steps) {
        if (what === 'pushFront') {
          list.pushFront(element);
          twin.unshift(element);
        } else if (what === 'pushBack') {
          list.pushBack(element);
          twin.push(element);
        } else if (what === 'popFront') {
          t.is(list.popFront(), twin.shift());
        } else if (what === 'popBack') {
          t.is(list.popBack(), twin.pop());
        } else if (at <= twin.length) {
          list.insert(at, element);
          twin.splice(at, 0, element);
        }
        t.is(list.at(at), twin[at]);
      }
      t.deepEqual(list.elements(), twin);
    }),
  );
});

test('globs', (t) => {
  const cases: [string, string, boolean][] = [
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['h?llo', 'hello', true],
    ['h?llo', 'hllo', false],
    ['h*llo', 'heeeello', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b', 'xxaxxbxx', false],
    ['[abc]', 'b', true],
    ['[^abc]', 'b', false],
    ['[a-c]', 'b', true],
    ['[c-a]', 'b', true],
    ['[\\]]', ']', true],
    ['[', 'a', false],
    ['[a', 'a', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\', 'a\\', true],
    ['\xff?', '\xff\x00', true],
  ];
  for (const [pattern, text, matches] of cases)
    t.is(globMatches(pattern, text), matches, `${pattern} ${text}`);
});

test('a glob full of stars does not take for ever', (t) => {
  t.false(globMatches(`${'a*'.repeat(500)}b`, 'a'.repeat(20_000)));
});

test('integers are strict', (t) => {
  for (const text of ['0', '-1', '9223372036854775807', '-9223372036854775808'])
    t.is(parseInt64(text), BigInt(text));
  for (const text of ['', '-', '-0', '+1', '01', ' 1', '1 ', '1.0', '9223372036854775808', '1e3']) {
    t.is(parseInt64(text), null, text);
  }
});

test('doubles are written as %.17g writes them and read back', (t) => {
  const cases: [number, string][] = [
    [0.1, '0.10000000000000001'],
    [1.31, '1.3100000000000001'],
    [-4.4, '-4.4000000000000004'],
    [3, '3'],
    [-0, '-0'],
    [1e16, '10000000000000000'],
    [1e17, '1e+17'],
    [1e-5, '1.0000000000000001e-05'],
    [2 ** -25, '2.9802322387695312e-08'],
    [5e-324, '4.9406564584124654e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
  ];
  for (const [n, text] of cases) t.is(formatDouble(n), text);
  fc.assert(fc.property(fc.double({ noNaN: true }), (n) => t.is(parseDouble(formatDouble(n)), n)));
  for (const text of ['', ' 1', '1 ', 'nan', '1e400', '1e-400', '.', 'e5', '0x', '--1']) {
    t.is(parseDouble(text), null, text);
  }
  t.is(parseDouble('0x10'), 16);
  t.is(parseDouble('+.5e1'), 5);
});

test('sums of long doubles', (t) => {
  const sum = (a: string, b: string): string | null => {
    const [x, y] = [parseLongDouble(a), parseLongDouble(b)];
    return x === null || y === null ? 'unread' : formatLongDouble(x.plus(y));
  };
  t.is(sum('10.50', '0.1'), '10.6');
  t.is(sum('5.0e3', '2.0e2'), '5200');
  t.is(sum('3', '1.1'), '4.1');
  // 64 bits of mantissa hold 1e18 and a half, but not 1e20 and a half.
  t.is(sum('1e18', '0.5'), '1000000000000000000.5');
  t.is(sum('1e20', '0.5'), '100000000000000000000');
  t.is(sum('9223372036854775807', '1'), '9223372036854775808');
  t.is(sum('1', '1e-18'), '1');
  t.is(sum('0', '-0'), '0');
  t.is(sum('inf', '1'), null);
  t.is(sum('1e4933', '1'), 'unread');
  t.is(sum('1e999999999', '1'), 'unread');
  t.is(sum('0x1p4', '1'), '17');
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: -1e9, max: 1e9 }), (a, b) => {
      t.is(sum(String(a), String(b)), String(a + b));
    }),
  );
});
