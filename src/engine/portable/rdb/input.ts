/**
 * The decoder's window on the bytes that have come so far, and the primitives read from it.
 *
 * Every primitive either returns its value and moves on, or returns null and moves nothing, because some of its
 * bytes have not come yet: then the decoder yields, more bytes are fed, and it asks again. So nothing is lost by
 * any way of cutting, and asking again is cheap: the length in front of a long string is looked at, the string
 * itself is not.
 *
 *     fed before, taken | fed before, kept  + the new chunk
 *     ------------------+------------------------------------
 *                       ^ #at                                ^ #end        offset = #base + #at
 *
 * Memory grows with bytes that came, never with a length that was only announced. The chunk itself is used in
 * place during a call and only what is left of it is copied, so the caller has it back on return.
 */
import { RedtwinError } from '../../../errors.ts';
import { Crc64 } from '../crc64.ts';
import { lzfDecompress } from '../lzf.ts';

/** A computation that yields whenever it needs more bytes. */
export type Step<T> = Generator<undefined, T, undefined>;

/** Asks `read` again and again, yielding in between, until it has what it needs. */
export function* more<T>(read: () => T | null): Step<T> {
  for (;;) {
    const value = read();
    if (value !== null) return value;
    yield;
  }
}

/** Longest string that can be held as a JavaScript string, and longest that fits one Buffer, in bytes. */
const textBytesMax = 0x1fffffe8;
const blobBytesMax = 0xffffffff;

/** What `#header` says of a string that is not plain: its two-bit length prefix was 11. */
const special = -1;
const nothing = Buffer.alloc(0);

export class Input {
  /** Sizes of the packed blocks of the value being read, for who wants to know what it takes in memory. */
  readonly blockBytes: number[] = [];
  /** Likewise, of the elements of a list that are nodes of their own. */
  readonly plainBytes: number[] = [];
  /** A value that cannot be does not end the reading: `broken` says why, and the value is what was understood of it. */
  tolerant = false;
  broken: string | null = null;

  /** The value being read cannot be: an error, or a note for a tolerant reader, who goes on behind it. */
  spoil(what: string): void {
    if (!this.tolerant) throw this.corrupt(what);
    this.broken ??= what;
  }

  #window: Buffer = nothing;
  #at = 0;
  #end = 0;
  /** Offset of the window's first byte in the whole. */
  #base = 0;
  /** The window is our own memory, not the caller's chunk. */
  #owned = false;
  /** Up to here in the window the checksum has been taken. */
  #summed = 0;
  readonly #crc: Crc64 | null;
  /** While a value is kept raw: its bytes so far, and from where in the window the next ones come. */
  #raw: Buffer[] | null = null;
  #rawFrom = 0;

  constructor(checksum: boolean) {
    this.#crc = checksum ? new Crc64() : null;
  }

  /** Bytes taken so far: the position that errors name. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** Bytes that have come and are not taken. */
  get waiting(): number {
    return this.#end - this.#at;
  }

  /** Adds a chunk, which must stay as it is until `settle()`. */
  feed(chunk: Uint8Array): void {
    if (this.waiting === 0) {
      this.#base += this.#at;
      this.#window = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      this.#end = chunk.byteLength;
      this.#restart(false);
      return;
    }
    if (!this.#owned || this.#end + chunk.byteLength > this.#window.length) this.#makeRoom(chunk.byteLength);
    this.#window.set(chunk, this.#end);
    this.#end += chunk.byteLength;
  }

  /** Ends the use of the caller's chunk: what is left of it is copied. To be called before giving control back. */
  settle(): void {
    this.#sum();
    if (this.#raw !== null) this.#keepRaw();
    if (this.waiting === 0) {
      this.#base += this.#at;
      this.#window = nothing;
      this.#end = 0;
      this.#restart(true);
    } else if (!this.#owned) {
      this.#makeRoom(0);
    }
  }

  /**
   * Moves what waits to the front of a window of our own with room for `bytes` more; doubling keeps small chunks
   * linear.
   */
  #makeRoom(bytes: number): void {
    const needed = this.waiting + bytes;
    const reuse = this.#owned && needed * 2 <= this.#window.length;
    const target = reuse
      ? this.#window
      : Buffer.allocUnsafe(Math.min(Math.max(needed * 2, 1024), needed + (64 << 20)));
    this.#window.copy(target, 0, this.#at, this.#end);
    this.#base += this.#at;
    this.#end = this.waiting;
    this.#window = target;
    this.#restart(true);
  }

  /**
   * The window begins at what is not yet taken. Only between values of the checksum and of raw bytes (see settle).
   */
  #restart(owned: boolean): void {
    this.#at = 0;
    this.#summed = 0;
    this.#rawFrom = 0;
    this.#owned = owned;
  }

