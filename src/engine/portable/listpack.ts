/**
 * Listpacks: a row of strings and integers packed into one string. Redis 7 keeps small hashes and sorted sets, the
 * nodes of lists, and the entries of streams in this form, and writes it to the RDB as it is.
 *
 *     +-------------+--------------+-------+-------+-----+------+
 *     | bytes u32le | count u16le  | entry | entry | ... | 0xff |        count 65535: unknown, walk
 *     +-------------+--------------+-------+-------+-----+------+
 *     entry = encoding and data | length of the former, written to be read from right to left
 *
 *     0xxxxxxx integer 0..127         110xxxxx yyyyyyyy 13-bit integer     f1 f2 f3 f4: integer of 2, 3, 4, 8 bytes
 *     10xxxxxx string up to 63        1110xxxx yyyyyyyy string up to 4095  f0: string with a u32 length
 *
 * Elements are binary strings on this side, integers in decimal. Here is a reader that trusts nothing and a
 * writer; there is no editing in place, because the portable engine keeps plain arrays and maps and packs them
 * only when they leave.
 */
import { RedtwinError } from '../../errors.ts';
import { parseInt64 } from './numbers.ts';

const headerBytes = 6;
const end = 0xff;
const countUnknown = 65535;

/**
 * All elements, integers in decimal, copied out of `bytes`. Checks everything: total, count, every length,
 * forwards and backwards. Throws 'rdb-corrupt' with the offset in `bytes`. O(bytes).
 */
export function readListpack(bytes: Buffer): string[] {
  const size = bytes.length;
  if (size < headerBytes + 1) throw corrupt('shorter than a header', 0);
  if (bytes.readUInt32LE(0) !== size) throw corrupt('another size than it says', 0);
  const count = bytes.readUInt16LE(4);
  const elements: string[] = [];
  const last = size - 1;
  let at = headerBytes;
  while (at < last) {
    const first = bytes[at]!;
    if (first === end) throw corrupt('an end before the end', at);
    const head = headLength(first);
    if (at + head > last) throw corrupt('an element beyond the end', at);
    const length = head + stringLength(bytes, at, first);
    const lengthBytes = backLengthBytes(length);
    if (at + length + lengthBytes > last) throw corrupt('an element beyond the end', at);
    elements.push(elementAt(bytes, at, first, head, length));
    if (!backLengthMatches(bytes, at + length, length, lengthBytes)) {
      throw corrupt('an element whose two lengths differ', at);
    }
    at += length + lengthBytes;
  }
  if (bytes[last] !== end) throw corrupt('no end marker', last);
  if (count !== countUnknown && count !== elements.length) throw corrupt('another count than it says', 4);
  return elements;
}

/** Bytes of encoding, and of the integer where it is one; what a string adds comes after them. */
function headLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc0) return 1;
  if (first < 0xf0) return 2;
  switch (first) {
    case 0xf0:
      return 5;
    case 0xf1:
      return 3;
    case 0xf2:
      return 4;
    case 0xf3:
      return 5;
    case 0xf4:
      return 9;
    default:
      throw corrupt('an unknown encoding', undefined);
  }
}

/** Bytes of the string of an element; 0 for an integer. */
function stringLength(bytes: Buffer, at: number, first: number): number {
  if (first < 0x80) return 0;
  if (first < 0xc0) return first & 0x3f;
  if (first >= 0xe0 && first < 0xf0) return ((first & 0x0f) << 8) | bytes[at + 1]!;
  return first === 0xf0 ? bytes.readUInt32LE(at + 1) : 0;
}

function elementAt(bytes: Buffer, at: number, first: number, head: number, length: number): string {
  if (first < 0x80) return String(first);
  if (first < 0xc0 || (first >= 0xe0 && first <= 0xf0))
    return bytes.toString('latin1', at + head, at + length);
  if (first < 0xe0) {
    const value = ((first & 0x1f) << 8) | bytes[at + 1]!;
    return String(value < 4096 ? value : value - 8192);
  }
  switch (first) {
    case 0xf1:
      return String(bytes.readInt16LE(at + 1));
    case 0xf2:
      return String(bytes.readIntLE(at + 1, 3));
    case 0xf3:
      return String(bytes.readInt32LE(at + 1));
    default:
      return String(bytes.readBigInt64LE(at + 1));
  }
}

