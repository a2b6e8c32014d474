/**
 * Reads one value of any type, old or new, into the neutral form of value.ts.
 *
 *     type byte --> element by element (lists, sets, hashes, sorted sets, streams)
 *               \-> one blob, unpacked at once (ziplist, listpack, intset, zipmap)
 *
 * Collections written element by element can be huge, so each element is taken as it comes, and between two of
 * them the reader can wait for the next chunk. A count in front of them decides how long to go on, never how much
 * to allocate.
 */
import { RedtwinError } from '../../../errors.ts';
import { readIntset } from '../intset.ts';
import { readListpack } from '../listpack.ts';
import { parseInt64 } from '../numbers.ts';
import { readZiplist } from '../ziplist.ts';
import { readZipmap } from '../zipmap.ts';
import { type Dialect, moduleTypeName, newer, Type } from './format.ts';
import { type Input, more, type Step } from './input.ts';
import { skipModuleData } from './module-reader.ts';
import { unpacked } from './packed.ts';
import { readStream } from './stream-reader.ts';
import type { RdbHash, RdbList, RdbModule, RdbValue, RdbZset } from './value.ts';

/** Containers of a QUICKLIST_2 node. */
const plain = 1;
const packed = 2;

/** The value behind the type byte `type` (and the key, in a file). Throws 'rdb-unknown-type' and 'rdb-corrupt'. */
export function* readValue(input: Input, type: number, dialect: Dialect): Step<RdbValue> {
  switch (type) {
    case Type.string:
      return { type: 'string', bytes: input.blob() ?? (yield* more(() => input.blob())) };
    case Type.list:
      return { type: 'list', elements: yield* readTexts(input, yield* count(input)) };
    case Type.set:
      return { type: 'set', members: yield* readTexts(input, yield* count(input)) };
    case Type.zset:
      return yield* readZset(input, () => input.oldDouble());
    case Type.zset2:
      return yield* readZset(input, () => input.double());
    case Type.hash:
      return yield* readHash(input);
    case Type.module2:
      return yield* readModule(input);
    case Type.hashZipmap:
      return hashOf(input, yield* readPacked(input, readZipmap));
    case Type.listZiplist:
      return { type: 'list', elements: yield* readPacked(input, readZiplist) };
    case Type.setIntset:
      return { type: 'set', members: (yield* readPacked(input, readIntset)).map(String) };
    case Type.zsetZiplist:
      return zsetOf(input, yield* readPacked(input, readZiplist));
    case Type.hashZiplist:
      return hashOf(input, yield* readPacked(input, readZiplist));
    case Type.listQuicklist:
      return yield* readQuicklist(input);
    case Type.listQuicklist2:
      return yield* readQuicklist2(input);
    case Type.hashListpack:
      return hashOf(input, yield* readPacked(input, readListpack));
    case Type.zsetListpack:
      return zsetOf(input, yield* readPacked(input, readListpack));
    case Type.setListpack:
      return { type: 'set', members: yield* readPacked(input, readListpack) };
    case Type.stream:
    case Type.stream2:
    case Type.stream3:
      return { type: 'stream', stream: yield* readStream(input, type) };
  }
  if (dialect.vendor === 'valkey') {
    if (type === Type.valkeyHash) return yield* readValkeyHash(input);
  } else {
    switch (type) {
      case Type.hashMetadataPreGa:
        return yield* readHashMetadata(input, 0);
      case Type.hashMetadata:
        return yield* readHashMetadata(input, input.int64() ?? (yield* more(() => input.int64())));
      case Type.hashListpackExPreGa:
        return expiringHashOf(input, yield* readPacked(input, readListpack));
      case Type.hashListpackEx:
        // The earliest expiry comes first; it is found in the fields again.
        void (input.int64() ?? (yield* more(() => input.int64())));
        return expiringHashOf(input, yield* readPacked(input, readListpack));
      case Type.stream4:
        return { type: 'stream', stream: yield* readStream(input, type) };
    }
  }
  throw new RedtwinError('rdb-unknown-type', unknown(type, dialect), { offset: input.offset });
}

/** Whether `readValue` knows this type byte: asked before the key is read, so that an error is at the byte itself. */
export function isReadable(type: number, { vendor }: Dialect): boolean {
  if (type <= Type.stream3) return type !== Type.modulePreGa && type !== unusedType;
  return vendor === 'valkey' ? type === Type.valkeyHash : type <= Type.stream4;
}

/** The one number below all others that no server has ever written. */
const unusedType = 8;

/** What is said of a byte that is no type or opcode of this dialect, or of one that is known and not read. */
export function unknown(byte: number, dialect: Dialect): string {
  const { vendor, version } = dialect;
  const magic = `${vendor.toUpperCase()}${String(version).padStart(vendor === 'redis' ? 4 : 3, '0')}`;
  const name =
    byte === Type.modulePreGa
      ? 'a module value of a release candidate of Redis 4.0'
      : newer(dialect.vendor, byte);
  return name === null
    ? `unknown RDB type or opcode ${byte} in ${magic}`
    : `RDB type or opcode ${byte} in ${magic} is not read: ${name}`;
}

function* count(input: Input): Step<number> {
  return input.length() ?? (yield* more(() => input.length()));
}

function* readTexts(input: Input, size: number): Step<string[]> {
  const texts: string[] = [];
  while (texts.length < size) {
    const text = input.text();
    if (text === null) yield;
    else texts.push(text);
  }
  return texts;
}

