/**
 * The command table as one flat row of rows, and the number of each: all commands, then all subcommands, in the order of data/.
 *
 *     acl 0 | append 1 | ... | zunionstore 2xx | acl|cat | acl|deluser | ...
 *
 * A set of commands can then be a few bytes of bits, which both engines understand: the native one numbers its generated table
 * in the same way.
 */
import { type CommandSpec, commandTable } from './generated/commands.ts';

/** Every command and subcommand. */
export const commandRows: readonly CommandSpec[] = [
  ...commandTable,
  ...commandTable.flatMap(({ subcommands }) => subcommands ?? []),
];

/** Number of a row by its full lower-case name ('get', 'config|set'). */
export const rowNumbers: ReadonlyMap<string, number> = new Map(
  commandRows.map(({ name }, number) => [name, number]),
);

/** Bytes that a bit for each row takes. */
export const rowBytes = Math.ceil(commandRows.length / 8);
