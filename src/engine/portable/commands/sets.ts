/**
 * Commands on sets: members, random picks, and set algebra.
 *
 * SPOP and SRANDMEMBER choose at random; the feed gets what was chosen (SREM, or DEL of what was emptied).
 */
import { bytes } from '../bytes.ts';
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { isInt64 } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { SetValue } from '../set.ts';
import { isWanted, parseCursor, parseScanOptions, replyScan } from './scan.ts';

function add(call: Call): void {
  const key = call.text(1);
  const set = call.modify(key, 'set');
  const target = set ?? new SetValue();
  let added = 0;
  for (const member of call.texts(2))
    if (target.add(member, call.settings['set-max-intset-entries'])) added++;
  if (set === null) call.create(key, target);
  if (added > 0) call.changed('s', 'sadd', key, added);
  call.reply.integer(added);
}

function remove(call: Call): void {
  const key = call.text(1);
  const set = call.modify(key, 'set');
  let removed = 0;
  for (const member of call.texts(2)) if (set?.delete(member)) removed++;
  if (set !== null && removed > 0) {
    call.changed('s', 'srem', key, removed);
    if (set.size === 0) call.removeEmpty(key);
  }
  call.reply.integer(removed);
}

function move(call: Call): void {
  const [from, to, member] = [call.text(1), call.text(2), call.text(3)];
  const source = call.lookupForWrite(from);
  const target = call.lookupForWrite(to);
  if (source === null) {
    call.reply.integer(0);
    return;
  }
  const set = call.typed(source, 'set')!;
  const goal = call.typed(target, 'set');
  if (set === goal) {
    call.reply.flag(set.has(member));
    return;
  }
  if (!set.delete(member)) {
    call.reply.integer(0);
    return;
  }
  call.notify('s', 'srem', from);
  if (set.size === 0) call.removeEmpty(from);
  const receiver = goal ?? new SetValue();
  if (goal === null) call.create(to, receiver);
  call.touch(from);
  call.dirty++;
  if (receiver.add(member, call.settings['set-max-intset-entries'])) call.changed('s', 'sadd', to);
  call.reply.integer(1);
}

function pop(call: Call): void {
  const { reply, keyspace } = call;
  if (call.args.length > 3) refuse('syntax');
  const count = call.args.length === 3 ? call.positive(2) : null;
  const key = call.text(1);
  const set = call.modify(key, 'set');
  if (set === null || count === 0) {
    if (count === null) reply.nullBulk();
    else reply.set(0);
    return;
  }
  const popped: string[] = [];
  const size = set.size;
  if (count !== null && count >= size) {
    popped.push(...set.members());
    for (const member of popped) set.delete(member);
  } else {
    for (let i = 0; i < (count ?? 1); i++) {
      const member = set.sample(keyspace.random);
      set.delete(member);
      popped.push(member);
    }
  }
  call.touch(key);
  call.notify('s', 'spop', key);
  call.dirty += popped.length;
  if (count !== null && count >= size) call.feedAs('DEL', call.args[1]!);
  else for (const member of popped) call.feedAlso('SREM', call.args[1]!, bytes(member));
  if (set.size === 0) call.removeEmpty(key);
  if (count === null) {
    reply.bulk(popped[0]!);
    return;
  }
  reply.set(popped.length);
  for (const member of popped) reply.bulk(member);
}

/** Up to `count` different members: a random selection in random order. */
function sampleDistinct(call: Call, set: SetValue, count: number): string[] {
  const members = set.members();
  const chosen = Math.min(count, members.length);
  // The first steps of a Fisher-Yates shuffle.
  for (let i = 0; i < chosen && chosen < members.length; i++) {
    const other = i + call.keyspace.random.below(members.length - i);
    [members[i], members[other]] = [members[other]!, members[i]!];
  }
  return members.slice(0, chosen);
}

/**
 * The count of a random pick. Redis would begin to answer any count and be cut off by its output buffer limit; here
 * more picks with repetition than this are refused, because a reply is made as a whole.
 */
const repeatedPicksMax = 10_000_000;

export function randomCount(call: Call, index: number): number {
  const count = call.bigint(index);
  if (!isInt64(-count)) {
    refuseWith('ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807');
  }
  if (count < -repeatedPicksMax) refuse('outOfRange');
  return Number(count);
}

