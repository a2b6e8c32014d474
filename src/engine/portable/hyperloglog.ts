/**
 * HyperLogLogs: how many distinct elements there were, about, in at most 12 KiB.
 *
 * An element's hash chooses one of 16384 registers (14 bits); the register keeps the longest run of zero bits,
 * plus one, that the other 50 bits of any element began with. The bytes are those of Redis, for they are an
 * ordinary string value: a header (hyperloglog-header.ts), then the registers.
 *
 *     dense    6 bits per register, the first in the low bits of the first byte
 *     sparse   runs of equal registers (hyperloglog-sparse.ts)
 *
 * The count is Ertl's estimator ("New cardinality estimation algorithms for HyperLogLog sketches",
 * arXiv:1702.01284). Functions change the bytes in place where their size stays, and return the bytes to keep;
 * null means corrupt bytes.
 */
import {
  type Changed,
  dense,
  denseBytes,
  encodingAt,
  headerBytes,
  isSparse,
  registerCount,
} from './hyperloglog-header.ts';
import { setSparse, sparseRuns } from './hyperloglog-sparse.ts';
import { murmur64 } from './murmur.ts';

const indexBits = 14n;
/** Bits of the hash that are looked at for zeros; a register is at most one more. */
const patternBits = 50;
const seed = 0xadc83b19n;

/** Adds an element. `sparseBytesMax` is the option hll-sparse-max-bytes. */
export function addElement(hll: Buffer, element: Buffer, sparseBytesMax: number): Changed | null {
  const hash = murmur64(element, seed);
  const index = Number(hash & BigInt(registerCount - 1));
  let pattern = hash >> indexBits;
  let value = 1;
  while (value <= patternBits && (pattern & 1n) === 0n) {
    pattern >>= 1n;
    value++;
  }
  return setRegister(hll, index, value, sparseBytesMax);
}

/** Raises a register to `value`; a sparse one becomes dense where it must. */
export function setRegister(
  hll: Buffer,
  index: number,
  value: number,
  sparseBytesMax: number,
): Changed | null {
  if (!isSparse(hll)) return { hll, changed: setDense(hll, index, value) };
  const set = setSparse(hll, index, value, sparseBytesMax);
  if (set !== 'tooBig') return set;
  const grown = toDense(hll);
  return grown === null ? null : { hll: grown, changed: setDense(grown, index, value) };
}

function getDense(hll: Buffer, index: number): number {
  const bit = index * 6;
  const at = headerBytes + (bit >> 3);
  return (((hll[at]! | ((hll[at + 1] ?? 0) << 8)) >> (bit & 7)) & 63) as number;
}

function setDense(hll: Buffer, index: number, value: number): boolean {
  if (getDense(hll, index) >= value) return false;
  const bit = index * 6;
  const at = headerBytes + (bit >> 3);
  const both = hll[at]! | ((hll[at + 1] ?? 0) << 8);
  const changed = (both & ~(63 << (bit & 7))) | (value << (bit & 7));
  hll[at] = changed & 255;
  if (at + 1 < hll.length) hll[at + 1] = changed >> 8;
  return true;
}

/** The same registers in the dense form. The cached count goes along. */
export function toDense(hll: Buffer): Buffer | null {
  if (!isSparse(hll)) return hll;
  const registers = registersOf(hll);
  if (registers === null) return null;
  const grown = Buffer.alloc(denseBytes);
  hll.copy(grown, 0, 0, headerBytes);
  grown[encodingAt] = dense;
  registers.forEach((value, index) => {
    if (value > 0) setDense(grown, index, value);
  });
  return grown;
}

/** All registers, one byte each. Null when a sparse one does not say exactly 16384. */
export function registersOf(hll: Buffer): Uint8Array | null {
  const registers = new Uint8Array(registerCount);
  if (!isSparse(hll)) {
    for (let index = 0; index < registerCount; index++) registers[index] = getDense(hll, index);
    return registers;
  }
  let index = 0;
  for (const { length, value } of sparseRuns(hll)) {
    if (index + length > registerCount) return null;
    if (value > 0) registers.fill(value, index, index + length);
    index += length;
  }
  return index === registerCount ? registers : null;
}

/** 0.5 / ln 2 */
const alpha = 0.5 / Math.LN2;

/** About how many distinct elements made these registers. */
export function estimate(registers: Uint8Array): bigint {
  const histogram = new Array<number>(64).fill(0);
  for (const value of registers) histogram[value]!++;
  let z = registerCount * tau((registerCount - histogram[patternBits + 1]!) / registerCount);
  for (let value = patternBits; value >= 1; value--) z = (z + histogram[value]!) * 0.5;
  z += registerCount * sigma(histogram[0]! / registerCount);
  const count = Math.round((alpha * registerCount * registerCount) / z);
  // Registers that no element can make say infinity, which C turns into the least integer.
  return Number.isFinite(count) ? BigInt(count) : -(2n ** 63n);
}

/** Ertl's correction for registers that are still zero. */
function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let x = share;
  let y = 1;
  let z = share;
  let before: number;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (before !== z);
  return z;
}

/** Ertl's correction for registers that can grow no more. */
function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let x = share;
  let y = 1;
  let z = 1 - share;
  let before: number;
  do {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  } while (before !== z);
  return z / 3;
}