/** How many bytes the right-to-left length of an element of `length` bytes takes. The odd limits are Redis's. */
function backLengthBytes(length: number): number {
  if (length <= 127) return 1;
  if (length < 16383) return 2;
  if (length < 2097151) return 3;
  return length < 268435455 ? 4 : 5;
}

/**
 * Seven bits a byte, most significant first; all but the first have the top bit set, so a reader from the right
 * knows where to stop.
 */
function putBackLength(bytes: Buffer, at: number, length: number): number {
  const count = backLengthBytes(length);
  let rest = length;
  for (let i = count - 1; i >= 0; i--) {
    bytes[at + i] = (rest & 127) | (i === 0 ? 0 : 128);
    rest = Math.floor(rest / 128);
  }
  return at + count;
}

function backLengthMatches(bytes: Buffer, at: number, length: number, count: number): boolean {
  let rest = length;
  for (let i = count - 1; i >= 0; i--) {
    if (bytes[at + i] !== ((rest & 127) | (i === 0 ? 0 : 128))) return false;
    rest = Math.floor(rest / 128);
  }
  return true;
}

/** Bytes that an integer takes with its encoding, without the right-to-left length. */
function integerBytes(value: bigint): number {
  if (value >= 0n && value <= 127n) return 1;
  if (value >= -4096n && value <= 4095n) return 2;
  if (value >= -32768n && value <= 32767n) return 3;
  if (value >= -8388608n && value <= 8388607n) return 4;
  return value >= -2147483648n && value <= 2147483647n ? 5 : 9;
}

const stringBytes = (length: number): number => length + (length < 64 ? 1 : length < 4096 ? 2 : 5);

/** Bytes that `element` takes in a listpack, with everything. Redis's node limits count these. */
export function listpackElementBytes(element: string): number {
  const integer = parseInt64(element);
  const length = integer === null ? stringBytes(element.length) : integerBytes(integer);
  return length + backLengthBytes(length);
}

/** Bytes that an integer takes in a listpack, with everything. */
export function listpackIntegerBytes(value: bigint): number {
  return integerBytes(value) + 1;
}

/** Bytes of a listpack without elements: its header and its end marker. */
export const listpackEmptyBytes = headerBytes + 1;

/** Packs `elements`, those that spell an integer as integers, exactly as Redis would. O(bytes). */
export function writeListpack(elements: readonly string[]): Buffer {
  let size = listpackEmptyBytes;
  for (const element of elements) size += listpackElementBytes(element);
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeUInt32LE(size, 0);
  bytes.writeUInt16LE(Math.min(elements.length, countUnknown), 4);
  let at = headerBytes;
  for (const element of elements) {
    const integer = parseInt64(element);
    const start = at;
    at = integer === null ? putString(bytes, at, element) : putInteger(bytes, at, integer);
    at = putBackLength(bytes, at, at - start);
  }
  bytes[at] = end;
  return bytes;
}

function putString(bytes: Buffer, at: number, element: string): number {
  const length = element.length;
  let to = at;
  if (length < 64) {
    bytes[to++] = 0x80 | length;
  } else if (length < 4096) {
    bytes[to++] = 0xe0 | (length >> 8);
    bytes[to++] = length & 255;
  } else {
    bytes[to++] = 0xf0;
    to = bytes.writeUInt32LE(length, to);
  }
  bytes.write(element, to, 'latin1');
  return to + length;
}

function putInteger(bytes: Buffer, at: number, value: bigint): number {
  const small = Number(value);
  switch (integerBytes(value)) {
    case 1:
      return bytes.writeUInt8(small, at);
    case 2: {
      const bits = small & 0x1fff;
      bytes[at] = 0xc0 | (bits >> 8);
      bytes[at + 1] = bits & 255;
      return at + 2;
    }
    case 3:
      bytes[at] = 0xf1;
      return bytes.writeInt16LE(small, at + 1);
    case 4:
      bytes[at] = 0xf2;
      return bytes.writeIntLE(small, at + 1, 3);
    case 5:
      bytes[at] = 0xf3;
      return bytes.writeInt32LE(small, at + 1);
    default:
      bytes[at] = 0xf4;
      return bytes.writeBigInt64LE(value, at + 1);
  }
}

const corrupt = (what: string, offset: number | undefined): RedtwinError =>
  new RedtwinError('rdb-corrupt', `listpack: ${what}`, offset === undefined ? {} : { offset });
