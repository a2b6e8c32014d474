/**
 * Replies of a server as JavaScript values, from chunks that are cut anywhere.
 *
 *     chunk --> [what was left | chunk] --> value, value, value, ...      what is not whole yet is kept
 *                        |
 *       * % ~ >          +-- an array that is not whole stays open on a stack: its items are read once
 *       $ of many bytes  +-- its pieces are collected and joined once
 *
 * RESP2 and RESP3. Texts come out as strings, or bulk strings as Buffers. Strings are the costly part in JavaScript: each
 * crossing into the runtime costs more than all the rest. So the text of a window of the chunk is made in one crossing, and
 * strings are cut out of that; a window is small, because a string that was cut out keeps all of it alive.
 *
 * What commands mean, and which reply belongs to which, is not known here.
 */
import { constants, isAscii } from 'node:buffer';
import { RedtwinError } from '../errors.ts';

/** An error reply. `message` is what the server wrote, its code first: 'WRONGTYPE Operation against ...'. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';
  /** The first word: 'ERR', 'WRONGTYPE', 'MOVED'... */
  get code(): string {
    const end = this.message.indexOf(' ');
    return end < 0 ? this.message : this.message.slice(0, end);
  }
}

/**
 * What a reply may be. Integers beyond 2^53 are bigints; null is RESP2's null bulk string and null array, and RESP3's null.
 * Errors inside arrays are values like others.
 */
export type ReplyValue =
  | string
  | Buffer
  | number
  | bigint
  | boolean
  | null
  | ReplyError
  | ReplyValue[]
  | Map<ReplyValue, ReplyValue>
  | Set<ReplyValue>;

export interface ReplyDecoderOptions {
  /** A reply, in the order in which they came. It must not call `feed`. */
  onReply(value: ReplyValue): void;
  /** A push of RESP3 (invalidations, messages...). Default: pushes are replies too. */
  onPush?(items: ReplyValue[]): void;
  /** Bulk strings come as Buffers that share the memory of their chunk. Default: as strings, read as UTF-8. */
  buffers?: boolean;
}

/** An aggregate whose items have not all come. */
interface Open {
  type: number;
  /** Values still to come; a map has two for each pair. */
  left: number;
  items: ReplyValue[];
  /** How many of the items are there. */
  filled: number;
}

/** How many bytes become text in one crossing, and stay alive while a string out of them does. */
const windowBytes = 2048;
/** The longest first line of a bulk string or an aggregate, and of a number. */
const lineBytesMax = 512;
/** The longest simple string or error. */
const simpleBytesMax = 1024 * 1024;
/** A bulk string of which more than this is missing is collected in pieces. */
const pieceBytes = 4096;
/** Aggregates of up to so many items get their room at once; what a longer one claims to be is not believed. */
const roomMax = 64;
/** How deep replies may nest. */
const depthMax = 1024;

/**
 * The class of Buffers itself. `Buffer.from` and `subarray` cost two and three times as much as its constructor does. Should
 * another Node not show it this way, the documented way is taken.
 */
const species = (Buffer as unknown as Record<symbol, unknown>)[Symbol.species];
const View = (typeof species === 'function' && species.prototype === Buffer.prototype ? species : null) as
  | (new (
      memory: ArrayBufferLike,
      byteOffset: number,
      sizeBytes: number,
    ) => Buffer)
  | null;
const viewOf = (memory: ArrayBuffer, byteOffset: number, sizeBytes: number): Buffer =>
  View === null ? Buffer.from(memory, byteOffset, sizeBytes) : new View(memory, byteOffset, sizeBytes);

const [cr, lf, minus] = [13, 10, 45];
const simpleType = 43; // +
const errorType = 45; // -
const integerType = 58; // :
const bulkType = 36; // $
const arrayType = 42; // *
const mapType = 37; // %
const setType = 126; // ~
const pushType = 62; // >
const attributeType = 124; // |

/** Decodes one connection's replies. */
export class ReplyDecoder {
  readonly #onReply: ReplyDecoderOptions['onReply'];
  readonly #onPush: ReplyDecoderOptions['onPush'];
  readonly #buffers: boolean;
  /** The beginning of something that is not whole. */
  #rest: Buffer | null = null;
  #open: Open[] = [];
  /** A long bulk string under way: its pieces, its type, and the bytes that are missing, its line break included. */
  #pieces: Buffer[] = [];
  #pieceType = 0;
  #missing = 0;
  /** The window: text of bytes `#windowFrom` to `#windowTo` of the chunk; null when they are not ASCII. */
  #window: string | null = null;
  #windowFrom = 0;
  #windowTo = 0;

  constructor(options: ReplyDecoderOptions) {
    this.#onReply = (value) => options.onReply(value);
    this.#onPush = options.onPush && ((items) => options.onPush?.(items));
    this.#buffers = options.buffers ?? false;
  }

