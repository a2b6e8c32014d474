/**
 * Reads the four forms of a stream: Redis 5, 7.0, 7.2 and 8.6 each added something behind what was there.
 *
 *     nodes | length, last ID [7.0: first ID, greatest deleted ID, entries added] | groups [8.6: producers' IDs]
 *     group = name, last ID [7.0: entries read], pending, consumers
 *     consumer = name, seen [7.2: active], IDs of its pending entries
 *
 * What old forms lack is filled in as Redis does. The tail of 8.6 (idempotent producers) is checked and left out:
 * no older server has a place for it.
 */

import { StreamValue } from '../stream.ts';
import {
  addConsumer,
  entriesReadUnknown,
  newGroup,
  type StreamConsumer,
  type StreamGroup,
} from '../stream-group.ts';
import { makeStreamId, partMax, type StreamId, streamIdMax } from '../stream-id.ts';
import { Type } from './format.ts';
import { type Input, more, type Step } from './input.ts';
import { unpacked } from './packed.ts';
import { readStreamNode } from './stream-node.ts';

/** A stream of type 15, 19, 21 or 26. */
export function* readStream(input: Input, type: number): Step<StreamValue> {
  const stream = new StreamValue();
  const nodes = yield* length(input);
  for (let i = 0; i < nodes; i++) yield* readNode(input, stream);
  stream.length = yield* length(input);
  stream.lastId = yield* id(input);
  const entries = stream.nodes.reduce((sum, node) => sum + node.live, 0);
  if (entries !== stream.length) throw input.corrupt('a stream with another number of entries than it says');
  if (type >= Type.stream2) {
    stream.firstId = yield* id(input);
    stream.maxDeletedId = yield* id(input);
    stream.entriesAdded = yield* number(input);
  } else {
    stream.firstId = stream.range(0n, streamIdMax).next().value?.id ?? 0n;
    stream.entriesAdded = BigInt(stream.length);
  }
  const groups = yield* length(input);
  for (let i = 0; i < groups; i++) yield* readGroup(input, type, stream);
  if (type >= Type.stream4) yield* skipProducers(input);
  return stream;
}

function* readNode(input: Input, stream: StreamValue): Step<void> {
  const key = yield* text(input);
  if (key.length !== 16) throw input.corrupt('a stream node without an ID');
  const bytes = Buffer.from(key, 'latin1');
  const baseId = makeStreamId(bytes.readBigUInt64BE(0), bytes.readBigUInt64BE(8));
  const before = stream.nodes[stream.nodes.length - 1];
  const offset = input.offset;
  const listpack = input.blob() ?? (yield* more(() => input.blob()));
  input.blockBytes.push(listpack.length);
  const node = unpacked(offset, () => readStreamNode(baseId, listpack));
  if (before !== undefined && before.entries[before.entries.length - 1]!.id >= node.entries[0]!.id) {
    throw input.corrupt('stream nodes out of order');
  }
  stream.nodes.push(node);
}

function* readGroup(input: Input, type: number, stream: StreamValue): Step<void> {
  const name = yield* text(input);
  if (stream.groups.has(name)) throw input.corrupt('a consumer group twice');
  const lastId = yield* id(input);
  // Old forms do not say how much was read; Redis then works it out where the last ID tells it.
  const entriesRead =
    type >= Type.stream2 ? BigInt.asIntN(64, yield* number(input)) : stream.entriesReadAt(lastId);
  const group = newGroup(name, lastId, entriesRead);
  stream.groups.set(name, group);
  const pending = yield* length(input);
  for (let i = 0; i < pending; i++) {
    const entry = yield* rawId(input);
    const deliveredMs = input.int64() ?? (yield* more(() => input.int64()));
    const count = Number(yield* number(input));
    if (group.pending.get(entry) !== undefined) throw input.corrupt('a pending entry twice');
    group.pending.set({ id: entry, consumer: nobody, deliveredMs, count });
  }
  const consumers = yield* length(input);
  for (let i = 0; i < consumers; i++) yield* readConsumer(input, type, group);
  for (const delivery of group.pending.from(0n)) {
    if (delivery.consumer === nobody) throw input.corrupt('a pending entry that no consumer has');
  }
}

/** Stands in for the consumer of a pending entry until the list of some consumer names it. */
const nobody: StreamConsumer = addConsumer(newGroup('', 0n, entriesReadUnknown), '', 0);

function* readConsumer(input: Input, type: number, group: StreamGroup): Step<void> {
  const name = yield* text(input);
  if (group.consumers.has(name)) throw input.corrupt('a consumer twice');
  const consumer = addConsumer(group, name, input.int64() ?? (yield* more(() => input.int64())));
  if (type >= Type.stream3) consumer.activeMs = input.int64() ?? (yield* more(() => input.int64()));
  const pending = yield* length(input);
  for (let i = 0; i < pending; i++) {
    const delivery = group.pending.get(yield* rawId(input));
    if (delivery === undefined) throw input.corrupt('a consumer with an entry that its group does not have');
    if (delivery.consumer !== nobody) throw input.corrupt('a pending entry that two consumers have');
    delivery.consumer = consumer;
    consumer.pending.set(delivery);
  }
}

/** Duration, entries at most, then per producer the IDs it has used, then two counters. */
function* skipProducers(input: Input): Step<void> {
  yield* number(input);
  yield* number(input);
  const producers = yield* length(input);
  for (let i = 0; i < producers; i++) {
    yield* text(input);
    const used = yield* length(input);
    for (let j = 0; j < used; j++) {
      yield* text(input);
      yield* id(input);
    }
  }
  yield* number(input);
  yield* number(input);
}

function* text(input: Input): Step<string> {
  return input.text() ?? (yield* more(() => input.text()));
}

function* length(input: Input): Step<number> {
  return input.length() ?? (yield* more(() => input.length()));
}

function* number(input: Input): Step<bigint> {
  return input.bigLength() ?? (yield* more(() => input.bigLength()));
}

/** An ID as two length-coded numbers. */
function* id(input: Input): Step<StreamId> {
  const ms = yield* number(input);
  return makeStreamId(ms, (yield* number(input)) & partMax);
}

/** An ID as 16 bytes. */
function* rawId(input: Input): Step<StreamId> {
  const ms = input.uint64BE() ?? (yield* more(() => input.uint64BE()));
  return makeStreamId(ms, input.uint64BE() ?? (yield* more(() => input.uint64BE())));
}
