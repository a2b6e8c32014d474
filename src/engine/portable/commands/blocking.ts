/**
 * Commands that wait for lists and sorted sets: BLPOP, BLMOVE, BLMPOP, BZPOPMIN and their relatives.
 *
 * Each is its plain twin tried at once, and tried again when one of its keys gets something (waiting.ts tells when).
 * Inside MULTI there is no waiting: nothing there is answered like a timeout. The feed gets the plain twin.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { parseDouble } from '../numbers.ts';
import { refuseWith } from '../refusal.ts';
import type { ValueOf } from '../value.ts';
import { type End, moveElement, parseEnd, parsePops, popForKey, popFrom, taken } from './lists.ts';
import { type Extreme, parseExtremePops, popExtreme, popForKey as popExtremeForKey } from './zsets.ts';

/** The end of the wait in Unix ms, from seconds at `index`; null: never. */
function parseDeadline(call: Call, index: number): number | null {
  const seconds = parseDouble(call.text(index));
  if (seconds === null) refuseWith('ERR timeout is not a float or out of range');
  const timeoutMs = Math.ceil(seconds * 1000);
  // What does not fit into 64 bits has become negative in Redis 7.0.
  if (timeoutMs < 0 || timeoutMs >= 2 ** 63) refuseWith('ERR timeout is negative');
  return timeoutMs === 0 ? null : call.nowMs + timeoutMs;
}

/** What to do with a value of the right type: answer, change it, and tell the feed. */
type Take<T> = (call: Call, key: string, value: T) => void;

/** Takes from the first key that has something, or waits until one has. */
function takeOrWait<T extends 'list' | 'zset'>(
  call: Call,
  type: T,
  keys: readonly string[],
  deadlineMs: number | null,
  take: Take<ValueOf[T]>,
): void {
  for (const key of keys) {
    const value = call.modify(key, type);
    if (value === null) continue;
    take(call, key, value);
    return;
  }
  if (!call.mayBlock) {
    call.reply.nullArray();
    return;
  }
  call.waiting = {
    session: call.session,
    db: call.session.db,
    keys: [...new Set(keys)],
    deadlineMs,
    args: [...call.args],
    serve(later, key) {
      // A key of another type is no reason to stop waiting.
      const value = later.lookupForWrite(key);
      if (value?.type !== type) return false;
      take(later, key, value as ValueOf[T]);
      return true;
    },
    expire: (later) => later.reply.nullArray(),
  };
}

const key8bit = (key: string): Buffer => Buffer.from(key, 'latin1');

/** BLPOP, BRPOP: keys, then the timeout. */
const pop =
  (end: End) =>
  (call: Call): void => {
    const last = call.args.length - 1;
    const deadlineMs = parseDeadline(call, last);
    takeOrWait(call, 'list', call.texts(1, last), deadlineMs, (now, key, list) => {
      now.reply.bulks([key, popFrom(list, end)]);
      taken(now, key, list, end, 1);
      now.feedAs(end === 'LEFT' ? 'LPOP' : 'RPOP', key8bit(key));
    });
  };

/** BZPOPMIN, BZPOPMAX: keys, then the timeout. */
const popExtremes =
  (extreme: Extreme) =>
  (call: Call): void => {
    const last = call.args.length - 1;
    const deadlineMs = parseDeadline(call, last);
    takeOrWait(call, 'zset', call.texts(1, last), deadlineMs, (now, key, zset) => {
      const [item] = popExtreme(now, key, zset, extreme, 1);
      now.reply.array(3);
      now.reply.bulk(key);
      now.reply.bulk(item!.member);
      now.reply.double(item!.score);
      now.feedAs(`ZPOP${extreme}`, key8bit(key));
    });
  };

/**
 * BLMOVE, BRPOPLPUSH. `feedForms`: the plain command that says the same, as it came and as the server spells it for who is
 * served late.
 */
function move(
  call: Call,
  from: End,
  to: End,
  timeoutAt: number,
  feedForms: { typed: (string | Buffer)[]; late: (string | Buffer)[] },
): void {
  const deadlineMs = parseDeadline(call, timeoutAt);
  const target = call.text(2);
  const source = call.text(1);
  if (!call.mayBlock && call.modify(source, 'list') === null) {
    call.reply.nullBulk();
    return;
  }
  takeOrWait(call, 'list', [source], deadlineMs, (now) => {
    moveElement(now, source, target, from, to);
    now.feedAs(...(now === call ? feedForms.typed : feedForms.late));
  });
}

export const blocking: HandlerTable = {
  blpop: pop('LEFT'),
  brpop: pop('RIGHT'),
  bzpopmin: popExtremes('MIN'),
  bzpopmax: popExtremes('MAX'),

  blmove(call) {
    const [from, to] = [parseEnd(call, 3), parseEnd(call, 4)];
    const [source, target] = [call.args[1]!, call.args[2]!];
    move(call, from, to, 5, {
      typed: ['LMOVE', ...call.args.slice(1, 5)],
      late: ['LMOVE', source, target, from.toLowerCase(), to.toLowerCase()],
    });
  },

  brpoplpush(call) {
    const form = ['RPOPLPUSH', ...call.args.slice(1, 3)];
    move(call, 'RIGHT', 'LEFT', 3, { typed: form, late: form });
  },

  blmpop(call) {
    const { keys, end, count } = parsePops(call, 2);
    const deadlineMs = parseDeadline(call, 1);
    takeOrWait(call, 'list', keys, deadlineMs, (now, key, list) => popForKey(now, key, list, end, count));
  },

  bzmpop(call) {
    const { keys, extreme, count } = parseExtremePops(call, 2);
    const deadlineMs = parseDeadline(call, 1);
    takeOrWait(call, 'zset', keys, deadlineMs, (now, key, zset) =>
      popExtremeForKey(now, key, zset, extreme, count),
    );
  },
};
