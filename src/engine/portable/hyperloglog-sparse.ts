/**
 * The sparse form of a HyperLogLog: runs of registers that are equal, each run one or two bytes.
 *
 *     00llllll           l + 1 zeros
 *     01llllll llllllll  l + 1 zeros
 *     1vvvvvll           l + 1 registers of the value v + 1
 *
 * Setting a register splits its run into up to three; then neighbours of the same value are joined, but only a
 * few, near by. Which ones is part of Redis's bytes, so it is done in the same way here.
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
 * Raises a register. 'tooBig' when the sparse form cannot hold the value, or would grow over `bytesMax` (header
 * included); null when the runs do not reach the register. O(bytes).
 */
export function setSparse(
  hll: Buffer,
  index: number,
  value: number,
  bytesMax: number,
): Changed | 'tooBig' | null {
  if (value > valueMax) return 'tooBig';
  const found = findRun(hll, index);
  if (found === null) return null;
  const { run, first, before } = found;
  if (run.value >= value) return { hll, changed: false };
  const ahead = index - first;
  const behind = run.length - ahead - 1;
  const rest = (length: number): number[] =>
    length === 0 ? [] : run.value === 0 ? zeros(length) : [values(run.value, length)];
  const written = Buffer.from([...rest(ahead), values(value, 1), ...rest(behind)]);
  const growth = written.length - run.size;
  if (growth > 0 && hll.length + growth > bytesMax) return 'tooBig';
  const split = Buffer.concat([hll.subarray(0, run.at), written, hll.subarray(run.at + run.size)]);
  const joined = split.subarray(0, join(split, before));
  dropCachedCount(joined);
  return { hll: joined, changed: true };
}

/** The run that holds a register, the number of its first register, and where the run before it begins. */
function findRun(hll: Buffer, index: number): { run: SparseRun; first: number; before: number } | null {
  let first = 0;
  let before = headerBytes;
  for (let at = headerBytes; at < hll.length; ) {
    // Lengths only, without a run for each: this loop is what PFADD costs.
    const byte = hll[at]!;
    const length =
      byte & 0x80 ? (byte & 3) + 1 : (byte & 0x40 ? ((byte & 63) << 8) | (hll[at + 1] ?? 0) : byte) + 1;
    if (index < first + length) return { run: runAt(hll, at), first, before };
    before = at;
    first += length;
    at += (byte & 0xc0) === 0x40 ? 2 : 1;
  }
  return null;
}

/** Joins neighbours of one value in place, from the run at `from` on. Returns the new length. */
function join(hll: Buffer, from: number): number {
  let end = hll.length;
  let at = from;
  for (let scans = joinScan; scans > 0 && at < end; scans--) {
    const first = hll[at]!;
    if (!(first & 0x80)) {
      at += first & 0x40 ? 2 : 1;
      continue;
    }
    const next = at + 1 < end ? hll[at + 1]! : 0;
    const length = (first & 3) + (next & 3) + 2;
    if (next & 0x80 && next >> 2 === first >> 2 && length <= valuesMax) {
      hll[at + 1] = (first & 0xfc) | (length - 1);
      hll.copyWithin(at, at + 1, end);
      end--;
      continue;
    }
    at++;
  }
  return end;
}
