/**
 * LZF, the small and fast compression that RDB files use for strings of more than 20 bytes.
 *
 * A compressed text is a row of runs, each with one or two bytes of control in front:
 *
 *     000lllll  bytes..             l + 1 literal bytes
 *     lllddddd dddddddd             copy l + 2 bytes from d + 1 back         (l = 1..6)
 *     111ddddd llllllll dddddddd    copy l + 9 bytes from d + 1 back
 *
 * A copy may overlap what it writes; that is how runs of one byte are said. The compressor finds matches through
 * one hash table of the last position of each three-byte prefix, and makes the same choices as liblzf 3.6 with its
 * default settings, so that a DUMP payload made here equals the one of a real Redis byte for byte.
 */
import { RedtwinError } from '../../errors.ts';

const hashBits = 16;
const literalsMax = 32;
const distanceMax = 8192;
const matchMax = 264;

/** Last position (plus one; 0 is none) of each hash. Shared by all calls, cleared at the start of each. */
const lastSeen = new Int32Array(1 << hashBits);

const hashAt = (input: Uint8Array, at: number): number => {
  const prefix = (input[at]! << 16) | (input[at + 1]! << 8) | input[at + 2]!;
  return ((prefix >> (24 - hashBits)) - prefix * 5) & ((1 << hashBits) - 1);
};

/**
 * How many bytes at `at` repeat those at `from`, 3 of which are known to. Liblzf's quirk: its fast path may pass
 * `limit`.
 */
function matchLength(input: Uint8Array, from: number, at: number, limit: number): number {
  let length = 2;
  if (limit > 16) {
    while (length < 18) {
      length++;
      if (input[from + length] !== input[at + length]) return length;
    }
  }
  do length++;
  while (length < limit && input[from + length] === input[at + length]);
  return length;
}

/**
 * Compresses `input` into at most `outputMax` bytes. Null when it does not fit (Redis asks for a gain of at least
 * four bytes and writes the string as it is otherwise). O(bytes).
 */
export function lzfCompress(input: Uint8Array, outputMax: number): Buffer | null {
  const size = input.length;
  if (size < 4 || outputMax < 4) return null;
  lastSeen.fill(0);
  const output = Buffer.allocUnsafe(outputMax);
  let literals = 0;
  let to = 1; // One byte is kept free in front of each literal run for its control byte.
  let at = 0;
  while (at < size - 2) {
    const slot = hashAt(input, at);
    const from = lastSeen[slot]! - 1;
    lastSeen[slot] = at + 1;
    const distance = at - from - 1;
    const matches =
      from > 0 &&
      distance < distanceMax &&
      input[from] === input[at] &&
      input[from + 1] === input[at + 1] &&
      input[from + 2] === input[at + 2];
    if (!matches) {
      if (to >= outputMax) return null;
      output[to++] = input[at++]!;
      if (++literals === literalsMax) {
        output[to - literals - 1] = literals - 1;
        literals = 0;
        to++;
      }
      continue;
    }
    if (to - (literals === 0 ? 1 : 0) + 4 >= outputMax) return null;
    if (literals === 0) to--;
    else output[to - literals - 1] = literals - 1;
    const length = matchLength(input, from, at, Math.min(size - at - 2, matchMax));
    const code = length - 2;
    if (code < 7) {
      output[to++] = (distance >> 8) + (code << 5);
    } else {
      output[to++] = (distance >> 8) + (7 << 5);
      output[to++] = code - 7;
    }
    output[to++] = distance & 255;
    literals = 0;
    to++;
    at += length;
    if (at >= size - 2) break;
    // Of the bytes that were skipped only the last two are remembered: the price of speed.
    lastSeen[hashAt(input, at - 2)] = at - 1;
    lastSeen[hashAt(input, at - 1)] = at;
  }
  if (to + 3 > outputMax) return null;
  while (at < size) {
    output[to++] = input[at++]!;
    if (++literals === literalsMax) {
      output[to - literals - 1] = literals - 1;
      literals = 0;
      to++;
    }
  }
  if (literals === 0) to--;
  else output[to - literals - 1] = literals - 1;
  return output.subarray(0, to);
}

/** The most that one compressed byte can say: three bytes stand for up to 264. */
const expansionMax = 88;

/**
 * Decompresses `input`, which says to hold `size` bytes. That number is not trusted: nothing is allocated when
 * `input` could not possibly hold so much. Throws 'rdb-corrupt' when it holds more, less, or refers to bytes
 * before its start.
 */
export function lzfDecompress(input: Uint8Array, size: number): Buffer {
  if (size > input.length * expansionMax) throw corrupt('says to hold more than it can');
  const output = Buffer.allocUnsafe(size);
  let to = 0;
  let at = 0;
  while (at < input.length) {
    const control = input[at++]!;
    if (control < 32) {
      const length = control + 1;
      if (at + length > input.length || to + length > size) throw corrupt('literals beyond its end');
      for (let i = 0; i < length; i++) output[to++] = input[at++]!;
      continue;
    }
    let length = control >> 5;
    if (length === 7) {
      if (at >= input.length) throw corrupt('ends inside a copy');
      length += input[at++]!;
    }
    length += 2;
    if (at >= input.length) throw corrupt('ends inside a copy');
    let from = to - ((control & 31) << 8) - input[at++]! - 1;
    if (from < 0) throw corrupt('copies from before its start');
    if (to + length > size) throw corrupt('a copy beyond its end');
    for (let i = 0; i < length; i++) output[to++] = output[from++]!;
  }
  if (to !== size) throw corrupt('holds less than it says');
  return output;
}

const corrupt = (what: string): RedtwinError => new RedtwinError('rdb-corrupt', `compressed string: ${what}`);
