/**
 * Finds rows of the command table by what a client wrote, and the keys among a command's arguments.
 *
 * The table is data (data/commands.json); nothing here knows any one command.
 */
import { type CommandSpec, commandTable, type KeySpec } from './generated/commands.ts';
import { type FoundKey, variableKeys } from './variable-keys.ts';

const byName = new Map<string, CommandSpec>();
for (const command of commandTable) {
  byName.set(command.name, command);
  for (const subcommand of command.subcommands ?? []) byName.set(subcommand.name, subcommand);
}

/** A command by its full name ('get', 'config|set'), in any case; null when there is none. */
export const findCommand = (name: string): CommandSpec | null => byName.get(name.toLowerCase()) ?? null;

/** The row a request means: the subcommand's for a container that has it, else the command's own; null when unknown. */
export function commandOf(args: readonly Uint8Array[]): CommandSpec | null {
  const [name, sub] = args.slice(0, 2).map((arg) => Buffer.from(arg).toString('latin1').toLowerCase());
  if (name === undefined) return null;
  const command = byName.get(name);
  if (!command?.subcommands || sub === undefined) return command ?? null;
  return byName.get(`${name}|${sub}`) ?? command;
}

/** Whether a number of words (the name included) is right for a command. */
export const arityFits = (command: CommandSpec, words: number): boolean =>
  command.arity >= 0 ? words === command.arity : words >= -command.arity;

/** Where one key specification begins and ends: positions of keys; null when the arguments contradict it. */
function keyPositions(spec: KeySpec, args: readonly Buffer[]): number[] | null {
  let first: number;
  if (spec.begin.type === 'index') {
    first = spec.begin.index!;
  } else if (spec.begin.type === 'keyword') {
    const from = spec.begin.startfrom!;
    const keyword = spec.begin.keyword!.toLowerCase();
    const is = (i: number): boolean => args[i]?.toString('latin1').toLowerCase() === keyword;
    let at = from > 0 ? from : args.length + from;
    while (at > 0 && at < args.length && !is(at)) at += from > 0 ? 1 : -1;
    if (at <= 0 || at >= args.length) return [];
    first = at + 1;
  } else {
    return [];
  }
  if (first >= args.length) return [];
  const { find } = spec;
  const positions: number[] = [];
  if (find.type === 'range') {
    let last = find.lastkey! >= 0 ? first + find.lastkey! : args.length + find.lastkey!;
    // A limit of 2 means that only half of the rest are keys (XREAD STREAMS a b 0 0).
    if (find.lastkey === -1 && find.limit && find.limit > 1)
      last = first + Math.floor((args.length - first) / find.limit) - 1;
    for (let i = first; i <= last; i += find.keystep!) positions.push(i);
  } else if (find.type === 'keynum') {
    const digits = args[first + find.keynumidx!]?.toString('latin1') ?? '';
    const number = /^(0|[1-9][0-9]{0,18})$/.test(digits) ? Number(digits) : -1;
    const start = first + find.firstkey!;
    // Not a number, or more keys than there are words.
    if (number < 0 || number > args.length) return null;
    for (let i = 0; i < number; i++) positions.push(start + i * find.keystep!);
  }
  return positions.every((i) => i < args.length) ? positions : null;
}

/** Keys among the arguments, with their flags, in order; null when the arguments make no sense for this command. */
export function keysOf(command: CommandSpec, args: readonly Buffer[]): FoundKey[] | null {
  const special = variableKeys[command.name];
  if (special) return special(args);
  const keys: FoundKey[] = [];
  for (const spec of command.keySpecs) {
    // Shard channels are placed like keys in a cluster, and are none.
    if (spec.flags.includes('not_key')) continue;
    const positions = keyPositions(spec, args);
    if (!positions) return null;
    for (const at of positions) keys.push({ key: args[at]!, at, flags: spec.flags });
  }
  return keys;
}
