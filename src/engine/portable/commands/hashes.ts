/**
 * Commands on hashes. Expiry of fields has its own file, hash-expiry.ts; expired fields are hidden in call.ts.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { HashValue } from '../hash.ts';
import { formatLongDouble, parseLongDouble } from '../longdouble.ts';
import { isInt64, parseInt64 } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { isWanted, parseCursor, parseScanOptions, replyScan } from './scan.ts';
import { randomCount } from './sets.ts';

/** The hash to write to, made (but not yet stored) when there is none. Store it with `keep`. */
export function openHash(call: Call, key: string): { hash: HashValue; keep: () => void } {
  const existing = call.modify(key, 'hash');
  const hash = existing ?? new HashValue();
  return { hash, keep: () => existing === null && call.create(key, hash) };
}

function setFields(call: Call): void {
  const { args, reply } = call;
  const name = call.name;
  if (args.length % 2 === 1) refuseWith(`ERR wrong number of arguments for '${name}' command`);
  const key = call.text(1);
  const { hash, keep } = openHash(call, key);
  let created = 0;
  for (let i = 2; i < args.length; i += 2) {
    if (hash.set(call.text(i), call.text(i + 1), call.settings)) created++;
  }
  keep();
  call.changed('h', 'hset', key, (args.length - 2) / 2);
  if (name === 'hmset') reply.ok();
  else reply.integer(created);
}

function deleteFields(call: Call): void {
  const key = call.text(1);
  const hash = call.modify(key, 'hash');
  let deleted = 0;
  for (const field of call.texts(2)) if (hash?.delete(field)) deleted++;
  if (hash !== null && deleted > 0) {
    call.changed('h', 'hdel', key, deleted);
    if (hash.size === 0) call.removeEmpty(key);
  }
  call.reply.integer(deleted);
}

function incrementBy(call: Call): void {
  const step = call.bigint(3);
  const [key, field] = [call.text(1), call.text(2)];
  const { hash, keep } = openHash(call, key);
  const value = parseInt64(hash.get(field) ?? '0') ?? refuse('hashNotInteger');
  const sum = value + step;
  if (!isInt64(sum)) refuse('overflow');
  hash.update(field, String(sum), call.settings);
  keep();
  call.changed('h', 'hincrby', key);
  call.reply.integer(sum);
}

function incrementByFloat(call: Call): void {
  const step = parseLongDouble(call.text(3)) ?? refuse('notFloat');
  if (step.isInfinite) refuseWith('ERR value is NaN or Infinity');
  const [key, field] = [call.text(1), call.text(2)];
  const { hash, keep } = openHash(call, key);
  const value = parseLongDouble(hash.get(field) ?? '0') ?? refuse('hashNotFloat');
  const text = formatLongDouble(value.plus(step)) ?? refuse('nanOrInfinity');
  hash.update(field, text, call.settings);
  keep();
  call.changed('h', 'hincrbyfloat', key);
  call.reply.bulk(text);
  call.feedAs('HSET', call.args[1]!, call.args[2]!, text);
}

function randomField(call: Call): void {
  const { reply, keyspace, args } = call;
  const key = call.text(1);
  if (args.length === 2) {
    reply.bulkOrNull(call.read(key, 'hash')?.sample(keyspace.random));
    return;
  }
  const count = randomCount(call, 2);
  const withValues = args.length > 3;
  if (args.length > 4 || (withValues && call.word(3) !== 'WITHVALUES')) refuse('syntax');
  // The reply would have two elements per field.
  if (withValues && Math.abs(count) >= 2 ** 62) refuse('outOfRange');
  const hash = call.read(key, 'hash');
  const fields = hash === null ? [] : pickFields(call, hash, count);
  const isNested = withValues && reply.protocol === 3;
  reply.array(withValues && !isNested ? fields.length * 2 : fields.length);
  for (const field of fields) {
    if (isNested) reply.array(2);
    reply.bulk(field);
    if (withValues) reply.bulk(hash!.get(field)!);
  }
}

/** `count` different fields at most, or exactly -count that may repeat. */
function pickFields(call: Call, hash: HashValue, count: number): string[] {
  const { random } = call.keyspace;
  if (count < 0) return Array.from({ length: -count }, () => hash.sample(random));
  const fields = Array.from(hash.entries(), ([field]) => field);
  const chosen = Math.min(count, fields.length);
  for (let i = 0; i < chosen && chosen < fields.length; i++) {
    const other = i + random.below(fields.length - i);
    [fields[i], fields[other]] = [fields[other]!, fields[i]!];
  }
  return fields.slice(0, chosen);
}

/** All fields, all values, or both. */
const all =
  (tell: 'fields' | 'values' | 'both') =>
  (call: Call): void => {
    const hash = call.read(call.text(1), 'hash');
    const size = hash?.size ?? 0;
    if (tell === 'both') call.reply.map(size);
    else call.reply.array(size);
    for (const [field, value] of hash?.entries() ?? []) {
      if (tell !== 'values') call.reply.bulk(field);
      if (tell !== 'fields') call.reply.bulk(value);
    }
  };

export const hashes: HandlerTable = {
  hset: setFields,
  hmset: setFields,

  hsetnx(call) {
    const [key, field] = [call.text(1), call.text(2)];
    const { hash, keep } = openHash(call, key);
    const isNew = !hash.has(field);
    if (isNew) {
      hash.set(field, call.text(3), call.settings);
      keep();
      call.changed('h', 'hset', key);
    }
    call.reply.flag(isNew);
  },

  hget(call) {
    call.reply.bulkOrNull(call.read(call.text(1), 'hash')?.get(call.text(2)));
  },

  hmget(call) {
    const hash = call.read(call.text(1), 'hash');
    call.reply.array(call.args.length - 2);
    for (const field of call.texts(2)) call.reply.bulkOrNull(hash?.get(field));
  },

  hdel: deleteFields,

  hlen(call) {
    call.reply.integer(call.read(call.text(1), 'hash')?.size ?? 0);
  },

  hstrlen(call) {
    call.reply.integer(call.read(call.text(1), 'hash')?.get(call.text(2))?.length ?? 0);
  },

  hexists(call) {
    call.reply.flag(call.read(call.text(1), 'hash')?.has(call.text(2)) === true);
  },

  hincrby: incrementBy,
  hincrbyfloat: incrementByFloat,
  hkeys: all('fields'),
  hvals: all('values'),
  hgetall: all('both'),
  hrandfield: randomField,

  hscan(call) {
    const cursor = parseCursor(call, 2);
    const hash = call.read(call.text(1), 'hash');
    if (hash === null) {
      replyScan(call, 0, []);
      return;
    }
    const options = parseScanOptions(call, 2, cursor);
    const found: string[] = [];
    const next = hash.scan(options.cursor, options.count, (field, value) => {
      if (isWanted(options, field)) found.push(field, value);
    });
    replyScan(call, next, found);
  },
};
