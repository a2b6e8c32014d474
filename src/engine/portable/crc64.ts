/**
 * CRC64 as Redis computes it ("Jones"): width 64, polynomial 0xad93d23594c935a9, reflected in and out, start 0, no
 * final xor.
 *
 * JavaScript has no 64-bit integers that are fast, so a checksum is a pair of unsigned 32-bit halves, and the
 * state lives in a small object that is updated in place. Eight bytes are taken per step ("slicing by eight"):
 * table k holds the effect of a byte that is followed by k zero bytes, so the eight effects of a step can simply
 * be xored.
 *
 *     low ^ bytes 0..3   high ^ bytes 4..7        new checksum =
 *     b0 b1 b2 b3        b4 b5 b6 b7          T7[b0]^T6[b1]^ ... ^T0[b7]
 *
 * Measured on Node 20: about 1 GB/s, so it never dominates a load.
 */

/** The polynomial, bit-reversed, as the reflected algorithm wants it. */
const polynomialLow = 0xac4bc9b5;
const polynomialHigh = 0x95ac9329;

/** 8 tables of 256 entries, one after the other; the low and the high halves apart. */
const lows = new Int32Array(8 * 256);
const highs = new Int32Array(8 * 256);

for (let byte = 0; byte < 256; byte++) {
  let low = byte;
  let high = 0;
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (carry) {
      low ^= polynomialLow;
      high ^= polynomialHigh;
    }
  }
  lows[byte] = low;
  highs[byte] = high;
}
for (let index = 256; index < 8 * 256; index++) {
  const low = lows[index - 256]!;
  const high = highs[index - 256]!;
  lows[index] = ((low >>> 8) | (high << 24)) ^ lows[low & 255]!;
  highs[index] = (high >>> 8) ^ highs[low & 255]!;
}

/** A running checksum. Cheap to make; `update` is O(bytes) and allocates nothing. */
export class Crc64 {
  #low: number;
  #high: number;

  /** Continues from the checksum `from`; 0n begins anew. */
  constructor(from = 0n) {
    this.#low = Number(from & 0xffffffffn) | 0;
    this.#high = Number((from >> 32n) & 0xffffffffn) | 0;
  }

  /** Takes `bytes[start, end)`. */
  update(bytes: Uint8Array, start = 0, end = bytes.length): void {
    let low = this.#low;
    let high = this.#high;
    let at = start;
    for (; at + 8 <= end; at += 8) {
      low ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      high ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      const a = 1792 + (low & 255);
      const b = 1536 + ((low >>> 8) & 255);
      const c = 1280 + ((low >>> 16) & 255);
      const d = 1024 + (low >>> 24);
      const e = 768 + (high & 255);
      const f = 512 + ((high >>> 8) & 255);
      const g = 256 + ((high >>> 16) & 255);
      const h = high >>> 24;
      low = lows[a]! ^ lows[b]! ^ lows[c]! ^ lows[d]! ^ lows[e]! ^ lows[f]! ^ lows[g]! ^ lows[h]!;
      high = highs[a]! ^ highs[b]! ^ highs[c]! ^ highs[d]! ^ highs[e]! ^ highs[f]! ^ highs[g]! ^ highs[h]!;
    }
    for (; at < end; at++) {
      const index = (low ^ bytes[at]!) & 255;
      low = ((low >>> 8) | (high << 24)) ^ lows[index]!;
      high = (high >>> 8) ^ highs[index]!;
    }
    this.#low = low;
    this.#high = high;
  }

  /** The checksum so far, 0n to 2^64-1. */
  value(): bigint {
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0);
  }
}

/** CRC64 of `bytes`, continuing from `crc` (0n to start). crc64("123456789") is 0xe9c6d914c4b8d9ca. */
export function crc64(bytes: Uint8Array, crc = 0n): bigint {
  const running = new Crc64(crc);
  running.update(bytes);
  return running.value();
}
