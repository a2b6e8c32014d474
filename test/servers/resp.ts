/**
 * The least RESP a test needs: packing commands, and cutting a byte stream into whole replies without reading
 * anything into them. It is deliberately not redtwin's own decoder, so that the two cannot share a mistake.
 *
 *   $3\r\nabc\r\n   one frame, header and body        *2\r\n + two frames     %1\r\n + two frames
 *   +OK\r\n  :1\r\n  _\r\n  #t\r\n  ,1.5\r\n  (123\r\n   one line each         >2\r\n a push, like an array
 */

/** A word of a command. Numbers are sent in decimal, strings as UTF-8. */
export type Word = string | number | Uint8Array;

/** A command: words, or one string cut at its spaces. */
export type CommandLine = string | readonly Word[];

/** The words of a command line as bytes. Runs of spaces count as one. */
export function words(line: CommandLine): Buffer[] {
  const list = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line;
  return list.map((word) => (word instanceof Uint8Array ? Buffer.from(word) : Buffer.from(String(word))));
}

/** A command as clients send it: an array of bulk strings. */
export function pack(line: CommandLine): Buffer {
  const list = words(line);
  const parts: Buffer[] = [Buffer.from(`*${list.length}\r\n`)];
  for (const word of list) parts.push(Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n'));
  return Buffer.concat(parts);
}

/** Where the frame that starts at `start` ends (an index after its last byte), or -1 while it is incomplete. */
export function frameEnd(bytes: Buffer, start: number): number {
  // Counts frames still owed instead of recursing, because a hostile depth must not end a test run.
  let owed = 1;
  let at = start;
  while (owed > 0) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return -1;
    const kind = String.fromCharCode(bytes[at] ?? 0);
    const size = Number(bytes.toString('latin1', at + 1, lineEnd));
    at = lineEnd + 2;
    owed--;
    switch (kind) {
      case '$':
      case '=':
      case '!':
        if (size >= 0) at += size + 2;
        if (at > bytes.length) return -1;
        break;
      case '*':
      case '~':
      case '>':
        if (size > 0) owed += size;
        break;
      case '%':
        owed += size * 2;
        break;
      case '|':
        // Attributes precede the frame they belong to.
        owed += size * 2 + 1;
        break;
      case '+':
      case '-':
      case ':':
      case '_':
      case '#':
      case ',':
      case '(':
        break;
      default:
        throw new Error(`no RESP frame starts with ${JSON.stringify(kind)} at byte ${at}`);
    }
  }
  return at;
}

/** Cuts complete frames off the front of `bytes`. */
export function frames(bytes: Buffer): { whole: Buffer[]; rest: Buffer } {
  const whole: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = frameEnd(bytes, at);
    if (end < 0) break;
    whole.push(bytes.subarray(at, end));
    at = end;
  }
  return { whole, rest: bytes.subarray(at) };
}

/** A decoded reply, for tests that ask about content. Errors stay values. Maps and sets become arrays. */
export type Value = string | number | bigint | boolean | null | Failure | Value[];

/** An error reply. */
export class Failure {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** Reads one complete frame. Bulk strings become latin1 text, so that every byte survives. */
export function decode(frame: Buffer): Value {
  const [value, end] = decodeAt(frame, 0);
  if (end !== frame.length) throw new Error(`${frame.length - end} bytes after the frame`);
  return value;
}

function decodeAt(bytes: Buffer, start: number): [Value, number] {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) throw new Error('the frame is incomplete');
  const line = bytes.toString('latin1', start + 1, lineEnd);
  const size = Number(line);
  let at = lineEnd + 2;
  const many = (count: number): [Value, number] => {
    if (count < 0) return [null, at];
    const list: Value[] = [];
    for (let index = 0; index < count; index++) {
      const [item, next] = decodeAt(bytes, at);
      list.push(item);
      at = next;
    }
    return [list, at];
  };
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
      return [line, at];
    case '-':
      return [new Failure(line), at];
    case ':':
      return [Number.isSafeInteger(size) ? size : BigInt(line), at];
    case ',':
      return [line === 'inf' ? Infinity : line === '-inf' ? -Infinity : size, at];
    case '(':
      return [BigInt(line), at];
    case '#':
      return [line === 't', at];
    case '_':
      return [null, at];
    case '$':
    case '=':
    case '!':
      return size < 0 ? [null, at] : [bytes.toString('latin1', at, at + size), at + size + 2];
    case '%':
      return many(size * 2);
    case '|': {
      const [, after] = many(size * 2);
      return decodeAt(bytes, after);
    }
    default:
      return many(size);
  }
}
