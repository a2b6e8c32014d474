/**
 * `redtwin rdb ...`: what an RDB file holds, as text, as another file, as a page.
 *
 * Each command is a job of an engine (src/engine/rdb.ts) with something said around it; the files in cli/rdb/ have a family of
 * commands each.
 */
import type { Command } from 'commander';
import { addCheckCommand } from './rdb/check.ts';
import { addDiffCommand } from './rdb/diff.ts';
import { addPlainCommands } from './rdb/plain.ts';
import { addReportCommand } from './rdb/report.ts';
import { addRewriteCommands } from './rdb/rewrite.ts';
import { addSumCommands } from './rdb/sums.ts';

/** Gives the command `rdb` its own commands. */
export function addRdbCommands(rdb: Command): void {
  rdb.addHelpText(
    'after',
    '\nExit codes: 0 fine, 1 the answer is no (files differ, keys are broken), 2 trouble.\nA source may be a file, also .gz or .zst, - for standard input, or redis://host:port.',
  );
  addPlainCommands(rdb);
  addSumCommands(rdb);
  addDiffCommand(rdb);
  addRewriteCommands(rdb);
  addCheckCommand(rdb);
  addReportCommand(rdb);
}