  /**
   * Takes the next bytes and calls back for every reply that is whole now. The decoder keeps `chunk`: do not write into it
   * afterwards. Throws RedtwinError 'protocol-error' for what is no RESP; the connection is of no use then. Linear in the
   * bytes, however they are cut.
   */
  feed(chunk: Buffer): void {
    let start = 0;
    if (this.#missing > 0) {
      start = this.#collect(chunk);
      if (this.#missing > 0) return;
    }
    let bytes = chunk;
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = null;
    }
    this.#windowFrom = this.#windowTo = 0;
    const end = this.#decode(bytes, start);
    if (end < bytes.length) this.#rest = bytes.subarray(end);
    this.#window = null;
  }

  /** Decodes all that is whole from `at`; returns where the first byte is that is not used. */
  #decode(bytes: Buffer, from: number): number {
    const { length } = bytes;
    const memory = bytes.buffer as ArrayBuffer;
    const { byteOffset } = bytes;
    const isBinary = this.#buffers;
    const open = this.#open;
    const onReply = this.#onReply;
    let top = innermost(open);
    let at = from;
    while (at < length) {
      const start = at;
      const type = bytes[at] as number;
      let value: ReplyValue;
      if (type === bulkType || type === integerType || type === arrayType) {
        // The three that replies consist of: their number is read right here.
        let number = 0;
        let byte = bytes[++at] as number;
        const isNegative = byte === minus;
        if (isNegative) byte = bytes[++at] as number;
        const first = at;
        while (byte >= 48 && byte <= 57) {
          number = number * 10 + (byte - 48);
          byte = bytes[++at] as number;
        }
        if (at + 1 >= length) {
          if (length - start > lineBytesMax) throw broken('a number does not end');
          return start;
        }
        if (byte !== cr || bytes[at + 1] !== lf || at === first) throw broken('a number is none');
        at += 2;
        if (isNegative) number = 0 - number;
        if (type === integerType) {
          value = Number.isSafeInteger(number) ? number : BigInt(bytes.toString('latin1', start + 1, at - 2));
        } else if (number < 0) {
          if (number !== -1) throw broken('a length is negative');
          value = null;
        } else if (type === bulkType) {
          const end = at + number;
          if (end + 2 > length) return this.#bulkGoesOn(bytes, start, at, number);
          if (bytes[end] !== cr || bytes[end + 1] !== lf) throw broken('a bulk string has another length');
          if (isBinary) value = viewOf(memory, byteOffset + at, number);
          else value = this.#text(bytes, at, end);
          at = end + 2;
        } else {
          if (number > 0) {
            top = this.#begin(type, number);
            continue;
          }
          value = [];
        }
      } else if (type === simpleType && at + 4 < length && bytes[at + 1] === 79 && bytes[at + 2] === 75) {
        // "+OK", most of the time.
        if (bytes[at + 3] === cr && bytes[at + 4] === lf) {
          at += 5;
          value = 'OK';
        } else {
          const end = lineEnd(bytes, at, simpleBytesMax);
          if (end < 0) return start;
          value = this.#text(bytes, at + 1, end);
          at = end + 2;
        }
      } else {
        const end = lineEnd(
          bytes,
          at,
          type === simpleType || type === errorType ? simpleBytesMax : lineBytesMax,
        );
        if (end < 0) return start;
        at = end + 2;
        switch (type) {
          case simpleType:
            value = this.#text(bytes, start + 1, end);
            break;
          case errorType:
            value = new ReplyError(bytes.toString('utf8', start + 1, end));
            break;
          case 95: // _
            value = null;
            break;
          case 35: // #
            value = bytes[start + 1] === 116;
            break;
          case 44: // ,
            value = double(bytes.toString('latin1', start + 1, end));
            break;
          case 40: // (
            value = bigint(bytes.toString('latin1', start + 1, end));
            break;
          case 33: // !
          case 61: {
            // =
            const size = count(bytes.toString('latin1', start + 1, end));
            if (at + size + 2 > length) return this.#bulkGoesOn(bytes, start, at, size);
            value = this.#longBulk(type, bytes.subarray(at, at + size));
            at += size + 2;
            break;
          }
          case mapType:
          case attributeType:
          case setType:
          case pushType: {
            const items =
              count(bytes.toString('latin1', start + 1, end)) *
              (type === mapType || type === attributeType ? 2 : 1);
            if (items > 0) {
              top = this.#begin(type, items);
              continue;
            }
            if (type === attributeType) continue;
            value = aggregate(type, []);
            break;
          }
          default:
            throw broken(`a reply begins with ${JSON.stringify(String.fromCharCode(type))}`);
        }
      }
      if (top === null) {
        onReply(value);
      } else if (top.left === 1) {
        this.#take(value);
        top = innermost(open);
      } else {
        top.items[top.filled++] = value;
        top.left--;
      }
    }
    return at;
  }

  // --- Aggregates ---

  #begin(type: number, left: number): Open {
    if (this.#open.length >= depthMax) throw broken('replies nest too deeply');
    const open = { type, left, items: left <= roomMax ? new Array<ReplyValue>(left) : [], filled: 0 };
    this.#open.push(open);
    return open;
  }

  /** A value is whole: it goes into the innermost open aggregate, which it may complete, or out. */
  #take(whole: ReplyValue): void {
    const open = this.#open;
    let value = whole;
    for (let top = open.length - 1; top >= 0; top--) {
      const into = open[top] as Open;
      into.items[into.filled++] = value;
      if (--into.left > 0) return;
      open.pop();
      // Attributes are remarks about the reply behind them, for clients that know them; nobody here does.
      if (into.type === attributeType) return;
      if (into.type === pushType && top === 0 && this.#onPush !== undefined) {
        this.#onPush(into.items);
        return;
      }
      value = into.type === arrayType ? into.items : aggregate(into.type, into.items);
    }
    this.#onReply(value);
  }

  // --- Strings ---

  /** The text of `bytes` from `start` to `end`. */
  #text(bytes: Buffer, start: number, end: number): string {
    if (end > this.#windowTo || start < this.#windowFrom) {
      if (end - start > windowBytes / 2) return bytes.toString('utf8', start, end);
      this.#windowFrom = start;
      this.#windowTo = Math.min(start + windowBytes, bytes.length);
      const window = viewOf(bytes.buffer as ArrayBuffer, bytes.byteOffset + start, this.#windowTo - start);
      this.#window = isAscii(window) ? window.toString('latin1') : null;
    }
    if (this.#window === null) return bytes.toString('utf8', start, end);
    return this.#window.substring(start - this.#windowFrom, end - this.#windowFrom);
  }

  /** A bulk string is not whole: keeps what there is of it. Returns how far the bytes are used. */
  #bulkGoesOn(bytes: Buffer, start: number, body: number, size: number): number {
    if (size > constants.MAX_LENGTH - 2) throw broken('a bulk string is longer than there is memory');
    const missing = body + size + 2 - bytes.length;
    if (missing <= pieceBytes) return start;
    this.#pieceType = bytes[start] as number;
    this.#pieces = [bytes.subarray(body)];
    this.#missing = missing;
    return bytes.length;
  }

  /** The next piece of a long bulk string; returns how much of the chunk it is. */
  #collect(chunk: Buffer): number {
    const used = Math.min(this.#missing, chunk.length);
    this.#pieces.push(chunk.subarray(0, used));
    this.#missing -= used;
    if (this.#missing > 0) return used;
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [];
    const end = whole.length - 2;
    if (whole[end] !== cr || whole[end + 1] !== lf) throw broken('a bulk string has another length');
    this.#take(this.#longBulk(this.#pieceType, whole.subarray(0, end)));
    return used;
  }

  #longBulk(type: number, body: Buffer): ReplyValue {
    if (type === bulkType) return this.#buffers ? body : body.toString();
    if (type === 33) return new ReplyError(body.toString());
    // A verbatim string begins with its format: "txt:".
    return body.toString('utf8', 4);
  }
}

