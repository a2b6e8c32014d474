/**
 * Writes one value in the newest form that the version asked for has; the mirror of reader.ts.
 *
 *     version        9           10            11         12           VALKEY 80
 *     list           elements    listpacks ------------------------------------->
 *     small hash     elements    listpack --------------> with times   listpack
 *     small zset     elements    listpack -------------------------------------->
 *     stream         form 1      form 2        form 3 -------------------------->
 *
 * Ziplists are never written: servers that only know those take element by element and pack by themselves.
 */
import { RedtwinError } from '../../../errors.ts';
import type { HashValue } from '../hash.ts';
import { writeIntset } from '../intset.ts';
import type { ListValue } from '../list.ts';
import { listpackElementBytes, listpackEmptyBytes, writeListpack } from '../listpack.ts';
import { formatDouble } from '../numbers.ts';
import type { SetValue } from '../set.ts';
import type { Value } from '../value.ts';
import type { ZsetValue } from '../zset.ts';
import { type Dialect, Type } from './format.ts';
import type { Output } from './output.ts';
import { streamType, writeStream } from './stream-writer.ts';

/** Where lists are cut into nodes (redis.conf list-max-listpack-size, its meaning included). */
export interface WriterLimits {
  'list-max-listpack-size': number;
}

/** First versions that can say that fields of a hash expire. */
const redisFieldExpiryMin = 12;

/** `version`, or the first later one of Redis that can hold `value`. */
export function versionFor(value: Value, version: number): number {
  return value.type === 'hash' && value.hasExpiries ? Math.max(version, redisFieldExpiryMin) : version;
}

/**
 * The byte that says which form `writeBody` will use. Throws 'rdb-unsupported-version' when the version has none.
 */
export function typeOf(value: Value, dialect: Dialect): number {
  const isPacked = dialect.version >= 10;
  switch (value.type) {
    case 'string':
      return Type.string;
    case 'list':
      return isPacked ? Type.listQuicklist2 : Type.list;
    case 'set':
      return value.encoding === 'intset' ? Type.setIntset : Type.set;
    case 'zset':
      return isPacked && value.encoding === 'listpack' ? Type.zsetListpack : Type.zset2;
    case 'hash':
      return hashType(value, dialect);
    case 'stream':
      return streamType(dialect);
    case 'module':
      return Type.module2;
  }
}

/** Fields whose expiry the version cannot hold. */
export function expiringFields(value: Value, dialect: Dialect): number {
  if (value.type !== 'hash' || !value.hasExpiries || dialect.version >= redisFieldExpiryMin) return 0;
  return [...value.entries()].filter(([field]) => value.expiry(field) !== null).length;
}

function hashType(hash: HashValue, dialect: Dialect): number {
  const isWithout = !hash.hasExpiries || (dialect.lossy === true && dialect.version < redisFieldExpiryMin);
  if (isWithout) return dialect.version >= 10 && !hash.isTable ? Type.hashListpack : Type.hash;
  if (dialect.vendor === 'valkey') return Type.valkeyHash;
  if (dialect.version < redisFieldExpiryMin) {
    const message = `RDB version ${dialect.version} cannot hold hashes whose fields expire; ${redisFieldExpiryMin} can`;
    throw new RedtwinError('rdb-unsupported-version', message);
  }
  return hash.isTable ? Type.hashMetadata : Type.hashListpackEx;
}

/** What stands behind the type byte (and the key, in a file). */
export function writeBody(output: Output, value: Value, dialect: Dialect, limits: WriterLimits): void {
  const type = typeOf(value, dialect);
  switch (value.type) {
    case 'string':
      output.blob(value.bytes);
      break;
    case 'list':
      if (type === Type.list) writeTexts(output, value.elements());
      else writeQuicklist(output, value, limits);
      break;
    case 'set':
      writeSet(output, value);
      break;
    case 'zset':
      if (type === Type.zset2) writeZset(output, value);
      else writeZsetListpack(output, value);
      break;
    case 'hash':
      writeHash(output, value, type);
      break;
    case 'stream':
      writeStream(output, value, type);
      break;
    case 'module':
      output.raw(value.raw);
      break;
  }
}

function writeTexts(output: Output, texts: readonly string[]): void {
  output.count(texts.length);
  for (const text of texts) output.text(text);
}

