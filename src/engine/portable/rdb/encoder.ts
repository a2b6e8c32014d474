/**
 * The RDB encoder: records in, bytes out, in chunks. The mirror of decoder.ts.
 *
 *     begin --> aux.. --> library.. --> (select, sizes, entry..).. --> finish
 *
 * It writes what it is told, in the order it is told. `take()` gives the bytes so far at any time, so a snapshot
 * of any size needs no more memory than one value and one chunk.
 */
import { RedtwinError } from '../../../errors.ts';
import { Crc64 } from '../crc64.ts';
import type { Value } from '../value.ts';
import { type Dialect, dialectOf, Opcode } from './format.ts';
import { Output } from './output.ts';
import { expiringFields, typeOf, type WriterLimits, writeBody } from './writer.ts';

/** Versions that can be written, with what they are first read by. */
const writableVersions = new Map([
  [9, 'Redis 5'],
  [10, 'Redis 7.0'],
  [11, 'Redis 7.2, Valkey 7.2'],
  [12, 'Redis 7.4'],
  [80, 'Valkey 9.0'],
]);

export interface EncoderOptions {
  /** 9 to 12, or 80. Anything else throws 'rdb-unsupported-version'. */
  version: number;
  compress: boolean;
  /** False writes a zero checksum, which means none. */
  checksum: boolean;
  limits: WriterLimits;
  /** What the version cannot hold is left out and counted; otherwise 'rdb-unsupported-version' is thrown. */
  lossy?: boolean;
}

export class Encoder {
  readonly dialect: Dialect;
  readonly #output: Output;
  readonly #crc: Crc64 | null;
  readonly #limits: WriterLimits;
  readonly #lossy: boolean;
  /** What the version had no place for. */
  readonly leftOut = { fieldExpiries: 0, streamTails: 0, functions: 0 };

  constructor(options: EncoderOptions) {
    const dialect = writableVersions.has(options.version) ? dialectOf(options.version) : null;
    if (dialect === null) {
      const known = [...writableVersions].map(([version, readers]) => `${version} (${readers})`).join(', ');
      const message = `RDB version ${options.version} cannot be written; these can: ${known}`;
      throw new RedtwinError('rdb-unsupported-version', message);
    }
    this.dialect = dialect;
    this.#output = new Output(options.compress);
    this.#crc = options.checksum ? new Crc64() : null;
    this.#limits = options.limits;
    this.#lossy = options.lossy === true;
    const { vendor, version } = dialect;
    this.#output.rawText(
      vendor === 'redis'
        ? `REDIS${String(version).padStart(4, '0')}`
        : `VALKEY${String(version).padStart(3, '0')}`,
    );
  }

  /** Bytes that `take()` would give. */
  get length(): number {
    return this.#output.length;
  }

  /** The bytes since the last call. */
  take(): Buffer {
    const bytes = this.#output.take();
    this.#crc?.update(bytes);
    return bytes;
  }

  aux(key: string, value: string): void {
    this.#output.byte(Opcode.aux);
    this.#output.text(key);
    this.#output.text(value);
  }

  /** A module's aux field as it was read. */
  moduleAux(raw: Buffer): void {
    this.#output.byte(Opcode.moduleAux);
    this.#output.raw(raw);
  }

  /** A function library's source. Nothing is written to version 9, whose readers know no functions; it is counted. */
  library(source: Buffer): void {
    if (this.dialect.version < 10) {
      this.leftOut.functions++;
      return;
    }
    this.#output.byte(Opcode.function2);
    this.#output.blob(source);
  }

  /** The keys that follow are in this database, and nobody knows how many they are. */
  selectOnly(db: number): void {
    this.#output.byte(Opcode.selectDb);
    this.#output.count(db);
  }

  select(db: number, keys: number, expires: number): void {
    this.selectOnly(db);
    this.#output.byte(Opcode.resizeDb);
    this.#output.count(keys);
    this.#output.count(expires);
  }

  /** Throws 'rdb-unsupported-version' when the version cannot hold the value (fields that expire, before 12), unless lossy. */
  entry(
    key: string,
    value: Value,
    expireAtMs: number | null,
    { idleSeconds = null, frequency = null }: { idleSeconds?: number | null; frequency?: number | null } = {},
  ): void {
    const output = this.#output;
    const dialect = this.#lossy ? { ...this.dialect, lossy: true } : this.dialect;
    if (this.#lossy) this.leftOut.fieldExpiries += expiringFields(value, dialect);
    const type = typeOf(value, dialect);
    if (expireAtMs !== null) {
      output.byte(Opcode.expireMs);
      output.int64(BigInt(expireAtMs));
    }
    if (idleSeconds !== null) {
      output.byte(Opcode.idle);
      output.count(idleSeconds);
    }
    if (frequency !== null) {
      output.byte(Opcode.frequency);
      output.byte(frequency);
    }
    output.byte(type);
    output.text(key);
    writeBody(output, value, dialect, this.#limits);
  }

  /** The end marker and the checksum. Returns the last bytes. */
  finish(): Buffer {
    this.#output.byte(Opcode.end);
    const body = this.take();
    const trailer = Buffer.alloc(8);
    if (this.#crc !== null) trailer.writeBigUInt64LE(this.#crc.value());
    return Buffer.concat([body, trailer]);
  }
}
