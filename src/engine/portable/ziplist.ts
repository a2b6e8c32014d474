/**
 * Ziplists: what listpacks replaced. Servers before Redis 7 keep small lists, hashes and sorted sets in them.
 *
 *     +-------------+-------------+-------------+-------+-----+------+
 *     | bytes u32le | tail u32le  | count u16le | entry | ... | 0xff |     count 65535: unknown, walk
 *     +-------------+-------------+-------------+-------+-----+------+
 *     entry = length of the entry before (1 byte, or 0xfe and u32le) | encoding | data
 *
 *     00pppppp string up to 63    01pppppp q.. up to 16383    80 and u32 BIG-endian: longer
 *     c0, d0, e0, f0, fe: integer of 2, 4, 8, 3, 1 bytes      f1..fd: the integers 0..12
 *
 * Only read, never written: redtwin writes listpacks, or the plain types for versions that know none.
 */
import { RedtwinError } from '../../errors.ts';

const headerBytes = 10;
const end = 0xff;
const countUnknown = 65535;

/**
 * All elements, integers in decimal, copied out of `bytes`. Checks total, tail, count and every length, forwards
 * and backwards. Throws 'rdb-corrupt' with the offset in `bytes`. O(bytes).
 */
export function readZiplist(bytes: Buffer): string[] {
  const size = bytes.length;
  if (size < headerBytes + 1) throw corrupt('shorter than a header', 0);
  if (bytes.readUInt32LE(0) !== size) throw corrupt('another size than it says', 0);
  const tail = bytes.readUInt32LE(4);
  const count = bytes.readUInt16LE(8);
  const last = size - 1;
  if (bytes[last] !== end) throw corrupt('no end marker', last);
  const elements: string[] = [];
  let at = headerBytes;
  let before = headerBytes;
  while (at < last) {
    const start = at;
    const wide = bytes[at] === 0xfe;
    if (bytes[at] === end) throw corrupt('an end before the end', at);
    if (at + (wide ? 5 : 1) >= last) throw corrupt('an entry beyond the end', start);
    const said = wide ? bytes.readUInt32LE(at + 1) : bytes[at]!;
    if (said !== start - before)
      throw corrupt('an entry whose predecessor has another length than it says', start);
    at += wide ? 5 : 1;
    const head = headLength(bytes[at]!);
    if (at + head > last) throw corrupt('an entry beyond the end', start);
    const length = stringLength(bytes, at);
    if (at + head + length > last) throw corrupt('an entry beyond the end', start);
    elements.push(
      bytes[at]! < 0xc0 ? bytes.toString('latin1', at + head, at + head + length) : integerAt(bytes, at),
    );
    at += head + length;
    before = start;
  }
  if (tail !== before) throw corrupt('a tail that is not the last entry', 4);
  if (count !== countUnknown && count !== elements.length) throw corrupt('another count than it says', 8);
  return elements;
}

/** Bytes of encoding, and of the integer where it is one. */
function headLength(first: number): number {
  if (first < 0x40) return 1;
  if (first < 0x80) return 2;
  if (first === 0x80) return 5;
  if (first === 0xc0) return 3;
  if (first === 0xd0) return 5;
  if (first === 0xe0) return 9;
  if (first === 0xf0) return 4;
  if (first === 0xfe) return 2;
  if (first >= 0xf1 && first <= 0xfd) return 1;
  throw corrupt('an unknown encoding', undefined);
}

/** Bytes of the string of an entry; 0 for an integer. */
function stringLength(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x40) return first;
  if (first < 0x80) return ((first & 0x3f) << 8) | bytes[at + 1]!;
  return first === 0x80 ? bytes.readUInt32BE(at + 1) : 0;
}

function integerAt(bytes: Buffer, at: number): string {
  const first = bytes[at]!;
  switch (first) {
    case 0xc0:
      return String(bytes.readInt16LE(at + 1));
    case 0xd0:
      return String(bytes.readInt32LE(at + 1));
    case 0xe0:
      return String(bytes.readBigInt64LE(at + 1));
    case 0xf0:
      return String(bytes.readIntLE(at + 1, 3));
    case 0xfe:
      return String(bytes.readInt8(at + 1));
    default:
      return String((first & 0x0f) - 1);
  }
}

const corrupt = (what: string, offset: number | undefined): RedtwinError =>
  new RedtwinError('rdb-corrupt', `ziplist: ${what}`, offset === undefined ? {} : { offset });
