/**
 * Requests, out of bytes that come in pieces of any size.
 *
 *     *2 CRLF $3 CRLF GET CRLF $1 CRLF k CRLF        a multibulk request
 *     GET "k" LF                                     an inline request, with the quoting of Redis
 *
 * Its one idea: a position in a growing buffer that never goes back. What has been searched for a line's end is not
 * searched again, a bulk whose length is known waits until so many bytes are there, and the buffer grows by
 * doubling with what really came (never with what a length promises), so a request costs O(its bytes).
 * Limits and error texts are Redis 7.0's (networking.c). It knows nothing of commands.
 */
import { wireErrors } from '../../protocol/generated/wire-errors.ts';
import { binary } from './bytes.ts';
import { splitInline } from './inline.ts';
import { parseInt64 } from './numbers.ts';

/** Longest line: an inline request, or the digits of a count. */
const lineBytesMax = 64 * 1024;
const argumentsMax = 0x7fffffff;
const unauthenticatedArgumentsMax = 10;
const unauthenticatedBulkBytesMax = 16 * 1024;
/** Up to so many bytes are copied one by one: that costs less than the call. */
const shortBulk = 32;

export interface ParserLimits {
  /** Longest argument, in bytes (proto-max-bulk-len). */
  bulkBytesMax: number;
  /** False: only what AUTH and HELLO need is let through. */
  authenticated: boolean;
}

/** A request, or that more bytes are needed, or what a client that breaks the protocol is told. */
export type Parsed = { is: 'request'; args: Buffer[] } | { is: 'partial' } | { is: 'broken'; error: string };

const nothing = Buffer.alloc(0);
const partial: Parsed = { is: 'partial' };
const broken = (error: string): Parsed => ({ is: 'broken', error });

export class RequestParser {
  /** Bytes not yet parsed are `#buffer[#position, #end)`; it may be the caller's chunk until `settle`. */
  #buffer: Buffer = nothing;
  #position = 0;
  #end = 0;
  #isBorrowed = false;
  /** How far the current line has been searched for its end. */
  #searched = 0;
  /** The request in progress. */
  #args: Buffer[] = [];
  #argsMissing = 0;
  /** Length of the bulk that is awaited; -1 while its length is. */
  #bulkBytes = -1;
  #consumedBytes = 0;

  /** Bytes that belong to requests already returned (or to nothing, like blank lines), since the start. */
  get consumedBytes(): number {
    return this.#consumedBytes;
  }

