/**
 * Commands on strings: SET and its relatives, ranges, counters.
 *
 * Options of SET and GETEX are in set-options.ts, floats in longdouble.ts, LCS in lcs.ts.
 */
import { binary, bytes, smallInteger } from '../bytes.ts';
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { formatLongDouble, parseLongDouble } from '../longdouble.ts';
import { isInt64, parseInt64, parseInteger } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { StringValue } from '../string.ts';
import type { Value } from '../value.ts';
import { lcs } from './lcs.ts';
import { expiryOf, parseGetexOptions, parseSetOptions, type SetOptions } from './set-options.ts';

/** Refuses when a string would grow beyond proto-max-bulk-len. Our primary knows what it does. */
export function checkStringLength(call: Call, sizeBytes: number): void {
  if (!call.isFromPrimary && sizeBytes > call.settings['proto-max-bulk-len']) refuse('stringTooLong');
}

/** A string that may be changed in place: its encoding becomes raw, as in Redis. */
export function unshared(value: StringValue): StringValue {
  value.encoding = 'raw';
  return value;
}

/** SET, SETNX, SETEX, PSETEX after their arguments are read. Answers what `options` say. */
function setGeneric(
  call: Call,
  value: Buffer,
  options: SetOptions,
  replies?: { done: number; not: number },
): void {
  const { reply } = call;
  const key = call.text(1);
  const expireAtMs = options.expiry === null ? null : expiryOf(call, options.expiry);
  const isGet = options.isGet;
  if (isGet) reply.bulkOrNull(call.read(key, 'string')?.bytes);
  const old = call.lookupForWrite(key);
  if (!meets(call, options, old)) {
    if (isGet) return;
    if (replies === undefined) reply.nullBulk();
    else reply.integer(replies.not);
    return;
  }
  call.put(key, new StringValue(Buffer.from(value)), options.keepsExpiry);
  call.changed('$', 'set', key);
  if (expireAtMs !== null) {
    call.expireAt(key, Number(expireAtMs));
    call.feedAs('SET', call.args[1]!, value, 'PXAT', String(expireAtMs));
    call.notify('g', 'expire', key);
  } else if (isGet) {
    call.feedAs(...call.args.filter((arg, index) => index < 3 || binary(arg).toUpperCase() !== 'GET'));
  }
  if (isGet) return;
  if (replies === undefined) reply.ok();
  else reply.integer(replies.done);
}

/** Whether the condition of a SET holds for what is there. */
function meets(call: Call, { condition, comparand }: SetOptions, old: Value | null): boolean {
  switch (condition) {
    case 'none':
      return true;
    case 'nx':
      return old === null;
    case 'xx':
      return old !== null;
    case 'ifeq':
      return call.typed(old, 'string')?.bytes.equals(comparand!) === true;
    case 'ifne':
      return call.typed(old, 'string')?.bytes.equals(comparand!) !== true;
  }
}

/** INCR and its relatives. */
function incrementBy(call: Call, step: 1 | -1 | bigint): void {
  const key = call.text(1);
  const old = call.modify(key, 'string');
  const sum = sumOf(old, step);
  if (old === null) call.create(key, StringValue.integer(sum));
  else old.become(sum);
  call.changed('$', 'incrby', key);
  call.reply.integer(sum);
}

const smallDigitsMax = 15;
const smallStepMax = 1_000_000_000_000_000n;
const smallStepMin = -smallStepMax;

/** A 64-bit integer and a step. Where both are small, nearly always, plain numbers are exact, and several times as quick. */
function sumOf(old: StringValue | null, step: 1 | -1 | bigint): number | bigint {
  if (typeof step === 'number') {
    const small = old === null ? 0 : (old.given ?? smallInteger(old.bytes));
    // What is not small comes as a bigint, or as -1 from bytes that are to be read with care.
    if (typeof small === 'number' && small >= 0 && small < Number.MAX_SAFE_INTEGER) return small + step;
  }
  const text = old === null ? '0' : binary(old.bytes);
  const isSmall = typeof step === 'number' || (step >= smallStepMin && step <= smallStepMax);
  if (isSmall && text.length <= smallDigitsMax)
    return (parseInteger(text) ?? refuse('notInteger')) + Number(step);
  const sum = (parseInt64(text) ?? refuse('notInteger')) + BigInt(step);
  return isInt64(sum) ? sum : refuse('overflow');
}

