/**
 * Giving entries to consumers, and telling replicas about it.
 *
 * XREADGROUP, XCLAIM and XAUTOCLAIM never go into the feed themselves, because what they do depends on the time
 * and on who asked first. What goes instead, per entry given (Redis 7.0):
 *
 *     XCLAIM key group consumer 0 id TIME ms RETRYCOUNT n FORCE JUSTID LASTID id
 *     XGROUP SETID key group id ENTRIESREAD n            when only the group's position moved (NOACK)
 *     XGROUP CREATECONSUMER key group consumer           when NOACK made a consumer
 */
import type { Call } from '../call.ts';
import type { StreamEntry, StreamValue } from '../stream.ts';
import {
  addConsumer,
  type Delivery,
  deliver,
  entriesReadUnknown,
  type StreamConsumer,
  type StreamGroup,
} from '../stream-group.ts';
import { formatStreamId, type StreamId, streamIdMax } from '../stream-id.ts';

/**
 * Nothing of the command itself goes into the feed; what is fed from here on does, even when nothing counts as
 * changed.
 */
export function feedOnlyEffects(call: Call): void {
  call.feedAs();
  call.isForced = true;
}

/** Tells replicas who has an entry now. `id` as the client wrote it, where it did. */
export function feedClaim(
  call: Call,
  key: string,
  group: StreamGroup,
  delivery: Delivery,
  id?: string,
): void {
  const { consumer, deliveredMs, count } = delivery;
  call.feedAlso(
    ...['XCLAIM', key, group.name, consumer.name, '0', id ?? formatStreamId(delivery.id)],
    ...['TIME', String(deliveredMs), 'RETRYCOUNT', String(count)],
    ...['FORCE', 'JUSTID', 'LASTID', formatStreamId(group.lastId)],
  );
}

/** Tells replicas how far the group has come. */
export function feedPosition(call: Call, key: string, group: StreamGroup): void {
  const read = String(group.entriesRead);
  call.feedAlso('XGROUP', 'SETID', key, group.name, formatStreamId(group.lastId), 'ENTRIESREAD', read);
}

/** The consumer of that name, made (with its event) when it is new, and seen now. */
export function consumerOf(
  call: Call,
  key: string,
  group: StreamGroup,
  name: string,
): { consumer: StreamConsumer; isNew: boolean } {
  const known = group.consumers.get(name);
  if (known !== undefined) {
    known.seenMs = call.nowMs;
    return { consumer: known, isNew: false };
  }
  const consumer = addConsumer(group, name, call.nowMs);
  call.notify('t', 'xgroup-createconsumer', key);
  call.dirty++;
  return { consumer, isNew: true };
}

/** The consumer that reads; with NOACK replicas would not learn of a new one from its deliveries. */
export function readerOf(
  call: Call,
  key: string,
  group: StreamGroup,
  name: string,
  noAck: boolean,
): StreamConsumer {
  const { consumer, isNew } = consumerOf(call, key, group, name);
  if (isNew && noAck) call.feedAlso('XGROUP', 'CREATECONSUMER', key, group.name, name);
  return consumer;
}

/** Gives up to `count` (0: all) entries behind `after` to a consumer that has not had them. */
export function giveNew(
  call: Call,
  key: string,
  stream: StreamValue,
  group: StreamGroup,
  consumer: StreamConsumer,
  after: StreamId,
  count: number,
  noAck: boolean,
): StreamEntry[] {
  const given: StreamEntry[] = [];
  let isMoved = false;
  if (after === streamIdMax) return given;
  for (const entry of stream.range(after + 1n, streamIdMax)) {
    if (entry.id > group.lastId) {
      advance(stream, group, entry.id);
      isMoved = true;
    }
    if (!noAck) {
      consumer.activeMs = call.nowMs;
      feedClaim(call, key, group, deliver(group, consumer, entry.id, call.nowMs));
    }
    given.push(entry);
    if (given.length === count) break;
  }
  if (isMoved && noAck) feedPosition(call, key, group);
  return given;
}

/** The group has come to `id`. Its counter goes along while that is sure, or starts anew where it can be told. */
function advance(stream: StreamValue, group: StreamGroup, id: StreamId): void {
  if (group.entriesRead !== entriesReadUnknown && !stream.hasDeletedFrom(id)) group.entriesRead++;
  else if (stream.entriesAdded !== 0n) group.entriesRead = stream.entriesReadAt(id);
  group.lastId = id;
}
