/**
 * Cuts lines off a flow of chunks, of which the rest may be something else.
 *
 * The primary's replies are lines, and behind the last one a snapshot or the feed begins in the same chunk.
 * So this takes one line at a time and says how far it got. It keeps at most `lineBytesMax` bytes of a line
 * without an end.
 */

/** Longer than any reply of a real server. */
export const lineBytesMax = 4096;

const newline = 10;

/**
 * One `take`: the line without its end (latin-1), or null if it is not complete; and how many bytes were
 * used.
 */
export interface TakenLine {
  line: string | null;
  used: number;
}

export class LineCutter {
  #kept = '';

  /**
   * Takes bytes of `chunk` up to and with the first newline. Null when the line is longer than
   * `lineBytesMax`.
   */
  take(chunk: Buffer): TakenLine | null {
    const end = chunk.indexOf(newline);
    const bytes = end < 0 ? chunk.length : end;
    if (this.#kept.length + bytes > lineBytesMax) return null;
    const text = this.#kept + chunk.toString('latin1', 0, bytes);
    if (end < 0) {
      this.#kept = text;
      return { line: null, used: chunk.length };
    }
    this.#kept = '';
    return { line: text.endsWith('\r') ? text.slice(0, -1) : text, used: end + 1 };
  }

  /** Forgets a line that was begun. */
  clear(): void {
    this.#kept = '';
  }
}