function getRange(call: Call): void {
  let start = call.integer(2);
  let end = call.integer(3);
  const value = call.read(call.text(1), 'string');
  const size = value?.bytes.length ?? 0;
  if (value === null || (start < 0 && end < 0 && start > end)) {
    call.reply.bulk('');
    return;
  }
  start = Math.max(0, start < 0 ? size + start : start);
  end = Math.min(size - 1, Math.max(0, end < 0 ? size + end : end));
  call.reply.bulk(start > end ? '' : value.bytes.subarray(start, end + 1));
}

function setMany(call: Call): void {
  for (let i = 1; i < call.args.length; i += 2) {
    const key = call.text(i);
    call.put(key, new StringValue(Buffer.from(call.args[i + 1]!)));
    call.changed('$', 'set', key);
  }
}

/** Valkey 9.1: MSETEX numkeys key value... [NX | XX] [an expiry]. All keys or none. */
function setManyExpiring(call: Call): void {
  const count = call.bigintOrNull(1);
  if (count === null || count < 1n || count > 0x3fffffffn) {
    refuseWith('ERR invalid numkeys value or out of range');
  }
  const optionsAt = 2 + Number(count) * 2;
  if (optionsAt > call.args.length) refuse('syntax');
  const options = parseSetOptions(call, optionsAt);
  if (options.isGet || options.comparand !== null) refuse('syntax');
  const expireAtMs = options.expiry === null ? null : expiryOf(call, options.expiry);
  for (let i = 2; i < optionsAt && options.condition !== 'none'; i += 2) {
    if (meets(call, options, call.lookupForWrite(call.text(i)))) continue;
    call.reply.integer(0);
    return;
  }
  for (let i = 2; i < optionsAt; i += 2) {
    const key = call.text(i);
    call.put(key, new StringValue(Buffer.from(call.args[i + 1]!)), options.keepsExpiry);
    if (expireAtMs !== null) call.expireAt(key, Number(expireAtMs));
    call.changed('$', 'set', key);
    if (expireAtMs !== null) call.notify('g', 'expire', key);
  }
  if (options.expiry !== null) {
    const { index } = options.expiry;
    const told = [
      ...call.args.slice(0, index - 1),
      'PXAT',
      String(expireAtMs),
      ...call.args.slice(index + 1),
    ];
    call.feedAs(...told);
  }
  call.reply.integer(1);
}

const plain: SetOptions = {
  condition: 'none',
  comparand: null,
  isGet: false,
  keepsExpiry: false,
  expiry: null,
};

