/**
 * XGROUP, XACK, XPENDING: groups, and what they were given and did not acknowledge.
 *
 * Reading for a group and claiming are in files of their own.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { StreamValue } from '../stream.ts';
import {
  acknowledge,
  type Delivery,
  entriesReadUnknown,
  inNameOrder,
  newGroup,
  type StreamGroup,
} from '../stream-group.ts';
import type { StreamId } from '../stream-id.ts';
import {
  looseId,
  printable,
  rangeEnd,
  rangeStart,
  refuseSubcommand,
  replyId,
  streamAndGroup,
  strictId,
} from './stream-arguments.ts';
import { consumerOf } from './stream-deliveries.ts';

export const streamGroups: HandlerTable = {
  'xgroup|create': createGroup,
  'xgroup|setid': setGroupId,
  xack,
  xpending,

  'xgroup|destroy'(call) {
    const { key, stream, name } = existing(call);
    if (!stream.groups.delete(name)) {
      call.reply.integer(0);
      return;
    }
    call.reply.integer(1);
    call.dirty++;
    call.notify('t', 'xgroup-destroy', key);
    // Those who wait for it are told that it is gone.
    call.signalReady(key);
  },

  'xgroup|createconsumer'(call) {
    const { key, group } = existingGroup(call);
    const name = call.text(4);
    // Unlike a command that works for a consumer, this one leaves the time of a known one alone.
    const isNew = !group.consumers.has(name);
    if (isNew) consumerOf(call, key, group, name);
    call.reply.flag(isNew);
  },

  'xgroup|delconsumer'(call) {
    const { key, group } = existingGroup(call);
    const consumer = group.consumers.get(call.text(4));
    call.reply.integer(consumer?.pending.size ?? 0);
    if (consumer === undefined) return;
    for (const { id } of consumer.pending.from(0n)) group.pending.delete(id);
    group.consumers.delete(consumer.name);
    call.dirty++;
    call.notify('t', 'xgroup-delconsumer', key);
  },

  'xgroup|help'({ reply }) {
    reply.help('XGROUP', [
      'CREATE <key> <groupname> <id|$> [option]',
      '    Create a new consumer group. Options are:',
      '    * MKSTREAM',
      '      Create the empty stream if it does not exist.',
      '    * ENTRIESREAD entries_read',
      "      Set the group's entries_read counter (internal use).",
      'CREATECONSUMER <key> <groupname> <consumer>',
      '    Create a new consumer in the specified group.',
      'DELCONSUMER <key> <groupname> <consumer>',
      '    Remove the specified consumer.',
      'DESTROY <key> <groupname>',
      '    Remove the specified group.',
      'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
      '    Set the current group ID and entries_read counter.',
    ]);
  },
};

/** MKSTREAM (CREATE only) and ENTRIESREAD, from the sixth argument on. */
function parseGroupOptions(call: Call, mayMakeStream: boolean): { makeStream: boolean; entriesRead: bigint } {
  let makeStream = false;
  let entriesRead = entriesReadUnknown;
  for (let at = 5; at < call.args.length; at++) {
    const word = call.word(at);
    if (mayMakeStream && word === 'MKSTREAM') {
      makeStream = true;
    } else if (word === 'ENTRIESREAD' && at + 1 < call.args.length) {
      entriesRead = call.bigint(++at);
      if (entriesRead < 0n && entriesRead !== entriesReadUnknown) {
        refuseWith('ERR value for ENTRIESREAD must be positive or -1');
      }
    } else {
      refuseSubcommand(call);
    }
  }
  return { makeStream, entriesRead };
}

/** The stream that all subcommands but CREATE with MKSTREAM need. */
function existing(call: Call): { key: string; stream: StreamValue; name: string } {
  const key = call.text(2);
  const stream = call.modify(key, 'stream') ?? refuse('noKeyForStream');
  return { key, stream, name: call.text(3) };
}

function existingGroup(call: Call): { key: string; stream: StreamValue; group: StreamGroup } {
  const { key, stream, name } = existing(call);
  const group = stream.groups.get(name);
  if (group === undefined) {
    refuseWith(`NOGROUP No such consumer group '${printable(name)}' for key name '${printable(key)}'`);
  }
  return { key, stream, group };
}

