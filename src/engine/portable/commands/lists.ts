/**
 * Commands on lists. Those that block are in blocking-lists.ts; they share the pops and moves below.
 *
 * A list that loses its last element is removed by whoever took it.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { ListValue } from '../list.ts';
import { refuse, refuseWith } from '../refusal.ts';

export type End = 'LEFT' | 'RIGHT';

/** LEFT or RIGHT at `index`. */
export function parseEnd(call: Call, index: number): End {
  const word = call.word(index);
  return word === 'LEFT' || word === 'RIGHT' ? word : refuse('syntax');
}

export const pushTo = (list: ListValue, end: End, element: string): void =>
  end === 'LEFT' ? list.pushFront(element) : list.pushBack(element);

/** Takes an element from a list that is not empty. */
export const popFrom = (list: ListValue, end: End): string =>
  (end === 'LEFT' ? list.popFront() : list.popBack())!;

const pushEvent = (end: End): string => (end === 'LEFT' ? 'lpush' : 'rpush');
const popEvent = (end: End): string => (end === 'LEFT' ? 'lpop' : 'rpop');

function push(end: End, needsList: boolean): (call: Call) => void {
  return (call) => {
    const key = call.text(1);
    const list = call.modify(key, 'list');
    if (list === null && needsList) {
      call.reply.integer(0);
      return;
    }
    const target = list ?? new ListValue();
    for (const element of call.texts(2)) pushTo(target, end, element);
    if (list === null) call.create(key, target);
    call.changed('l', pushEvent(end), key, call.args.length - 2);
    call.reply.integer(target.length);
  };
}

/** After elements were taken: the event, and the end of a list that has become empty. */
export function taken(call: Call, key: string, list: ListValue, end: End, count: number): void {
  call.changed('l', popEvent(end), key, count);
  if (list.length === 0) call.removeEmpty(key);
}

function pop(end: End): (call: Call) => void {
  return (call) => {
    const { reply, args } = call;
    if (args.length > 3) refuseWith(`ERR wrong number of arguments for '${popEvent(end)}' command`);
    const count = args.length === 3 ? call.positive(2) : null;
    const key = call.text(1);
    const list = call.modify(key, 'list');
    if (list === null) {
      if (count === null) reply.nullBulk();
      else reply.nullArray();
      return;
    }
    if (count === null) {
      reply.bulk(popFrom(list, end));
      taken(call, key, list, end, 1);
      return;
    }
    if (count === 0) {
      reply.array(0);
      return;
    }
    const elements = popMany(list, end, count);
    reply.bulks(elements);
    taken(call, key, list, end, elements.length);
  };
}

function popMany(list: ListValue, end: End, count: number): string[] {
  const size = Math.min(count, list.length);
  return Array.from({ length: size }, () => popFrom(list, end));
}

/** Pops up to `count` elements and answers with the key and them (LMPOP, BLMPOP). The feed gets LPOP or RPOP. */
export function popForKey(call: Call, key: string, list: ListValue, end: End, count: number): void {
  const elements = popMany(list, end, count);
  call.reply.array(2);
  call.reply.bulk(key);
  call.reply.bulks(elements);
  taken(call, key, list, end, elements.length);
  call.feedAs(end === 'LEFT' ? 'LPOP' : 'RPOP', Buffer.from(key, 'latin1'), String(elements.length));
}

/** Moves one element and answers with it. The source is not empty; the target is checked before anything changes. */
export function moveElement(call: Call, source: string, target: string, from: End, to: End): void {
  const list = call.modify(source, 'list')!;
  const existing = call.modify(target, 'list');
  const element = popFrom(list, from);
  const goal = existing ?? new ListValue();
  pushTo(goal, to, element);
  if (existing === null) call.create(target, goal);
  call.touch(target);
  call.notify('l', pushEvent(to), target);
  call.reply.bulk(element);
  taken(call, source, list, from, 1);
}

