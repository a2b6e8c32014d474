/**
 * Brings the feed to the replicas: reads each stretch once and gives the same bytes to all who are at that place.
 *
 *     feed    ...........[======|======|===]  end
 *                        ^      ^      ^
 *                        |      |      two replicas: one read, two writes of the same buffer
 *                        |      a slower one: its socket is full, it goes on when it has drained
 *                        pin: the slowest who is within its limits; what is before it may go
 *
 * Stretches end at fixed places, so that a replica which fell behind meets the others again. A socket that is full gets
 * nothing more until it has drained; what it has not taken stays in the feed, where it is stored once for all. So many replicas
 * cost no memory, and a slow one costs what client-output-buffer-limit allows it. A stretch's buffer is used again when all who
 * got it have taken it at once, which is the rule; otherwise it is theirs, one a replica at most.
 */
import type { Feed } from '../engine/engine.ts';
import type { Replica } from './replica.ts';

/** A stretch's length. */
const stretchBytes = 256 * 1024;
/** Buffers kept for the next stretches. */
const spareMax = 4;

/** `client-output-buffer-limit replica`, already no smaller than the backlog. 0: no limit. */
export interface OutputLimit {
  hardBytes: number;
  softBytes: number;
  softSeconds: number;
}

/** One piece of the feed on its way. */
interface Stretch {
  readonly buffer: Buffer;
  /** The part of the buffer that is filled. */
  readonly bytes: Buffer;
  /** No socket needs the buffer any longer. */
  isTaken: boolean;
}
/** By offset; null: no longer kept. */
type Stretches = Map<number, Stretch | null>;

export interface PumpParts {
  feed: Feed;
  replicas: ReadonlySet<Replica>;
  limit: () => OutputLimit;
  monotonicMs: () => number;
  /** Bytes went out to replicas. */
  onSent: (bytes: number) => void;
}

export class FeedPump {
  readonly #parts: PumpParts;
  #isPlanned = false;
  /** Buffers of stretches that nobody reads any longer. */
  #spare: Buffer[] = [];

  constructor(parts: PumpParts) {
    this.#parts = parts;
  }

  /** Runs once this turn's input is done: however many commands a turn brings, each replica gets one write. */
  plan(): void {
    if (this.#isPlanned || this.#parts.replicas.size === 0) return;
    this.#isPlanned = true;
    setImmediate(() => this.run());
  }

  /** Hands out what the sockets can take, and lets go of what nobody needs. */
  run(): void {
    this.#isPlanned = false;
    const { feed, replicas } = this.#parts;
    if (replicas.size === 0) return;
    const end = feed.endOffset;
    const stretches: Stretches = new Map();
    let sentBytes = 0;
    for (const replica of replicas) sentBytes += this.#serve(replica, end, stretches);
    for (const stretch of stretches.values()) if (stretch?.isTaken) this.#keep(stretch.buffer);
    if (sentBytes > 0) this.#parts.onSent(sentBytes);
    this.#checkLimits(end);
    this.letGo();
  }

  #serve(replica: Replica, end: number, stretches: Stretches): number {
    let sentBytes = 0;
    while (replica.cursor !== null && replica.cursor < end && !replica.line.isFull) {
      const at = replica.cursor;
      let stretch = stretches.get(at);
      if (stretch === undefined) {
        stretch = this.#read(at, Math.min(end - at, stretchBytes - (at % stretchBytes)));
        stretches.set(at, stretch);
      }
      if (stretch === null) {
        replica.dismiss('feed-lost');
        break;
      }
      const { bytes } = stretch;
      replica.cursor = replica.held = at + bytes.length;
      sentBytes += bytes.length;
      if (replica.line.waitingBytes > 0) {
        // A little waits already: behind it a copy, which is no larger than it must be.
        replica.line.feed(Buffer.from(bytes));
        continue;
      }
      replica.line.feed(bytes);
      // Either the system has a copy now, or the socket keeps the buffer until there is room.
      if (replica.line.waitingBytes > 0) stretch.isTaken = false;
    }
    return sentBytes;
  }

  #read(at: number, bytes: number): Stretch | null {
    const buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(stretchBytes);
    const copied = this.#parts.feed.readInto(at, buffer.subarray(0, bytes));
    if (copied >= 0) return { buffer, bytes: buffer.subarray(0, copied), isTaken: true };
    this.#keep(buffer);
    return null;
  }

  #keep(buffer: Buffer): void {
    if (this.#spare.length < spareMax) this.#spare.push(buffer);
  }

  /** What a replica has not taken: in the feed and in its socket. */
  #checkLimits(end: number): void {
    const { hardBytes, softBytes, softSeconds } = this.#parts.limit();
    const nowMs = this.#parts.monotonicMs();
    for (const replica of this.#parts.replicas) {
      if (replica.held === null) continue;
      // Bytes of the snapshot in its socket are not the feed's.
      const owed = end - replica.held + (replica.cursor === null ? 0 : replica.line.waitingBytes);
      const isOverSoft = softBytes > 0 && owed >= softBytes;
      if (!isOverSoft) replica.overSoftSinceMs = null;
      else replica.overSoftSinceMs ??= nowMs;
      const isTooLong =
        replica.overSoftSinceMs !== null && nowMs - replica.overSoftSinceMs > softSeconds * 1000;
      if ((hardBytes > 0 && owed >= hardBytes) || isTooLong) replica.dismiss('output-limit');
    }
  }

  /** Lets go of what no replica needs any longer. */
  letGo(): void {
    let first: number | null = null;
    for (const { held } of this.#parts.replicas)
      if (held !== null && (first === null || held < first)) first = held;
    this.#parts.feed.pin(first);
  }
}