/** The aggregate that the next value belongs to. An index of -1 would be looked for as a property's name, which is slow. */
const innermost = (open: Open[]): Open | null => (open.length > 0 ? (open[open.length - 1] as Open) : null);

const broken = (what: string): RedtwinError =>
  new RedtwinError('protocol-error', `what the server sent is no RESP: ${what}`);

/** Where the line break is that ends the line; -1 when it has not come. */
function lineEnd(bytes: Buffer, start: number, bytesMax: number): number {
  const end = bytes.indexOf(cr, start);
  if (end >= 0 && end + 1 < bytes.length) {
    if (bytes[end + 1] !== lf) throw broken('a line ends without its line feed');
    return end;
  }
  if (bytes.length - start > bytesMax) throw broken('a line does not end');
  return -1;
}

function count(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw broken('a length is none');
  return Number(text);
}

function double(text: string): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  if (/^-?nan$/.test(text)) return Number.NaN;
  if (!/^[-+]?\d+(\.\d*)?([eE][-+]?\d+)?$/.test(text)) throw broken('a double is none');
  return Number(text);
}

function bigint(text: string): bigint {
  if (!/^[-+]?\d+$/.test(text)) throw broken('a big number is none');
  return BigInt(text);
}

function aggregate(type: number, items: ReplyValue[]): ReplyValue {
  if (type === setType) return new Set(items);
  if (type !== mapType) return items;
  const map = new Map<ReplyValue, ReplyValue>();
  for (let index = 0; index + 1 < items.length; index += 2)
    map.set(items[index] as ReplyValue, items[index + 1] as ReplyValue);
  return map;
}
