/**
 * Streams: a log of entries, each with an ID and fields, in nodes of about a hundred.
 *
 * Redis keeps the entries of a stream in listpacks, each found by the ID of its first entry (its base ID). How
 * they are cut into nodes shows from outside: XTRIM with ~ removes whole nodes only, XINFO counts them, the RDB
 * and DUMP hold them as they are. So nodes are kept here too, deleted entries included, but as plain objects; the
 * bytes a node would take are counted along.
 *
 *     nodes   [ base 1-1: 1-1 1-2(deleted) 2-7 ... ][ base 9-0: 9-0 ... ]
 *     groups  name -> last delivered ID, pending entries, consumers (stream-group.ts)
 *
 * Nothing here knows commands, clocks or the feed. What the bytes of a node look like is told in
 * rdb/stream-node.ts.
 */
import { listpackElementBytes, listpackEmptyBytes, listpackIntegerBytes } from './listpack.ts';
import { copyGroups, entriesReadUnknown, type StreamGroup } from './stream-group.ts';
import { type StreamId, streamIdMax, streamIdMs, streamIdSeq } from './stream-id.ts';
import { ValueBase } from './value.ts';

export interface StreamEntry {
  readonly id: StreamId;
  /** It only takes room until its whole node goes. */
  deleted: boolean;
  /** Fields are those of the node's base entry, in the same order, so the node does not repeat them. */
  readonly sameFields: boolean;
  /** Field, value, field, value... Never empty. Binary strings. */
  readonly fields: readonly string[];
}

export interface StreamNode {
  /** ID of the first entry ever put here; the others are written as differences to it. */
  readonly baseId: StreamId;
  readonly baseFields: readonly string[];
  /** In order, deleted ones included. */
  readonly entries: StreamEntry[];
  /**
   * How many of the entries are not deleted. 0 only when an exact XTRIM MINID took the last ones but stands before
   * a deleted one.
   */
  live: number;
  /** Bytes of the base fields and of the entries in the listpack. */
  bodyBytes: number;
}

/** When a new node is begun. 0 means no limit. */
export interface StreamLimits {
  'stream-node-max-bytes': number;
  'stream-node-max-entries': number;
}

/** What XTRIM and XADD may cut. */
export type StreamTrim = {
  /** Only whole nodes (the ~ form). */
  approximate: boolean;
  /** Entries deleted at most; 0 for no limit. */
  limit: number;
} & ({ by: 'length'; lengthMax: number } | { by: 'id'; idMin: StreamId });

/** Redis never lets a node grow over 1 GiB, whatever the limits say. */
export const streamNodeBytesMax = 1 << 30;

export class StreamValue extends ValueBase {
  readonly type = 'stream';
  readonly encoding = 'stream';
  /** By ascending base ID. */
  nodes: StreamNode[] = [];
  /** Entries that are not deleted. */
  length = 0;
  /** ID of the newest entry that ever was; 0n before the first. */
  lastId: StreamId = 0n;
  /** ID of the oldest entry that is not deleted; 0n when there is none. */
  firstId: StreamId = 0n;
  /** Greatest ID that XDEL ever deleted; 0n when it did not. */
  maxDeletedId: StreamId = 0n;
  /** Entries that ever were. A bigint, for XSETID may set it to anything that fits 63 bits. */
  entriesAdded = 0n;
  /** Consumer groups by name. */
  groups = new Map<string, StreamGroup>();

  /** Adds an entry behind the last; its ID must be greater than `lastId`. O(fields). */
  append(id: StreamId, fields: readonly string[], limits: StreamLimits): void {
    const tail = this.nodes[this.nodes.length - 1];
    const node = tail !== undefined && !isFull(tail, fields, limits) ? tail : this.#addNode(id, fields);
    addEntry(node, { id, deleted: false, sameFields: hasBaseFields(node, fields), fields });
    this.length++;
    this.entriesAdded++;
    this.lastId = id;
    if (this.length === 1) this.firstId = id;
  }

