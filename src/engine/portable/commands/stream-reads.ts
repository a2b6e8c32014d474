/**
 * XREAD and XREADGROUP: entries behind an ID, from several streams, now or as soon as there are some.
 *
 *     ID of a stream   n-n: entries behind it       $: behind the last one there is       (XREAD)
 *                      >: what no consumer had yet  n-n: this consumer's own, not acknowledged   (XREADGROUP)
 *
 * With BLOCK and nothing to give, the session waits; then the first stream that has something answers alone.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { parseInt64 } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import type { Reply } from '../reply.ts';
import type { StreamEntry, StreamValue } from '../stream.ts';
import type { StreamConsumer, StreamGroup } from '../stream-group.ts';
import { type StreamId, streamIdMax } from '../stream-id.ts';
import type { Waiting } from '../waiting.ts';
import { printable, replyEntries, replyEntry, replyId, strictId, take } from './stream-arguments.ts';
import { feedOnlyEffects, giveNew, readerOf } from './stream-deliveries.ts';

export const streamReads: HandlerTable = {
  xread(call) {
    read(call, false);
  },

  xreadgroup(call) {
    read(call, true);
  },
};

interface ReadOptions {
  /** Unix ms at which waiting ends, null for never; undefined when the client does not want to wait. */
  deadlineMs: number | null | undefined;
  /** Entries per stream, 0 for all. */
  count: number;
  group: string | null;
  consumer: string;
  noAck: boolean;
  keys: string[];
  /** Texts of the IDs, as many as keys. */
  ids: string[];
}

/** Marks ">": what was never given to anyone. No other ID can mean anything there. */
const neverGiven = streamIdMax;
/** Entries per answer of one who had to wait and gave no COUNT. */
const countWhenWaited = 1000;

function read(call: Call, isGroup: boolean): void {
  const options = parseRead(call, isGroup);
  const after = options.keys.map((key, index) => startOf(call, options, key, options.ids[index]!));
  feedOnlyEffects(call);
  const served: (() => void)[] = [];
  options.keys.forEach((key, index) => {
    const answer = serve(call, options, key, after[index]!);
    if (answer !== null) served.push(answer);
  });
  if (served.length > 0) {
    replyMap(call.reply, served.length);
    for (const answer of served) answer();
  } else if (options.deadlineMs === undefined || !call.mayBlock) {
    call.reply.nullArray();
  } else {
    call.waiting = waitingFor(call, options, after);
  }
}

/** A map of streams in RESP3, an array of pairs in RESP2. */
function replyMap(reply: Reply, length: number): void {
  if (reply.protocol === 3) reply.map(length);
  else reply.array(length);
}

function replyStream(reply: Reply, key: string, write: () => void): void {
  if (reply.protocol === 2) reply.array(2);
  reply.bulk(key);
  write();
}

function parseRead(call: Call, isGroup: boolean): ReadOptions {
  const options: ReadOptions = {
    deadlineMs: undefined,
    count: 0,
    group: null,
    consumer: '',
    noAck: false,
    keys: [],
    ids: [],
  };
  let at = 1;
  for (; at < call.args.length; at++) {
    const more = call.args.length - at - 1;
    const word = call.word(at);
    if (word === 'BLOCK' && more > 0) {
      if (call.session.isScript)
        refuseWith(`ERR ${call.text(0)} command is not allowed with BLOCK option from scripts`);
      options.deadlineMs = deadline(call, ++at);
    } else if (word === 'COUNT' && more > 0) {
      options.count = Math.max(0, call.integer(++at));
    } else if (word === 'STREAMS' && more > 0) {
      if (more % 2 !== 0) {
        refuseWith(
          "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
        );
      }
      options.keys = call.texts(at + 1, at + 1 + more / 2);
      options.ids = call.texts(at + 1 + more / 2);
      break;
    } else if (word === 'GROUP' && more >= 2) {
      if (!isGroup) {
        refuseWith('ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.');
      }
      options.group = call.text(at + 1);
      options.consumer = call.text(at + 2);
      at += 2;
    } else if (word === 'NOACK') {
      if (!isGroup) {
        refuseWith('ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.');
      }
      options.noAck = true;
    } else {
      refuse('syntax');
    }
  }
  if (options.keys.length === 0) refuse('syntax');
  if (isGroup && options.group === null) refuseWith('ERR Missing GROUP option for XREADGROUP');
  return options;
}

function deadline(call: Call, index: number): number | null {
  const timeoutMs =
    parseInt64(call.text(index)) ?? refuseWith('ERR timeout is not an integer or out of range');
  if (timeoutMs < 0n) refuseWith('ERR timeout is negative');
  return timeoutMs === 0n ? null : call.nowMs + Number(timeoutMs);
}

