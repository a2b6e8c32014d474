/**
 * `redtwin rdb diff A B`: which keys were added, removed and changed, in bounded memory.
 *
 *     count the keys of A --> so many parts that each fits --> per part: A record, B compare, A missing
 *
 * With --deep, the fields, members or elements of changed keys too: further looks at both files, at those keys only.
 */
import type { Command } from 'commander';
import { type CommonOptions, ExitCode, sourceHelp, withFilters, withOutput } from './common.ts';
import { rdbTools } from './engine.ts';
import { intoOutput, type Output } from './output.ts';
import { command, pass } from './run.ts';

/** Keys whose hashes are held at once: 24 bytes each with the table's slack, some 50 MB in all. */
const keysPerPart = 1_500_000;

interface Change {
  change: 'added' | 'removed' | 'changed';
  db: number;
  key: string;
  type: string;
}

export function addDiffCommand(rdb: Command): void {
  withOutput(withFilters(rdb.command('diff')))
    .description('print what differs between two RDBs, as JSON Lines; exit code 1 when something does')
    .argument('<first>', sourceHelp)
    .argument('<second>', 'likewise; neither may be standard input, since files are read more than once')
    .option('--deep', 'also which fields, members or elements of a changed key differ')
    .action((first: string, second: string, options: CommonOptions & { deep?: boolean }) =>
      command(async () => {
        if (first === '-' || second === '-')
          rdb.error('error: diff reads its files more than once: no standard input');
        const differs = await intoOutput(options.output, (output) => diff(first, second, options, output));
        return differs ? ExitCode.no : ExitCode.fine;
      }),
    );
}

async function diff(
  first: string,
  second: string,
  options: CommonOptions & { deep?: boolean },
  output: Output,
): Promise<boolean> {
  const counted = await pass(first, { job: 'entries', values: false, sizes: false, partBytes: 0 }, options, {
    write: () => {},
  });
  const parts = Math.max(1, Math.ceil(counted.progress().wanted / keysPerPart));
  const { randomBytes } = await import('node:crypto');
  const seed = randomBytes(8).readBigUInt64LE();
  let differs = false;
  for (let part = 0; part < parts; part++) {
    const ledger = (await rdbTools()).ledger(part, parts, seed);
    const lines = new Lines(async (changes) => {
      differs = true;
      if (options.deep !== true)
        return void (await output.write(Buffer.from(changes.map((c) => c.line).join(''))));
      const { changesWithin } = await import('./deep.ts');
      for await (const text of changesWithin(first, second, changes, options))
        await output.write(Buffer.from(text));
    });
    try {
      await pass(first, { job: 'record', ledger }, options, { write: () => {} });
      await pass(second, { job: 'compare', ledger }, options, lines);
      await pass(first, { job: 'missing', ledger }, options, lines);
      await lines.end();
    } finally {
      ledger.close();
    }
  }
  return differs;
}

export interface ChangeLine extends Change {
  line: string;
}

/** How many changes are looked into at once. */
const changesAtOnce = 10_000;

/** Puts the lines of a scan together again and hands them over in portions. */
class Lines {
  readonly #take: (changes: ChangeLine[]) => Promise<void>;
  #rest = '';
  #waiting: ChangeLine[] = [];

  constructor(take: (changes: ChangeLine[]) => Promise<void>) {
    this.#take = take;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const lines = (this.#rest + Buffer.from(bytes).toString()).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#waiting.push({ ...(JSON.parse(line) as Change), line: `${line}\n` });
    if (this.#waiting.length >= changesAtOnce) await this.end();
  }

  async end(): Promise<void> {
    if (this.#waiting.length > 0) await this.#take(this.#waiting.splice(0));
  }
}
