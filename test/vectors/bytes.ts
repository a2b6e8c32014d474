/**
 * Writes RDB bytes by hand, for golden vectors. It shares nothing with the engines on purpose: it knows the forms
 * that no server writes any more, takes every number as it is told, and checks nothing. All texts are latin-1, one
 * byte a character.
 */

export type Part = Buffer | string | number | readonly Part[];

/** Parts one after the other: numbers are single bytes. */
export function bytes(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.from([part]);
      if (typeof part === 'string') return Buffer.from(part, 'latin1');
      return Buffer.isBuffer(part) ? part : bytes(...(part as readonly Part[]));
    }),
  );
}

/** `size` bytes of a number, little-endian, or big-endian when `size` is negative. */
export function number(value: number | bigint, size: number): Buffer {
  const out = Buffer.alloc(Math.abs(size));
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let at = 0; at < out.length; at++, rest >>= 8n)
    out[size < 0 ? out.length - 1 - at : at] = Number(rest & 255n);
  return out;
}

export const double = (value: number): Buffer => {
  const out = Buffer.alloc(8);
  out.writeDoubleLE(value);
  return out;
};

/** A length in its shortest form. */
export function length(value: number | bigint): Buffer {
  if (value < 64) return bytes(Number(value));
  if (value < 16384) return bytes(0x40 | (Number(value) >> 8), Number(value) & 255);
  return value < 2 ** 32 ? bytes(0x80, number(value, -4)) : bytes(0x81, number(value, -8));
}

/** A plain string: length and bytes. */
export const string = (text: string | Buffer): Buffer => bytes(length(text.length), text);

/** A string as an integer of 1, 2 or 4 bytes. */
export const integer = (value: number, size: 1 | 2 | 4): Buffer =>
  bytes(0xbf + [0, 1, 2, 0, 3][size]!, number(value, size));

/** A compressed string, from its compressed bytes. */
export const compressed = (lzf: Buffer, plainSize: number): Buffer =>
  bytes(0xc3, length(lzf.length), length(plainSize), lzf);

/** An old double: its decimal text behind one byte of length. */
export const oldDouble = (text: string): Buffer =>
  text === 'nan'
    ? bytes(253)
    : text === 'inf'
      ? bytes(254)
      : text === '-inf'
        ? bytes(255)
        : bytes(text.length, text);

/** CRC64 as Redis takes it, a bit at a time. */
export function crc64(data: Buffer): bigint {
  let crc = 0n;
  for (const byte of data) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
  }
  return crc;
}

/** Magic, records, end and checksum (none before version 5). */
export function rdb(magic: string, ...records: readonly Part[]): Buffer {
  const body = bytes(magic, records, 255);
  return Number(magic.replace(/\D/g, '')) < 5 ? body : bytes(body, number(crc64(body), 8));
}

/** Records. */
export const aux = (key: string, value: string): Buffer => bytes(250, string(key), string(value));
export const select = (db: number, keys?: number, expires = 0): Buffer =>
  bytes(254, length(db), keys === undefined ? [] : [251, length(keys), length(expires)]);
export const entry = (type: number, key: string, ...value: readonly Part[]): Buffer =>
  bytes(type, string(key), value);

/** Entries of a ziplist: a text is a string entry, bytes are an encoding with its data. */
export function ziplist(...entries: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [];
  let before = 0;
  let tail = 10;
  let size = 10;
  for (const item of entries) {
    const body =
      typeof item !== 'string'
        ? item
        : item.length < 64
          ? bytes(item.length, item)
          : item.length < 16384
            ? bytes(0x40 | (item.length >> 8), item.length & 255, item)
            : bytes(0x80, number(item.length, -4), item);
    const whole = bytes(before < 254 ? before : bytes(0xfe, number(before, 4)), body);
    tail = size;
    size += whole.length;
    before = whole.length;
    parts.push(whole);
  }
  return bytes(number(size + 1, 4), number(tail, 4), number(entries.length, 2), parts, 255);
}

/** Entries of a listpack: texts become strings, numbers integers of the shortest form. */
export function listpack(...entries: readonly (string | number | bigint)[]): Buffer {
  const parts = entries.map((item) => {
    const body = typeof item === 'string' ? listpackString(item) : listpackInteger(BigInt(item));
    return bytes(body, backLength(body.length));
  });
  const size = parts.reduce((sum, part) => sum + part.length, 7);
  return bytes(number(size, 4), number(entries.length, 2), parts, 255);
}

function listpackString(text: string): Buffer {
  if (text.length < 64) return bytes(0x80 | text.length, text);
  if (text.length < 4096) return bytes(0xe0 | (text.length >> 8), text.length & 255, text);
  return bytes(0xf0, number(text.length, 4), text);
}

function listpackInteger(value: bigint): Buffer {
  const fits = (bits: bigint): boolean => value >= -(1n << (bits - 1n)) && value < 1n << (bits - 1n);
  if (value >= 0n && value < 128n) return bytes(Number(value));
  if (fits(13n)) return bytes(0xc0 | Number((value >> 8n) & 31n), Number(value & 255n));
  if (fits(16n)) return bytes(0xf1, number(value, 2));
  if (fits(24n)) return bytes(0xf2, number(value, 3));
  return fits(32n) ? bytes(0xf3, number(value, 4)) : bytes(0xf4, number(value, 8));
}

function backLength(size: number): Buffer {
  const groups: number[] = [];
  for (let rest = size; ; rest = Math.floor(rest / 128)) {
    groups.unshift((rest & 127) | 128);
    if (rest < 128) break;
  }
  groups[0]! &= 127;
  return Buffer.from(groups);
}

export const intset = (width: 2 | 4 | 8, ...members: readonly (number | bigint)[]): Buffer =>
  bytes(
    number(width, 4),
    number(members.length, 4),
    members.map((member) => number(member, width)),
  );

/** Fields and values in turn; `free` bytes of padding behind each value. */
export const zipmap = (free: number, ...texts: readonly string[]): Buffer =>
  bytes(
    texts.length / 2,
    texts.map((text, index) =>
      bytes(
        text.length < 254 ? text.length : bytes(254, number(text.length, 4)),
        index % 2 ? [free, text, Buffer.alloc(free, '~')] : text,
      ),
    ),
    255,
  );

/** A stream ID as it stands in front of a node: 16 bytes. */
export const rawId = (ms: number | bigint, seq: number | bigint): Buffer =>
  bytes(number(ms, -8), number(seq, -8));
/** A stream ID as two lengths. */
export const lengthId = (ms: number | bigint, seq: number | bigint): Buffer => bytes(length(ms), length(seq));

/** The id of a module's type: nine letters and a version of its encoding. */
export function moduleId(name: string, version: number): bigint {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let id = 0n;
  for (const letter of name) id = (id << 6n) | BigInt(letters.indexOf(letter));
  return (id << 10n) | BigInt(version);
}
