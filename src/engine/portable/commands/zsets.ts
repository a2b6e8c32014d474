/**
 * Commands on sorted sets: adding, scores, ranks, pops, random picks.
 *
 * Ranges are in zset-ranges.ts, unions and the like in zset-algebra.ts.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { formatDouble } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { type ScoredMember, ZsetValue } from '../zset.ts';
import { parseKeys, parsePopCount } from './lists.ts';
import { isWanted, parseCursor, parseScanOptions, replyScan } from './scan.ts';
import { randomCount } from './sets.ts';

interface AddOptions {
  nx: boolean;
  xx: boolean;
  gt: boolean;
  lt: boolean;
  ch: boolean;
  incr: boolean;
}

/** The options of ZADD, and where the scores begin. */
function parseAddOptions(call: Call, isIncrement: boolean): { options: AddOptions; start: number } {
  const options: AddOptions = { nx: false, xx: false, gt: false, lt: false, ch: false, incr: isIncrement };
  let start = 2;
  for (; start < call.args.length; start++) {
    const word = call.word(start).toLowerCase();
    if (!Object.hasOwn(options, word)) break;
    options[word as keyof AddOptions] = true;
  }
  const elements = call.args.length - start;
  if (elements === 0 || elements % 2 === 1) refuse('syntax');
  const { nx, xx, gt, lt, incr } = options;
  if (nx && xx) refuse('nxAndXx');
  if ((gt && nx) || (lt && nx) || (gt && lt)) refuse('gtLtNx');
  if (incr && elements > 2) refuse('incrOnePair');
  return { options, start };
}

/** The score that a member gets, or null when the options leave it as it is. */
function nextScore(options: AddOptions, old: number | undefined, given: number): number | null {
  if (old === undefined) return options.xx ? null : given;
  if (options.nx) return null;
  const score = options.incr ? old + given : given;
  if (Number.isNaN(score)) refuse('zsetNan');
  if ((options.gt && score <= old) || (options.lt && score >= old)) return null;
  return score;
}

function add(call: Call, isIncrement: boolean): void {
  const { reply } = call;
  const { options, start } = parseAddOptions(call, isIncrement);
  const items: ScoredMember[] = [];
  for (let i = start; i < call.args.length; i += 2)
    items.push({ score: call.double(i), member: call.text(i + 1) });
  const key = call.text(1);
  const existing = call.modify(key, 'zset');
  const zset = existing ?? new ZsetValue();
  let added = 0;
  let updated = 0;
  let last: number | null = null;
  for (const { member, score } of items) {
    const old = zset.score(member);
    last = nextScore(options, old, score);
    if (last === null) continue;
    zset.set(member, last, call.settings);
    if (old === undefined) added++;
    else if (old !== last) updated++;
  }
  if (existing === null && added > 0) call.create(key, zset);
  if (added + updated > 0) call.changed('z', options.incr ? 'zincr' : 'zadd', key, added + updated);
  if (!options.incr) reply.integer(options.ch ? added + updated : added);
  else if (last === null) reply.nullBulk();
  else reply.double(last);
}

function remove(call: Call): void {
  const key = call.text(1);
  const zset = call.modify(key, 'zset');
  let removed = 0;
  for (const member of call.texts(2)) if (zset?.delete(member)) removed++;
  if (zset !== null && removed > 0) {
    call.changed('z', 'zrem', key, removed);
    if (zset.size === 0) call.removeEmpty(key);
  }
  call.reply.integer(removed);
}

export type Extreme = 'MIN' | 'MAX';

/** Takes up to `count` members from one end, with event, and the end of a set that has become empty. */
export function popExtreme(
  call: Call,
  key: string,
  zset: ZsetValue,
  extreme: Extreme,
  count: number,
): ScoredMember[] {
  const size = Math.min(count, zset.size);
  const popped =
    extreme === 'MIN' ? zset.removeRange(0, size) : zset.removeRange(zset.size - size, zset.size).reverse();
  call.changed('z', extreme === 'MIN' ? 'zpopmin' : 'zpopmax', key, popped.length);
  if (zset.size === 0) call.removeEmpty(key);
  return popped;
}

/** Pops and answers with the key and pairs (ZMPOP, BZMPOP). The feed gets ZPOPMIN or ZPOPMAX. */
export function popForKey(call: Call, key: string, zset: ZsetValue, extreme: Extreme, count: number): void {
  const popped = popExtreme(call, key, zset, extreme, count);
  call.reply.array(2);
  call.reply.bulk(key);
  replyPairs(call, popped, true);
  call.feedAs(`ZPOP${extreme}`, Buffer.from(key, 'latin1'), String(popped.length));
}

/** Members with scores: pairs, or one flat array. */
export function replyPairs({ reply }: Call, items: readonly ScoredMember[], isNested: boolean): void {
  reply.array(isNested ? items.length : items.length * 2);
  for (const { member, score } of items) {
    if (isNested) reply.array(2);
    reply.bulk(member);
    reply.double(score);
  }
}

