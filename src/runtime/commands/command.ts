/**
 * COMMAND: the command table, as clients ask for it.
 *
 * Rows come from data/commands.json as they are; this only gives them the shape of the replies of Redis 7.0 (ten elements per
 * command). The sentences of DOCS are our own and stand in data/command-docs.json.
 */
import { arityFits, commandOf, findCommand, keysOf } from '../../protocol/command-lookup.ts';
import { type ArgumentDocs, commandDocs } from '../../protocol/generated/command-docs.ts';
import { type CommandSpec, commandTable, type KeySpec } from '../../protocol/generated/commands.ts';
import { matchesName } from '../../protocol/glob.ts';
import {
  array,
  bulk,
  bulks,
  error,
  integer,
  map,
  nil,
  type Reply,
  set,
  simple,
} from '../../protocol/reply.ts';
import type { FoundKey } from '../../protocol/variable-keys.ts';
import { type Call, type Handler, syntaxError, textOf, wordOf } from '../handler.ts';
import { help } from './help.ts';

function keySpec(spec: KeySpec): Reply {
  const numbers = (fields: Record<string, unknown>): Reply =>
    map(
      Object.entries(fields).map(([name, value]) => [
        bulk(name),
        typeof value === 'number' ? integer(value) : bulk(String(value)),
      ]),
    );
  const { type: beginType, ...begin } = spec.begin;
  const { type: findType, ...find } = spec.find;
  return map([
    [bulk('flags'), set(spec.flags.map(simple))],
    [
      bulk('begin_search'),
      map([
        [bulk('type'), bulk(beginType)],
        [bulk('spec'), numbers(begin)],
      ]),
    ],
    [
      bulk('find_keys'),
      map([
        [bulk('type'), bulk(findType)],
        [bulk('spec'), numbers(find)],
      ]),
    ],
  ]);
}

/** A row as COMMAND INFO shows it: ten elements in Redis 7.0. */
function info(command: CommandSpec): Reply {
  return array([
    bulk(command.name),
    integer(command.arity),
    set(command.flags.map(simple)),
    ...command.keys.map((position) => integer(position)),
    set(command.categories.map((category) => simple(`@${category}`))),
    set((command.tips ?? []).map(bulk)),
    set(command.keySpecs.map(keySpec)),
    set((command.subcommands ?? []).map(info)),
  ]);
}

/** Fields in Redis's order; those without a value are left out. */
const fieldsOf = (fields: Readonly<Record<string, Reply | undefined>>): Reply =>
  map(Object.entries(fields).flatMap(([name, value]) => (value ? [[bulk(name), value]] : [])));

const bulkIf = (text: string | undefined): Reply | undefined => (text === undefined ? undefined : bulk(text));
const setIf = (words: readonly string[] | undefined): Reply | undefined => words && set(words.map(simple));

const argumentDocs = (argument: ArgumentDocs): Reply =>
  fieldsOf({
    name: bulk(argument.name),
    type: bulk(argument.type),
    key_spec_index: argument.keySpec === undefined ? undefined : integer(argument.keySpec),
    token: bulkIf(argument.token),
    since: bulkIf(argument.since),
    deprecated_since: bulkIf(argument.deprecatedSince),
    flags: setIf(argument.flags),
    arguments: argument.arguments && array(argument.arguments.map(argumentDocs)),
  });

function docs(command: CommandSpec): [Reply, Reply] {
  const texts = commandDocs[command.name]!;
  const fields = fieldsOf({
    summary: bulk(texts.summary),
    since: bulk(command.since),
    group: bulk(command.group),
    complexity: bulkIf(texts.complexity),
    doc_flags: setIf(texts.docFlags),
    deprecated_since: bulkIf(texts.deprecatedSince),
    replaced_by: bulkIf(texts.replacedBy),
    arguments: texts.arguments && array(texts.arguments.map(argumentDocs)),
    subcommands: command.subcommands && map(command.subcommands.map(docs)),
  });
  return [bulk(command.name), fields];
}

/** The rows that the words behind a subcommand name; all top-level rows without words. */
const named = (args: Buffer[]): (CommandSpec | null)[] =>
  args.length === 2 ? commandTable : args.slice(2).map((name) => findCommand(textOf(name)));

function list({ args }: Call): Reply {
  const everything = commandTable.flatMap((command) => [command, ...(command.subcommands ?? [])]);
  if (args.length === 2) return bulks(everything.map(({ name }) => name));
  if (args.length !== 5 || wordOf(args[2]) !== 'filterby') return syntaxError;
  const value = textOf(args[4]);
  const filters: Record<string, (command: CommandSpec) => boolean> = {
    module: () => false,
    aclcat: ({ categories }) => categories.includes(value.toLowerCase()),
    pattern: ({ name }) => matchesName(value, name),
  };
  const filter = filters[wordOf(args[3])];
  return filter ? bulks(everything.filter(filter).map(({ name }) => name)) : syntaxError;
}

function getKeys({ args }: Call, show: (key: FoundKey) => Reply): Reply {
  const words = args.slice(2);
  const command = commandOf(words);
  if (!command) return error('ERR Invalid command specified');
  if (command.keySpecs.every(({ flags }) => flags.includes('not_key')))
    return error('ERR The command has no key arguments');
  if (!arityFits(command, words.length))
    return error('ERR Invalid number of arguments specified for command');
  const keys = keysOf(command, words) ?? [];
  if (keys.length === 0 && !command.flags.includes('no_mandatory_keys'))
    return error('ERR Invalid arguments specified for command');
  return array(keys.map(show));
}

const subcommands: Readonly<Record<string, Handler>> = {
  count: () => integer(commandTable.length),
  info: ({ args }) => array(named(args).map((command) => (command ? info(command) : nil))),
  docs: ({ args }) => map(named(args).flatMap((command) => (command ? [docs(command)] : []))),
  list,
  getkeys: (call) => getKeys(call, ({ key }) => bulk(key)),
  getkeysandflags: (call) => getKeys(call, ({ key, flags }) => array([bulk(key), set(flags.map(simple))])),
  help: help('command'),
};

export const commandCommand: Handler = (call) => {
  if (call.args.length === 1) return array(commandTable.map(info));
  const handler = subcommands[wordOf(call.args[1])];
  return handler
    ? handler(call)
    : error(`ERR unknown subcommand '${textOf(call.args[1]).slice(0, 128)}'. Try COMMAND HELP.`);
};
