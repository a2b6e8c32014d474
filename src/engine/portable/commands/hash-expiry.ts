/**
 * Expiry of hash fields: what Redis 7.4 and 8.0 added (HEXPIRE and its relatives, HGETEX, HSETEX, HGETDEL), and Valkey 9
 * after them. Answers and error texts are Redis 8.0.2's; from the feed, Valkey's forms are understood too.
 *
 * Into the feed go absolute milliseconds (HPEXPIREAT, HSETEX ... PXAT), and HDEL for what is gone at once.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import type { HashValue } from '../hash.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { openHash } from './hashes.ts';
import { refuseInvalidExpiry } from './set-options.ts';

/** Latest expiry of a field, in Unix ms: Redis keeps it in 46 bits. */
const expiryMax = 2n ** 46n - 1n;

const misplacedFields = 'ERR Mandatory argument FIELDS is missing or not at the right position';
const wrongFieldCount = 'ERR The `numfields` parameter must match the number of arguments';
const notPositive = 'ERR Number of fields must be a positive integer';

/** The fields behind `FIELDS n` at `index`, to the end of the command. */
function parseFields(call: Call, index: number, notPositiveError: string): string[] {
  if (index + 1 >= call.args.length || call.word(index) !== 'FIELDS') refuseWith(misplacedFields);
  const count = call.bigintOrNull(index + 1);
  if (count === null || count < 1n) refuseWith(notPositiveError);
  const fields = call.texts(index + 2);
  return BigInt(fields.length) === count ? fields : refuseWith(wrongFieldCount);
}

/** The moment that an argument says, in Unix ms. Our primary may be of a kind that allows later ones. */
function parseMoment(call: Call, index: number, unit: 's' | 'ms', isAbsolute: boolean): number {
  const given = call.bigint(index);
  if (given < 0n) refuseWith('ERR invalid expire time, must be >= 0');
  const ms = (unit === 's' ? given * 1000n : given) + (isAbsolute ? 0n : BigInt(call.nowMs));
  if (ms > expiryMax && !call.isFromPrimary) refuseInvalidExpiry(call);
  return Number(ms);
}

/** Whether a field that gets this expiry is gone at once. A replica leaves that to its primary. */
const isPast = (call: Call, expireAtMs: number): boolean =>
  expireAtMs <= call.nowMs && !call.keyspace.gates.replica && !call.isFromPrimary;

type Condition = 'NX' | 'XX' | 'GT' | 'LT';
const conditions: readonly string[] = ['NX', 'XX', 'GT', 'LT'] satisfies Condition[];

function isMet(condition: Condition | null, current: number | null, expireAtMs: number): boolean {
  switch (condition) {
    case null:
      return true;
    case 'NX':
      return current === null;
    case 'XX':
      return current !== null;
    case 'GT':
      return current !== null && expireAtMs > current;
    case 'LT':
      return current === null || expireAtMs < current;
  }
}

/** Sets expiries, or deletes what is past, with events and the feed. `condition` is told to replicas too. */
function applyExpiry(
  call: Call,
  key: string,
  hash: HashValue,
  fields: readonly string[],
  expireAtMs: number,
  condition: Condition | null = null,
): void {
  if (fields.length === 0) return;
  if (isPast(call, expireAtMs)) {
    deleteFields(call, key, hash, fields);
    return;
  }
  for (const field of fields) hash.setExpiry(field, expireAtMs);
  call.db.hashesWithExpiries.add(key);
  call.changed('h', 'hexpire', key, fields.length);
  call.feedAs(
    ...['HPEXPIREAT', call.args[1]!, String(expireAtMs), ...(condition === null ? [] : [condition])],
    ...['FIELDS', String(fields.length), ...fields],
  );
}

function deleteFields(call: Call, key: string, hash: HashValue, fields: readonly string[]): void {
  for (const field of fields) hash.delete(field);
  call.changed('h', 'hdel', key, fields.length);
  call.feedAs('HDEL', call.args[1]!, ...fields);
  if (hash.size === 0) call.removeEmpty(key);
}