function createGroup(call: Call): void {
  const { makeStream, entriesRead } = parseGroupOptions(call, true);
  const key = call.text(2);
  const name = call.text(3);
  const known = call.modify(key, 'stream');
  if (known === null && !makeStream) refuse('noKeyForStream');
  if (call.args.length > 8) refuseSubcommand(call);
  const id = call.text(4) === '$' ? (known?.lastId ?? 0n) : strictId(call.text(4));
  const stream = known ?? new StreamValue();
  if (known === null) {
    call.create(key, stream);
    call.touch(key);
  }
  if (stream.groups.has(name)) refuse('busyGroup');
  stream.groups.set(name, newGroup(name, id, entriesRead));
  call.reply.ok();
  call.dirty++;
  call.notify('t', 'xgroup-create', key);
}

function setGroupId(call: Call): void {
  const { entriesRead } = parseGroupOptions(call, false);
  const { key, stream, group } = existingGroup(call);
  if (call.args.length !== 5 && call.args.length !== 7) refuseSubcommand(call);
  group.lastId = call.text(4) === '$' ? stream.lastId : looseId(call.text(4));
  group.entriesRead = entriesRead;
  call.reply.ok();
  call.dirty++;
  call.notify('t', 'xgroup-setid', key);
}

function xack(call: Call): void {
  const group = call.read(call.text(1), 'stream')?.groups.get(call.text(2));
  if (group === undefined) {
    call.reply.integer(0);
    return;
  }
  const ids = call.texts(3).map((text) => strictId(text));
  const acknowledged = ids.filter((id) => acknowledge(group, id)).length;
  call.dirty += acknowledged;
  call.reply.integer(acknowledged);
}

/** XPENDING's long form: which deliveries to tell. */
interface PendingQuery {
  start: StreamId;
  end: StreamId;
  count: number;
  idleMinMs: number;
  consumer: string | null;
}

function xpending(call: Call): void {
  const argc = call.args.length;
  if (argc !== 3 && (argc < 6 || argc > 9)) refuse('syntax');
  const query = argc === 3 ? null : parsePending(call);
  const { group } = streamAndGroup(call);
  if (query === null) replySummary(call, group);
  else replyDeliveries(call, group, query);
}

function parsePending(call: Call): PendingQuery {
  let at = 3;
  let idleMinMs = 0;
  if (call.word(3) === 'IDLE') {
    idleMinMs = call.integer(4);
    if (call.args.length < 8) refuse('syntax');
    at = 5;
  }
  const count = Math.max(0, call.integer(at + 2));
  const start = rangeStart(call.text(at));
  const end = rangeEnd(call.text(at + 1));
  return { start, end, count, idleMinMs, consumer: at + 3 < call.args.length ? call.text(at + 3) : null };
}

/** How many, from which ID to which, and how many of them each consumer has. */
function replySummary({ reply }: Call, group: StreamGroup): void {
  reply.array(4);
  reply.integer(group.pending.size);
  const { firstId, lastId } = group.pending;
  if (firstId === undefined || lastId === undefined) {
    reply.nullBulk();
    reply.nullBulk();
    reply.nullArray();
    return;
  }
  replyId(reply, firstId);
  replyId(reply, lastId);
  const busy = inNameOrder(group.consumers).filter((consumer) => consumer.pending.size > 0);
  reply.array(busy.length);
  for (const { name, pending } of busy) reply.bulks([name, String(pending.size)]);
}

function replyDeliveries({ reply, nowMs }: Call, group: StreamGroup, query: PendingQuery): void {
  const consumer = query.consumer === null ? null : group.consumers.get(query.consumer);
  const pending = consumer === null ? group.pending : consumer?.pending;
  const told: Delivery[] = [];
  if (query.count > 0) {
    for (const delivery of pending?.from(query.start) ?? []) {
      if (delivery.id > query.end) break;
      if (query.idleMinMs !== 0 && nowMs - delivery.deliveredMs < query.idleMinMs) continue;
      told.push(delivery);
      if (told.length === query.count) break;
    }
  }
  reply.array(told.length);
  for (const { id, consumer: owner, deliveredMs, count } of told) {
    reply.array(4);
    replyId(reply, id);
    reply.bulk(owner.name);
    reply.integer(Math.max(0, nowMs - deliveredMs));
    reply.integer(count);
  }
}
