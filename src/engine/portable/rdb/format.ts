/**
 * The numbers of the RDB format, by name, and which vendor means what by them.
 *
 *     magic | records: opcodes, and [expiry][idle|frequency][meta] type key value | 255 | crc64
 *
 * Redis and Valkey shared one format up to version 11. Since then the same numbers (22, 23, 242, 243) mean
 * different things, so a file's magic decides which table is read, and for a DUMP payload, which has no magic, its
 * version does. Nothing is read or written here.
 */

/** Whose table of types and opcodes holds. */
export type Vendor = 'redis' | 'valkey';

/** A version of the format: REDIS0001 to REDIS0015, VALKEY080 or VALKEY081. */
export interface Dialect {
  vendor: Vendor;
  version: number;
  /** What it cannot hold may be left out. */
  lossy?: boolean;
}

/** The newest versions of each vendor of which everything is understood. */
const redisVersionMax = 13;
const valkeyVersionMax = 80;
/** The newest whose files are read: what is new in them is refused by its name (`newer`), when it is met. */
export const redisFileVersionMax = 15;
export const valkeyFileVersionMax = 81;
/** Valkey's numbers begin here; those between the two were never used. */
export const valkeyVersionMin = 80;

/** The dialect of a version number, as it stands behind a DUMP payload; null when it is not understood. */
export function dialectOf(version: number): Dialect | null {
  if (version >= 1 && version <= redisVersionMax) return { vendor: 'redis', version };
  if (version >= valkeyVersionMin && version <= valkeyVersionMax) return { vendor: 'valkey', version };
  return null;
}

/** What a type or an opcode is that versions after those bring; null for all others. */
export function newer(vendor: Vendor, byte: number): string | null {
  return (vendor === 'redis' ? newerOfRedis : newerOfValkey)[byte] ?? null;
}

const ofTemplate = 'a hash that refers to a template, of Redis 8.10';
const newerOfRedis: Record<number, string> = {
  27: 'a stream with entries given back, of Redis 8.8',
  28: 'an array of Redis 8.8',
  29: ofTemplate,
  30: ofTemplate,
  31: ofTemplate,
  32: ofTemplate,
  33: 'a rate limiter of Redis 8.10',
  242: 'a template of hashes, of Redis 8.10',
};
const newerOfValkey: Record<number, string> = {
  23: 'a path hash of Valkey 9.2',
  242: 'a command within a snapshot, of Valkey 9.2',
};

/** Opcodes: the first byte of a record that is not a key. */
export const Opcode = {
  keyMeta: 243,
  slotImport: 243,
  slotInfo: 244,
  function2: 245,
  functionPreGa: 246,
  moduleAux: 247,
  idle: 248,
  frequency: 249,
  aux: 250,
  resizeDb: 251,
  expireMs: 252,
  expireSeconds: 253,
  selectDb: 254,
  end: 255,
} as const;

/** Value types: the first byte of a key's record, or of a DUMP payload. */
export const Type = {
  string: 0,
  list: 1,
  set: 2,
  zset: 3,
  hash: 4,
  zset2: 5,
  modulePreGa: 6,
  module2: 7,
  hashZipmap: 9,
  listZiplist: 10,
  setIntset: 11,
  zsetZiplist: 12,
  hashZiplist: 13,
  listQuicklist: 14,
  stream: 15,
  hashListpack: 16,
  zsetListpack: 17,
  listQuicklist2: 18,
  stream2: 19,
  setListpack: 20,
  stream3: 21,
  /** Redis: release candidates of 7.4 only. Valkey: see valkeyHash. */
  hashMetadataPreGa: 22,
  hashListpackExPreGa: 23,
  hashMetadata: 24,
  hashListpackEx: 25,
  stream4: 26,
  /** Valkey 9: a hash some of whose fields expire. */
  valkeyHash: 22,
} as const;

/** Opcodes inside the value of a module; with them anyone can skip what only the module understands. */
export const ModuleOpcode = { end: 0, signed: 1, unsigned: 2, float: 3, double: 4, string: 5 } as const;

const nameLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * The name of a module type: nine letters of six bits each in the upper 54 bits; the lower ten are its encoding
 * version.
 */
export function moduleTypeName(id: bigint): string {
  let name = '';
  for (let shift = 58n; shift >= 10n; shift -= 6n) name += nameLetters[Number((id >> shift) & 63n)]!;
  return name;
}