function persistFields(call: Call, key: string, hash: HashValue, fields: readonly string[]): void {
  if (fields.length === 0) return;
  for (const field of fields) hash.setExpiry(field, null);
  call.changed('h', 'hpersist', key, fields.length);
  call.feedAs('HPERSIST', call.args[1]!, 'FIELDS', String(fields.length), ...fields);
}

/** Answers -2 no such field, 0 condition not met, 1 set, 2 deleted because the moment is past. */
function expire(unit: 's' | 'ms', isAbsolute: boolean): (call: Call) => void {
  return (call) => {
    const expireAtMs = parseMoment(call, 2, unit, isAbsolute);
    const word = call.word(3);
    const condition = conditions.includes(word) ? (word as Condition) : null;
    const fields = parseFields(
      call,
      condition === null ? 3 : 4,
      'ERR Parameter `numFields` should be greater than 0',
    );
    const key = call.text(1);
    const hash = call.modify(key, 'hash');
    const done = isPast(call, expireAtMs) ? 2 : 1;
    const met = new Set<string>();
    call.reply.array(fields.length);
    for (const field of fields) {
      if (!hash?.has(field)) {
        call.reply.integer(-2);
      } else if (!met.has(field) && !isMet(condition, hash.expiry(field), expireAtMs)) {
        call.reply.integer(0);
      } else {
        met.add(field);
        call.reply.integer(done);
      }
    }
    if (hash !== null) applyExpiry(call, key, hash, [...met], expireAtMs, condition);
  };
}

/** Tells expiries: -2 no such field, -1 it has none. */
function tell(toReply: (expireAtMs: number, nowMs: number) => number): (call: Call) => void {
  return (call) => {
    const fields = parseFields(call, 2, notPositive);
    const hash = call.read(call.text(1), 'hash');
    call.reply.array(fields.length);
    for (const field of fields) {
      const at = hash?.expiry(field) ?? null;
      if (at !== null) call.reply.integer(toReply(at, call.nowMs));
      else call.reply.integer(hash?.has(field) ? -1 : -2);
    }
  };
}

const seconds = (ms: number): number => Math.floor((ms + 999) / 1000);

function persist(call: Call): void {
  const fields = parseFields(call, 2, notPositive);
  const key = call.text(1);
  const hash = call.modify(key, 'hash');
  const persisted = new Set<string>();
  call.reply.array(fields.length);
  for (const field of fields) {
    const expires = (hash?.expiry(field) ?? null) !== null && !persisted.has(field);
    if (expires) persisted.add(field);
    call.reply.integer(expires ? 1 : hash?.has(field) ? -1 : -2);
  }
  if (hash !== null) persistFields(call, key, hash, [...persisted]);
}

const expiryWords: Record<string, { unit: 's' | 'ms'; isAbsolute: boolean }> = {
  EX: { unit: 's', isAbsolute: false },
  PX: { unit: 'ms', isAbsolute: false },
  EXAT: { unit: 's', isAbsolute: true },
  PXAT: { unit: 'ms', isAbsolute: true },
};

/** HGETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST] FIELDS n field... */
function getAndExpire(call: Call): void {
  const word = call.word(2);
  const expiry = expiryWords[word];
  const expireAtMs = expiry === undefined ? null : parseMoment(call, 3, expiry.unit, expiry.isAbsolute);
  const fieldsAt = expiry !== undefined ? 4 : word === 'PERSIST' ? 3 : 2;
  const fields = parseFields(call, fieldsAt, notPositive);
  const key = call.text(1);
  const hash = call.modify(key, 'hash');
  call.reply.array(fields.length);
  for (const field of fields) call.reply.bulkOrNull(hash?.get(field));
  if (hash === null) return;
  const present = [...new Set(fields)].filter((field) => hash.has(field));
  if (expireAtMs !== null) applyExpiry(call, key, hash, present, expireAtMs);
  else if (word === 'PERSIST') {
    const expiring = present.filter((field) => hash.expiry(field) !== null);
    persistFields(call, key, hash, expiring);
  }
}