  #addNode(baseId: StreamId, fields: readonly string[]): StreamNode {
    const baseFields = fields.filter((_, index) => index % 2 === 0);
    const node = newNode(baseId, baseFields);
    this.nodes.push(node);
    return node;
  }

  /**
   * Entries with IDs in [start, end] that are not deleted, ascending, or descending when `reverse`. O(log n) to
   * the first one.
   */
  *range(start: StreamId, end: StreamId, reverse = false): Generator<StreamEntry> {
    const step = reverse ? -1 : 1;
    let index = Math.max(0, this.#nodeAtOrBefore(reverse ? end : start));
    for (; index >= 0 && index < this.nodes.length; index += step) {
      const { entries } = this.nodes[index]!;
      for (let at = reverse ? entries.length - 1 : 0; at >= 0 && at < entries.length; at += step) {
        const entry = entries[at]!;
        if (reverse ? entry.id < start : entry.id > end) return;
        if (!entry.deleted && entry.id >= start && entry.id <= end) yield entry;
      }
    }
  }

  /** The entry of that ID, unless it is deleted or never was. */
  find(id: StreamId): StreamEntry | undefined {
    return this.range(id, id).next().value as StreamEntry | undefined;
  }

  /** Deletes one entry. False when there is none. `firstId` and `maxDeletedId` are kept. */
  delete(id: StreamId): boolean {
    const entry = this.find(id);
    if (entry === undefined) return false;
    const index = this.#nodeAtOrBefore(id);
    const node = this.nodes[index]!;
    entry.deleted = true;
    if (--node.live === 0) this.nodes.splice(index, 1);
    this.length--;
    if (id > this.maxDeletedId) this.maxDeletedId = id;
    if (id === this.firstId || this.length === 0) this.#findFirst();
    return true;
  }

  /**
   * Cuts old entries off and returns how many. Whole nodes go at once; of at most one node, entries are marked
   * deleted.
   */
  trim(trim: StreamTrim): number {
    let deleted = 0;
    let gone = 0;
    for (const node of this.nodes) {
      if (trim.by === 'length' && this.length <= trim.lengthMax) break;
      if (trim.limit > 0 && deleted + node.live > trim.limit) break;
      const whole =
        trim.by === 'length'
          ? this.length - node.live >= trim.lengthMax
          : node.entries[node.entries.length - 1]!.id < trim.idMin;
      if (whole) {
        gone++;
        this.length -= node.live;
        deleted += node.live;
        continue;
      }
      if (!trim.approximate) deleted += this.#trimNode(node, trim);
      break;
    }
    this.nodes.splice(0, gone);
    if (deleted > 0 || this.length === 0) this.#findFirst();
    return deleted;
  }

  #trimNode(node: StreamNode, trim: StreamTrim): number {
    let deleted = 0;
    for (const entry of node.entries) {
      if (trim.by === 'length' ? this.length <= trim.lengthMax : entry.id >= trim.idMin) break;
      if (entry.deleted) continue;
      entry.deleted = true;
      node.live--;
      this.length--;
      deleted++;
    }
    return deleted;
  }

  /**
   * ID of the first entry that still takes room, deleted or not; the greatest ID when there is none. What trimming
   * tells replicas.
   */
  get edgeId(): StreamId {
    return this.nodes[0]?.entries[0]?.id ?? streamIdMax;
  }

  /**
   * How many entries had been added when the one at `id` was, as far as can be told: exact for the first and the
   * last entry and before the first one, unless entries were deleted in between; else `entriesReadUnknown`.
   */
  entriesReadAt(id: StreamId): bigint {
    if (this.entriesAdded === 0n) return 0n;
    if (this.length === 0 && id <= this.lastId) return this.entriesAdded;
    if (id === this.lastId) return this.entriesAdded;
    if (id > this.lastId) return entriesReadUnknown;
    if (this.maxDeletedId === 0n || this.maxDeletedId < this.firstId) {
      if (id < this.firstId) return this.entriesAdded - BigInt(this.length);
      if (id === this.firstId) return this.entriesAdded - BigInt(this.length) + 1n;
    }
    return entriesReadUnknown;
  }

  /**
   * XDEL deleted an entry at or behind `start` that may stand between others, so entries cannot be counted by
   * subtraction.
   */
  hasDeletedFrom(start: StreamId): boolean {
    if (this.length === 0 || this.maxDeletedId === 0n || this.firstId > this.maxDeletedId) return false;
    return start <= this.maxDeletedId;
  }

  /** How many entries `group` has not read yet, or null when that cannot be told. */
  lag(group: StreamGroup): bigint | null {
    if (this.entriesAdded === 0n) return 0n;
    const counted = group.entriesRead !== entriesReadUnknown && !this.hasDeletedFrom(group.lastId);
    const read = counted ? group.entriesRead : this.entriesReadAt(group.lastId);
    return read === entriesReadUnknown ? null : this.entriesAdded - read;
  }

  #findFirst(): void {
    this.firstId = this.range(0n, streamIdMax).next().value?.id ?? 0n;
  }

  /** Index of the node an ID would be in: the last one whose base ID is not greater. -1 before the first node. */
  #nodeAtOrBefore(id: StreamId): number {
    let low = 0;
    let high = this.nodes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.nodes[middle]!.baseId <= id) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  copy(): StreamValue {
    const copy = new StreamValue();
    copy.nodes = this.nodes.map((node) => ({
      ...node,
      entries: node.entries.map((entry) => ({ ...entry })),
    }));
    copy.length = this.length;
    copy.lastId = this.lastId;
    copy.firstId = this.firstId;
    copy.maxDeletedId = this.maxDeletedId;
    copy.entriesAdded = this.entriesAdded;
    copy.groups = copyGroups(this.groups);
    return copy;
  }

  sizeBytes(): number {
    let sum = 160;
    for (const node of this.nodes) sum += nodeBytes(node) + 48;
    for (const group of this.groups.values())
      sum += 160 + 90 * group.pending.size + 120 * group.consumers.size;
    return sum;
  }
}

