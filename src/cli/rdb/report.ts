/**
 * `redtwin rdb report`: one HTML page that answers "what fills my Redis?", with everything in it and no network.
 *
 *     one pass ('tally') --> JSON --> data/report/page.html with its style, its script and the sums put in
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { type CommonOptions, count, sourceHelp, withFilters } from './common.ts';
import { bytes } from './human.ts';
import { print } from './output.ts';
import { command } from './run.ts';
import { tally } from './sums.ts';

/** Seen from src/cli/rdb as well as from dist/cli/rdb. */
const folder = new URL('../../../data/report/', import.meta.url);

interface ReportOptions extends CommonOptions {
  output: string;
  separators: string;
  depth: number;
  count: number;
}

export function addReportCommand(rdb: Command): void {
  withFilters(rdb.command('report'))
    .description('write a page that shows what fills the memory: by prefix, type, size, time to live')
    .argument('<source>', sourceHelp)
    .option('-o, --output <file>', 'the page to be written', 'report.html')
    .option('--separators <characters>', 'what ends a part of a name', ':')
    .option('--depth <n>', 'how many parts of a name are told apart', count, 5)
    .option('-n, --count <n>', 'how many of the biggest keys', count, 500)
    .action((source: string, options: ReportOptions) => command(() => report(source, options)));
}

async function report(source: string, options: ReportOptions): Promise<undefined> {
  const { separators, depth } = options;
  const found = await tally(source, { top: options.count, separators, depth }, options);
  await print(await page({ ...found, source: nameOf(source), madeMs: Date.now() }), options.output);
  const { keys, memoryBytes } = found.totals;
  process.stderr.write(
    `redtwin rdb: ${keys} keys, about ${bytes(memoryBytes)}, are shown in ${options.output}\n`,
  );
  return undefined;
}

/** A file's name; of a server, where it is, without its password. */
function nameOf(source: string): string {
  return URL.canParse(source) && /^rediss?:/.test(source) ? new URL(source).host : basename(source);
}

/** The page with its parts put in. `<` cannot stand in the data: it could end the script that holds it. */
export async function page(data: unknown): Promise<string> {
  const [html, css, js] = await Promise.all(
    ['page.html', 'page.css', 'page.js'].map((name) => readFile(new URL(name, folder), 'utf8')),
  );
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  return html!
    .replace('/*STYLE*/', () => css!)
    .replace('/*DATA*/', () => json)
    .replace('/*SCRIPT*/', () => js!);
}
