/**
 * Commands as ACL rules see them: by full name, with their subcommands, in categories.
 *
 * Names come from a user, in any case; everything here gives and takes lower-case names of the command table. Which
 * command is in which category is data (data/commands.json).
 */
import { commandRows } from '../protocol/command-rows.ts';
import type { CommandSpec } from '../protocol/generated/commands.ts';

/** All categories, in the order of ACL CAT (Redis 7.0). */
export const categories: readonly string[] = (
  'keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking ' +
  'dangerous connection transaction scripting'
).split(' ');

const byName = new Map<string, CommandSpec>(commandRows.map((row) => [row.name, row]));

/** Names of every command and subcommand, in the table's order. */
export const allCommandNames: readonly string[] = [...byName.keys()];

const members = new Map(
  categories.map((category) => [
    category,
    commandRows.filter((row) => row.categories.includes(category)).map(({ name }) => name),
  ]),
);

/** Commands and subcommands of a category (any case); null when there is no such category. */
export const membersOf = (category: string): readonly string[] | null =>
  members.get(category.toLowerCase()) ?? null;

/** A command ('get') or subcommand ('config|get') in any case; null when there is none. */
export const findRow = (name: string): CommandSpec | null => byName.get(name.toLowerCase()) ?? null;

/** Full names of a command's subcommands. */
export const subcommandsOf = (row: CommandSpec): string[] => (row.subcommands ?? []).map(({ name }) => name);