/** A blob, read by one of the readers of packed forms. */
function* readPacked<T>(input: Input, read: (bytes: Buffer) => T[]): Step<T[]> {
  const offset = input.offset;
  const bytes = input.blob() ?? (yield* more(() => input.blob()));
  input.blockBytes.push(bytes.length);
  try {
    return unpacked(offset, () => read(bytes));
  } catch (error) {
    if (!input.tolerant || !(error instanceof RedtwinError)) throw error;
    input.broken ??= error.message;
    return [];
  }
}

function* readZset(input: Input, readScore: () => number | null): Step<RdbZset> {
  const size = yield* count(input);
  const members: string[] = [];
  const scores: number[] = [];
  while (members.length < size) {
    members.push(input.text() ?? (yield* more(() => input.text())));
    const score = readScore() ?? (yield* more(readScore));
    if (Number.isNaN(score)) input.spoil('a score that is not a number');
    scores.push(score);
  }
  return { type: 'zset', members, scores };
}

function zsetOf(input: Input, elements: string[]): RdbZset {
  if (elements.length % 2 !== 0) input.spoil('a member without a score');
  const members: string[] = [];
  const scores: number[] = [];
  for (let at = 0; at < elements.length; at += 2) {
    members.push(elements[at]!);
    scores.push(scoreOf(input, elements[at + 1] ?? ''));
  }
  return { type: 'zset', members, scores, packed: true };
}

/** Scores in packed forms are text as printf writes it: 17 digits, inf, -inf. */
function scoreOf(input: Input, text: string): number {
  const score =
    text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text.trim() === '' ? 'none' : text);
  if (Number.isNaN(score)) input.spoil('a score that is not a number');
  return score;
}

function* readHash(input: Input): Step<RdbHash> {
  const size = yield* count(input);
  const fields: string[] = [];
  const values: string[] = [];
  while (values.length < size) {
    fields.push(input.text() ?? (yield* more(() => input.text())));
    values.push(input.text() ?? (yield* more(() => input.text())));
  }
  return { type: 'hash', fields, values, expiresAtMs: null };
}

function hashOf(input: Input, elements: string[]): RdbHash {
  if (elements.length % 2 !== 0) input.spoil('a field without a value');
  const fields = elements.filter((_, index) => index % 2 === 0 && index + 1 < elements.length);
  const values = elements.filter((_, index) => index % 2 === 1);
  return { type: 'hash', fields, values, expiresAtMs: null };
}

/**
 * Redis 7.4: times are differences to the earliest one plus 1, so that 0 can mean never. Absolute when `minimum`
 * is 0.
 */
function* readHashMetadata(input: Input, minimum: number): Step<RdbHash> {
  const size = yield* count(input);
  const hash: RdbHash = { type: 'hash', fields: [], values: [], expiresAtMs: [] };
  while (hash.values.length < size) {
    const ttl = yield* count(input);
    hash.expiresAtMs!.push(ttl === 0 ? 0 : minimum === 0 ? ttl : minimum + ttl - 1);
    hash.fields.push(input.text() ?? (yield* more(() => input.text())));
    hash.values.push(input.text() ?? (yield* more(() => input.text())));
  }
  return hash;
}

/** Redis 7.4, small: field, value, absolute time in turn. */
function expiringHashOf(input: Input, elements: string[]): RdbHash {
  if (elements.length % 3 !== 0) {
    input.spoil('a field without a value or an expiry');
    elements = [];
  }
  const hash: RdbHash = { type: 'hash', fields: [], values: [], expiresAtMs: [] };
  for (let at = 0; at < elements.length; at += 3) {
    const expiry = parseInt64(elements[at + 2]!);
    if (expiry === null || expiry < 0n) input.spoil('a field with an expiry that is no time');
    hash.fields.push(elements[at]!);
    hash.values.push(elements[at + 1]!);
    hash.expiresAtMs!.push(Number(expiry ?? 0));
  }
  return hash;
}

/** Valkey 9: an absolute time behind each value, -1 for never. */
function* readValkeyHash(input: Input): Step<RdbHash> {
  const size = yield* count(input);
  const hash: RdbHash = { type: 'hash', fields: [], values: [], expiresAtMs: [] };
  while (hash.expiresAtMs!.length < size) {
    hash.fields.push(input.text() ?? (yield* more(() => input.text())));
    hash.values.push(input.text() ?? (yield* more(() => input.text())));
    const expiry = input.int64() ?? (yield* more(() => input.int64()));
    if (expiry < -1) throw input.corrupt('a field with an expiry that is no time');
    hash.expiresAtMs!.push(expiry === -1 ? 0 : expiry);
  }
  return hash;
}

function* readQuicklist(input: Input): Step<RdbList> {
  const nodes = yield* count(input);
  const elements: string[] = [];
  for (let i = 0; i < nodes; i++) {
    for (const element of yield* readPacked(input, readZiplist)) elements.push(element);
  }
  return { type: 'list', elements };
}

function* readQuicklist2(input: Input): Step<RdbList> {
  const nodes = yield* count(input);
  const elements: string[] = [];
  for (let i = 0; i < nodes; i++) {
    const container = yield* count(input);
    if (container === plain) {
      const element = input.text() ?? (yield* more(() => input.text()));
      input.plainBytes.push(element.length);
      elements.push(element);
    } else if (container === packed) {
      for (const element of yield* readPacked(input, readListpack)) elements.push(element);
    } else {
      throw input.corrupt(`a list node of kind ${container}`);
    }
  }
  return { type: 'list', elements };
}

function* readModule(input: Input): Step<RdbModule> {
  input.startRaw();
  const id = input.bigLength() ?? (yield* more(() => input.bigLength()));
  yield* skipModuleData(input);
  return { type: 'module', name: moduleTypeName(id), raw: input.takeRaw() };
}
