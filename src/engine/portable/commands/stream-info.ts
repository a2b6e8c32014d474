/**
 * XINFO: what a stream, its groups and their consumers look like from inside.
 *
 * Two of its numbers tell of Redis's radix tree, which is not here: keys are nodes of the stream, and how many
 * tree nodes these keys would need is worked out from the keys (radix.ts).
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { radixNodeCount } from '../radix.ts';
import { refuse, refuseWith } from '../refusal.ts';
import type { Reply } from '../reply.ts';
import type { StreamValue } from '../stream.ts';
import {
  type Delivery,
  entriesReadUnknown,
  inNameOrder,
  type PendingList,
  type StreamConsumer,
  type StreamGroup,
} from '../stream-group.ts';
import { streamIdMax } from '../stream-id.ts';
import { printable, refuseSubcommand, replyEntries, replyEntry, replyId, take } from './stream-arguments.ts';

export const streamInfo: HandlerTable = {
  'xinfo|stream'(call) {
    const stream = existing(call);
    const fullCount = parseFull(call);
    if (fullCount === null) replyStream(call.reply, stream);
    else replyFull(call.reply, stream, fullCount);
  },

  'xinfo|groups'(call) {
    const stream = existing(call);
    call.reply.array(stream.groups.size);
    for (const group of inNameOrder(stream.groups)) replyGroup(call.reply, stream, group);
  },

  'xinfo|consumers'(call) {
    const { reply, nowMs } = call;
    const group = existing(call).groups.get(call.text(3));
    if (group === undefined) {
      const [key, name] = [printable(call.text(2)), printable(call.text(3))];
      refuseWith(`NOGROUP No such consumer group '${name}' for key name '${key}'`);
    }
    reply.array(group.consumers.size);
    for (const { name, pending, seenMs } of inNameOrder(group.consumers)) {
      reply.map(3);
      reply.bulk('name');
      reply.bulk(name);
      reply.bulk('pending');
      reply.integer(pending.size);
      reply.bulk('idle');
      reply.integer(Math.max(0, nowMs - seenMs));
    }
  },

  'xinfo|help'({ reply }) {
    reply.help('XINFO', [
      'CONSUMERS <key> <groupname>',
      '    Show consumers of <groupname>.',
      'GROUPS <key>',
      '    Show the stream consumer groups.',
      'STREAM <key> [FULL [COUNT <count>]',
      '    Show information about the stream.',
    ]);
  },
};

const existing = (call: Call): StreamValue => call.read(call.text(2), 'stream') ?? refuse('noSuchKey');

/** Entries and deliveries that FULL tells unless COUNT says otherwise. */
const fullCountDefault = 10;

/** The count of FULL (0: all), or null without FULL. */
function parseFull(call: Call): number | null {
  const argc = call.args.length;
  if (argc === 3) return null;
  if ((argc !== 4 && argc !== 6) || call.word(3) !== 'FULL') refuseSubcommand(call);
  if (argc === 4) return fullCountDefault;
  if (call.word(4) !== 'COUNT') refuseSubcommand(call);
  const count = call.integer(5);
  return count < 0 ? fullCountDefault : count;
}

function replyFacts(reply: Reply, stream: StreamValue): void {
  reply.bulk('length');
  reply.integer(stream.length);
  reply.bulk('radix-tree-keys');
  reply.integer(stream.nodes.length);
  reply.bulk('radix-tree-nodes');
  reply.integer(radixNodeCount(stream.nodes.map((node) => node.baseId)));
  reply.bulk('last-generated-id');
  replyId(reply, stream.lastId);
  reply.bulk('max-deleted-entry-id');
  replyId(reply, stream.maxDeletedId);
  reply.bulk('entries-added');
  reply.integer(stream.entriesAdded);
  reply.bulk('recorded-first-entry-id');
  replyId(reply, stream.firstId);
}

function replyStream(reply: Reply, stream: StreamValue): void {
  reply.map(10);
  replyFacts(reply, stream);
  reply.bulk('groups');
  reply.integer(stream.groups.size);
  for (const [name, reverse] of [
    ['first-entry', false],
    ['last-entry', true],
  ] as const) {
    reply.bulk(name);
    const [entry] = take(stream.range(0n, streamIdMax, reverse), 1);
    if (entry === undefined) reply.nullBulk();
    else replyEntry(reply, entry);
  }
}

function replyFull(reply: Reply, stream: StreamValue, count: number): void {
  reply.map(9);
  replyFacts(reply, stream);
  reply.bulk('entries');
  replyEntries(reply, take(stream.range(0n, streamIdMax), count));
  reply.bulk('groups');
  reply.array(stream.groups.size);
  for (const group of inNameOrder(stream.groups)) replyFullGroup(reply, stream, group, count);
}

function replyProgress(reply: Reply, stream: StreamValue, group: StreamGroup): void {
  reply.bulk('last-delivered-id');
  replyId(reply, group.lastId);
  reply.bulk('entries-read');
  if (group.entriesRead === entriesReadUnknown) reply.nullBulk();
  else reply.integer(group.entriesRead);
  reply.bulk('lag');
  const lag = stream.lag(group);
  if (lag === null) reply.nullBulk();
  else reply.integer(lag);
}

function replyGroup(reply: Reply, stream: StreamValue, group: StreamGroup): void {
  reply.map(6);
  reply.bulk('name');
  reply.bulk(group.name);
  reply.bulk('consumers');
  reply.integer(group.consumers.size);
  reply.bulk('pending');
  reply.integer(group.pending.size);
  replyProgress(reply, stream, group);
}

function replyFullGroup(reply: Reply, stream: StreamValue, group: StreamGroup, count: number): void {
  reply.map(7);
  reply.bulk('name');
  reply.bulk(group.name);
  replyProgress(reply, stream, group);
  reply.bulk('pel-count');
  reply.integer(group.pending.size);
  reply.bulk('pending');
  replyPending(reply, group.pending, count, true);
  reply.bulk('consumers');
  reply.array(group.consumers.size);
  for (const consumer of inNameOrder(group.consumers)) replyFullConsumer(reply, consumer, count);
}

function replyFullConsumer(reply: Reply, consumer: StreamConsumer, count: number): void {
  reply.map(4);
  reply.bulk('name');
  reply.bulk(consumer.name);
  reply.bulk('seen-time');
  reply.integer(consumer.seenMs);
  reply.bulk('pel-count');
  reply.integer(consumer.pending.size);
  reply.bulk('pending');
  replyPending(reply, consumer.pending, count, false);
}

/** ID, whose it is (in a group's list), when and how often it was delivered. */
function replyPending(reply: Reply, pending: PendingList, count: number, withName: boolean): void {
  const deliveries: Delivery[] = take(pending.from(0n), count);
  reply.array(deliveries.length);
  for (const { id, consumer, deliveredMs, count: times } of deliveries) {
    reply.array(withName ? 4 : 3);
    replyId(reply, id);
    if (withName) reply.bulk(consumer.name);
    reply.integer(deliveredMs);
    reply.integer(times);
  }
}
