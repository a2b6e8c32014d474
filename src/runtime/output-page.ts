/**
 * One buffer for replies, shared by all connections.
 *
 * A chunk's replies are gathered in it and leave with one write. When the system took all bytes at once (nearly always),
 * the same memory serves the next chunk; when some still wait, the page is left to that write and a new one is made.
 *
 *     | replies of the engine | a host reply | replies of the engine |   free   |
 *     0                                                              used      size
 */
import type { Lane } from '../engine/engine.ts';

/** Large enough for a deep pipeline of small replies; larger output takes the way of `Note.overflow`. */
const pageBytes = 256 * 1024;

export class OutputPage {
  buffer = Buffer.allocUnsafeSlow(pageBytes);
  /** The short way by which replies come into this page; null when there is none. */
  lane: Lane | null = null;
  #openLane: (page: Buffer) => Lane | null = () => null;
  used = 0;
  /** Where the present chunk's replies begin: those before it wait for the end of the turn (turn-sends.ts). */
  base = 0;
  /** Output behind what is in the page, in order; once there is some, everything goes here until it is taken. */
  #extra: Buffer[] = [];

  /** Where the engine may write next. Not to be held across a call that could take the page. */
  free(): Buffer {
    if (this.#extra.length > 0) {
      // Order must be kept: what is in the page comes before the extra pieces, so start a new stretch of free space.
      return Buffer.allocUnsafeSlow(pageBytes);
    }
    return this.used === 0 ? this.buffer : this.buffer.subarray(this.used);
  }

  /** Counts `bytes` that were written at the start of `into`, which `free()` gave. */
  wrote(into: Buffer, bytes: number): void {
    if (bytes === 0) return;
    if (this.#extra.length > 0) this.#extra.push(into.subarray(0, bytes));
    else this.used += bytes;
  }

  /** Adds bytes; they are copied when they fit. */
  add(bytes: Buffer): void {
    if (this.#extra.length === 0 && this.used + bytes.length <= this.buffer.length) {
      bytes.copy(this.buffer, this.used);
      this.used += bytes.length;
    } else if (bytes.length > 0) {
      this.#extra.push(bytes);
    }
  }

  /** Everything is in the page itself. */
  get isWhole(): boolean {
    return this.#extra.length === 0;
  }

  get isEmpty(): boolean {
    return this.used === this.base && this.#extra.length === 0;
  }

  /** Everything gathered, in order; the page is empty then, but its memory must not be touched before `reuse` or `leave`. */
  take(): Buffer[] {
    const { base, used } = this;
    const pieces = used > base ? [this.buffer.subarray(base, used), ...this.#extra] : this.#extra;
    this.used = base;
    this.#extra = [];
    return pieces;
  }

  /** What waited before the present chunk has been sent. */
  restart(): void {
    if (this.used === this.base) this.used = this.base = 0;
  }

  /** The bytes taken last are still being written: leave them their memory. */
  leave(): void {
    this.buffer = Buffer.allocUnsafeSlow(pageBytes);
    this.used = this.base = 0;
    this.lane = this.#openLane(this.buffer);
  }

  /** Each page gets a lane of its own from now on. */
  useLanes(open: (page: Buffer) => Lane | null): void {
    this.#openLane = open;
    this.lane = open(this.buffer);
  }
}