function randomMember(call: Call): void {
  const { reply, keyspace } = call;
  if (call.args.length > 3) refuse('syntax');
  const count = call.args.length === 3 ? randomCount(call, 2) : null;
  const set = call.read(call.text(1), 'set');
  if (count === null) {
    reply.bulkOrNull(set?.sample(keyspace.random));
  } else if (set === null || count === 0) {
    reply.array(0);
  } else if (count > 0) {
    reply.bulks(sampleDistinct(call, set, count));
  } else {
    reply.array(-count);
    for (let i = 0; i < -count; i++) reply.bulk(set.sample(keyspace.random));
  }
}

/** The sets of these keys; null where there is none. Refuses other types. */
const lookUp = (call: Call, keys: string[], isWrite: boolean): (SetValue | null)[] =>
  keys.map((key) => (isWrite ? call.modify(key, 'set') : call.read(key, 'set')));

/** The intersection, up to `limit` members (0: all), in the order of the smallest set. */
function intersect(sets: readonly (SetValue | null)[], limit = 0): string[] {
  const present = sets.filter((set) => set !== null);
  if (present.length < sets.length) return [];
  const [smallest, ...others] = [...present].sort((a, b) => a.size - b.size);
  const common: string[] = [];
  for (const member of smallest!.members()) {
    if (!others.every((set) => set.has(member))) continue;
    common.push(member);
    if (common.length === limit) break;
  }
  return common;
}

const unite = (sets: readonly (SetValue | null)[]): string[] => [
  ...new Set(sets.flatMap((set) => set?.members() ?? [])),
];

const subtract = ([first, ...others]: readonly (SetValue | null)[]): string[] =>
  (first?.members() ?? []).filter((member) => !others.some((set) => set?.has(member)));

type Operation = (sets: readonly (SetValue | null)[]) => string[];

const answer =
  (operation: Operation) =>
  (call: Call): void => {
    const members = operation(lookUp(call, call.texts(1), false));
    call.reply.set(members.length);
    for (const member of members) call.reply.bulk(member);
  };

const store =
  (operation: Operation, event: string) =>
  (call: Call): void => {
    const target = call.text(1);
    const members = operation(lookUp(call, call.texts(2), true));
    if (members.length > 0) {
      call.put(target, SetValue.of(members, call.settings['set-max-intset-entries']));
      call.changed('s', event, target);
    } else if (call.removeForStore(target)) {
      call.dirty++;
      call.notify('g', 'del', target);
    }
    call.reply.integer(members.length);
  };

function intersectionSize(call: Call): void {
  const count = call.bigintOrNull(1);
  if (count === null || count <= 0n) refuseWith('ERR numkeys should be greater than 0');
  const behind = 2 + Number(count);
  if (behind > call.args.length) {
    refuseWith("ERR Number of keys can't be greater than number of args");
  }
  let limit = 0;
  for (let i = behind; i < call.args.length; i++) {
    if (call.word(i) !== 'LIMIT' || i + 1 === call.args.length) refuse('syntax');
    const given = call.bigintOrNull(++i);
    if (given === null || given < 0n) refuseWith("ERR LIMIT can't be negative");
    limit = Number(given);
  }
  call.reply.integer(intersect(lookUp(call, call.texts(2, behind), false), limit).length);
}

export const sets: HandlerTable = {
  sadd: add,
  srem: remove,
  smove: move,
  spop: pop,
  srandmember: randomMember,

  sismember(call) {
    call.reply.flag(call.read(call.text(1), 'set')?.has(call.text(2)) === true);
  },

  smismember(call) {
    const set = call.read(call.text(1), 'set');
    call.reply.array(call.args.length - 2);
    for (const member of call.texts(2)) call.reply.flag(set?.has(member) === true);
  },

  scard(call) {
    call.reply.integer(call.read(call.text(1), 'set')?.size ?? 0);
  },

  smembers(call) {
    const members = call.read(call.text(1), 'set')?.members() ?? [];
    call.reply.set(members.length);
    for (const member of members) call.reply.bulk(member);
  },

  sinter: answer((sets) => intersect(sets)),
  sunion: answer(unite),
  sdiff: answer(subtract),
  sinterstore: store((sets) => intersect(sets), 'sinterstore'),
  sunionstore: store(unite, 'sunionstore'),
  sdiffstore: store(subtract, 'sdiffstore'),
  sintercard: intersectionSize,

  sscan(call) {
    const cursor = parseCursor(call, 2);
    const set = call.read(call.text(1), 'set');
    if (set === null) {
      replyScan(call, 0, []);
      return;
    }
    const options = parseScanOptions(call, 2, cursor);
    const found: string[] = [];
    const next = set.scan(options.cursor, options.count, (member) => {
      if (isWanted(options, member)) found.push(member);
    });
    replyScan(call, next, found);
  },
};
