/**
 * XADD, XDEL, XLEN, XRANGE, XREVRANGE, XSETID, XTRIM: a stream's entries.
 *
 * An ID that was made here (*) is fed as the ID it became.
 */
import { bytes } from '../bytes.ts';
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { StreamValue, streamNodeBytesMax } from '../stream.ts';
import {
  formatStreamId,
  type GivenStreamId,
  makeStreamId,
  partMax,
  type StreamId,
  streamIdMax,
  streamIdMs,
  streamIdSeq,
} from '../stream-id.ts';
import { rangeEnd, rangeStart, replyEntries, strictId, take } from './stream-arguments.ts';
import { exactTrimArguments, parseAddOrTrim } from './stream-trim.ts';

export const streamEntries: HandlerTable = {
  xadd,
  xdel,
  xsetid,
  xtrim,

  xlen(call) {
    call.reply.integer(call.read(call.text(1), 'stream')?.length ?? 0);
  },

  xrange(call) {
    range(call, 2, 3, false);
  },

  xrevrange(call) {
    range(call, 3, 2, true);
  },
};

function xadd(call: Call): void {
  const options = parseAddOrTrim(call, true);
  const fieldsIndex = options.idIndex + 1;
  const fieldCount = call.args.length - fieldsIndex;
  if (fieldCount < 2 || fieldCount % 2 === 1) refuseWith("ERR wrong number of arguments for 'xadd' command");
  const given = options.id;
  if (given !== null && !given.wantsSeq && given.ms === 0n && (given.seq ?? 0n) === 0n)
    refuse('streamIdZero');

  const key = call.text(1);
  const known = call.modify(key, 'stream');
  if (known === null && options.noMakeStream) {
    call.reply.nullBulk();
    return;
  }
  const stream = known ?? new StreamValue();
  if (stream.lastId === streamIdMax) {
    refuseWith('ERR The stream has exhausted the last possible ID, unable to add more items');
  }
  const id = nextId(stream, given, call.nowMs);
  if (id <= stream.lastId) refuse('streamIdTooSmall');
  const fields = call.texts(fieldsIndex);
  if (fields.reduce((sum, text) => sum + text.length, 0) > streamNodeBytesMax) {
    refuseWith('ERR Elements are too large to be stored');
  }

  if (known === null) call.create(key, stream);
  stream.append(id, fields, call.settings);
  call.reply.bulk(formatStreamId(id));
  call.changed('t', 'xadd', key);
  if (options.trim !== null && stream.trim(options.trim) > 0) call.notify('t', 'xtrim', key);

  const args = exactTrimArguments(call, stream, options);
  if (given === null || given.wantsSeq) args[options.idIndex] = bytes(formatStreamId(id));
  call.feedAs(...args);
  call.signalReady(key);
}

/** The ID of a new entry. One that is not greater than the last is the caller's to refuse. */
function nextId(stream: StreamValue, given: GivenStreamId | null, nowMs: number): StreamId {
  if (given === null) {
    const now = BigInt(nowMs);
    return now > streamIdMs(stream.lastId) ? makeStreamId(now, 0n) : stream.lastId + 1n;
  }
  if (!given.wantsSeq) return makeStreamId(given.ms, given.seq ?? 0n);
  if (given.ms !== streamIdMs(stream.lastId)) return makeStreamId(given.ms, 0n);
  // The last sequence number of this ms is taken: there is no next one, and the last ID itself will be refused.
  // (Redis answers that, or that elements are too large: it looks at whatever error number was left behind.)
  return streamIdSeq(stream.lastId) === partMax ? stream.lastId : stream.lastId + 1n;
}

function xdel(call: Call): void {
  const key = call.text(1);
  const stream = call.modify(key, 'stream');
  if (stream === null) {
    call.reply.integer(0);
    return;
  }
  const ids = call.texts(2).map((text) => strictId(text));
  const deleted = ids.filter((id) => stream.delete(id)).length;
  if (deleted > 0) call.changed('t', 'xdel', key, deleted);
  call.reply.integer(deleted);
}

function xtrim(call: Call): void {
  const options = parseAddOrTrim(call, false);
  const key = call.text(1);
  const stream = call.modify(key, 'stream');
  const deleted = stream?.trim(options.trim!) ?? 0;
  if (stream !== null && deleted > 0) {
    call.changed('t', 'xtrim', key, deleted);
    call.feedAs(...exactTrimArguments(call, stream, options));
  }
  call.reply.integer(deleted);
}

function range(call: Call, startIndex: number, endIndex: number, reverse: boolean): void {
  const start = rangeStart(call.text(startIndex));
  const end = rangeEnd(call.text(endIndex));
  let count: number | null = null;
  for (let at = 4; at < call.args.length; at += 2) {
    if (call.word(at) !== 'COUNT' || at + 1 >= call.args.length) refuse('syntax');
    count = Math.max(0, call.integer(at + 1));
  }
  const stream = call.read(call.text(1), 'stream');
  if (stream === null) call.reply.array(0);
  else if (count === 0) call.reply.nullArray();
  else replyEntries(call.reply, take(stream.range(start, end, reverse), count ?? 0));
}

function xsetid(call: Call): void {
  const id = strictId(call.text(2));
  let entriesAdded: bigint | null = null;
  let maxDeletedId: StreamId = 0n;
  for (let at = 3; at < call.args.length; at += 2) {
    const word = call.word(at);
    if (at + 1 >= call.args.length) refuse('syntax');
    if (word === 'ENTRIESADDED') {
      entriesAdded = call.bigint(at + 1);
      if (entriesAdded < 0n) refuseWith('ERR entries_added must be positive');
    } else if (word === 'MAXDELETEDID') {
      maxDeletedId = strictId(call.text(at + 1));
      if (id < maxDeletedId) {
        refuseWith('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id');
      }
    } else {
      refuse('syntax');
    }
  }
  const key = call.text(1);
  const stream = call.modify(key, 'stream') ?? refuse('noSuchKey');
  if (stream.length > 0) {
    const top = stream.range(0n, streamIdMax, true).next().value?.id ?? 0n;
    if (id < top) refuseWith('ERR The ID specified in XSETID is smaller than the target stream top item');
    if (entriesAdded !== null && entriesAdded < BigInt(stream.length)) {
      refuseWith('ERR The entries_added specified in XSETID is smaller than the target stream length');
    }
  }
  stream.lastId = id;
  if (entriesAdded !== null) stream.entriesAdded = entriesAdded;
  if (maxDeletedId !== 0n) stream.maxDeletedId = maxDeletedId;
  call.reply.ok();
  call.notify('t', 'xsetid', key);
  call.dirty++;
}
