/**
 * XCLAIM and XAUTOCLAIM: a consumer takes over what others were given and did not acknowledge.
 *
 * What was deleted from the stream meanwhile is taken off the lists on the way.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { parseInt64, parseInteger } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import type { StreamValue } from '../stream.ts';
import { acknowledge, type Delivery, type StreamConsumer, type StreamGroup } from '../stream-group.ts';
import { makeStreamId, parseStreamId, type StreamId } from '../stream-id.ts';
import { rangeStart, replyEntry, replyId, streamAndGroup, strictId } from './stream-arguments.ts';
import { consumerOf, feedClaim, feedOnlyEffects, feedPosition } from './stream-deliveries.ts';

export const streamClaims: HandlerTable = { xclaim, xautoclaim };

function idleMin(call: Call, command: string): number {
  const idle = parseInt64(call.text(4)) ?? refuseWith(`ERR Invalid min-idle-time argument for ${command}`);
  return Math.max(0, Number(idle));
}

interface ClaimOptions {
  ids: { id: StreamId; text: string }[];
  force: boolean;
  justId: boolean;
  /** Unix ms that the deliveries get as their time. */
  deliveredMs: number;
  /** How often the deliveries count as given; null to count on. */
  retryCount: number | null;
  lastId: StreamId;
}

/** IDs, then options; the first argument that is no ID begins the options. */
function parseClaim(call: Call): ClaimOptions {
  const options: ClaimOptions = {
    ids: [],
    force: false,
    justId: false,
    deliveredMs: call.nowMs,
    retryCount: null,
    lastId: 0n,
  };
  let at = 5;
  for (; at < call.args.length; at++) {
    const text = call.text(at);
    const given = parseStreamId(text);
    if (given === null || given.wantsSeq) break;
    options.ids.push({ id: makeStreamId(given.ms, given.seq ?? 0n), text });
  }
  const number = (index: number, option: string): number =>
    Number(parseInt64(call.text(index)) ?? refuseWith(`ERR Invalid ${option} option argument for XCLAIM`));
  for (; at < call.args.length; at++) {
    const word = call.word(at);
    const hasMore = at + 1 < call.args.length;
    if (word === 'FORCE') options.force = true;
    else if (word === 'JUSTID') options.justId = true;
    else if (word === 'IDLE' && hasMore) options.deliveredMs = call.nowMs - number(++at, 'IDLE');
    else if (word === 'TIME' && hasMore) options.deliveredMs = number(++at, 'TIME');
    else if (word === 'RETRYCOUNT' && hasMore) options.retryCount = number(++at, 'RETRYCOUNT');
    else if (word === 'LASTID' && hasMore) options.lastId = strictId(call.text(++at));
    else refuseWith(`ERR Unrecognized XCLAIM option '${call.text(at).split('\0', 1)[0]}'`);
  }
  // A time that cannot be is no reason to fail: the clocks of clients differ.
  if (options.deliveredMs < 0 || options.deliveredMs > call.nowMs) options.deliveredMs = call.nowMs;
  if (options.retryCount !== null && options.retryCount < 0) options.retryCount = null;
  return options;
}

function xclaim(call: Call): void {
  const { stream, group } = streamAndGroup(call);
  const idleMinMs = idleMin(call, 'XCLAIM');
  const options = parseClaim(call);
  const key = call.text(1);
  feedOnlyEffects(call);
  let isPositionFed = true;
  if (options.lastId > group.lastId) {
    group.lastId = options.lastId;
    isPositionFed = false;
  }
  let consumer: StreamConsumer | null = null;
  const claimed: StreamId[] = [];
  for (const { id, text } of options.ids) {
    const known = group.pending.get(id);
    if (stream.find(id) === undefined) {
      if (known === undefined) continue;
      feedClaim(call, key, group, known, text);
      isPositionFed = true;
      call.dirty++;
      acknowledge(group, id);
      continue;
    }
    if (known === undefined && !options.force) continue;
    if (known !== undefined && idleMinMs > 0 && call.nowMs - known.deliveredMs < idleMinMs) continue;
    consumer ??= consumerOf(call, key, group, call.text(3)).consumer;
    const delivery = known ?? { id, consumer, deliveredMs: 0, count: 1 };
    hand(group, delivery, consumer, options.deliveredMs);
    if (options.retryCount !== null) delivery.count = options.retryCount;
    else if (!options.justId) delivery.count++;
    claimed.push(id);
    feedClaim(call, key, group, delivery, text);
    isPositionFed = true;
    call.dirty++;
  }
  if (!isPositionFed) {
    feedPosition(call, key, group);
    call.dirty++;
  }
  replyClaimed(call, stream, claimed, options.justId);
}

/** Makes a delivery a consumer's own. */
function hand(group: StreamGroup, delivery: Delivery, consumer: StreamConsumer, deliveredMs: number): void {
  if (delivery.consumer !== consumer) delivery.consumer.pending.delete(delivery.id);
  delivery.consumer = consumer;
  delivery.deliveredMs = deliveredMs;
  group.pending.set(delivery);
  consumer.pending.set(delivery);
}

function replyClaimed({ reply }: Call, stream: StreamValue, ids: readonly StreamId[], justId: boolean): void {
  reply.array(ids.length);
  for (const id of ids) {
    if (justId) replyId(reply, id);
    else replyEntry(reply, stream.find(id)!);
  }
}

/** XAUTOCLAIM looks at this many deliveries for each that it may claim. */
const attemptsPerClaim = 10;
const countDefault = 100;
/** Redis remembers this many IDs at most, of 16 bytes each. */
const countMax = 2 ** 63 / 16 - 1;

function xautoclaim(call: Call): void {
  const idleMinMs = idleMin(call, 'XAUTOCLAIM');
  const start = rangeStart(call.text(5));
  let left = countDefault;
  let justId = false;
  for (let at = 6; at < call.args.length; at++) {
    const word = call.word(at);
    if (word === 'COUNT' && at + 1 < call.args.length) {
      left = parseInteger(call.text(++at)) ?? 0;
      if (left < 1 || left > countMax) refuseWith('ERR COUNT must be > 0');
    } else if (word === 'JUSTID') {
      justId = true;
    } else {
      refuse('syntax');
    }
  }
  const { stream, group } = streamAndGroup(call);
  const key = call.text(1);
  feedOnlyEffects(call);
  let consumer: StreamConsumer | null = null;
  const claimed: StreamId[] = [];
  const deleted: StreamId[] = [];
  const deliveries = group.pending.from(start);
  for (let attempts = left * attemptsPerClaim; attempts > 0 && left > 0; attempts--) {
    const delivery = deliveries.next().value as Delivery | undefined;
    if (delivery === undefined) break;
    const { id } = delivery;
    if (stream.find(id) === undefined) {
      feedClaim(call, key, group, delivery);
      call.dirty++;
      acknowledge(group, id);
      deleted.push(id);
      left--;
      continue;
    }
    if (idleMinMs > 0 && call.nowMs - delivery.deliveredMs < idleMinMs) continue;
    consumer ??= consumerOf(call, key, group, call.text(3)).consumer;
    hand(group, delivery, consumer, call.nowMs);
    if (!justId) delivery.count++;
    claimed.push(id);
    left--;
    feedClaim(call, key, group, delivery);
    call.dirty++;
  }
  const next = deliveries.next().value as Delivery | undefined;
  call.reply.array(3);
  replyId(call.reply, next?.id ?? 0n);
  replyClaimed(call, stream, claimed, justId);
  call.reply.array(deleted.length);
  for (const id of deleted) replyId(call.reply, id);
}
