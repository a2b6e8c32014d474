/**
 * Bytes as strings and back.
 *
 * Keys, members, fields, list elements and hash values are "binary strings": JavaScript strings with one character
 * per byte (latin-1). They are immutable, work as Map keys, and `<` compares them as memcmp does. Only string values,
 * which commands change in place, are Buffers.
 */

/** Integers below this are small. */
const smallMax = 1_000_000_000;

/** The binary string of some bytes. A copy. */
export const binary = (bytes: Uint8Array): string =>
  (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).toString(
    'latin1',
  );

/** The bytes of a binary string. A copy. */
export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The decimal digits of an integer, as bytes. Small ones, nearly all, are written digit by digit: that costs a third of a copied string. */
export function digits(n: number | bigint): Buffer {
  if (typeof n === 'bigint' || n < 0 || n >= smallMax) return bytes(String(n));
  let length = 1;
  for (let limit = 10; n >= limit; limit *= 10) length++;
  const written = Buffer.allocUnsafe(length);
  for (let at = length - 1, rest = n; at >= 0; at--) {
    const tenth = Math.floor(rest / 10);
    written[at] = 0x30 + rest - tenth * 10;
    rest = tenth;
  }
  return written;
}

/**
 * The integer that bytes are the canonical form of, when it is one of up to nine digits and no sign; -1 for all else, which
 * is to be read by those who know every form.
 */
export function smallInteger(text: Uint8Array): number {
  const { length } = text;
  if (length === 0 || length > 9 || (length > 1 && text[0] === 0x30)) return -1;
  let n = 0;
  for (let at = 0; at < length; at++) {
    const digit = text[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    n = n * 10 + digit;
  }
  return n;
}

/** Compares two binary strings like memcmp, the shorter first. */
export const compareBinary = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** ASCII lower case, other bytes untouched (toLowerCase would change latin-1 letters). */
export const lower = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** ASCII upper case, other bytes untouched. */
export const upper = (text: string): string => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
