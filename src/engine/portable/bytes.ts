/**
 * Bytes as strings and back.
 *
 * Keys, members, fields, list elements and hash values are "binary strings": JavaScript strings with one character
 * per byte (latin-1). They are immutable, work as Map keys, and `<` compares them as memcmp does. Only string values,
 * which commands change in place, are Buffers.
 */

/** The binary string of some bytes. A copy. */
export const binary = (bytes: Uint8Array): string =>
  (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).toString(
    'latin1',
  );

/** The bytes of a binary string. A copy. */
export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Compares two binary strings like memcmp, the shorter first. */
export const compareBinary = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** ASCII lower case, other bytes untouched (toLowerCase would change latin-1 letters). */
export const lower = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** ASCII upper case, other bytes untouched. */
export const upper = (text: string): string => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