/** Members, or pairs: nested in RESP3 and flat in RESP2. */
export function replyItems(call: Call, items: readonly ScoredMember[], withScores: boolean): void {
  if (withScores) replyPairs(call, items, call.reply.protocol === 3);
  else call.reply.bulks(items.map(({ member }) => member));
}

function pop(extreme: Extreme): (call: Call) => void {
  return (call) => {
    if (call.args.length > 3) refuse('syntax');
    const hasCount = call.args.length === 3;
    const count = hasCount ? call.positive(2) : 1;
    const key = call.text(1);
    const zset = call.modify(key, 'zset');
    const popped = zset === null || count === 0 ? [] : popExtreme(call, key, zset, extreme, count);
    replyPairs(call, popped, hasCount && call.reply.protocol === 3);
  };
}

/** `numkeys key... MIN|MAX [COUNT n]`, with numkeys at `index`. */
export function parseExtremePops(
  call: Call,
  index: number,
): { keys: string[]; extreme: Extreme; count: number } {
  const keys = parseKeys(call, index);
  const extremeAt = index + keys.length + 1;
  const extreme = call.word(extremeAt);
  if (extreme !== 'MIN' && extreme !== 'MAX') refuse('syntax');
  return { keys, extreme, count: parsePopCount(call, extremeAt + 1) };
}

function randomMember(call: Call): void {
  const { reply, keyspace, args } = call;
  const key = call.text(1);
  if (args.length === 2) {
    reply.bulkOrNull(call.read(key, 'zset')?.sample(keyspace.random));
    return;
  }
  const count = randomCount(call, 2);
  const withScores = args.length > 3;
  if (args.length > 4 || (withScores && call.word(3) !== 'WITHSCORES')) refuse('syntax');
  // The reply would have two elements per member.
  if (withScores && Math.abs(count) >= 2 ** 62) refuseWith('ERR value is out of range');
  const zset = call.read(key, 'zset');
  replyItems(call, zset === null ? [] : pickItems(call, zset, count), withScores);
}

/** `count` different members at most, or exactly -count that may repeat. */
function pickItems(call: Call, zset: ZsetValue, count: number): ScoredMember[] {
  const { random } = call.keyspace;
  if (count < 0) return Array.from({ length: -count }, () => zset.at(random.below(zset.size))!);
  const items = [...zset.items()];
  const chosen = Math.min(count, items.length);
  for (let i = 0; i < chosen && chosen < items.length; i++) {
    const other = i + random.below(items.length - i);
    [items[i], items[other]] = [items[other]!, items[i]!];
  }
  return items.slice(0, chosen);
}

export const zsets: HandlerTable = {
  zadd: (call) => add(call, false),
  zincrby: (call) => add(call, true),
  zrem: remove,
  zpopmin: pop('MIN'),
  zpopmax: pop('MAX'),
  zrandmember: randomMember,

  zmpop(call) {
    const { keys, extreme, count } = parseExtremePops(call, 1);
    for (const key of keys) {
      const zset = call.modify(key, 'zset');
      if (zset === null) continue;
      popForKey(call, key, zset, extreme, count);
      return;
    }
    call.reply.nullArray();
  },

  zcard(call) {
    call.reply.integer(call.read(call.text(1), 'zset')?.size ?? 0);
  },

  zscore(call) {
    const score = call.read(call.text(1), 'zset')?.score(call.text(2));
    if (score === undefined) call.reply.nullBulk();
    else call.reply.double(score);
  },

  zmscore(call) {
    const zset = call.read(call.text(1), 'zset');
    call.reply.array(call.args.length - 2);
    for (const member of call.texts(2)) {
      const score = zset?.score(member);
      if (score === undefined) call.reply.nullBulk();
      else call.reply.double(score);
    }
  },

  zrank(call) {
    const rank = call.read(call.text(1), 'zset')?.rank(call.text(2));
    if (rank === undefined) call.reply.nullBulk();
    else call.reply.integer(rank);
  },

  zrevrank(call) {
    const zset = call.read(call.text(1), 'zset');
    const rank = zset?.rank(call.text(2));
    if (rank === undefined) call.reply.nullBulk();
    else call.reply.integer(zset!.size - 1 - rank);
  },

  zscan(call) {
    const cursor = parseCursor(call, 2);
    const zset = call.read(call.text(1), 'zset');
    if (zset === null) {
      replyScan(call, 0, []);
      return;
    }
    const options = parseScanOptions(call, 2, cursor);
    const found: string[] = [];
    const next = zset.scan(options.cursor, options.count, (member, score) => {
      if (isWanted(options, member)) found.push(member, formatDouble(score));
    });
    replyScan(call, next, found);
  },
};