function move(call: Call, from: End, to: End): void {
  const source = call.text(1);
  if (call.modify(source, 'list') === null) call.reply.nullBulk();
  else moveElement(call, source, call.text(2), from, to);
}

/** [start, end) of a range with negative indexes from the end; empty when start >= end. */
export function clampRange(start: number, end: number, length: number): [number, number] {
  const from = Math.max(0, start < 0 ? length + start : start);
  const to = Math.min(length - 1, end < 0 ? length + end : end);
  return from > to || from >= length ? [0, 0] : [from, to + 1];
}

function position(call: Call): void {
  const { reply } = call;
  const element = call.text(2);
  let rank = 1;
  let count: number | null = null;
  let lengthMax = 0;
  for (let i = 3; i < call.args.length; i += 2) {
    const word = call.word(i);
    if (i + 1 === call.args.length) refuse('syntax');
    if (word === 'RANK') {
      rank = call.integer(i + 1);
      if (rank === 0) {
        refuseWith(
          "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
            'or use negative to start from the end of the list',
        );
      }
      // Redis 7.0 cannot negate the smallest number, so it finds every match from the end.
      if (call.bigint(i + 1) === -(2n ** 63n)) rank = -1;
    } else if (word === 'COUNT') {
      count = call.positive(i + 1, "ERR COUNT can't be negative");
    } else if (word === 'MAXLEN') {
      lengthMax = call.positive(i + 1, "ERR MAXLEN can't be negative");
    } else {
      refuse('syntax');
    }
  }
  const list = call.read(call.text(1), 'list');
  if (list === null) {
    if (count === null) reply.nullBulk();
    else reply.array(0);
    return;
  }
  const found = findPositions(list, element, rank, count ?? 1, lengthMax);
  if (count !== null) {
    reply.array(found.length);
    for (const index of found) reply.integer(index);
  } else if (found.length > 0) {
    reply.integer(found[0]!);
  } else {
    reply.nullBulk();
  }
}

/** Up to `count` (0: all) indexes of an element, from the `rank`-th match on, looking at `lengthMax` (0: all) elements. */
function findPositions(
  list: ListValue,
  element: string,
  rank: number,
  count: number,
  lengthMax: number,
): number[] {
  const found: number[] = [];
  let skip = Math.abs(rank) - 1;
  const looked = lengthMax === 0 ? list.length : Math.min(lengthMax, list.length);
  for (let i = 0; i < looked; i++) {
    const index = rank > 0 ? i : list.length - 1 - i;
    if (list.at(index) !== element || skip-- > 0) continue;
    found.push(index);
    if (found.length === count) break;
  }
  return found;
}

function remove(call: Call): void {
  const key = call.text(1);
  const count = call.integer(2);
  const element = call.text(3);
  const list = call.modify(key, 'list');
  const elements = list?.elements() ?? [];
  const doomed = new Set(
    findPositions(new ListValue(elements), element, count < 0 ? -1 : 1, Math.abs(count), 0),
  );
  if (list !== null && doomed.size > 0) {
    const rest = elements.filter((_, index) => !doomed.has(index));
    list.replace(rest);
    call.changed('l', 'lrem', key, doomed.size);
    if (list.length === 0) call.removeEmpty(key);
  }
  call.reply.integer(doomed.size);
}

