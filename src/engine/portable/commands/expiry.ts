/**
 * When keys expire: EXPIRE and its relatives, TTL and its relatives, PERSIST.
 *
 * Moments are Unix milliseconds. They are computed exactly, but kept as numbers, so beyond 2^53 (the year 287396) TTLs
 * are told a little rounded; Redis keeps all 64 bits.
 */
import type { Call } from '../call.ts';
import { expiryMaxMs } from '../database.ts';
import type { HandlerTable } from '../handler.ts';
import { isInt64 } from '../numbers.ts';
import { refuseWith } from '../refusal.ts';
import { refuseInvalidExpiry } from './set-options.ts';

interface Conditions {
  nx: boolean;
  xx: boolean;
  gt: boolean;
  lt: boolean;
}

function parseConditions(call: Call): Conditions {
  const conditions: Conditions = { nx: false, xx: false, gt: false, lt: false };
  for (let i = 3; i < call.args.length; i++) {
    const word = call.word(i).toLowerCase();
    if (!Object.hasOwn(conditions, word)) refuseWith(`ERR Unsupported option ${call.text(i)}`);
    conditions[word as keyof Conditions] = true;
  }
  const { nx, xx, gt, lt } = conditions;
  if (nx && (xx || gt || lt)) {
    refuseWith('ERR NX and XX, GT or LT options at the same time are not compatible');
  }
  if (gt && lt) refuseWith('ERR GT and LT options at the same time are not compatible');
  return conditions;
}

/** Whether a key that expires at `current` (null: never) may get the expiry `atMs`. Never counts as infinitely late. */
function isMet({ nx, xx, gt, lt }: Conditions, current: number | null, atMs: bigint): boolean {
  if (nx && current !== null) return false;
  if (xx && current === null) return false;
  if (gt && (current === null || atMs <= BigInt(current))) return false;
  return !(lt && current !== null && atMs >= BigInt(current));
}

function expire(unit: 's' | 'ms', isAbsolute: boolean): (call: Call) => void {
  return (call) => {
    const { reply, keyspace } = call;
    const key = call.text(1);
    const conditions = parseConditions(call);
    const given = call.bigint(2);
    const ms = unit === 's' ? given * 1000n : given;
    const atMs = isAbsolute ? ms : ms + BigInt(call.nowMs);
    if (!isInt64(ms) || (atMs > 0 && !isInt64(atMs))) refuseInvalidExpiry(call);
    if (call.lookupForWrite(key) === null || !isMet(conditions, call.db.expiry(key), atMs)) {
      reply.integer(0);
      return;
    }
    if (atMs <= call.nowMs && !keyspace.gates.replica && !call.isFromPrimary) {
      call.db.delete(key);
      call.changed('g', 'del', key);
      call.feedAs(call.settings['lazyfree-lazy-expire'] ? 'UNLINK' : 'DEL', call.args[1]!);
    } else {
      call.expireAt(key, Number(atMs));
      call.changed('g', 'expire', key);
      const [name, , , ...options] = call.args;
      const isAsItCame = isAbsolute && unit === 'ms';
      call.feedAs(isAsItCame ? name! : 'PEXPIREAT', call.args[1]!, String(atMs), ...options);
    }
    reply.integer(1);
  };
}

/** Tells when a key expires: -2 when it is not there, -1 when it never does. */
function tell(toReply: (expireAtMs: bigint, nowMs: bigint) => bigint): (call: Call) => void {
  return (call) => {
    const key = call.text(1);
    if (call.lookup(key, 'noTouch') === null) {
      call.reply.integer(-2);
      return;
    }
    const at = call.db.expiry(key);
    if (at === null) {
      call.reply.integer(-1);
      return;
    }
    // The last moment of all is no exact number.
    const exact = at >= expiryMaxMs ? 2n ** 63n - 1n : BigInt(at);
    call.reply.integer(toReply(exact, BigInt(call.nowMs)));
  };
}

const left = (at: bigint, now: bigint): bigint => (at > now ? at - now : 0n);
const seconds = (ms: bigint): bigint => (ms + 500n) / 1000n;

export const expiry: HandlerTable = {
  expire: expire('s', false),
  pexpire: expire('ms', false),
  expireat: expire('s', true),
  pexpireat: expire('ms', true),
  ttl: tell((at, nowMs) => seconds(left(at, nowMs))),
  pttl: tell(left),
  expiretime: tell(seconds),
  pexpiretime: tell((at) => at),

  persist(call) {
    const key = call.text(1);
    const hadExpiry = call.lookupForWrite(key) !== null && call.db.expiry(key) !== null;
    if (hadExpiry) {
      call.db.setExpiry(key, null);
      call.changed('g', 'persist', key);
    }
    call.reply.flag(hadExpiry);
  },
};
