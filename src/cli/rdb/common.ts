/**
 * What all `redtwin rdb` commands share: their options, and how words on a command line become filters and numbers.
 */
import { type Command, InvalidArgumentError } from 'commander';
import type { RdbFilter, RdbType } from '../../engine/rdb.ts';
import { rdbTypes } from '../../engine/rdb.ts';
import { engineFilter, type KeyFilter } from '../../rdb/filter.ts';

/** What a shell is told: everything is well; it is, and the answer is no (files differ, keys are broken); there was trouble. */
export const ExitCode = { fine: 0, no: 1, trouble: 2 } as const;

export interface CommonOptions {
  db?: number[];
  type?: RdbType[];
  key?: string;
  regex?: string;
  prefix?: string;
  minSize?: number;
  expiring?: boolean;
  output?: string;
  progress: boolean;
  checksum: boolean;
}

const units: Record<string, number> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1e6,
  mb: 1024 ** 2,
  g: 1e9,
  gb: 1024 ** 3,
};

/** '100', '64kb', '1mb': as redis.conf has sizes. */
export function size(text: string): number {
  const parts = /^(\d+)([a-z]*)$/i.exec(text);
  const unit = units[parts?.[2]?.toLowerCase() ?? '?'];
  if (parts === null || unit === undefined) throw new InvalidArgumentError('a size like 100, 64kb or 1mb');
  return Number(parts[1]) * unit;
}

/** A count, 0 or more. */
export function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number');
  return Number(text);
}

function database(text: string, before: number[] = []): number[] {
  return [...before, ...text.split(',').map(count)];
}

function type(text: string, before: RdbType[] = []): RdbType[] {
  const words = text.split(',').map((word) => (word === 'sortedset' ? 'zset' : word));
  for (const word of words)
    if (!(rdbTypes as readonly string[]).includes(word))
      throw new InvalidArgumentError(`a type among ${rdbTypes.join(', ')}`);
  return [...before, ...(words as RdbType[])];
}

function regex(text: string): string {
  try {
    // Flags come first, as in (?i)name.
    new RegExp(text.replace(/^\(\?[ims]+\)/, ''));
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return text;
}

/** What every command's help says of its source. */
export const sourceHelp =
  'an RDB file, also packed (.gz, .zst), - for standard input, or redis://[user:password@]host:port (rediss:// with TLS)';

/** Adds the filters, which every command has. */
export function withFilters(command: Command): Command {
  return command
    .option('--db <n>', 'only keys of this database (may be repeated, or a list 0,1)', database)
    .option('--type <type>', 'only keys of this type: string, list, set, zset, hash, stream, module', type)
    .option('--key <glob>', 'only keys whose name matches, as KEYS would have it')
    .option('--regex <expression>', 'only keys in whose name this regular expression is found', regex)
    .option('--prefix <text>', 'only keys whose name begins with this')
    .option('--min-size <bytes>', 'only keys that take at least this in memory (64kb, 1mb)', size)
    .option('--expiring', 'only keys that expire')
    .option('--no-checksum', "do not compare the file's checksum")
    .option('--no-progress', 'no progress bar, also on a terminal');
}

/** Adds where the result goes. */
export function withOutput(command: Command): Command {
  return command.option(
    '-o, --output <file>',
    'write here instead of standard output (complete, or not at all)',
  );
}

/** The filter that the options mean. */
export function filterOf(options: CommonOptions): RdbFilter {
  const filter: KeyFilter = {
    ...(options.db === undefined ? {} : { db: options.db }),
    ...(options.type === undefined ? {} : { type: options.type }),
    ...(options.key === undefined ? {} : { match: options.key }),
    ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
    ...(options.minSize === undefined ? {} : { minMemoryBytes: options.minSize }),
    ...(options.expiring === undefined ? {} : { expires: options.expiring }),
  };
  // A command line has a glob and an expression, where a program gives one of them.
  return { ...engineFilter(filter), ...(options.regex === undefined ? {} : { regex: options.regex }) };
}
