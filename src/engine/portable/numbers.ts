/**
 * Numbers as Redis reads and writes them.
 *
 * Integers are strict: no plus sign, no leading zero, no space, 64 bits signed (string2ll). Doubles are read like
 * strtod with the checks of Redis around it, and written like printf's "%.17g". Texts are binary strings.
 */
const int64Max = 0x7fffffffffffffffn;
const int64Min = -0x8000000000000000n;

export const isInt64 = (n: bigint): boolean => n >= int64Min && n <= int64Max;

/** The 64-bit signed integer that a text is the canonical form of, or null. */
export function parseInt64(text: string): bigint | null {
  if (text.length === 0 || text.length > 20 || !/^(?:0|-?[1-9][0-9]*)$/.test(text)) return null;
  const n = BigInt(text);
  return isInt64(n) ? n : null;
}

/** Same, but as a number: exact up to 2^53, rounded beyond (good enough for indexes and counts). */
export function parseInteger(text: string): number | null {
  if (text.length < 16) return /^(?:0|-?[1-9][0-9]*)$/.test(text) ? Number(text) : null;
  const n = parseInt64(text);
  return n === null ? null : Number(n);
}

/** A cursor or another unsigned 64-bit integer as strtoul takes it (no space, whole text), or null. */
export function parseUnsigned(text: string): number | null {
  if (!/^[+-]?[0-9]{1,20}$/.test(text)) return null;
  const n = BigInt(text);
  return n > 0xffffffffffffffffn || n < -0xffffffffffffffffn ? null : Number(BigInt.asUintN(64, n));
}

/** A double as strtod reads it, the whole text, no leading space; null for NaN, overflow and anything else. */
export function parseDouble(text: string): number | null {
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(text)) {
    const n = Number(text);
    if (!Number.isFinite(n)) return null;
    // strtod reports an underflow to zero as out of range, and Redis refuses it.
    return n === 0 && /[1-9]/.test(text.replace(/[eE].*$/, '')) ? null : n;
  }
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return text[0] === '-' ? -Infinity : Infinity;
  return parseHexDouble(text);
}

/**
 * A double as strtod alone reads it: up to a zero byte; leading white space and the empty text (0) pass, too big becomes infinity. For
 * score bounds and weights of SORT, where Redis checks no more than that all of the text was used. Null for NaN.
 */
export function parseStrtod(text: string): number | null {
  const cString = text.split('\0', 1)[0]!;
  if (cString === '') return 0;
  const trimmed = cString.replace(/^[ \t\n\v\f\r]+/, '');
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(trimmed)) return Number(trimmed);
  return parseDouble(trimmed);
}

/** The C99 form: 0x1.8p3. Exact as long as the mantissa has at most 53 bits, which is all that people write. */
function parseHexDouble(text: string): number | null {
  const parts = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)(?:[pP]([+-]?[0-9]+))?$/.exec(text);
  if (parts === null) return null;
  const digits = parts[2]! + parts[3]!;
  if (digits === '') return null;
  const exponent = Number(parts[4] ?? '0') - 4 * parts[3]!.length;
  const n = Number(BigInt(`0x${digits}`)) * 2 ** exponent;
  if (!Number.isFinite(n)) return null;
  return parts[1] === '-' ? -n : n;
}

/** A double as printf("%.17g") writes it; infinities as inf and -inf. */
export function formatDouble(n: number): string {
  if (Number.isNaN(n)) return 'nan';
  if (!Number.isFinite(n)) return n > 0 ? 'inf' : '-inf';
  if (Number.isInteger(n) && Math.abs(n) < 1e15) return Object.is(n, -0) ? '-0' : String(n);
  return formatG(n, 17);
}

/** printf's "%.<precision>g" of a finite number, trailing zeros removed; ties go to the even digit as in C. */
export function formatG(n: number, precision: number): string {
  if (n === 0) return Object.is(n, -0) ? '-0' : '0';
  const [digits, exponent] = significant(Math.abs(n), precision);
  const sign = n < 0 ? '-' : '';
  if (exponent < -4 || exponent >= precision) {
    const fraction = digits.slice(1).replace(/0+$/, '');
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits[0]}${fraction && '.'}${fraction}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits.replace(/0+$/, '')}`;
  const fraction = digits.slice(exponent + 1).replace(/0+$/, '');
  return `${sign}${digits.slice(0, exponent + 1)}${fraction && '.'}${fraction}`;
}

/** The first `precision` decimal digits of a positive number, correctly rounded, and the power of ten of the first. */
function significant(n: number, precision: number): [string, number] {
  const split = (text: string): [string, number] => {
    const [mantissa, power] = text.split('e') as [string, string];
    return [mantissa.replace('.', ''), Number(power)];
  };
  const [longer, exponent] = split(n.toExponential(precision));
  const isTie =
    longer.endsWith('5') && /^50*$/.test(split(n.toExponential(precision + 60))[0].slice(precision));
  // JavaScript rounds a tie up, C to the even digit: when the digit before the 5 is even, it simply stays.
  if (isTie && Number(longer[precision - 1]) % 2 === 0) return [longer.slice(0, -1), exponent];
  return split(n.toExponential(precision - 1));
}
