/**
 * DUMP payloads: one value on its own, as DUMP gives and RESTORE takes it.
 *
 *     type byte | value | version u16le | crc64 of everything before it, u64le
 *
 * There is no magic; the version tells the dialect (up to 79 Redis, from 80 on Valkey).
 */
import { RedtwinError } from '../../../errors.ts';
import { crc64 } from '../crc64.ts';
import type { Value } from '../value.ts';
import { type Dialect, dialectOf, Type } from './format.ts';
import { Input } from './input.ts';
import { Output } from './output.ts';
import { readValue } from './reader.ts';
import type { RdbValue } from './value.ts';
import { typeOf, versionFor, type WriterLimits, writeBody } from './writer.ts';

/** What Redis 7.0 writes; raised where a value needs a newer one. */
const versionUsual = 10;
const footerBytes = 10;

/** The payload of a value. O(bytes). */
export function dump(value: Value, limits: WriterLimits, compress: boolean): Buffer {
  return dumpAs(value, { vendor: 'redis', version: versionFor(value, versionUsual) }, limits, compress);
}

/** The same in a dialect of the caller's choice. Throws 'rdb-unsupported-version' when it cannot hold the value and is not lossy. */
export function dumpAs(value: Value, dialect: Dialect, limits: WriterLimits, compress: boolean): Buffer {
  const output = new Output(compress);
  output.byte(typeOf(value, dialect));
  writeBody(output, value, dialect, limits);
  output.uint16(dialect.version);
  const body = output.take();
  const checksum = Buffer.alloc(8);
  checksum.writeBigUInt64LE(crc64(body));
  return Buffer.concat([body, checksum]);
}

/**
 * Whether a payload's footer is right: its version understood, its checksum that of its bytes; a zero is no exception here, as it
 * is in files (Redis 7.0). Without `sums` the checksum is not looked at.
 */
export function isWellFramed(payload: Buffer, sums = true): boolean {
  if (payload.length < footerBytes) return false;
  const end = payload.length - 8;
  if (dialectOf(payload.readUInt16LE(end - 2)) === null) return false;
  return !sums || payload.readBigUInt64LE(end) === crc64(payload.subarray(0, end));
}

/**
 * The value of a well-framed payload. Throws an 'rdb-*' error when the value is broken, of an unknown
 * type or not all there. Bytes between the value and the footer are not looked at, as in Redis.
 */
export function undump(payload: Buffer): RdbValue {
  const end = payload.length - footerBytes;
  const dialect = dialectOf(payload.readUInt16LE(end));
  if (dialect === null)
    throw new RedtwinError('rdb-unsupported-version', 'the payload has a version that is not understood');
  const input = new Input(false);
  input.feed(payload.subarray(0, end));
  const type = input.byte();
  if (type === null) throw truncated(end);
  if (type > Type.stream4)
    throw new RedtwinError('rdb-unknown-type', `the payload holds a value of type ${type}`, { offset: 0 });
  const step = readValue(input, type, dialect).next();
  if (step.done !== true) throw truncated(end);
  return step.value;
}

const truncated = (offset: number): RedtwinError =>
  new RedtwinError('rdb-truncated', 'the payload ends inside its value', { offset });