/** Nodes as if the elements had been pushed one by one at the end. */
function writeQuicklist(output: Output, list: ListValue, limits: WriterLimits): void {
  const nodes = quicklistNodes(list.elements(), limits['list-max-listpack-size']);
  output.count(nodes.length);
  for (const node of nodes) {
    if (node.isPlain) {
      output.count(1);
      output.text(node.elements[0]!);
    } else {
      output.count(2);
      output.blob(writeListpack(node.elements));
    }
  }
}

interface QuicklistNode {
  elements: string[];
  /** One element so long that it stands alone, unpacked. */
  isPlain: boolean;
}

/** Bytes per node for list-max-listpack-size -1 to -5. */
const nodeBytesOf = [4096, 8192, 16384, 32768, 65536];
/** Positive limits count elements, but never let a node grow over this. */
const nodeBytesSafe = 8192;
/** Redis's guess of what an element takes beside its bytes. */
const elementOverheadBytes = 8;
/** Elements of this size are not packed. */
const plainBytesMin = 1 << 30;

function quicklistNodes(elements: readonly string[], limit: number): QuicklistNode[] {
  const nodes: QuicklistNode[] = [];
  let last: QuicklistNode | null = null;
  let lastBytes = 0;
  for (const element of elements) {
    const isPlain = element.length >= plainBytesMin;
    const guessedBytes = lastBytes + element.length + elementOverheadBytes;
    if (last === null || isPlain || last.isPlain || !fits(guessedBytes, last.elements.length, limit)) {
      last = { elements: [], isPlain };
      lastBytes = listpackEmptyBytes;
      nodes.push(last);
    }
    last.elements.push(element);
    lastBytes += listpackElementBytes(element);
  }
  return nodes;
}

function fits(bytes: number, count: number, limit: number): boolean {
  if (limit < 0) return bytes <= nodeBytesOf[Math.min(-limit, nodeBytesOf.length) - 1]!;
  return bytes <= nodeBytesSafe && count < limit;
}

function writeSet(output: Output, set: SetValue): void {
  if (set.encoding === 'intset') output.blob(writeIntset(set.members().map(BigInt)));
  else writeTexts(output, set.members());
}

/** From the highest score down, as Redis does, so that a loader always inserts in front. */
function writeZset(output: Output, zset: ZsetValue): void {
  output.count(zset.size);
  for (const { member, score } of [...zset.items()].reverse()) {
    output.text(member);
    output.double(score);
  }
}

function writeZsetListpack(output: Output, zset: ZsetValue): void {
  const elements: string[] = [];
  for (const { member, score } of zset.items()) elements.push(member, formatDouble(score));
  output.blob(writeListpack(elements));
}

function writeHash(output: Output, hash: HashValue, type: number): void {
  switch (type) {
    case Type.hash:
      output.count(hash.size);
      for (const [field, value] of hash.entries()) {
        output.text(field);
        output.text(value);
      }
      break;
    case Type.hashListpack:
      output.blob(writeListpack([...hash.entries()].flat()));
      break;
    case Type.valkeyHash:
      output.count(hash.size);
      for (const [field, value] of hash.entries()) {
        output.text(field);
        output.text(value);
        output.int64(BigInt(hash.expiry(field) ?? -1));
      }
      break;
    case Type.hashMetadata:
      writeHashMetadata(output, hash);
      break;
    default:
      writeHashListpackEx(output, hash);
  }
}

const earliest = (hash: HashValue): number => {
  let minimum = Infinity;
  for (const [field] of hash.entries()) minimum = Math.min(minimum, hash.expiry(field) ?? Infinity);
  return minimum;
};

/** Times as differences to the earliest plus 1; 0 is never. */
function writeHashMetadata(output: Output, hash: HashValue): void {
  const minimum = earliest(hash);
  output.int64(BigInt(minimum));
  output.count(hash.size);
  for (const [field, value] of hash.entries()) {
    const expiry = hash.expiry(field);
    output.count(expiry === null ? 0 : expiry - minimum + 1);
    output.text(field);
    output.text(value);
  }
}

/** Redis keeps these in the order of their times, those that never expire last, and loads nothing else. */
function writeHashListpackEx(output: Output, hash: HashValue): void {
  output.int64(BigInt(earliest(hash)));
  const fields = [...hash.entries()].map(([field, value]) => ({
    field,
    value,
    expiry: hash.expiry(field) ?? 0,
  }));
  fields.sort((a, b) => (a.expiry || Infinity) - (b.expiry || Infinity) || 0);
  output.blob(writeListpack(fields.flatMap(({ field, value, expiry }) => [field, value, String(expiry)])));
}
