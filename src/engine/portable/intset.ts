/**
 * Intsets: a set whose members are all integers, as a sorted array of the narrowest width that holds them all.
 *
 *     +-------------+-------------+---------+---------+-----+
 *     | width u32le | count u32le | integer | integer | ... |      width 2, 4 or 8 bytes; little-endian, ascending
 *     +-------------+-------------+---------+---------+-----+
 */
import { RedtwinError } from '../../errors.ts';

const headerBytes = 8;

/**
 * The members, ascending. Throws 'rdb-corrupt' when the sizes differ or the order is not strictly ascending.
 * O(bytes).
 */
export function readIntset(bytes: Buffer): bigint[] {
  if (bytes.length < headerBytes) throw corrupt('shorter than a header');
  const width = bytes.readUInt32LE(0);
  const count = bytes.readUInt32LE(4);
  if (width !== 2 && width !== 4 && width !== 8) throw corrupt('an unknown width');
  if (bytes.length !== headerBytes + width * count) throw corrupt('another size than it says');
  const members: bigint[] = [];
  for (let at = headerBytes; at < bytes.length; at += width) {
    const member = width === 8 ? bytes.readBigInt64LE(at) : BigInt(bytes.readIntLE(at, width));
    if (members.length > 0 && members[members.length - 1]! >= member) throw corrupt('members out of order');
    members.push(member);
  }
  return members;
}

/** Packs `members`, which must be ascending and fit 64 bits, exactly as Redis would. O(members). */
export function writeIntset(members: readonly bigint[]): Buffer {
  const lowest = members[0] ?? 0n;
  const highest = members[members.length - 1] ?? 0n;
  const fits = (bits: bigint): boolean => lowest >= -(1n << (bits - 1n)) && highest < 1n << (bits - 1n);
  const width = fits(16n) ? 2 : fits(32n) ? 4 : 8;
  const bytes = Buffer.allocUnsafe(headerBytes + width * members.length);
  bytes.writeUInt32LE(width, 0);
  bytes.writeUInt32LE(members.length, 4);
  let at = headerBytes;
  for (const member of members) {
    at = width === 8 ? bytes.writeBigInt64LE(member, at) : bytes.writeIntLE(Number(member), at, width);
  }
  return bytes;
}

const corrupt = (what: string): RedtwinError => new RedtwinError('rdb-corrupt', `intset: ${what}`);
