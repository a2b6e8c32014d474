/** DUMP payloads: type byte, value, version, CRC64. See rdb/payload.ts for those of the keyspace's own values. */
import { crc64 } from '../crc64.ts';
import type { Dialect } from '../rdb/format.ts';
import { Type } from '../rdb/format.ts';
import { Output } from '../rdb/output.ts';
import { typeOf, writeBody } from '../rdb/writer.ts';
import type { Value } from '../value.ts';

/** Where lists are cut into nodes: Redis's default. */
export const listLimits = { 'list-max-listpack-size': -2 };

function framed(body: Buffer, version: number): Buffer {
  const footer = Buffer.alloc(10);
  footer.writeUInt16LE(version);
  footer.writeBigUInt64LE(crc64(Buffer.concat([body, footer.subarray(0, 2)])), 2);
  return Buffer.concat([body, footer]);
}

/** The payload of a value in a version that can be written. */
export function dumpValue(value: Value, dialect: Dialect): Buffer {
  const output = new Output(true);
  output.byte(typeOf(value, dialect));
  writeBody(output, value, dialect, listLimits);
  return framed(output.take(), dialect.version);
}

/** The payload of a module's value. */
export function dumpRaw(raw: Buffer, version: number): Buffer {
  return framed(Buffer.concat([Buffer.from([Type.module2]), raw]), version);
}
