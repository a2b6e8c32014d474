/**
 * The bytes of a stream's node: a listpack that begins with a base entry, whose fields the others need not repeat.
 *
 *     [live][deleted][fields][field]..[0]                            the base entry
 *     [flags][ms - base's][seq - base's] .. [count]              an entry; count: elements before it
 *            flags 1: deleted;  2: same fields    .. = values only, or [fields] and field, value, field, value..
 *
 * Reading checks everything that Redis's deep sanitizing checks, because the rest of redtwin trusts a node.
 */
import { RedtwinError } from '../../../errors.ts';
import { readListpack, writeListpack } from '../listpack.ts';
import { parseInt64 } from '../numbers.ts';
import { addEntry, entryDifference, newNode, type StreamEntry, type StreamNode } from '../stream.ts';
import { makeStreamId, partMax, type StreamId, streamIdMs, streamIdSeq } from '../stream-id.ts';

const flagDeleted = 1;
const flagSameFields = 2;

/** The node of a listpack. Throws 'rdb-corrupt'. O(bytes). */
export function readStreamNode(baseId: StreamId, bytes: Buffer): StreamNode {
  const elements = readListpack(bytes);
  let at = 0;
  const text = (): string => {
    if (at >= elements.length) throw corrupt('ends inside an entry');
    return elements[at++]!;
  };
  const integer = (): bigint => {
    const value = parseInt64(text());
    if (value === null) throw corrupt('has a string where a number must be');
    return value;
  };
  /** A count of elements that follow; more than there are is refused before anything is made of it. */
  const count = (): number => {
    const value = integer();
    if (value < 0n || value > BigInt(elements.length)) throw corrupt(`has a count of ${value}`);
    return Number(value);
  };
  const texts = (size: number): string[] => {
    if (size > elements.length - at) throw corrupt('ends inside an entry');
    at += size;
    return elements.slice(at - size, at);
  };

  const live = count();
  const deleted = count();
  const baseFields = texts(count());
  if (integer() !== 0n) throw corrupt('has no end of its base entry');
  const node = newNode(baseId, baseFields);
  while (at < elements.length) {
    const start = at;
    const flags = count();
    const id = makeStreamId(
      (streamIdMs(baseId) + integer()) & partMax,
      (streamIdSeq(baseId) + integer()) & partMax,
    );
    const sameFields = (flags & flagSameFields) !== 0;
    const fields = sameFields ? interleave(baseFields, texts(baseFields.length)) : texts(count() * 2);
    if (count() !== at - 1 - start) throw corrupt('has an entry of another size than it says');
    const before = node.entries[node.entries.length - 1]?.id;
    if (before !== undefined && before >= id) throw corrupt('has entries out of order');
    addEntry(node, { id, deleted: (flags & flagDeleted) !== 0, sameFields, fields });
  }
  if (node.live !== live || node.entries.length - node.live !== deleted) {
    throw corrupt('has another number of entries than it says');
  }
  if (node.entries.length === 0) throw corrupt('is empty');
  return node;
}

function interleave(fields: readonly string[], values: readonly string[]): string[] {
  const both: string[] = [];
  for (let i = 0; i < fields.length; i++) both.push(fields[i]!, values[i]!);
  return both;
}

/** The listpack of a node. O(bytes). */
export function writeStreamNode(node: StreamNode): Buffer {
  const { baseFields, entries, live } = node;
  const elements: string[] = [String(live), String(entries.length - live), String(baseFields.length)];
  elements.push(...baseFields, '0');
  for (const entry of entries) pushEntry(elements, node, entry);
  return writeListpack(elements);
}

function pushEntry(elements: string[], node: StreamNode, entry: StreamEntry): void {
  const start = elements.length;
  const flags = (entry.deleted ? flagDeleted : 0) | (entry.sameFields ? flagSameFields : 0);
  const difference = entryDifference(node, entry.id);
  elements.push(String(flags), String(difference.ms), String(difference.seq));
  if (entry.sameFields) {
    for (let at = 1; at < entry.fields.length; at += 2) elements.push(entry.fields[at]!);
  } else {
    elements.push(String(entry.fields.length / 2));
    for (const text of entry.fields) elements.push(text);
  }
  elements.push(String(elements.length - start));
}

const corrupt = (what: string): RedtwinError => new RedtwinError('rdb-corrupt', `stream node: ${what}`);
