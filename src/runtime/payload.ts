/**
 * Finds the end of a snapshot in a flow of chunks.
 *
 * There are two kinds of end. A length is counted down. A mark (40 bytes that the primary drew at random) has
 * to be found wherever chunks happen to be cut:
 *
 *     chunk 1                     chunk 2
 *     ...payload...| first part   | rest of the mark | what follows
 *                    held back until it is known to be no mark: 39 bytes at most
 *
 * Payload is passed on as views of the chunk wherever possible.
 */
import type { SnapshotFormat } from '../replication/replica-link/states.ts';

/** What a chunk held: payload in order, and what follows the end (null while there is no end yet). */
export interface Cut {
  payload: Buffer[];
  rest: Buffer | null;
}

export interface PayloadCutter {
  take(chunk: Buffer): Cut;
}

export const payloadCutter = (format: SnapshotFormat): PayloadCutter =>
  format.ends === 'length' ? new LengthCutter(format.bytes) : new MarkCutter(format.mark);

class LengthCutter implements PayloadCutter {
  #leftBytes: number;

  constructor(bytes: number) {
    this.#leftBytes = bytes;
  }

  take(chunk: Buffer): Cut {
    const bytes = Math.min(this.#leftBytes, chunk.length);
    this.#leftBytes -= bytes;
    const payload = bytes > 0 ? [chunk.subarray(0, bytes)] : [];
    return { payload, rest: this.#leftBytes === 0 ? chunk.subarray(bytes) : null };
  }
}

class MarkCutter implements PayloadCutter {
  readonly #mark: Buffer;
  /** Bytes that came but may be the beginning of the mark. Always shorter than the mark. */
  #held: Buffer = Buffer.alloc(0);

  constructor(mark: string) {
    this.#mark = Buffer.from(mark, 'latin1');
  }

  take(chunk: Buffer): Cut {
    const mark = this.#mark;
    const held = this.#held;
    const payload: Buffer[] = [];
    // A mark that began in the bytes held back ends within the first bytes of this chunk.
    const seam = held.length === 0 ? held : Buffer.concat([held, chunk.subarray(0, mark.length - 1)]);
    const atSeam = seam.indexOf(mark);
    if (atSeam >= 0) {
      if (atSeam > 0) payload.push(seam.subarray(0, atSeam));
      return { payload, rest: chunk.subarray(atSeam + mark.length - held.length) };
    }
    const at = chunk.indexOf(mark);
    if (at >= 0) {
      if (held.length > 0) payload.push(held);
      if (at > 0) payload.push(chunk.subarray(0, at));
      return { payload, rest: chunk.subarray(at + mark.length) };
    }
    // No end here. A chunk shorter than the mark may continue what was held back; a longer one decides alone.
    const short = chunk.length < mark.length;
    const whole = short && held.length > 0 ? seam : chunk;
    const from = whole.length - beginningAtEnd(whole, mark);
    if (whole === chunk && held.length > 0) payload.push(held);
    if (from > 0) payload.push(whole.subarray(0, from));
    // A copy: the chunk may be large, and its few last bytes must not keep it alive.
    this.#held = Buffer.from(whole.subarray(from));
    return { payload, rest: null };
  }
}

/** Length of the longest true beginning of `mark` that `bytes` ends with. */
function beginningAtEnd(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 0; length--)
    if (bytes.subarray(bytes.length - length).equals(mark.subarray(0, length))) return length;
  return 0;
}
