/**
 * Replies, written in RESP2 or RESP3 into one growing buffer.
 *
 * A method per kind of reply; where RESP2 has no such kind it is written as Redis 7.0 writes it there (a map as a
 * flat array, a double as a bulk string, every null as $-1 or *-1). The writer does not check that as many elements
 * follow as were announced.
 *
 *     +simple  -error  :integer  $bulk  *array        both
 *     %map  ~set  >push  ,double  #boolean  _null  (big number  =verbatim        RESP3
 */
import { formatDouble } from './numbers.ts';

/** A dollar sign, up to ten digits and two line ends. */
const bulkFrameBytesMax = 15;
const shortText = 16;

export class Reply {
  protocol: 2 | 3 = 2;
  #buffer = Buffer.allocUnsafe(1024);
  #size = 0;
  #errors: string[] = [];
  #hasFailed = false;

  /** Bytes written. */
  get size(): number {
    return this.#size;
  }

  /** True when errors were written that nobody has taken. */
  get hasErrors(): boolean {
    return this.#errors.length > 0 || this.#hasFailed;
  }

  /** Texts of the errors written since they were last taken: whoever runs commands counts them. */
  takeErrors(): string[] {
    const errors = this.#errors;
    this.#errors = [];
    this.#hasFailed = false;
    return errors;
  }

  /** What was written, copied; the writer is empty afterwards. */
  take(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#size));
    this.#size = 0;
    if (this.#buffer.length > 1 << 20) this.#buffer = Buffer.allocUnsafe(1024);
    return bytes;
  }

  /** Moves what was written into `output` as far as it fits; the rest is returned, copied, or null when all fitted. */
  moveTo(output: Uint8Array): { written: number; rest: Buffer | null } {
    const written = Math.min(output.length, this.#size);
    this.#buffer.copy(output, 0, 0, written);
    const rest = written < this.#size ? Buffer.from(this.#buffer.subarray(written, this.#size)) : null;
    this.#size = 0;
    if (this.#buffer.length > 1 << 20) this.#buffer = Buffer.allocUnsafe(1024);
    return { written, rest };
  }

  /** Drops what was written after `size` (CLIENT REPLY OFF). */
  truncate(size: number): void {
    this.#size = size;
  }

  /** Bytes that are a reply already. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  ok(): void {
    this.#text('+OK\r\n');
  }

  simple(text: string): void {
    this.#text(`+${text}\r\n`);
  }

  /** `text` without the '-'. Line ends in it would break the protocol and become spaces, as in Redis. */
  error(text: string): void {
    this.#errors.push(text);
    this.#text(`-${text.replace(/[\r\n]/g, ' ')}\r\n`);
  }

  /** An error that was counted where it arose (in a script) and is only passed on: the command has failed, no more. */
  toldError(text: string): void {
    this.#hasFailed = true;
    this.#text(`-${text.replace(/[\r\n]/g, ' ')}\r\n`);
  }

  integer(n: number | bigint): void {
    this.#text(`:${n}\r\n`);
  }

  /** 1 or 0, which is what Redis 7.0 answers for yes and no in both protocols. */
  flag(yes: boolean): void {
    this.#text(yes ? ':1\r\n' : ':0\r\n');
  }

  /** A bulk string: bytes, or a binary string. */
  bulk(content: Uint8Array | string): void {
    const { length } = content;
    this.#room(length + bulkFrameBytesMax);
    this.#write(`$${length}\r\n`);
    if (typeof content === 'string') this.#write(content);
    else {
      this.#buffer.set(content, this.#size);
      this.#size += length;
    }
    this.#buffer[this.#size++] = 0x0d;
    this.#buffer[this.#size++] = 0x0a;
  }

  /** A bulk string, or null for what is not there. */
  bulkOrNull(content: Uint8Array | string | null | undefined): void {
    if (content === null || content === undefined) this.nullBulk();
    else this.bulk(content);
  }

  /** The null that stands for a string. */
  nullBulk(): void {
    this.#text(this.protocol === 3 ? '_\r\n' : '$-1\r\n');
  }

  /** The null that stands for an array. */
  nullArray(): void {
    this.#text(this.protocol === 3 ? '_\r\n' : '*-1\r\n');
  }

  array(length: number): void {
    this.#text(`*${length}\r\n`);
  }

  /** `pairs` keys with values follow; a flat array of twice as many in RESP2. */
  map(pairs: number): void {
    this.#text(this.protocol === 3 ? `%${pairs}\r\n` : `*${pairs * 2}\r\n`);
  }

  set(length: number): void {
    this.#text(this.protocol === 3 ? `~${length}\r\n` : `*${length}\r\n`);
  }

  push(length: number): void {
    this.#text(this.protocol === 3 ? `>${length}\r\n` : `*${length}\r\n`);
  }

  /** A double with up to 17 digits; a bulk string in RESP2. */
  double(n: number): void {
    const text = formatDouble(n);
    if (this.protocol === 3) this.#text(`,${text}\r\n`);
    else this.bulk(text);
  }

  boolean(yes: boolean): void {
    if (this.protocol === 3) this.#text(yes ? '#t\r\n' : '#f\r\n');
    else this.flag(yes);
  }

  /** A number of any size, as decimal digits; a bulk string in RESP2. */
  bigNumber(digits: string): void {
    if (this.protocol === 3) this.#text(`(${digits}\r\n`);
    else this.bulk(digits);
  }

  /** Text with a format of three letters ('txt', 'mkd'); a bulk string in RESP2. */
  verbatim(format: string, text: string): void {
    if (this.protocol === 3) this.#text(`=${text.length + 4}\r\n${format}:${text}\r\n`);
    else this.bulk(text);
  }

  /** An array of bulk strings. */
  bulks(contents: readonly (Uint8Array | string)[]): void {
    this.array(contents.length);
    for (const content of contents) this.bulk(content);
  }

  /** The lines of a HELP subcommand, in the form of Redis: simple strings around HELP's own line. */
  help(command: string, lines: readonly string[]): void {
    this.array(lines.length + 3);
    this.simple(`${command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
    for (const line of lines) this.simple(line);
    this.simple('HELP');
    this.simple('    Prints this help.');
  }

  #text(text: string): void {
    this.#room(text.length);
    this.#write(text);
  }

  /** Text for which there is room. A short one costs less byte by byte than the call that writes it. */
  #write(text: string): void {
    if (text.length > shortText) {
      this.#size += this.#buffer.write(text, this.#size, 'latin1');
      return;
    }
    for (let at = 0; at < text.length; at++) this.#buffer[this.#size++] = text.charCodeAt(at);
  }

  #room(count: number): void {
    if (this.#size + count <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#size + count));
    this.#buffer.copy(larger, 0, 0, this.#size);
    this.#buffer = larger;
  }
}
