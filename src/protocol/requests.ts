/**
 * Cuts a client's input into single requests, without running them.
 *
 * The engine parses whole chunks by itself; this is only for the slow way, when each command has to be seen before it runs
 * (MONITOR, a fine slow log). It is deliberately lenient: bytes it cannot read as a request are handed on as they are,
 * and the engine finds the protocol error.
 *
 *     *2 CRLF $3 CRLF GET CRLF $1 CRLF k CRLF   -> { bytes, args: [GET, k] }
 *     PING CRLF                                 -> { bytes, args: [PING] }
 */
import { splitArguments } from './split-arguments.ts';

export interface Request {
  /** Exactly the bytes of this request. */
  bytes: Buffer;
  /** Empty for an empty line, or for bytes that are no request. */
  args: Buffer[];
}

const [asterisk, dollar, newline] = [0x2a, 0x24, 0x0a];

export class Requests {
  #input: Buffer = Buffer.alloc(0);

  /** True while a part of a request is kept. */
  get isMidway(): boolean {
    return this.#input.length > 0;
  }

  feed(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#input, chunk]);
  }

  /** The next complete request, or null. */
  next(): Request | null {
    if (this.#input.length === 0) return null;
    const found = this.#input[0] === asterisk ? multibulk(this.#input) : inline(this.#input);
    if (found === 'partial') return null;
    const request = found === 'garbled' ? { bytes: this.#input, args: [] } : found;
    this.#input = this.#input.subarray(request.bytes.length);
    return request;
  }

  /** Everything that is kept; nothing is kept afterwards. */
  takeRest(): Buffer {
    const rest = this.#input;
    this.#input = Buffer.alloc(0);
    return rest;
  }
}

function inline(input: Buffer): Request | 'partial' {
  const end = input.indexOf(newline);
  if (end < 0) return 'partial';
  const words = splitArguments(input.subarray(0, end).toString('latin1')) ?? [];
  return { bytes: input.subarray(0, end + 1), args: words.map((word) => Buffer.from(word, 'latin1')) };
}

/** The number on a line like `*12` or `$3`, and where the next line begins. */
function numberLine(input: Buffer, at: number): { value: number; next: number } | 'partial' | 'garbled' {
  const end = input.indexOf(newline, at);
  if (end < 0) return input.length - at > 64 ? 'garbled' : 'partial';
  const text = input.subarray(at + 1, end - 1).toString('latin1');
  return /^-?[0-9]{1,10}$/.test(text) ? { value: Number(text), next: end + 1 } : 'garbled';
}

function multibulk(input: Buffer): Request | 'partial' | 'garbled' {
  const count = numberLine(input, 0);
  if (typeof count === 'string') return count;
  const args: Buffer[] = [];
  let at = count.next;
  for (let i = 0; i < count.value; i++) {
    if (at >= input.length) return 'partial';
    if (input[at] !== dollar) return 'garbled';
    const length = numberLine(input, at);
    if (typeof length === 'string') return length;
    if (length.value < 0) return 'garbled';
    const end = length.next + length.value;
    if (end + 2 > input.length) return 'partial';
    args.push(input.subarray(length.next, end));
    at = end + 2;
  }
  return { bytes: input.subarray(0, at), args };
}