  /** Bytes kept because their request is incomplete. */
  get pendingBytes(): number {
    let sum = this.#end - this.#position;
    for (const arg of this.#args) sum += arg.length;
    return sum;
  }

  /** Adds bytes. They are borrowed until `settle` is called. */
  feed(chunk: Uint8Array): void {
    if (this.#position === this.#end) {
      this.#buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      this.#position = this.#searched = 0;
      this.#end = chunk.length;
      this.#isBorrowed = true;
      return;
    }
    this.#own(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Copies what is left of the borrowed chunk, so that its owner may use it again. */
  settle(): void {
    if (this.#position === this.#end) {
      this.#buffer = nothing;
      this.#position = this.#end = this.#searched = 0;
      this.#isBorrowed = false;
    } else if (this.#isBorrowed) {
      this.#own(0);
    }
  }

  /** The next request. Empty ones (`*0`, blank lines) are skipped. */
  next(limits: ParserLimits): Parsed {
    for (;;) {
      if (this.#argsMissing > 0) return this.#bulks(limits);
      if (this.#position === this.#end) return partial;
      const done = this.#buffer[this.#position] === 0x2a ? this.#header(limits) : this.#inline();
      if (done !== null) return done;
    }
  }

  /** `*<count>`; null when the caller should look again. */
  #header(limits: ParserLimits): Parsed | null {
    const few = this.#shortLength(0x2a, unauthenticatedArgumentsMax);
    if (few >= 0) {
      if (few === 0) this.#consume();
      else this.#argsMissing = few;
      return null;
    }
    const line = this.#line(0x0d, wireErrors.tooBigMultibulk);
    if (typeof line !== 'string') return line;
    const count = parseInt64(line.slice(1));
    if (count === null || count > argumentsMax) return broken(wireErrors.invalidMultibulkLength);
    if (count > unauthenticatedArgumentsMax && !limits.authenticated) {
      return broken(wireErrors.unauthenticatedMultibulk);
    }
    if (count <= 0) this.#consume();
    else this.#argsMissing = Number(count);
    return null;
  }

  /** `$<length> CRLF <bytes> CRLF` as often as is missing. */
  #bulks(limits: ParserLimits): Parsed {
    while (this.#argsMissing > 0) {
      if (this.#bulkBytes < 0) {
        if (this.#position === this.#end) return partial;
        this.#bulkBytes = this.#shortLength(0x24, unauthenticatedBulkBytesMax);
      }
      if (this.#bulkBytes < 0) {
        const first = this.#buffer[this.#position]!;
        const line = this.#line(0x0d, wireErrors.tooBigBulk);
        if (typeof line !== 'string') return line;
        if (first !== 0x24) {
          return broken(`ERR Protocol error: expected '$', got '${String.fromCharCode(first)}'`);
        }
        const length = parseInt64(line.slice(1));
        if (length === null || length < 0 || length > limits.bulkBytesMax) {
          return broken(wireErrors.invalidBulkLength);
        }
        if (length > unauthenticatedBulkBytesMax && !limits.authenticated) {
          return broken(wireErrors.unauthenticatedBulk);
        }
        this.#bulkBytes = Number(length);
      }
      if (this.#end - this.#position < this.#bulkBytes + 2) return partial;
      this.#args.push(this.#copied(this.#position, this.#bulkBytes));
      // The two bytes behind a bulk are skipped unseen, as Redis does.
      this.#advance(this.#bulkBytes + 2);
      this.#bulkBytes = -1;
      this.#argsMissing--;
    }
    return this.#request(this.#args);
  }

  /**
   * A length as clients write it, its line taken: `kind`, 0 to `max` without sign or leading zeros, CR LF. -1, and nothing is
   * taken, when it is another or not all there: then the long way finds out what it is.
   */
  #shortLength(kind: number, max: number): number {
    const buffer = this.#buffer;
    const from = this.#position + 1;
    if (buffer[this.#position] !== kind) return -1;
    let length = 0;
    let at = from;
    for (; at < this.#end; at++) {
      const digit = buffer[at]! - 0x30;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
      if (length > max) return -1;
    }
    if (at === from || at + 2 > this.#end || buffer[at] !== 0x0d) return -1;
    if (buffer[from] === 0x30 && at - from > 1) return -1;
    this.#advance(at + 2 - this.#position);
    return length;
  }

  /** Bytes of the window, which may be the caller's, as our own. */
  #copied(from: number, count: number): Buffer {
    const copy = Buffer.allocUnsafe(count);
    if (count > shortBulk) this.#buffer.copy(copy, 0, from, from + count);
    else for (let at = 0; at < count; at++) copy[at] = this.#buffer[from + at]!;
    return copy;
  }

  #inline(): Parsed | null {
    const zero = this.#buffer.subarray(this.#position, this.#end).indexOf(0);
    // Redis looks for the end as C does: behind a zero byte it finds none.
    if (zero >= 0 && !this.#buffer.subarray(this.#position, this.#position + zero).includes(0x0a))
      return this.#end - this.#position > lineBytesMax ? broken(wireErrors.tooBigInline) : partial;
    const line = this.#line(0x0a, wireErrors.tooBigInline);
    if (typeof line !== 'string') return line;
    const args = splitInline(line.endsWith('\r') ? line.slice(0, -1) : line);
    if (args === null) return broken(wireErrors.unbalancedQuotes);
    if (args.length > 0) return this.#request(args);
    this.#consume();
    return null;
  }

  /**
   * The line up to `end` (0x0d: CR and the byte behind it, 0x0a: LF), consumed. Partial when its end is not there,
   * broken with `tooLong` when it cannot come any more.
   */
  #line(end: number, tooLong: string): string | Parsed {
    const found = this.#buffer.subarray(0, this.#end).indexOf(end, Math.max(this.#searched, this.#position));
    const lineEnd = found < 0 ? this.#end : found;
    if (lineEnd - this.#position > lineBytesMax) return broken(tooLong);
    const skip = end === 0x0d ? 2 : 1;
    if (found < 0 || found + skip > this.#end) {
      this.#searched = lineEnd;
      return partial;
    }
    const line = binary(this.#buffer.subarray(this.#position, found));
    this.#advance(found + skip - this.#position);
    return line;
  }

  #request(args: Buffer[]): Parsed {
    this.#args = [];
    this.#consume();
    return { is: 'request', args };
  }

  /** Total of bytes taken from the buffer so far; `#consumedBytes` follows it at the end of each request. */
  #takenBytes = 0;

  #advance(count: number): void {
    this.#position += count;
    this.#takenBytes += count;
    this.#searched = this.#position;
  }

  #consume(): void {
    this.#consumedBytes = this.#takenBytes;
  }

  /** Makes the pending bytes our own, in a buffer with room for `room` more behind them. */
  #own(room: number): void {
    if (!this.#isBorrowed && this.#end + room <= this.#buffer.length) return;
    const pending = this.#end - this.#position;
    const buffer = Buffer.allocUnsafe(pending + Math.max(pending, room));
    this.#buffer.copy(buffer, 0, this.#position, this.#end);
    this.#buffer = buffer;
    this.#searched = Math.max(0, this.#searched - this.#position);
    this.#position = 0;
    this.#end = pending;
    this.#isBorrowed = false;
  }
}
