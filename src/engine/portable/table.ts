/**
 * The command table as dispatch wants it: by name, with the function that runs each command.
 *
 * Facts (arity, flags, keys) come from data/ through protocol/generated; functions come from commands/. A command of the
 * engine without a function is known but refused ("does not support this command yet").
 */
import { type CommandFlag, type CommandSpec, commandTable } from '../../protocol/generated/commands.ts';
import { binary, bytes, lower, upper } from './bytes.ts';
import { handlers } from './commands/index.ts';
import type { Handler } from './handler.ts';
import { refuse } from './refusal.ts';

export interface Command {
  /** Lower case; subcommands as container|sub. */
  readonly name: string;
  readonly arity: number;
  readonly flags: ReadonlySet<CommandFlag>;
  readonly isHost: boolean;
  /** Its row of the command table. */
  readonly spec: CommandSpec;
  readonly run: Handler;
  /** By lower-case name without the container's; null for a command without any. */
  readonly subcommands: ReadonlyMap<string, Command> | null;
}

const unsupported: Handler = () => refuse('notSupportedYet');

function commandOf(spec: CommandSpec, isHost: boolean): Command {
  const subs = spec.subcommands ?? [];
  return {
    name: spec.name,
    arity: spec.arity,
    flags: new Set(spec.flags),
    isHost,
    spec,
    run: handlers.get(spec.name) ?? unsupported,
    subcommands:
      subs.length === 0 ? null : new Map(subs.map((s) => [s.name.split('|')[1]!, commandOf(s, isHost)])),
  };
}

const commands = new Map(commandTable.map((spec) => [spec.name, commandOf(spec, spec.runs === 'host')]));
/** Commands by a number made of their names' bytes: most are found without a string of the name. */
const places = 4096;
const byBytes: (Command | undefined)[] = new Array(places).fill(undefined);
for (const command of commands.values()) byBytes[placeOf(bytes(command.name))] ??= command;

/** 0x20 folds the case of letters; other bytes may meet in one place, which the comparison sorts out. */
function placeOf(name: Buffer): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ (name[at]! | 0x20), 0x01000193);
  return (hash ^ (hash >>> 15)) & (places - 1);
}

/** Whether these bytes are a lower-case name, in any case. */
function isNamed(name: Buffer, lowerCase: string): boolean {
  if (name.length !== lowerCase.length) return false;
  for (let at = 0; at < name.length; at++) {
    const byte = name[at]!;
    const code = lowerCase.charCodeAt(at);
    if (byte !== code && (code < 0x61 || code > 0x7a || byte !== code - 0x20)) return false;
  }
  return true;
}

/** A command by its name in any case. */
function named(name: Buffer): Command | undefined {
  const likely = byBytes[placeOf(name)];
  return likely !== undefined && isNamed(name, likely.name) ? likely : commands.get(lower(binary(name)));
}

/** The command that a request names, or the text of the error that Redis answers. Checks the number of arguments too. */
export function findCommand(args: readonly Buffer[]): Command | string {
  const command = lookUp(args);
  if (command === 'unknown') return unknownCommand(args);
  if (command === 'unknownSub') {
    const container = upper(binary(args[0]!));
    return `ERR unknown subcommand '${cString(args[1]!, 128)}'. Try ${container} HELP.`;
  }
  const fits = command.arity >= 0 ? args.length === command.arity : args.length >= -command.arity;
  return fits ? command : `ERR wrong number of arguments for '${command.name}' command`;
}

/** The same for those who have their own words for what is wrong; does not look at the number of arguments. */
export type LookUp = (args: readonly Buffer[]) => Command | 'unknown' | 'unknownSub';

export const lookUp: LookUp = (args) => {
  const container = named(args[0]!);
  if (container === undefined) return 'unknown';
  let command = container;
  if (container.subcommands !== null && args.length > 1) {
    const sub = container.subcommands.get(lower(binary(args[1]!)));
    if (sub === undefined) return 'unknownSub';
    command = sub;
  }
  return command;
};

/** Full name of the command that a request means, however many arguments it has; null when there is none of that name. */
export function nameOf(args: readonly Buffer[]): string | null {
  const container = named(args[0]!);
  if (container?.subcommands == null || args.length < 2) return container?.name ?? null;
  return container.subcommands.get(lower(binary(args[1]!)))?.name ?? null;
}

function unknownCommand(args: readonly Buffer[]): string {
  let beginning = '';
  for (const arg of args.slice(1)) {
    if (beginning.length >= 128) break;
    beginning += `'${cString(arg, 128 - beginning.length)}' `;
  }
  return `ERR unknown command '${cString(args[0]!, 128)}', with args beginning with: ${beginning}`;
}

/** Up to `max` bytes of an argument, cut at a zero byte as printf("%s") does. */
const cString = (arg: Buffer, max: number): string => binary(arg).split('\0', 1)[0]!.slice(0, max);
