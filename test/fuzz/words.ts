/**
 * The words that random commands are made of. Few keys, so that commands meet each other; values chosen where code
 * branches: numbers at their limits, text that is almost a number, the empty string, bytes that are not text.
 */
import type { Word } from '../servers/resp.ts';
import type { Random } from './random.ts';

/** Keys of one type's commands; one time in twelve another type's, for WRONGTYPE. */
export function key(random: Random, type: string): string {
  const kind = random.once(12) ? random.of(['s', 'l', 'e', 'h', 'z', 'x', 'p', 'b', 'g']) : type;
  return `${kind}${random.whole(1, 3)}`;
}

const values: readonly Word[] = [
  ...[
    '',
    '0',
    '1',
    '-1',
    '7',
    '10',
    '007',
    '-0',
    '+5',
    ' 1',
    '1 ',
    '1.5',
    '-3.25',
    '1e3',
    '0x10',
    'inf',
    '-inf',
    'nan',
  ],
  ...[
    '9223372036854775807',
    '-9223372036854775808',
    '9223372036854775808',
    '2147483648',
    '-2147483649',
    '65536',
  ],
  ...[
    'a',
    'b',
    'c',
    'abc',
    'hello world',
    'ö',
    'x'.repeat(44),
    'y'.repeat(45),
    'z'.repeat(64),
    'w'.repeat(65),
  ],
  Buffer.from([0]),
  Buffer.from([255, 254, 0, 13, 10]),
  'long '.repeat(60),
];

/** Any value. */
export const value = (random: Random): Word => random.of(values);

/** A member or field: few, and some values. */
export const member = (random: Random): Word =>
  random.once(4)
    ? value(random)
    : random.of(['a', 'b', 'c', 'd', 'e', 'f', '1', '2', '3', '40000', '5000000000']);

/** An index or count around zero, sometimes absurd. */
export const index = (random: Random): Word =>
  random.once(15)
    ? random.of(['x', '', '9223372036854775807', '-9223372036854775808', '9223372036854775808', '1.0'])
    : random.whole(-4, 6);

/** A count that is not negative, mostly. */
export const count = (random: Random): Word => (random.once(12) ? index(random) : random.whole(0, 5));

/** A number to add or score by. */
export const score = (random: Random): Word =>
  random.once(10)
    ? random.of(['inf', '-inf', 'nan', 'x', '', '1e308', '-1e308', '+7', '0.1'])
    : random.of([random.whole(-5, 5), random.whole(-500, 500) / 100, random.whole(-3, 3) / 2]);

/** A bound of ZRANGEBYSCORE. */
export const scoreBound = (random: Random): Word =>
  random.of(['-inf', '+inf', '(1', '(0', '0', '2', '-2', '(-1.5', '3', random.once(9) ? 'x' : '1']);

/** A bound of ZRANGEBYLEX. */
export const lexBound = (random: Random): Word =>
  random.of(['-', '+', '[a', '(a', '[c', '(c', '(e', '[', '(', random.once(6) ? 'b' : '[b']);

/** Far away or long gone, in seconds as in milliseconds: the engines and the real server must not disagree about "now". */
export const moment = (random: Random): Word =>
  random.once(6)
    ? random.of([1, 0, -5, 'x', '9223372036854775807'])
    : random.whole(4_000_000_000_000, 4_000_000_000_050);
