/**
 * String values: bytes, and the encoding Redis would keep them in.
 *
 * Redis stores canonical 64-bit integers as int, up to 44 bytes as embstr, and more as raw. A command that
 * changes a string in place (APPEND, SETRANGE, SETBIT) leaves it raw, whatever its length.
 */
import { binary, digits } from './bytes.ts';
import { parseInt64 } from './numbers.ts';
import { ValueBase } from './value.ts';

/** Longest string that Redis allocates together with its header. */
const embeddedBytesMax = 44;
/** Redis's pool has the integers from 0 to one below this. */
const pooledIntegers = 10_000;

export type StringEncoding = 'int' | 'embstr' | 'raw';

export class StringValue extends ValueBase {
  readonly type = 'string';
  /** Null: the digits of `#integer`, written when somebody looks at them. A counter is counted more often than it is read. */
  #bytes: Buffer | null;
  #integer: number | bigint = 0;
  encoding: StringEncoding;
  /** Made by a command that takes the small integers from Redis's pool; OBJECT REFCOUNT shows it. A copy is not. */
  isPooled: boolean;

  /** Takes ownership of `bytes`. Without an encoding: the one that SET would choose. */
  constructor(bytes: Buffer | null, encoding?: StringEncoding) {
    super();
    this.#bytes = bytes;
    this.encoding = encoding ?? naturalEncoding(bytes!);
    this.isPooled = encoding === undefined && this.encoding === 'int' && isShortNumber(bytes!);
  }

  get bytes(): Buffer {
    this.#bytes ??= digits(this.#integer);
    return this.#bytes;
  }

  set bytes(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The integer that this value was given, if nobody has looked at its bytes since; null: they are to be read. */
  get given(): number | bigint | null {
    return this.#bytes === null ? this.#integer : null;
  }

  /** The value that commands make without looking whether it is an integer (INCRBYFLOAT's results). */
  static plain(bytes: Buffer): StringValue {
    return new StringValue(bytes, bytes.length <= embeddedBytesMax ? 'embstr' : 'raw');
  }

  /** An integer that a command has computed. */
  static integer(n: number | bigint): StringValue {
    const value = new StringValue(null, 'int');
    value.become(n);
    return value;
  }

  /** Turns into an integer that a command has computed; the caller sees to it that a snapshot has what was before. */
  become(n: number | bigint): void {
    this.#bytes = null;
    this.#integer = n;
    this.encoding = 'int';
    this.isPooled = n >= 0 && n < pooledIntegers;
  }

  copy(): StringValue {
    return new StringValue(Buffer.from(this.bytes), this.encoding);
  }

  sizeBytes(): number {
    return this.encoding === 'int' ? 16 : this.bytes.length + 24;
  }
}

/** One to four digits: what may be in the pool. */
function isShortNumber(bytes: Buffer): boolean {
  if (bytes.length === 0 || bytes.length > 4) return false;
  for (const byte of bytes) if (byte < 0x30 || byte > 0x39) return false;
  return true;
}

function naturalEncoding(bytes: Buffer): StringEncoding {
  if (bytes.length <= 20 && parseInt64(binary(bytes)) !== null) return 'int';
  return bytes.length <= embeddedBytesMax ? 'embstr' : 'raw';
}
