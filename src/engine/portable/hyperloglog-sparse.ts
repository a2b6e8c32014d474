/**
 * The sparse form of a HyperLogLog: runs of registers that are equal, each run one or two bytes.
 *
 *     00llllll           l + 1 zeros
 *     01llllll llllllll  l + 1 zeros
 *     1vvvvvll           l + 1 registers of the value v + 1
 *
 * Setting a register splits its run into up to three; then neighbours of the same value are joined, but only a few, near by.
 * Which ones is part of Redis's bytes, so it is done in the same way here.
 */
import { type Changed, dropCachedCount, headerBytes } from './hyperloglog-header.ts';

const shortZerosMax = 64;
const valueMax = 32;
const valuesMax = 4;
/** Runs that are looked at for joining after a change. */
const joinScan = 5;

export interface SparseRun {
  /** Where its bytes begin, and how many there are. */
  at: number;
  size: 1 | 2;
  /** Registers it stands for, and their value. */
  length: number;
  value: number;
}

function runAt(hll: Buffer, at: number): SparseRun {
  const first = hll[at]!;
  if (first & 0x80) return { at, size: 1, length: (first & 3) + 1, value: ((first >> 2) & 31) + 1 };
  if (first & 0x40) {
    return { at, size: 2, length: (((first & 63) << 8) | (hll[at + 1] ?? 0)) + 1, value: 0 };
  }
  return { at, size: 1, length: (first & 63) + 1, value: 0 };
}

/** The runs in order; what they say is not checked. */
export function* sparseRuns(hll: Buffer): Generator<SparseRun> {
  for (let at = headerBytes; at < hll.length; ) {
    const run = runAt(hll, at);
    yield run;
    at += run.size;
  }
}

const zeros = (length: number): number[] =>
  length > shortZerosMax ? [0x40 | ((length - 1) >> 8), (length - 1) & 255] : [length - 1];

const values = (value: number, length: number): number => 0x80 | ((value - 1) << 2) | (length - 1);

/**
 * Raises a register. 'tooBig' when the sparse form cannot hold the value, or would grow over `bytesMax` (header included);
 * null when the runs do not reach the register.
 */
export function setSparse(
  hll: Buffer,
  index: number,
  value: number,
  bytesMax: number,
): Changed | 'tooBig' | null {
  if (value > valueMax) return 'tooBig';
  let first = 0;
  let before = headerBytes;
  let found: SparseRun | null = null;
  for (const run of sparseRuns(hll)) {
    if (index < first + run.length) {
      found = run;
      break;
    }
    before = run.at;
    first += run.length;
  }
  if (found === null) return null;
  if (found.value >= value) return { hll, changed: false };
  const ahead = index - first;
  const behind = found.length - ahead - 1;
  const rest = (length: number): number[] =>
    length === 0 ? [] : found.value === 0 ? zeros(length) : [values(found.value, length)];
  const written = [...rest(ahead), values(value, 1), ...rest(behind)];
  const growth = written.length - found.size;
  if (growth > 0 && hll.length + growth > bytesMax) return 'tooBig';
  const split = Buffer.concat([
    hll.subarray(0, found.at),
    Buffer.from(written),
    hll.subarray(found.at + found.size),
  ]);
  const joined = join(split, before);
  dropCachedCount(joined);
  return { hll: joined, changed: true };
}

/** Joins neighbours of one value, from the run before the changed one on. */
function join(hll: Buffer, from: number): Buffer {
  const bytes = [...hll.subarray(from)];
  let at = 0;
  for (let scans = joinScan; scans > 0 && at < bytes.length; scans--) {
    const first = bytes[at]!;
    if (!(first & 0x80)) {
      at += first & 0x40 ? 2 : 1;
      continue;
    }
    const next = bytes[at + 1];
    if (next !== undefined && next & 0x80 && next >> 2 === first >> 2) {
      const length = (first & 3) + (next & 3) + 2;
      if (length <= valuesMax) {
        bytes.splice(at, 2, (first & 0xfc) | (length - 1));
        continue;
      }
    }
    at++;
  }
  return Buffer.concat([hll.subarray(0, from), Buffer.from(bytes)]);
}