export const strings: HandlerTable = {
  get(call) {
    call.reply.bulkOrNull(call.read(call.text(1), 'string')?.bytes);
  },

  set(call) {
    setGeneric(call, call.args[2]!, parseSetOptions(call));
  },

  setnx(call) {
    setGeneric(call, call.args[2]!, { ...plain, condition: 'nx' }, { done: 1, not: 0 });
  },

  setex(call) {
    setGeneric(call, call.args[3]!, { ...plain, expiry: { index: 2, unit: 's', isAbsolute: false } });
  },

  psetex(call) {
    setGeneric(call, call.args[3]!, { ...plain, expiry: { index: 2, unit: 'ms', isAbsolute: false } });
  },

  getset(call) {
    const key = call.text(1);
    call.reply.bulkOrNull(call.read(key, 'string')?.bytes);
    call.put(key, new StringValue(Buffer.from(call.args[2]!)));
    call.changed('$', 'set', key);
    call.feedAs('SET', call.args[1]!, call.args[2]!);
  },

  getex(call) {
    const { expiry, persists } = parseGetexOptions(call);
    const key = call.text(1);
    const value = call.read(key, 'string');
    if (value === null) {
      call.reply.nullBulk();
      return;
    }
    const expireAtMs = expiry === null ? null : expiryOf(call, expiry);
    call.reply.bulk(value.bytes);
    if (
      expireAtMs !== null &&
      expiry!.isAbsolute &&
      expireAtMs <= call.nowMs &&
      !call.keyspace.gates.replica
    ) {
      call.db.delete(key);
      call.changed('g', 'del', key);
      call.feedAs(call.settings['lazyfree-lazy-expire'] ? 'UNLINK' : 'DEL', call.args[1]!);
    } else if (expireAtMs !== null) {
      call.expireAt(key, Number(expireAtMs));
      call.changed('g', 'expire', key);
      call.feedAs('PEXPIREAT', call.args[1]!, String(expireAtMs));
    } else if (persists && call.db.expiry(key) !== null) {
      call.db.setExpiry(key, null);
      call.changed('g', 'persist', key);
      call.feedAs('PERSIST', call.args[1]!);
    }
  },

  getdel(call) {
    const key = call.text(1);
    const value = call.read(key, 'string');
    call.reply.bulkOrNull(value?.bytes);
    if (value === null) return;
    call.db.delete(key);
    call.changed('g', 'del', key);
    call.feedAs('DEL', call.args[1]!);
  },

  /** Valkey 9: deletes a string that has the value given. */
  delifeq(call) {
    const key = call.text(1);
    const value = call.modify(key, 'string');
    const isEqual = value?.bytes.equals(call.args[2]!) === true;
    if (isEqual) {
      call.db.delete(key);
      call.changed('g', 'del', key);
      call.feedAs('DEL', call.args[1]!);
    }
    call.reply.flag(isEqual);
  },

  append(call) {
    const key = call.text(1);
    const addition = call.args[2]!;
    const value = call.modify(key, 'string');
    if (value === null) {
      call.create(key, new StringValue(Buffer.from(addition)));
    } else {
      checkStringLength(call, value.bytes.length + addition.length);
      value.bytes = Buffer.concat([value.bytes, addition]);
      unshared(value);
    }
    call.changed('$', 'append', key);
    call.reply.integer(value?.bytes.length ?? addition.length);
  },

  strlen(call) {
    call.reply.integer(call.read(call.text(1), 'string')?.bytes.length ?? 0);
  },

  setrange(call) {
    const key = call.text(1);
    const offset = call.integer(2);
    if (offset < 0) refuse('offsetOutOfRange');
    const patch = call.args[3]!;
    const value = call.modify(key, 'string');
    if (patch.length === 0) {
      call.reply.integer(value?.bytes.length ?? 0);
      return;
    }
    checkStringLength(call, offset + patch.length);
    const target = value === null ? new StringValue(Buffer.alloc(0), 'raw') : unshared(value);
    if (offset + patch.length > target.bytes.length) {
      const grown = Buffer.alloc(offset + patch.length);
      target.bytes.copy(grown);
      target.bytes = grown;
    }
    patch.copy(target.bytes, offset);
    if (value === null) call.create(key, target);
    call.changed('$', 'setrange', key);
    call.reply.integer(target.bytes.length);
  },

  getrange: getRange,
  substr: getRange,

  mget(call) {
    call.reply.array(call.args.length - 1);
    for (const key of call.texts(1)) {
      const value = call.lookup(key);
      call.reply.bulkOrNull(value?.type === 'string' ? value.bytes : null);
    }
  },

  mset(call) {
    if (call.args.length % 2 === 0) refuseWith("ERR wrong number of arguments for 'mset' command");
    setMany(call);
    call.reply.ok();
  },

  msetnx(call) {
    if (call.args.length % 2 === 0) refuseWith("ERR wrong number of arguments for 'msetnx' command");
    for (let i = 1; i < call.args.length; i += 2) {
      if (call.lookupForWrite(call.text(i)) === null) continue;
      call.reply.integer(0);
      return;
    }
    setMany(call);
    call.reply.integer(1);
  },

  msetex: setManyExpiring,

  incr: (call) => incrementBy(call, 1),
  decr: (call) => incrementBy(call, -1),
  incrby: (call) => incrementBy(call, call.bigint(2)),
  decrby(call) {
    const step = call.bigint(2);
    if (!isInt64(-step)) refuse('decrementOverflow');
    incrementBy(call, -step);
  },

  incrbyfloat(call) {
    const key = call.text(1);
    const old = call.modify(key, 'string');
    const value = parseLongDouble(old === null ? '0' : binary(old.bytes)) ?? refuse('notFloat');
    const step = parseLongDouble(call.text(2)) ?? refuse('notFloat');
    const text = formatLongDouble(value.plus(step)) ?? refuse('nanOrInfinity');
    const fresh = StringValue.plain(bytes(text));
    if (old === null) call.create(key, fresh);
    else call.put(key, fresh, true);
    call.changed('$', 'incrbyfloat', key);
    call.reply.bulk(text);
    call.feedAs('SET', call.args[1]!, text, 'KEEPTTL');
  },

  lcs,
};
