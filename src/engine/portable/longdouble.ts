/**
 * Sums of 80-bit floats, exact to the last bit: what INCRBYFLOAT and HINCRBYFLOAT compute with.
 *
 * Redis adds C long doubles (x87 on amd64: 64 bits of mantissa) and prints them with "%.17Lf", trailing zeros removed.
 * A float here is mantissa * 2^exponent with a BigInt mantissa, so every operation is exact until it is rounded to
 * 64 bits, half to even, as the processor does. Deviation: no subnormals, so magnitudes below 2^-16382 are not rounded
 * as the processor rounds them; 17 digits behind the point show nothing of it.
 *
 *     parse:  decimal text --> rational --> 64 bits        plus:  align, add, round        format: exact decimal
 */
const mantissaBits = 64;
/** Beyond this binary exponent of the leading bit the processor says infinity. */
const exponentMax = 16383;
/** The processor's smallest subnormal number is 2^-16445, so what lies below 2^-16446 becomes zero. */
const exponentMin = -16446;
/** Redis reads floats from a buffer of this size. */
const textBytesMax = 5 * 1024;
/** Decimal exponents beyond this are surely out of range, and not worth a BigInt of that size. */
const decimalExponentMax = 6000;

export class LongDouble {
  readonly mantissa: bigint;
  readonly exponent: number;

  /** The value rounded to 64 bits of mantissa, half to even. `isInexact`: a little more (in magnitude) than given. */
  constructor(mantissa: bigint, exponent: number, isInexact = false) {
    const size = bitLength(mantissa);
    const surplus = size - mantissaBits;
    if (surplus <= 0) {
      this.mantissa = mantissa;
      this.exponent = exponent;
      return;
    }
    const magnitude = mantissa < 0n ? -mantissa : mantissa;
    const half = 1n << BigInt(surplus - 1);
    const rest = magnitude & ((half << 1n) - 1n);
    let rounded = magnitude >> BigInt(surplus);
    if (rest > half || (rest === half && (isInexact || (rounded & 1n) === 1n))) rounded += 1n;
    this.mantissa = mantissa < 0n ? -rounded : rounded;
    this.exponent = exponent + surplus;
  }

  get isInfinite(): boolean {
    return this.mantissa !== 0n && bitLength(this.mantissa) + this.exponent - 1 > exponentMax;
  }

  /** Less than half the smallest subnormal number: strtold makes it zero and says ERANGE. */
  get isVanishing(): boolean {
    return this.mantissa !== 0n && bitLength(this.mantissa) + this.exponent <= exponentMin;
  }

  /** The rounded sum, or null when it is NaN or infinite. */
  plus(other: LongDouble): LongDouble | null {
    if (this.isInfinite || other.isInfinite) return null;
    const exponent = Math.min(this.exponent, other.exponent);
    const sum =
      (this.mantissa << BigInt(this.exponent - exponent)) +
      (other.mantissa << BigInt(other.exponent - exponent));
    const rounded = new LongDouble(sum, exponent);
    return rounded.isInfinite ? null : rounded;
  }
}

const infinity = (isNegative: boolean): LongDouble => new LongDouble(isNegative ? -1n : 1n, exponentMax + 1);

/** Reads a float as strtold does with Redis's checks: the whole text, no space, no NaN, no overflow. Null when it is none. */
export function parseLongDouble(text: string): LongDouble | null {
  if (text.length === 0 || text.length >= textBytesMax) return null;
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return infinity(text[0] === '-');
  const decimal = /^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?$/.exec(text);
  const value = decimal !== null ? fromDecimal(decimal) : fromHex(text);
  return value === null || value.isInfinite || value.isVanishing ? null : value;
}

function fromDecimal([, sign, whole, fraction, power]: RegExpExecArray): LongDouble | null {
  if (whole === '' && fraction === '') return null;
  const digits = BigInt(`${whole}${fraction}`);
  const signed = sign === '-' ? -digits : digits;
  if (digits === 0n) return new LongDouble(0n, 0);
  const exponent = Number(power ?? '0') - fraction!.length;
  if (Math.abs(exponent) > decimalExponentMax) return null;
  if (exponent >= 0) return new LongDouble(signed * 10n ** BigInt(exponent), 0);
  // Enough bits of the quotient that 64 of them are right; what is left over decides ties.
  const divisor = 10n ** BigInt(-exponent);
  const shift = Math.max(0, bitLength(divisor) - bitLength(digits) + mantissaBits + 2);
  const scaled = signed << BigInt(shift);
  return new LongDouble(scaled / divisor, -shift, scaled % divisor !== 0n);
}

function fromHex(text: string): LongDouble | null {
  const parts = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)(?:[pP]([+-]?[0-9]{1,6}))?$/.exec(text);
  if (parts === null) return null;
  const digits = parts[2]! + parts[3]!;
  if (digits === '') return null;
  const mantissa = BigInt(`0x${digits}`);
  return new LongDouble(
    parts[1] === '-' ? -mantissa : mantissa,
    Number(parts[4] ?? '0') - 4 * parts[3]!.length,
  );
}

/** printf's "%.17Lf" without trailing zeros; null for what is no finite number. */
export function formatLongDouble(value: LongDouble | null): string | null {
  if (value === null) return null;
  const scale = 10n ** 17n;
  const magnitude = (value.mantissa < 0n ? -value.mantissa : value.mantissa) * scale;
  const scaled =
    value.exponent >= 0 ? magnitude << BigInt(value.exponent) : halfToEven(magnitude, -value.exponent);
  const sign = value.mantissa < 0n && scaled !== 0n ? '-' : '';
  const fraction = (scaled % scale).toString().padStart(17, '0').replace(/0+$/, '');
  return `${sign}${scaled / scale}${fraction && '.'}${fraction}`;
}

/** magnitude / 2^bits, rounded half to even. */
function halfToEven(magnitude: bigint, bits: number): bigint {
  const quotient = magnitude >> BigInt(bits);
  const rest = magnitude - (quotient << BigInt(bits));
  const half = 1n << BigInt(bits - 1);
  return rest > half || (rest === half && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

const bitLength = (n: bigint): number => (n < 0n ? -n : n).toString(2).length;
