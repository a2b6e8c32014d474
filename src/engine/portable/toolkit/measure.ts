/**
 * How large a value is, and what it takes in the memory of Redis 7.0: the same sums as crates/toolkit/src/measure.rs and
 * memory.rs, which say where the numbers come from.
 */
import type { RdbEncoding } from '../../rdb.ts';
import { formatDouble, parseInt64 } from '../numbers.ts';
import type { Written } from '../rdb/decoder.ts';
import { type Dialect, Type } from '../rdb/format.ts';
import type { RdbValue } from '../rdb/value.ts';
import { rawWithoutId } from './json.ts';

export interface Summary {
  encoding: RdbEncoding;
  elements: number;
  longestBytes: number;
  memoryBytes: number;
}

const object = 16;
const dictEntry = 24;
const bucket = 8;
const dict = 56;
const quicklist = 40;
const quicklistNode = 32;
const skiplist = 16 + 32 + 640;
const skiplistNode = 24 + 16 + 5;
const streamHead = 104 + 40;
const radixNode = 48;
const streamGroup = 64 + 48;
const streamConsumer = 48 + 24;
const streamPending = 24 + 2 * radixNode;
const embstrMax = 44;
const listNodeBytes = 8192;

/** jemalloc's classes with Redis's quantum of 8. */
export function sizeClass(bytes: number): number {
  if (bytes <= 8) return 8;
  if (bytes <= 64) return Math.ceil(bytes / 8) * 8;
  const spacing = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / spacing) * spacing;
}

function sds(length: number): number {
  const header = length < 32 ? 1 : length < 256 ? 3 : length < 65_536 ? 5 : length < 2 ** 32 ? 9 : 17;
  return sizeClass(length + header + 1);
}

const buckets = (entries: number): number => 2 ** Math.ceil(Math.log2(Math.max(entries, 4))) * bucket;

function encodingOf(type: number, dialect: Dialect): RdbEncoding {
  switch (type) {
    case Type.list:
    case Type.listQuicklist:
    case Type.listQuicklist2:
      return 'quicklist';
    case Type.listZiplist:
    case Type.zsetZiplist:
    case Type.hashZiplist:
      return 'ziplist';
    case Type.hashZipmap:
      return 'zipmap';
    case Type.setIntset:
      return 'intset';
    case Type.hashListpack:
    case Type.zsetListpack:
    case Type.setListpack:
      return 'listpack';
    case Type.zset:
    case Type.zset2:
      return 'skiplist';
    case Type.stream:
    case Type.stream2:
    case Type.stream3:
      return 'stream';
    case Type.module2:
      return 'module';
    case Type.string:
      return 'raw';
  }
  if (dialect.vendor === 'redis') {
    if (type === Type.stream4) return 'stream';
    if (type === Type.hashListpackEx || type === Type.hashListpackExPreGa) return 'listpack';
  }
  return 'hashtable';
}

const longest = (texts: readonly string[]): number =>
  texts.reduce((most, text) => Math.max(most, text.length), 0);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The sums of one key. O(value). */
export function measure(
  key: string,
  value: RdbValue,
  expires: boolean,
  written: Written,
  dialect: Dialect,
): Summary {
  const place = dictEntry + bucket;
  const name = place + sds(key.length) + (expires ? place : 0);
  let encoding = encodingOf(written.type, dialect);
  const blocks = sum(written.blockBytes.map(sizeClass));
  const isPacked = written.blockBytes.length > 0;
  const found = (elements: number, longestBytes: number, bytes: number): Summary => ({
    encoding,
    elements,
    longestBytes,
    memoryBytes: name + bytes,
  });
  switch (value.type) {
    case 'string': {
      const length = value.bytes.length;
      const isInteger = length <= 20 && parseInt64(value.bytes.toString('latin1')) !== null;
      encoding = isInteger ? 'int' : length <= embstrMax ? 'embstr' : 'raw';
      const bytes = isInteger
        ? object
        : length <= embstrMax
          ? sizeClass(object + 3 + length + 1)
          : object + sds(length);
      return found(length, length, bytes);
    }
    case 'list': {
      const nodes = written.blockBytes.length * quicklistNode + blocks;
      const loose =
        written.type === Type.list ? value.elements.map((text) => text.length) : written.plainBytes;
      const looseBytes = sum(loose.map((size) => size + (size < 64 ? 2 : 4)));
      const looseNodes = Math.ceil(looseBytes / listNodeBytes) * (quicklistNode + 7);
      return found(
        value.elements.length,
        longest(value.elements),
        object + quicklist + nodes + looseBytes + looseNodes,
      );
    }
    case 'set': {
      const size = value.members.length;
      const table = sum(value.members.map((text) => dictEntry + sds(text.length))) + dict + buckets(size);
      return found(size, longest(value.members), object + (isPacked ? blocks : table));
    }
    case 'zset': {
      const size = value.members.length;
      // In a block, scores are elements too.
      const most = isPacked
        ? Math.max(longest(value.members), longest(value.scores.map(formatDouble)))
        : longest(value.members);
      const table =
        sum(value.members.map((text) => dictEntry + sds(text.length) + sizeClass(skiplistNode))) +
        dict +
        skiplist +
        buckets(size);
      return found(size, most, object + (isPacked ? blocks : table));
    }
    case 'hash': {
      const size = value.fields.length;
      const each = value.fields.map(
        (field, at) =>
          dictEntry +
          sds(field.length) +
          sds(value.values[at]!.length) +
          ((value.expiresAtMs?.[at] ?? 0) > 0 ? 16 : 0),
      );
      // In a block, times are elements too.
      const times = isPacked && value.expiresAtMs !== null ? longest(value.expiresAtMs.map(String)) : 0;
      const most = Math.max(longest(value.fields), longest(value.values), times);
      return found(size, most, object + (isPacked ? blocks : sum(each) + dict + buckets(size)));
    }
    case 'stream': {
      const { groups, length } = value.stream;
      let bytes = object + streamHead + blocks + written.blockBytes.length * radixNode;
      for (const { name, pending, consumers } of groups.values()) {
        bytes += streamGroup + name.length + pending.size * streamPending;
        for (const consumer of consumers.values()) bytes += streamConsumer + sds(consumer.name.length);
      }
      return found(
        length,
        written.blockBytes.reduce((most, size) => Math.max(most, size), 0),
        bytes,
      );
    }
    case 'module': {
      const bytes = rawWithoutId(value.raw).length;
      return found(1, bytes, object + bytes);
    }
  }
}