export const lists: HandlerTable = {
  lpush: push('LEFT', false),
  rpush: push('RIGHT', false),
  lpushx: push('LEFT', true),
  rpushx: push('RIGHT', true),
  lpop: pop('LEFT'),
  rpop: pop('RIGHT'),

  llen(call) {
    call.reply.integer(call.read(call.text(1), 'list')?.length ?? 0);
  },

  lindex(call) {
    const list = call.read(call.text(1), 'list');
    if (list === null) {
      call.reply.nullBulk();
      return;
    }
    const index = call.integer(2);
    call.reply.bulkOrNull(list.at(index < 0 ? list.length + index : index));
  },

  lset(call) {
    const key = call.text(1);
    const list = call.modify(key, 'list') ?? refuse('noSuchKey');
    // From Redis 7.2 (and Valkey) on, LSET keeps the low 32 bits of its index only; a 7.0 feeds no index so large.
    const given = call.isFromPrimary ? Number(BigInt.asIntN(32, call.bigint(2))) : call.integer(2);
    const index = given < 0 ? list.length + given : given;
    if (list.at(index) === undefined) refuse('indexOutOfRange');
    list.set(index, call.text(3));
    call.changed('l', 'lset', key);
    call.reply.ok();
  },

  lrange(call) {
    const [start, end] = [call.integer(2), call.integer(3)];
    const list = call.read(call.text(1), 'list');
    call.reply.bulks(list === null ? [] : list.slice(...clampRange(start, end, list.length)));
  },

  ltrim(call) {
    const key = call.text(1);
    const [first, last] = [call.integer(2), call.integer(3)];
    const list = call.modify(key, 'list');
    if (list !== null) {
      const [start, end] = clampRange(first, last, list.length);
      const removed = list.length - (end - start);
      list.replace(list.slice(start, end));
      call.changed('l', 'ltrim', key, removed);
      if (list.length === 0) call.removeEmpty(key);
    }
    call.reply.ok();
  },

  linsert(call) {
    const key = call.text(1);
    const where = call.word(2);
    if (where !== 'BEFORE' && where !== 'AFTER') refuse('syntax');
    const list = call.modify(key, 'list');
    if (list === null) {
      call.reply.integer(0);
      return;
    }
    const pivot = list.elements().indexOf(call.text(3));
    if (pivot < 0) {
      call.reply.integer(-1);
      return;
    }
    list.insert(where === 'BEFORE' ? pivot : pivot + 1, call.text(4));
    call.changed('l', 'linsert', key);
    call.reply.integer(list.length);
  },

  lrem: remove,
  lpos: position,
  lmove(call) {
    const [from, to] = [parseEnd(call, 3), parseEnd(call, 4)];
    move(call, from, to);
  },
  rpoplpush: (call) => move(call, 'RIGHT', 'LEFT'),

  lmpop(call) {
    const { keys, end, count } = parsePops(call, 1);
    for (const key of keys) {
      const list = call.modify(key, 'list');
      if (list === null) continue;
      popForKey(call, key, list, end, count);
      return;
    }
    call.reply.nullArray();
  },
};

/** `numkeys key... LEFT|RIGHT [COUNT n]`, with numkeys at `index`. */
export function parsePops(call: Call, index: number): { keys: string[]; end: End; count: number } {
  const keys = parseKeys(call, index);
  const endAt = index + keys.length + 1;
  if (endAt >= call.args.length) refuse('syntax');
  const end = parseEnd(call, endAt);
  return { keys, end, count: parsePopCount(call, endAt + 1) };
}

/** `numkeys key...`, with numkeys at `index`; something must stand behind the keys. */
export function parseKeys(call: Call, index: number): string[] {
  const given = call.bigintOrNull(index);
  if (given === null || given <= 0n) refuseWith('ERR numkeys should be greater than 0');
  const count = Number(given);
  if (index + count + 1 >= call.args.length) refuse('syntax');
  return call.texts(index + 1, index + 1 + count);
}

/** An optional `COUNT n`, once, at the end. */
export function parsePopCount(call: Call, index: number): number {
  let count: number | null = null;
  for (let i = index; i < call.args.length; i++) {
    if (call.word(i) !== 'COUNT' || count !== null || i + 1 === call.args.length) refuse('syntax');
    const given = call.bigintOrNull(++i);
    if (given === null || given <= 0n) refuseWith('ERR count should be greater than 0');
    count = Number(given);
  }
  return count ?? 1;
}
