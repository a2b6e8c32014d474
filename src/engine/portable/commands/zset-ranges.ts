/**
 * Ranges of sorted sets: by rank, by score, by name; told, stored, counted or removed.
 *
 * Its one idea: whatever the range is by, it becomes a range of ranks [start, end), and one function then does the
 * rest. Bounds are predicates that hold for a prefix of the order ("is this item before the range?").
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { parseStrtod } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { type ScoredMember, ZsetValue } from '../zset.ts';
import { clampRange } from './lists.ts';
import { replyItems } from './zsets.ts';

type By = 'rank' | 'score' | 'lex';

/** Ranks [start, end) of a range in a sorted set. */
type Range = (zset: ZsetValue) => [number, number];

/** A range by score, with `(` for bounds that do not belong to it. */
export function scoreRange(call: Call, minAt: number, maxAt: number): Range {
  const min = parseScoreBound(call.text(minAt));
  const max = parseScoreBound(call.text(maxAt));
  return (zset) => [
    zset.countBefore(({ score }) => (min.isOpen ? score <= min.score : score < min.score)),
    zset.countBefore(({ score }) => (max.isOpen ? score < max.score : score <= max.score)),
  ];
}

function parseScoreBound(text: string): { score: number; isOpen: boolean } {
  const isOpen = text.startsWith('(');
  const score = parseStrtod(isOpen ? text.slice(1) : text) ?? refuse('minOrMaxNotFloat');
  return { score, isOpen };
}

/**
 * A range by name: `-` and `+` are before and behind everything, `[` includes, `(` does not.
 *
 * Such ranges are meant for members that all have the same score. Where they have not, Redis still answers: from the
 * first member (in walking direction) within the near bound to the last in a row within the far one. That is followed
 * here; but a skiplist finds its first member by its random levels then, and nobody can do the same.
 */
export function lexRange(call: Call, minAt: number, maxAt: number, isReverse = false): Range {
  const min = parseLexBound(call.text(minAt));
  const max = parseLexBound(call.text(maxAt));
  const isBeforeMin = isBelow(min, true);
  const isWithinMax = isBelow(max, false);
  return (zset) => {
    const [first, last] = [zset.at(0), zset.at(zset.size - 1)];
    if (first === undefined || last === undefined || isVoid(min, max)) return [0, 0];
    if (isBeforeMin(last) || !isWithinMax(first)) return [0, 0];
    if (first.score === last.score) return [zset.countBefore(isBeforeMin), zset.countBefore(isWithinMax)];
    const items = [...zset.items()];
    if (isReverse) {
      const end = items.findLastIndex(isWithinMax) + 1;
      return [items.slice(0, end).findLastIndex(isBeforeMin) + 1, end];
    }
    const start = items.findIndex((item) => !isBeforeMin(item));
    const length = items.slice(start).findIndex((item) => !isWithinMax(item));
    return [start, length < 0 ? items.length : start + length];
  };
}

/** No name can lie between these bounds. */
function isVoid(min: LexBound, max: LexBound): boolean {
  if (min === 'highest' || max === 'lowest') return min !== max || min === 'highest';
  if (min === 'lowest' || max === 'highest') return false;
  return min.name > max.name || (min.name === max.name && (min.isOpen || max.isOpen));
}

type LexBound = 'lowest' | 'highest' | { name: string; isOpen: boolean };

function parseLexBound(text: string): LexBound {
  if (text === '-') return 'lowest';
  if (text === '+') return 'highest';
  if (text[0] !== '[' && text[0] !== '(') refuse('minOrMaxNotString');
  return { name: text.slice(1), isOpen: text[0] === '(' };
}

/** Whether an item lies before the range that a minimum begins, or within what a maximum ends. */
function isBelow(bound: LexBound, isMin: boolean): (item: ScoredMember) => boolean {
  if (bound === 'lowest') return () => false;
  if (bound === 'highest') return () => true;
  const { name, isOpen } = bound;
  return isMin === isOpen ? ({ member }) => member <= name : ({ member }) => member < name;
}

interface RangeQuery {
  by: By;
  isReverse: boolean;
  withScores: boolean;
  offset: number;
  /** -1: no limit. */
  limit: number;
}

/** Which commands may say what: ZRANGE says all with options, older commands say it with their name. */
interface Form {
  by?: By;
  isReverse?: boolean;
  /** Index of the key; the range stands behind it. */
  keyAt: number;
  stores?: boolean;
}

function parseQuery(call: Call, form: Form): RangeQuery {
  const query: RangeQuery = {
    by: form.by ?? 'rank',
    isReverse: form.isReverse ?? false,
    withScores: false,
    offset: 0,
    limit: -1,
  };
  for (let i = form.keyAt + 3; i < call.args.length; i++) {
    const word = call.word(i);
    if (word === 'WITHSCORES' && !form.stores) {
      query.withScores = true;
    } else if (word === 'LIMIT' && i + 2 < call.args.length) {
      query.offset = call.integer(++i);
      query.limit = call.integer(++i);
    } else if (word === 'REV' && form.isReverse === undefined && !query.isReverse) {
      query.isReverse = true;
    } else if ((word === 'BYLEX' || word === 'BYSCORE') && isFree(form, query)) {
      query.by = word === 'BYLEX' ? 'lex' : 'score';
    } else {
      refuse('syntax');
    }
  }
  if (query.limit !== -1 && query.by === 'rank') {
    refuseWith('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX');
  }
  // LIMIT with -1 slips through, and means nothing.
  if (query.by === 'rank') query.offset = 0;
  if (query.withScores && query.by === 'lex') {
    refuseWith('ERR syntax error, WITHSCORES not supported in combination with BYLEX');
  }
  return query;
}

