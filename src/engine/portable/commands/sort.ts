/**
 * SORT and SORT_RO: the elements of a list, set or sorted set in another order, by themselves or by what other keys hold.
 *
 *     SORT users BY weight_* GET name_* GET #        pattern: the first * becomes the element; key->field looks into a hash
 *
 * Texts are compared by bytes (Redis asks the locale, which is C on most servers).
 */
import { commandOf } from '../../../protocol/command-lookup.ts';
import { binary, compareBinary } from '../bytes.ts';
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { ListValue } from '../list.ts';
import { parseStrtod } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import type { Value } from '../value.ts';

interface SortOptions {
  by: string | null;
  /** Patterns whose values are told for each element; none: the element itself. */
  gets: string[];
  isAlpha: boolean;
  isDescending: boolean;
  offset: number;
  /** Negative: no limit. */
  limit: number;
  store: string | null;
}

function parse(call: Call, mayStore: boolean): SortOptions {
  const options: SortOptions = {
    by: null,
    gets: [],
    isAlpha: false,
    isDescending: false,
    offset: 0,
    limit: -1,
    store: null,
  };
  for (let i = 2; i < call.args.length; i++) {
    const word = call.word(i);
    const left = call.args.length - i - 1;
    if (word === 'ASC') options.isDescending = false;
    else if (word === 'DESC') options.isDescending = true;
    else if (word === 'ALPHA') options.isAlpha = true;
    else if (word === 'LIMIT' && left >= 2) {
      options.offset = call.integer(++i);
      options.limit = call.integer(++i);
    } else if (word === 'STORE' && left >= 1 && mayStore) options.store = call.text(++i);
    else if (word === 'BY' && left >= 1) {
      options.by = call.text(++i);
      if (options.by.includes('*') && !mayReadAll(call)) refuseWith(denied('BY'));
    } else if (word === 'GET' && left >= 1) {
      options.gets.push(call.text(++i));
      if (!mayReadAll(call)) refuseWith(denied('GET'));
    } else refuse('syntax');
  }
  return options;
}

/** Keys that patterns lead to are named by nobody, so a restricted user needs the right to read all of them. */
const mayReadAll = ({ keyspace, session, name, args }: Call): boolean =>
  session.user === 0 || keyspace.access.mayReadAll(session.user, commandOf([Buffer.from(name)])!, args);
const denied = (option: string): string =>
  `ERR ${option} option of SORT denied due to insufficient ACL permissions.`;

function elementsOf(value: Value | null): string[] {
  switch (value?.type) {
    case undefined:
      return [];
    case 'list':
      return value.elements();
    case 'set':
      return value.members();
    case 'zset':
      return Array.from(value.items(), ({ member }) => member);
    default:
      return refuse('wrongType');
  }
}

/** What a pattern finds for an element; null when there is nothing of the right type. */
function lookUpPattern(call: Call, pattern: string, element: string): string | null {
  if (pattern === '#') return element;
  const star = pattern.indexOf('*');
  if (star < 0) return null;
  const arrow = pattern.indexOf('->', star + 1);
  const hasField = arrow >= 0 && arrow + 2 < pattern.length;
  const keyPattern = hasField ? pattern.slice(0, arrow) : pattern;
  const value = call.lookup(keyPattern.slice(0, star) + element + keyPattern.slice(star + 1));
  if (hasField) return value?.type === 'hash' ? (value.get(pattern.slice(arrow + 2)) ?? null) : null;
  return value?.type === 'string' ? binary(value.bytes) : null;
}

/** Elements in order. `by` null: by themselves. */
function sorted(call: Call, elements: string[], by: string | null, options: SortOptions): string[] {
  const sign = options.isDescending ? -1 : 1;
  const weights = elements.map((element) => (by === null ? element : lookUpPattern(call, by, element)));
  if (options.isAlpha) {
    const items = elements.map((element, index) => ({ element, weight: weights[index]! as string | null }));
    return items
      .sort((a, b) => sign * compareWeights(a.weight, b.weight, options.store !== null))
      .map(({ element }) => element);
  }
  const items = elements.map((element, index) => ({ element, score: scoreOf(weights[index]!) }));
  return items
    .sort((a, b) => sign * (a.score - b.score || compareBinary(a.element, b.element)))
    .map(({ element }) => element);
}

/** A missing weight counts as 0, a text that is no number is an error. */
function scoreOf(weight: string | null): number {
  if (weight === null) return 0;
  const score = parseStrtod(weight);
  if (score === null) refuseWith("ERR One or more scores can't be converted into double");
  return score;
}

/**
 * Texts by bytes, a missing one before all others. What is told is compared as C strings, up to a zero byte; what is
 * stored is compared as a whole, so that replicas store the same.
 */
function compareWeights(a: string | null, b: string | null, isStored: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  return isStored ? compareBinary(a, b) : compareBinary(cString(a), cString(b));
}

const cString = (text: string): string => text.split('\0', 1)[0]!;

function sort(call: Call, mayStore: boolean): void {
  const options = parse(call, mayStore);
  const value = call.lookup(call.text(1));
  let elements = elementsOf(value);
  // Redis sorts from the large form and leaves it behind, as OBJECT ENCODING shows.
  if (value?.type === 'zset') value.encoding = 'skiplist';
  // A pattern without * is the same for every element, so there is nothing to sort by.
  const isUnsorted = options.by !== null && !options.by.includes('*');
  if (!isUnsorted) {
    elements = sorted(call, elements, options.by, options);
  } else if (value?.type === 'set' && (options.store !== null || call.session.isScript)) {
    // The order of a set means nothing, but what is stored, or decided by a script, must be the same on every replica.
    elements = sorted(call, elements, null, { ...options, isAlpha: true });
  } else if (value?.type !== 'set' && options.isDescending) {
    elements.reverse();
  }
  const start = Math.min(Math.max(0, options.offset), elements.length);
  const chosen = options.limit < 0 ? elements.slice(start) : elements.slice(start, start + options.limit);
  const results = chosen.flatMap((element) =>
    options.gets.length === 0
      ? [element]
      : options.gets.map((pattern) => lookUpPattern(call, pattern, element)),
  );
  if (options.store === null) {
    call.reply.array(results.length);
    for (const result of results) call.reply.bulkOrNull(result);
    return;
  }
  if (results.length > 0) {
    call.put(options.store, new ListValue(results.map((result) => result ?? '')));
    call.changed('l', 'sortstore', options.store, results.length);
  } else if (call.removeForStore(options.store)) {
    call.dirty++;
    call.notify('g', 'del', options.store);
  }
  call.reply.integer(results.length);
}

export const sorts: HandlerTable = {
  sort: (call) => sort(call, true),
  sort_ro: (call) => sort(call, false),
};
