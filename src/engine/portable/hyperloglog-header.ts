/**
 * The first 16 bytes of a HyperLogLog: what it is, in which form its registers follow, and the last count that was
 * asked for.
 *
 *     "HYLL" | encoding (0 dense, 1 sparse) | 3 unused | cached count, u64le; top bit set: stale | registers
 *
 * What registers mean is told in hyperloglog.ts.
 */

export const registerCount = 16384;
export const headerBytes = 16;
export const encodingAt = 4;
const cacheAt = 8;
/** Byte of the cached count whose top bit says that it is stale. */
const staleAt = 15;
export const dense = 0;
const sparse = 1;
export const denseBytes = headerBytes + (registerCount * 6) / 8;

/** What a change gives: the bytes to keep, and whether a register changed. */
export interface Changed {
  hll: Buffer;
  changed: boolean;
}

/** An empty one, sparse: a single run of zeros. */
export function emptyHyperLogLog(): Buffer {
  const hll = Buffer.alloc(headerBytes + 2);
  hll.write('HYLL', 'latin1');
  hll[encodingAt] = sparse;
  hll[headerBytes] = 0x7f;
  hll[headerBytes + 1] = 0xff;
  return hll;
}

/** Whether bytes could be one, as far as Redis looks before it works with them. */
export function isHyperLogLog(bytes: Buffer): boolean {
  if (bytes.length < headerBytes || bytes.toString('latin1', 0, 4) !== 'HYLL') return false;
  const encoding = bytes[encodingAt]!;
  return encoding === sparse || (encoding === dense && bytes.length === denseBytes);
}

export const isSparse = (hll: Buffer): boolean => hll[encodingAt] === sparse;

/** The cached count, or null when it is stale. */
export function cachedCount(hll: Buffer): bigint | null {
  return hll[staleAt]! & 0x80 ? null : hll.readBigUInt64LE(cacheAt);
}

export function setCachedCount(hll: Buffer, count: bigint): void {
  hll.writeBigUInt64LE(BigInt.asUintN(64, count), cacheAt);
}

export function dropCachedCount(hll: Buffer): void {
  hll[staleAt]! |= 0x80;
}