/** A node without entries. */
export function newNode(baseId: StreamId, baseFields: readonly string[]): StreamNode {
  let bodyBytes = listpackIntegerBytes(BigInt(baseFields.length)) + listpackIntegerBytes(0n);
  for (const field of baseFields) bodyBytes += listpackElementBytes(field);
  return { baseId, baseFields, entries: [], live: 0, bodyBytes };
}

/** Puts an entry behind the others of its node. */
export function addEntry(node: StreamNode, entry: StreamEntry): void {
  node.entries.push(entry);
  if (!entry.deleted) node.live++;
  node.bodyBytes += entryBytes(node, entry);
}

/** Bytes of the listpack a node would be. */
export function nodeBytes(node: StreamNode): number {
  const deleted = node.entries.length - node.live;
  return listpackEmptyBytes + integerBytes(node.live) + integerBytes(deleted) + node.bodyBytes;
}

/** Integers of an entry in front of its fields and behind them, see rdb/stream-node.ts. */
export function entryDifference(node: StreamNode, id: StreamId): { ms: bigint; seq: bigint } {
  return {
    ms: BigInt.asIntN(64, streamIdMs(id) - streamIdMs(node.baseId)),
    seq: BigInt.asIntN(64, streamIdSeq(id) - streamIdSeq(node.baseId)),
  };
}

function entryBytes(node: StreamNode, entry: StreamEntry): number {
  const difference = entryDifference(node, entry.id);
  const pairs = entry.fields.length / 2;
  let sum = integerBytes(entry.sameFields ? 2 : 0);
  sum += listpackIntegerBytes(difference.ms) + listpackIntegerBytes(difference.seq);
  if (!entry.sameFields) sum += integerBytes(pairs);
  for (let at = entry.sameFields ? 1 : 0; at < entry.fields.length; at += entry.sameFields ? 2 : 1) {
    sum += listpackElementBytes(entry.fields[at]!);
  }
  return sum + integerBytes(entry.sameFields ? pairs + 3 : 2 * pairs + 4);
}

const integerBytes = (value: number): number => listpackIntegerBytes(BigInt(value));

/** Redis asks this before it adds, and counts only the raw bytes of the new entry. */
function isFull(node: StreamNode, fields: readonly string[], limits: StreamLimits): boolean {
  const configured = limits['stream-node-max-bytes'];
  const bytesMax = configured === 0 ? streamNodeBytesMax : Math.min(configured, streamNodeBytesMax);
  const added = fields.reduce((sum, text) => sum + text.length, 0);
  if (nodeBytes(node) + added >= bytesMax) return true;
  const entriesMax = limits['stream-node-max-entries'];
  return entriesMax > 0 && node.entries.length >= entriesMax;
}

function hasBaseFields(node: StreamNode, fields: readonly string[]): boolean {
  const { baseFields } = node;
  return (
    baseFields.length * 2 === fields.length && baseFields.every((field, index) => field === fields[index * 2])
  );
}
