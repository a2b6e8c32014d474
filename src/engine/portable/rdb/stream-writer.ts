/**
 * Writes a stream in the form of Redis 5, 7.0 or 7.2; the mirror of stream-reader.ts, where the forms are drawn.
 */
import type { StreamValue } from '../stream.ts';
import { inNameOrder, type StreamConsumer, type StreamGroup } from '../stream-group.ts';
import { type StreamId, streamIdMs, streamIdSeq } from '../stream-id.ts';
import { type Dialect, Type } from './format.ts';
import type { Output } from './output.ts';
import { writeStreamNode } from './stream-node.ts';

/** The newest form that a version has. */
export function streamType(dialect: Dialect): number {
  if (dialect.version >= 11) return Type.stream3;
  return dialect.version === 10 ? Type.stream2 : Type.stream;
}

export function writeStream(output: Output, stream: StreamValue, type: number): void {
  output.count(stream.nodes.length);
  for (const node of stream.nodes) {
    output.count(16);
    rawId(output, node.baseId);
    output.blob(writeStreamNode(node));
  }
  output.count(stream.length);
  id(output, stream.lastId);
  if (type >= Type.stream2) {
    id(output, stream.firstId);
    id(output, stream.maxDeletedId);
    output.count(stream.entriesAdded);
  }
  output.count(stream.groups.size);
  for (const group of inNameOrder(stream.groups)) writeGroup(output, group, type);
}

function writeGroup(output: Output, group: StreamGroup, type: number): void {
  output.text(group.name);
  id(output, group.lastId);
  if (type >= Type.stream2) output.count(BigInt.asUintN(64, group.entriesRead));
  output.count(group.pending.size);
  for (const delivery of group.pending.from(0n)) {
    rawId(output, delivery.id);
    output.int64(BigInt(delivery.deliveredMs));
    output.count(delivery.count);
  }
  output.count(group.consumers.size);
  for (const consumer of inNameOrder(group.consumers)) writeConsumer(output, consumer, type);
}

function writeConsumer(output: Output, consumer: StreamConsumer, type: number): void {
  output.text(consumer.name);
  output.int64(BigInt(consumer.seenMs));
  if (type >= Type.stream3) output.int64(BigInt(consumer.activeMs));
  output.count(consumer.pending.size);
  for (const delivery of consumer.pending.from(0n)) rawId(output, delivery.id);
}

/** An ID as two length-coded numbers. */
function id(output: Output, value: StreamId): void {
  output.count(streamIdMs(value));
  output.count(streamIdSeq(value));
}

/** An ID as 16 bytes. */
function rawId(output: Output, value: StreamId): void {
  output.uint64BE(streamIdMs(value));
  output.uint64BE(streamIdSeq(value));
}
