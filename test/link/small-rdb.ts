/**
 * The least RDB there is: strings in databases, written and read in a few lines that share nothing with the
 * engines.
 *
 *   REDIS0010  { FA name value }  { FE db  { 00 key value } }  FF crc64
 */
import { slowCrc64 } from './crc.ts';

/** Keys and values of each database. */
export type Data = Map<number, Map<string, string>>;

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value, 'latin1');
  const length = bytes.length < 64 ? [bytes.length] : [0x80, 0, 0, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Buffer.from(length), bytes]);
};

/** An RDB of strings (at most 64 KiB each), with AUX fields. */
export function smallRdb(data: Data, aux: [string, string][] = []): Buffer {
  const parts: Buffer[] = [Buffer.from('REDIS0010')];
  for (const [name, value] of aux) parts.push(Buffer.from([0xfa]), text(name), text(value));
  for (const [db, keys] of data) {
    parts.push(Buffer.from([0xfe, db]));
    for (const [key, value] of keys) parts.push(Buffer.from([0]), text(key), text(value));
  }
  const body = Buffer.concat([...parts, Buffer.from([0xff])]);
  const trailer = Buffer.alloc(8);
  trailer.writeBigUInt64LE(slowCrc64(body));
  return Buffer.concat([body, trailer]);
}

/** What reading came to: not enough yet, an error code of ours, or all of it. */
export type Read =
  | { is: 'partial' }
  | { is: 'bad'; code: RdbError }
  | { is: 'whole'; data: Data; aux: [string, string][]; bytes: number };
type RdbError = 'rdb-bad-magic' | 'rdb-unknown-type' | 'rdb-checksum';

/** Reads what `smallRdb` writes. */
export function readSmallRdb(bytes: Buffer): Read {
  const magic = Buffer.from('REDIS0010');
  const shared = Math.min(magic.length, bytes.length);
  if (!bytes.subarray(0, shared).equals(magic.subarray(0, shared)))
    return { is: 'bad', code: 'rdb-bad-magic' };
  let at = magic.length;
  const string = (): string | null => {
    const first = bytes[at];
    if (first === undefined) return null;
    const length = first < 64 ? first : bytes.length < at + 5 ? null : bytes.readUInt32BE(at + 1);
    const start = at + (first < 64 ? 1 : 5);
    if (length === null || bytes.length < start + length) return null;
    at = start + length;
    return bytes.toString('latin1', start, at);
  };
  const data: Data = new Map();
  const aux: [string, string][] = [];
  let db = 0;
  for (;;) {
    const kind = bytes[at++];
    if (kind === undefined) return { is: 'partial' };
    if (kind === 0xff) {
      if (bytes.length < at + 8) return { is: 'partial' };
      if (bytes.readBigUInt64LE(at) !== slowCrc64(bytes.subarray(0, at)))
        return { is: 'bad', code: 'rdb-checksum' };
      return { is: 'whole', data, aux, bytes: at + 8 };
    }
    if (kind === 0xfe) {
      if (at >= bytes.length) return { is: 'partial' };
      db = bytes[at++]!;
      continue;
    }
    if (kind !== 0 && kind !== 0xfa) return { is: 'bad', code: 'rdb-unknown-type' };
    const key = string();
    const value = key === null ? null : string();
    if (key === null || value === null) return { is: 'partial' };
    if (kind === 0xfa) aux.push([key, value]);
    else data.set(db, (data.get(db) ?? new Map()).set(key, value));
  }
}
