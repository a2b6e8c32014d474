/**
 * A growing buffer with the primitives of the RDB format; the mirror of input.ts.
 *
 * It knows lengths and strings, and nothing of keys or types.
 */

import { lzfCompress } from '../lzf.ts';
import { parseInt64 } from '../numbers.ts';

/** Shorter strings are not worth compressing (Redis). */
const compressBytesMin = 21;
/** Compressing must gain that much. */
const compressGainMin = 4;
/** "-2147483648" has 11 characters: longer texts cannot be 32-bit integers. */
const integerTextMax = 11;

export class Output {
  readonly #compress: boolean;
  #bytes = Buffer.allocUnsafe(4096);
  #length = 0;

  /** With `compress`, strings of more than 20 bytes are compressed where that gains something. */
  constructor(compress: boolean) {
    this.#compress = compress;
  }

  /** Bytes written since the last `take()`. */
  get length(): number {
    return this.#length;
  }

  /** What was written, copied; the output is empty then. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  /** Makes room for `count` bytes and returns where they go. */
  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#length, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    return at;
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** A binary string, without a length. */
  rawText(text: string): void {
    const at = this.#reserve(text.length);
    this.#bytes.write(text, at, 'latin1');
  }

  uint16(value: number): void {
    const at = this.#reserve(2);
    this.#bytes.writeUInt16LE(value, at);
  }

  int64(value: bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigInt64LE(value, at);
  }

  uint64(value: bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigUInt64LE(value, at);
  }

  uint64BE(value: bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigUInt64BE(value, at);
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  /** A length, or another unsigned number of up to 64 bits, in its shortest form. */
  count(value: number | bigint): void {
    if (value < 64) {
      this.byte(Number(value));
    } else if (value < 16384) {
      this.byte(0x40 | (Number(value) >> 8));
      this.byte(Number(value) & 255);
    } else if (value <= 0xffffffff) {
      const at = this.#reserve(5);
      this.#bytes[at] = 0x80;
      this.#bytes.writeUInt32BE(Number(value), at + 1);
    } else {
      this.byte(0x81);
      this.uint64BE(BigInt(value));
    }
  }

  /** A string given as a binary string: an integer where it spells one of 32 bits, else compressed or plain. */
  text(text: string): void {
    if (text.length <= integerTextMax && this.#integer(text)) return;
    if (this.#compress && text.length >= compressBytesMin && this.#compressed(Buffer.from(text, 'latin1')))
      return;
    this.count(text.length);
    this.rawText(text);
  }

  /** A string given as bytes. */
  blob(bytes: Buffer): void {
    if (bytes.length <= integerTextMax && this.#integer(bytes.toString('latin1'))) return;
    if (this.#compress && bytes.length >= compressBytesMin && this.#compressed(bytes)) return;
    this.count(bytes.length);
    this.raw(bytes);
  }

  #integer(text: string): boolean {
    const value = parseInt64(text);
    if (value === null || value < -0x80000000n || value > 0x7fffffffn) return false;
    const small = Number(value);
    const form = small >= -128 && small <= 127 ? 0 : small >= -32768 && small <= 32767 ? 1 : 2;
    const at = this.#reserve(1 + (1 << form));
    this.#bytes[at] = 0xc0 | form;
    this.#bytes.writeIntLE(small, at + 1, 1 << form);
    return true;
  }

  #compressed(bytes: Buffer): boolean {
    const compressed = lzfCompress(bytes, bytes.length - compressGainMin);
    if (compressed === null) return false;
    this.byte(0xc3);
    this.count(compressed.length);
    this.count(bytes.length);
    this.raw(compressed);
    return true;
  }
}
