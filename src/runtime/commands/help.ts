/**
 * HELP of container commands: their subcommands as the command table has them.
 *
 * The form is Redis's (a title line, names, HELP last), the explaining sentences are left out: they are documentation of another
 * project, and the table is ours.
 */
import { findCommand } from '../../protocol/command-lookup.ts';
import { array, simple } from '../../protocol/reply.ts';
import type { Handler } from '../handler.ts';

export const help =
  (container: string): Handler =>
  () => {
    const name = container.toUpperCase();
    const subcommands = findCommand(container)?.subcommands ?? [];
    const lines = subcommands
      .map((subcommand) => subcommand.name.split('|')[1]!.toUpperCase())
      .filter((subcommand) => subcommand !== 'HELP');
    return array(
      [
        `${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
        ...lines,
        'HELP',
        '    Print this help.',
      ].map(simple),
    );
  };
