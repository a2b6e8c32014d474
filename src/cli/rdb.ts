/**
 * `redtwin rdb ...`: what an RDB file holds, as text, as another file, as a page.
 *
 * Each command is a job of an engine (src/engine/rdb.ts) with something said around it; the files in cli/rdb/ have a family of
 * commands each, and only the one that is asked for is loaded.
 */
import type { Command } from 'commander';
import { ExitCode } from './rdb/common.ts';

type Add = (rdb: Command) => void;
const plain = async (): Promise<Add> => (await import('./rdb/plain.ts')).addPlainCommands;
const sums = async (): Promise<Add> => (await import('./rdb/sums.ts')).addSumCommands;
const diff = async (): Promise<Add> => (await import('./rdb/diff.ts')).addDiffCommand;
const rewrite = async (): Promise<Add> => (await import('./rdb/rewrite.ts')).addRewriteCommands;
const check = async (): Promise<Add> => (await import('./rdb/check.ts')).addCheckCommand;
const report = async (): Promise<Add> => (await import('./rdb/report.ts')).addReportCommand;

/** Which file has which commands, in the order of the help. */
const families: Record<string, () => Promise<Add>> = {
  ...{ json: plain, resp: plain, keys: plain, memory: plain },
  ...{ stats: sums, top: sums, prefixes: sums },
  diff,
  ...{ filter: rewrite, convert: rewrite, repair: rewrite },
  check,
  report,
};

/** Gives the command `rdb` its own commands: the one called `word` with its family, or all when there is none of that name. */
export async function addRdbCommands(rdb: Command, word: string | undefined): Promise<void> {
  // A word that is not understood is trouble, and no answer: 1 would say that files differ, for one. Commands take this over.
  rdb.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? ExitCode.fine : ExitCode.trouble));
  rdb.addHelpText(
    'after',
    '\nExit codes: 0 fine, 1 the answer is no (files differ, keys are broken), 2 trouble.\nA source may be a file, also .gz or .zst, - for standard input, or redis://host:port.',
  );
  const family = word !== undefined && Object.hasOwn(families, word) ? families[word] : undefined;
  for (const add of family === undefined ? new Set(Object.values(families)) : [family]) (await add())(rdb);
}