  #sum(): void {
    this.#crc?.update(this.#window, this.#summed, this.#at);
    this.#summed = this.#at;
  }

  /** CRC64 of everything taken so far, or null when none is computed. */
  checksum(): bigint | null {
    this.#sum();
    return this.#crc?.value() ?? null;
  }

  /** From here on bytes taken are also kept, until `takeRaw()`. */
  startRaw(): void {
    this.#raw = [];
    this.#rawFrom = this.#at;
  }

  /** The bytes taken since `startRaw()`. */
  takeRaw(): Buffer {
    this.#keepRaw();
    const raw = Buffer.concat(this.#raw!);
    this.#raw = null;
    return raw;
  }

  #keepRaw(): void {
    this.#raw!.push(Buffer.from(this.#window.subarray(this.#rawFrom, this.#at)));
    this.#rawFrom = this.#at;
  }

  byte(): number | null {
    return this.#at < this.#end ? this.#window[this.#at++]! : null;
  }

  /** `count` bytes, copied. */
  bytes(count: number): Buffer | null {
    if (this.waiting < count) return null;
    this.#at += count;
    return Buffer.from(this.#window.subarray(this.#at - count, this.#at));
  }

  int32(): number | null {
    if (this.waiting < 4) return null;
    this.#at += 4;
    return this.#window.readInt32LE(this.#at - 4);
  }

  /** Signed 64 bits as a number: times in milliseconds, which a double holds exactly for 285,000 years. */
  int64(): number | null {
    if (this.waiting < 8) return null;
    this.#at += 8;
    return Number(this.#window.readBigInt64LE(this.#at - 8));
  }

  uint64(): bigint | null {
    if (this.waiting < 8) return null;
    this.#at += 8;
    return this.#window.readBigUInt64LE(this.#at - 8);
  }

  /** Unsigned 64 bits, most significant byte first: how stream IDs are written. */
  uint64BE(): bigint | null {
    if (this.waiting < 8) return null;
    this.#at += 8;
    return this.#window.readBigUInt64BE(this.#at - 8);
  }

  double(): number | null {
    if (this.waiting < 8) return null;
    this.#at += 8;
    return this.#window.readDoubleLE(this.#at - 8);
  }

  /** A double as the types before version 8 have it: a length and its decimal text. */
  oldDouble(): number | null {
    if (this.waiting < 1) return null;
    const length = this.#window[this.#at]!;
    if (length >= 253) {
      this.#at++;
      return length === 253
        ? Number.NaN
        : length === 254
          ? Number.POSITIVE_INFINITY
          : Number.NEGATIVE_INFINITY;
    }
    if (this.waiting < 1 + length) return null;
    const text = this.#window.toString('latin1', this.#at + 1, this.#at + 1 + length);
    const value = Number(text);
    if (length === 0 || Number.isNaN(value)) throw this.corrupt('a number that is none');
    this.#at += 1 + length;
    return value;
  }

  /** A length or another unsigned number up to 2^53. */
  length(): number | null {
    const start = this.#at;
    const header = this.#header();
    if (header === special) {
      this.#at = start;
      throw this.corrupt('a string where a length must be');
    }
    return header;
  }

  /** A length-coded unsigned number of up to 64 bits. */
  bigLength(): bigint | null {
    if (this.waiting > 0 && this.#window[this.#at] === 0x81) {
      if (this.waiting < 9) return null;
      this.#at += 9;
      return this.#window.readBigUInt64BE(this.#at - 8);
    }
    const length = this.length();
    return length === null ? null : BigInt(length);
  }

  /** A string as a binary string. */
  text(): string | null {
    const start = this.#at;
    const header = this.#header();
    if (header === null) return null;
    if (header === special) {
      const unpacked = this.#unpack(start);
      return unpacked === null || typeof unpacked === 'string' ? unpacked : unpacked.toString('latin1');
    }
    const from = this.#at;
    if (!this.#hasString(start, header, textBytesMax)) return null;
    this.#at += header;
    return this.#window.toString('latin1', from, this.#at);
  }

  /** A string as bytes, copied. */
  blob(): Buffer | null {
    const start = this.#at;
    const header = this.#header();
    if (header === null) return null;
    if (header === special) {
      const unpacked = this.#unpack(start);
      return typeof unpacked === 'string' ? Buffer.from(unpacked, 'latin1') : unpacked;
    }
    const from = this.#at;
    if (!this.#hasString(start, header, blobBytesMax)) return null;
    this.#at += header;
    return Buffer.from(this.#window.subarray(from, this.#at));
  }

  /**
   * All of a string of `length` bytes is here; else goes back to `start`, because all of it will be read again.
   */
  #hasString(start: number, length: number, bytesMax: number): boolean {
    if (length > bytesMax) {
      this.#at = start;
      throw this.corrupt(`a string of ${length} bytes, which is more than can be held`);
    }
    if (this.waiting >= length) return true;
    this.#at = start;
    return false;
  }

  /**
   * The first bytes of a length or a string: the length, or `special` for 11xxxxxx (that byte is then taken).
   * Null, and nothing is taken, when they have not come.
   */
  #header(): number | null {
    if (this.#at >= this.#end) return null;
    const first = this.#window[this.#at]!;
    if (first < 0x40) {
      this.#at++;
      return first;
    }
    if (first < 0x80) {
      if (this.waiting < 2) return null;
      this.#at += 2;
      return ((first & 0x3f) << 8) | this.#window[this.#at - 1]!;
    }
    if (first >= 0xc0) {
      this.#at++;
      return special;
    }
    if (first === 0x80) {
      if (this.waiting < 5) return null;
      this.#at += 5;
      return this.#window.readUInt32BE(this.#at - 4);
    }
    if (first !== 0x81) throw this.corrupt(`a length that begins with the byte ${first}`);
    if (this.waiting < 9) return null;
    const length = this.#window.readBigUInt64BE(this.#at + 1);
    if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw this.corrupt(`a length of ${length}`);
    this.#at += 9;
    return Number(length);
  }

  /**
   * A string in one of the special forms, whose first byte stands at `start` and is taken: an integer, or
   * compressed.
   */
  #unpack(start: number): string | Buffer | null {
    const form = this.#window[start]! & 63;
    if (form === 3) return this.#decompress(start);
    if (form > 3) throw this.#unknownForm(start);
    const size = 1 << form;
    if (this.waiting < size) {
      this.#at = start;
      return null;
    }
    this.#at += size;
    return String(this.#window.readIntLE(this.#at - size, size));
  }

  #decompress(start: number): Buffer | null {
    const compressed = this.#header();
    const plain = compressed === null ? null : this.#header();
    if (compressed === null || plain === null) {
      this.#at = start;
      return null;
    }
    if (compressed < 0 || plain < 0) throw this.corrupt('a compressed string without lengths');
    const from = this.#at;
    if (!this.#hasString(start, compressed, blobBytesMax)) return null;
    if (plain > textBytesMax)
      throw this.corrupt(`a compressed string of ${plain} bytes, which is more than can be held`);
    try {
      const bytes = lzfDecompress(this.#window.subarray(from, from + compressed), plain);
      this.#at = from + compressed;
      return bytes;
    } catch (cause) {
      if (cause instanceof RedtwinError) throw this.corrupt(cause.message, cause);
      throw cause;
    }
  }

  #unknownForm(start: number): RedtwinError {
    return this.corrupt(`a string of an unknown form (${this.#window[start]! & 63})`);
  }

  /** An error of code 'rdb-corrupt' at the current offset. */
  corrupt(what: string, cause?: unknown): RedtwinError {
    return new RedtwinError('rdb-corrupt', `the RDB holds ${what}`, { cause, offset: this.offset });
  }
}