interface SetQuery {
  /** FNX: none of the fields may be there; FXX: all must. */
  condition: 'FNX' | 'FXX' | null;
  keepsExpiry: boolean;
  expireAtMs: number | null;
  /** Field, value, field, value... */
  pairs: string[];
}

/** HSETEX key [FNX | FXX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] FIELDS n field value... */
function parseSet(call: Call): SetQuery {
  const query: SetQuery = { condition: null, keepsExpiry: false, expireAtMs: null, pairs: [] };
  let i = 2;
  for (; i < call.args.length && call.word(i) !== 'FIELDS'; i++) {
    const word = call.word(i);
    const expiry = expiryWords[word];
    if (word === 'FNX' || word === 'FXX') {
      if (query.condition !== null) refuseWith('ERR Only one of FXX or FNX arguments can be specified');
      query.condition = word;
    } else if (word === 'KEEPTTL' || expiry !== undefined) {
      if (query.keepsExpiry || query.expireAtMs !== null) {
        refuseWith('ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified');
      }
      if (expiry === undefined) query.keepsExpiry = true;
      else if (i + 1 === call.args.length) refuse('syntax');
      else query.expireAtMs = parseMoment(call, ++i, expiry.unit, expiry.isAbsolute);
    } else {
      refuseWith(`ERR unknown argument: ${call.text(i)}`);
    }
  }
  if (i + 1 >= call.args.length) refuseWith(misplacedFields);
  const count = call.bigintOrNull(i + 1);
  if (count === null || count < 1n || count > 0x7fffffffn) refuseWith('ERR invalid number of fields');
  query.pairs = call.texts(i + 2);
  if (BigInt(query.pairs.length) !== count * 2n) {
    refuseWith("ERR wrong number of arguments for 'hsetex' command");
  }
  return query;
}

function setAndExpire(call: Call): void {
  const { condition, keepsExpiry, expireAtMs, pairs } = parseSet(call);
  const key = call.text(1);
  const { hash, keep } = openHash(call, key);
  const fields = pairs.filter((_, index) => index % 2 === 0);
  const wanted = condition === 'FXX';
  if (condition !== null && fields.some((field) => hash.has(field) !== wanted)) {
    call.reply.integer(0);
    return;
  }
  const set = keepsExpiry ? hash.update : hash.set;
  for (let i = 0; i < pairs.length; i += 2) set.call(hash, pairs[i]!, pairs[i + 1]!, call.settings);
  keep();
  call.changed('h', 'hset', key, fields.length);
  if (expireAtMs !== null) {
    applyExpiry(call, key, hash, [...new Set(fields)], expireAtMs);
    if (!isPast(call, expireAtMs)) {
      call.feedAs(
        ...['HSETEX', call.args[1]!, ...(condition === null ? [] : [condition]), 'PXAT', String(expireAtMs)],
        ...['FIELDS', String(fields.length), ...pairs],
      );
    }
  }
  call.reply.integer(1);
}

function getAndDelete(call: Call): void {
  const fields = parseFields(call, 2, notPositive);
  const key = call.text(1);
  const hash = call.modify(key, 'hash');
  const deleted: string[] = [];
  call.reply.array(fields.length);
  for (const field of fields) {
    const isFirst = !deleted.includes(field);
    call.reply.bulkOrNull(isFirst ? hash?.get(field) : null);
    if (isFirst && hash?.has(field)) deleted.push(field);
  }
  if (hash !== null && deleted.length > 0) deleteFields(call, key, hash, deleted);
}

export const hashExpiry: HandlerTable = {
  hexpire: expire('s', false),
  hpexpire: expire('ms', false),
  hexpireat: expire('s', true),
  hpexpireat: expire('ms', true),
  httl: tell((at, nowMs) => seconds(at - nowMs)),
  hpttl: tell((at, nowMs) => at - nowMs),
  hexpiretime: tell((at) => seconds(at)),
  hpexpiretime: tell((at) => at),
  hpersist: persist,
  hgetex: getAndExpire,
  hsetex: setAndExpire,
  hgetdel: getAndDelete,
};
