/**
 * The commands that sum up: stats, top, prefixes. Tables for people, JSON for programs.
 *
 * All of them are the engine's job 'tally', asked for more or less; its document is described here, where it is read.
 */
import type { Command } from 'commander';
import type { RdbJob } from '../../engine/rdb.ts';
import { type CommonOptions, count, sourceHelp, withFilters, withOutput } from './common.ts';
import { bytes, duration, grouped, percent, printable, table } from './human.ts';
import { print } from './output.ts';
import { command, gathered } from './run.ts';

/** Sums of some keys. */
export interface Sum {
  keys: number;
  memoryBytes: number;
  encodedBytes: number;
  elements: number;
  expiring: number;
}

/** What the 'tally' job says; see crates/toolkit/src/tally.rs. */
export interface Tally {
  file: {
    magic: string;
    version: number;
    aux: [string, string][];
    functions: number;
    moduleAux: number;
    slotHints: number;
    modules: Record<string, number>;
  };
  totals: Sum;
  types: (Sum & { name: string })[];
  encodings: (Sum & { name: string })[];
  dbs: (Sum & { db: number })[];
  sizes: (Sum & { fromBytes: number })[];
  ttls: (Sum & { untilSeconds: number | null })[];
  top: {
    db: number;
    key: string;
    type: string;
    encoding: string;
    memoryBytes: number;
    encodedBytes: number;
    elements: number;
    longestBytes: number;
    expireAtMs?: number;
  }[];
  prefixes: { prefix: string; keys: number; memoryBytes: number }[];
  prefixesCut: boolean;
}

export type TallyWish = Partial<Omit<RdbJob & { job: 'tally' }, 'job'>>;

export async function tally(source: string, wish: TallyWish, options: CommonOptions): Promise<Tally> {
  const job: RdbJob = { job: 'tally', top: 0, separators: '', depth: 0, nowMs: Date.now(), ...wish };
  const result = await gathered(source, job, options);
  return JSON.parse(result.bytes.toString()) as Tally;
}

type SumOptions = CommonOptions & { json?: boolean };

export function addSumCommands(rdb: Command): void {
  withOutput(withFilters(rdb.command('stats')))
    .description('print what there is: keys and memory by database, type, encoding, size and time to live')
    .argument('<source>', sourceHelp)
    .option('--json', 'as one JSON document')
    .action((source: string, options: SumOptions) =>
      command(async () => {
        const found = await tally(source, {}, options);
        await print(
          options.json === true ? `${JSON.stringify(found, null, 2)}\n` : statsText(found),
          options.output,
        );
        return undefined;
      }),
    );
  withOutput(withFilters(rdb.command('top')))
    .description('print the keys that take the most memory')
    .argument('<source>', sourceHelp)
    .option('-n, --count <n>', 'how many', count, 20)
    .option('--json', 'as JSON Lines')
    .action((source: string, options: SumOptions & { count: number }) =>
      command(async () => {
        const { top } = await tally(source, { top: options.count }, options);
        const lines = top.map((key) => `${JSON.stringify(key)}\n`).join('');
        await print(options.json === true ? lines : topText(top), options.output);
        return undefined;
      }),
    );
  withOutput(withFilters(rdb.command('prefixes')))
    .description('print the memory under each prefix of the names')
    .argument('<source>', sourceHelp)
    .option('--separators <characters>', 'what ends a part of a name', ':')
    .option('--depth <n>', 'how many parts are told apart', count, 3)
    .option('-n, --count <n>', 'how many, the largest first', count, 50)
    .option('--json', 'as JSON Lines')
    .action((source: string, options: SumOptions & { separators: string; depth: number; count: number }) =>
      command(async () => {
        const found = await tally(source, options, options);
        const largest = found.prefixes.sort((a, b) => b.memoryBytes - a.memoryBytes).slice(0, options.count);
        const lines = largest.map((prefix) => `${JSON.stringify(prefix)}\n`).join('');
        await print(options.json === true ? lines : prefixesText(largest, found), options.output);
        if (found.prefixesCut)
          process.stderr.write(
            'redtwin rdb: too many prefixes for memory: the smallest were dropped; try --depth\n',
          );
        return undefined;
      }),
    );
}

function statsText({ file, totals, types, encodings, dbs, sizes, ttls }: Tally): string {
  const heads = ['>keys', '>memory', '>share', '>in the file', '>elements', '>expiring'];
  const cells = (sum: Sum) => [
    grouped(sum.keys),
    bytes(sum.memoryBytes),
    percent(sum.memoryBytes, totals.memoryBytes),
    bytes(sum.encodedBytes),
    grouped(sum.elements),
    grouped(sum.expiring),
  ];
  const section = (name: string, rows: [string, Sum][]) =>
    rows.length === 0
      ? ''
      : `\n${table(
          [name, ...heads],
          rows.map(([label, sum]) => [label, ...cells(sum)]),
        )}`;
  const modules = Object.entries(file.modules).map(([name, number]) => `${name} (${number})`);
  return [
    `${file.magic} version ${file.version}`,
    file.aux.map(([name, value]) => `, ${printable(name)} ${printable(value)}`).join(''),
    file.functions > 0
      ? `, ${file.functions} function ${file.functions === 1 ? 'library' : 'libraries'}`
      : '',
    modules.length > 0 ? `, modules ${modules.join(', ')}` : '',
    '\n',
    `${grouped(totals.keys)} keys, about ${bytes(totals.memoryBytes)} in Redis 7.0\n`,
    section(
      'type',
      types.map((sum) => [sum.name, sum]),
    ),
    section(
      'encoding',
      encodings.map((sum) => [sum.name, sum]),
    ),
    section(
      'database',
      dbs.map((sum) => [String(sum.db), sum]),
    ),
    section(
      'memory of a key',
      sizes.map((sum) => [`${bytes(sum.fromBytes)} and more`, sum]),
    ),
    section(
      'time to live',
      ttls.map((sum) => [ttlName(sum.untilSeconds), sum]),
    ),
  ].join('');
}

export function ttlName(untilSeconds: number | null): string {
  if (untilSeconds === null) return 'longer';
  if (untilSeconds === 0) return 'expired';
  return untilSeconds < 86_400 ? `up to ${duration(untilSeconds)}` : `up to ${untilSeconds / 86_400} d`;
}

function topText(top: Tally['top']): string {
  return table(
    ['>memory', 'type', 'encoding', '>elements', '>longest', 'db', 'key'],
    top.map((key) => [
      bytes(key.memoryBytes),
      key.type,
      key.encoding,
      grouped(key.elements),
      bytes(key.longestBytes),
      String(key.db),
      printable(key.key),
    ]),
  );
}

function prefixesText(prefixes: Tally['prefixes'], { totals }: Tally): string {
  return table(
    ['>memory', '>share', '>keys', 'prefix'],
    prefixes.map(({ prefix, keys, memoryBytes }) => [
      bytes(memoryBytes),
      percent(memoryBytes, totals.memoryBytes),
      grouped(keys),
      printable(prefix),
    ]),
  );
}
