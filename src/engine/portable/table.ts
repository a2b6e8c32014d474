/**
 * The command table as dispatch wants it: by name, with the function that runs each command.
 *
 * Facts (arity, flags, keys) come from data/ through protocol/generated; functions come from commands/. A command of the
 * engine without a function is known but refused ("does not support this command yet").
 */
import { type CommandFlag, type CommandSpec, commandTable } from '../../protocol/generated/commands.ts';
import { binary, lower, upper } from './bytes.ts';
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
/** The same with the names as most clients write them, too. */
const asWritten = new Map([
  ...commands,
  ...[...commands].map(([name, command]): [string, Command] => [upper(name), command]),
]);

/** A command by its name in any case. */
function named(name: Buffer): Command | undefined {
  const text = binary(name);
  return asWritten.get(text) ?? commands.get(lower(text));
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