/** Whether the kind of range may still be chosen. */
const isFree = (form: Form, query: RangeQuery): boolean => form.by === undefined && query.by === 'rank';

function parseRange(call: Call, { by, isReverse }: RangeQuery, keyAt: number): Range {
  const [minAt, maxAt] = isReverse ? [keyAt + 2, keyAt + 1] : [keyAt + 1, keyAt + 2];
  if (by === 'score') return scoreRange(call, minAt, maxAt);
  if (by === 'lex') return lexRange(call, minAt, maxAt, isReverse);
  const [first, last] = [call.integer(keyAt + 1), call.integer(keyAt + 2)];
  return (zset) => {
    const [start, end] = clampRange(first, last, zset.size);
    return isReverse ? [zset.size - end, zset.size - start] : [start, end];
  };
}

/** The items of a range in the order asked for, after LIMIT. */
function select(zset: ZsetValue, range: Range, { isReverse, offset, limit }: RangeQuery): ScoredMember[] {
  const [start, end] = range(zset);
  const size = Math.max(0, end - start);
  // A negative offset skips everything, a negative limit takes everything.
  const skipped = offset < 0 ? size : Math.min(offset, size);
  const taken = limit < 0 ? size - skipped : Math.min(limit, size - skipped);
  if (!isReverse) return zset.slice(start + skipped, start + skipped + taken);
  return zset.slice(end - skipped - taken, end - skipped).reverse();
}

const tell =
  (form: Form) =>
  (call: Call): void => {
    const query = parseQuery(call, form);
    const range = parseRange(call, query, form.keyAt);
    const zset = call.read(call.text(form.keyAt), 'zset');
    replyItems(call, zset === null ? [] : select(zset, range, query), query.withScores);
  };

function store(call: Call): void {
  const form: Form = { keyAt: 2, stores: true };
  const query = parseQuery(call, form);
  const range = parseRange(call, query, form.keyAt);
  const zset = call.read(call.text(2), 'zset');
  const items = zset === null ? [] : select(zset, range, query);
  storeZset(
    call,
    query.by === 'rank' ? ZsetValue.of(items, call.settings) : grown(call, items),
    'zrangestore',
  );
}

/** A set made member by member. Redis does it so where it does not know the size before; minus zero shows it. */
function grown(call: Call, items: readonly ScoredMember[]): ZsetValue {
  const zset = new ZsetValue();
  for (const { member, score } of items) zset.set(member, score, call.settings);
  return zset;
}

/** Puts a result under the first key, or deletes that key when the result is empty; answers with its size. */
export function storeZset(call: Call, zset: ZsetValue, event: string): void {
  const target = call.text(1);
  if (zset.size > 0) {
    call.put(target, zset);
    call.changed('z', event, target);
  } else if (call.removeForStore(target)) {
    call.dirty++;
    call.notify('g', 'del', target);
  }
  call.reply.integer(zset.size);
}

const count =
  (parse: (call: Call, minAt: number, maxAt: number) => Range) =>
  (call: Call): void => {
    const range = parse(call, 2, 3);
    const zset = call.read(call.text(1), 'zset');
    const [start, end] = zset === null ? [0, 0] : range(zset);
    call.reply.integer(Math.max(0, end - start));
  };

const remove =
  (parse: (call: Call, minAt: number, maxAt: number) => Range, event: string) =>
  (call: Call): void => {
    const key = call.text(1);
    const range = parse(call, 2, 3);
    const zset = call.modify(key, 'zset');
    const [start, end] = zset === null ? [0, 0] : range(zset);
    const removed = zset !== null && end > start ? zset.removeRange(start, end).length : 0;
    if (zset !== null && removed > 0) {
      call.changed('z', event, key, removed);
      if (zset.size === 0) call.removeEmpty(key);
    }
    call.reply.integer(removed);
  };

const rankRange = (call: Call, firstAt: number, lastAt: number): Range => {
  const [first, last] = [call.integer(firstAt), call.integer(lastAt)];
  return (zset) => clampRange(first, last, zset.size);
};

export const zsetRanges: HandlerTable = {
  zrange: tell({ keyAt: 1 }),
  zrevrange: tell({ keyAt: 1, by: 'rank', isReverse: true }),
  zrangebyscore: tell({ keyAt: 1, by: 'score', isReverse: false }),
  zrevrangebyscore: tell({ keyAt: 1, by: 'score', isReverse: true }),
  zrangebylex: tell({ keyAt: 1, by: 'lex', isReverse: false }),
  zrevrangebylex: tell({ keyAt: 1, by: 'lex', isReverse: true }),
  zrangestore: store,
  zcount: count(scoreRange),
  zlexcount: count(lexRange),
  zremrangebyrank: remove(rankRange, 'zremrangebyrank'),
  zremrangebyscore: remove(scoreRange, 'zremrangebyscore'),
  zremrangebylex: remove(lexRange, 'zremrangebylex'),
};
