/**
 * What the stream commands share: IDs and ranges as arguments, groups that must exist, entries as replies.
 *
 * An ID argument may leave its sequence number out; what then stands for it depends on the command, so callers say
 * it.
 */
import type { Call } from '../call.ts';
import { refuse, refuseWith } from '../refusal.ts';
import type { Reply } from '../reply.ts';
import type { StreamEntry, StreamValue } from '../stream.ts';
import type { StreamGroup } from '../stream-group.ts';
import {
  formatStreamId,
  makeStreamId,
  parseStreamId,
  partMax,
  type StreamId,
  streamIdMax,
} from '../stream-id.ts';

/** An argument as printf("%s") shows it in an error: up to its first zero byte. */
export const printable = (text: string): string => text.split('\0', 1)[0]!;

/** A whole ID; `missingSeq` stands in for a sequence number that is not given. "-" and "+" are no IDs here. */
export function strictId(text: string, missingSeq = 0n): StreamId {
  const given = parseStreamId(text);
  if (given === null || given.wantsSeq) refuse('invalidStreamId');
  return makeStreamId(given.ms, given.seq ?? missingSeq);
}

/** The same, and "-" and "+" for the least and the greatest. */
export function looseId(text: string, missingSeq = 0n): StreamId {
  if (text === '-') return 0n;
  if (text === '+') return streamIdMax;
  return strictId(text, missingSeq);
}

/** The start of a range: "(" in front leaves the ID itself out. */
export function rangeStart(text: string): StreamId {
  if (text.length < 2 || text[0] !== '(') return looseId(text, 0n);
  const id = strictId(text.slice(1), 0n);
  if (id === streamIdMax) refuseWith('ERR invalid start ID for the interval');
  return id + 1n;
}

/** The end of a range, likewise. */
export function rangeEnd(text: string): StreamId {
  if (text.length < 2 || text[0] !== '(') return looseId(text, partMax);
  const id = strictId(text.slice(1), partMax);
  if (id === 0n) refuseWith('ERR invalid end ID for the interval');
  return id - 1n;
}

/** The first `count` items; all of them for 0. */
export function take<T>(items: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
}

export const replyId = (reply: Reply, id: StreamId): void => reply.bulk(formatStreamId(id));

/** ID and fields with values. */
export function replyEntry(reply: Reply, entry: StreamEntry): void {
  reply.array(2);
  replyId(reply, entry.id);
  reply.bulks(entry.fields);
}

export function replyEntries(reply: Reply, entries: readonly StreamEntry[]): void {
  reply.array(entries.length);
  for (const entry of entries) replyEntry(reply, entry);
}

/**
 * Key in argument 1 and group in argument 2, both of which must exist: the refusal of XPENDING, XCLAIM and
 * XAUTOCLAIM.
 */
export function streamAndGroup(call: Call): { stream: StreamValue; group: StreamGroup } {
  const stream = call.read(call.text(1), 'stream');
  const group = stream?.groups.get(call.text(2));
  if (stream === null || group === undefined) {
    refuseWith(
      `NOGROUP No such key '${printable(call.text(1))}' or consumer group '${printable(call.text(2))}'`,
    );
  }
  return { stream, group };
}

/** What XGROUP and XINFO answer when their container knows the subcommand but not these arguments. */
export function refuseSubcommand(call: Call): never {
  const container = call.word(0);
  refuseWith(
    `ERR unknown subcommand or wrong number of arguments for '${printable(call.text(1)).slice(0, 128)}'. Try ${container} HELP.`,
  );
}