/**
 * The ID behind which to read. Refuses a stream of another type, a group that is not there, an ID that makes no
 * sense.
 */
function startOf(call: Call, options: ReadOptions, key: string, id: string): StreamId {
  const stream = call.read(key, 'stream');
  const { group } = options;
  if (group !== null && !stream?.groups.has(group)) {
    refuseWith(
      `NOGROUP No such key '${printable(key)}' or consumer group '${printable(group)}' in XREADGROUP with GROUP option`,
    );
  }
  if (id === '$') {
    if (group === null) return stream?.lastId ?? 0n;
    refuseWith(
      'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by ' +
        'specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
    );
  }
  if (id === '>') {
    if (group !== null) return neverGiven;
    refuseWith(
      'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
    );
  }
  return strictId(id);
}

/** Reads one stream. Null when it has nothing to give now; else writes its part of the answer when called. */
function serve(call: Call, options: ReadOptions, key: string, after: StreamId): (() => void) | null {
  const { reply } = call;
  const stream = call.read(key, 'stream');
  if (stream === null) return null;
  const top = stream.range(0n, streamIdMax, true).next().value?.id as StreamId | undefined;
  if (options.group === null) {
    if (top === undefined || top <= after) return null;
    const entries = take(stream.range(after + 1n, streamIdMax), options.count);
    return () => replyStream(reply, key, () => replyEntries(reply, entries));
  }
  const group = stream.groups.get(options.group)!;
  if (after !== neverGiven) return serveHistory(call, options, key, stream, group, after);
  if (top === undefined || top <= group.lastId) return null;
  const reader = readerOf(call, key, group, options.consumer, options.noAck);
  const entries = giveNew(call, key, stream, group, reader, group.lastId, options.count, options.noAck);
  call.dirty++;
  return () => replyStream(reply, key, () => replyEntries(reply, entries));
}

/**
 * The entries a consumer has and did not acknowledge; asking counts as another delivery. Deleted ones have no
 * fields.
 */
function serveHistory(
  call: Call,
  options: ReadOptions,
  key: string,
  stream: StreamValue,
  group: StreamGroup,
  after: StreamId,
): () => void {
  const { reply } = call;
  const reader: StreamConsumer = readerOf(call, key, group, options.consumer, options.noAck);
  call.dirty++;
  // Redis's increment wraps around at the greatest ID, which cannot come here: it means ">".
  const pending = take(reader.pending.from(after + 1n), options.count);
  const found = pending.map((delivery): [StreamId, StreamEntry | undefined] => {
    const entry = stream.find(delivery.id);
    if (entry !== undefined) {
      delivery.deliveredMs = call.nowMs;
      delivery.count++;
    }
    return [delivery.id, entry];
  });
  return () =>
    replyStream(reply, key, () => {
      reply.array(found.length);
      for (const [id, entry] of found) {
        if (entry !== undefined) {
          replyEntry(reply, entry);
        } else {
          reply.array(2);
          replyId(reply, id);
          reply.nullArray();
        }
      }
    });
}

function waitingFor(call: Call, options: ReadOptions, after: StreamId[]): Waiting {
  const { keys, group, noAck, consumer } = options;
  const count = options.count === 0 ? countWhenWaited : options.count;
  return {
    session: call.session,
    db: call.session.db,
    keys: [...new Set(keys)],
    deadlineMs: options.deadlineMs ?? null,
    args: [...call.args],
    serve(later, key) {
      const value = later.lookup(key, 'silent');
      const { reply } = later;
      feedOnlyEffects(later);
      if (value?.type !== 'stream') {
        if (group !== null) refuseWith('UNBLOCKED the stream key no longer exists');
        return false;
      }
      if (group === null) {
        const start = after[keys.indexOf(key)]!;
        if (value.lastId <= start) return false;
        replyMap(reply, 1);
        const entries = take(value.range(start + 1n, streamIdMax), count);
        replyStream(reply, key, () => replyEntries(reply, entries));
        return true;
      }
      const known = value.groups.get(group);
      if (known === undefined) {
        refuseWith('NOGROUP the consumer group this client was blocked on no longer exists');
      }
      if (value.lastId <= known.lastId) return false;
      const reader = readerOf(later, key, known, consumer, noAck);
      const entries = giveNew(later, key, value, known, reader, known.lastId, count, noAck);
      replyMap(reply, 1);
      replyStream(reply, key, () => replyEntries(reply, entries));
      return true;
    },
    expire(later) {
      later.reply.nullArray();
    },
  };
}
