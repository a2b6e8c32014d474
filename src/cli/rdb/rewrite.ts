/**
 * The commands that write another RDB: filter, convert, repair.
 *
 *     filter   some of the keys      convert   another version      repair   what is complete and sound
 *
 * All three are the engine's job 'copy'. A result is complete or not there; what the target has no place for is said.
 */
import { type Command, InvalidArgumentError } from 'commander';
import type { RdbJob } from '../../engine/rdb.ts';
import { RedtwinError } from '../../errors.ts';
import { type CommonOptions, ExitCode, filterOf, sourceHelp, withFilters } from './common.ts';
import { rdbTools } from './engine.ts';
import { printable } from './human.ts';
import { intoOutput, type Output } from './output.ts';
import { command, pump, said, tellLosses, toOutput } from './run.ts';

type RewriteOptions = CommonOptions & { output: string; compress: boolean; to?: number };

const versions: Record<string, number> = {
  '5': 9,
  '6': 9,
  '7': 10,
  '7.2': 11,
  '7.4': 12,
  '8': 12,
  '9': 9,
  '10': 10,
  '11': 11,
  '12': 12,
  '80': 80,
};

/** An RDB version, or the server that reads it: redis-6.0, redis-7.2, valkey-8, valkey-9. */
export function target(text: string): number {
  const server = /^(redis|valkey)-?(\d+)(?:\.(\d+))?/i.exec(text);
  if (server === null) {
    const version = versions[text];
    if (version === undefined || Number(text) < 9)
      throw new InvalidArgumentError('9 to 12, 80, or a server like redis-7.0');
    return version;
  }
  const [major, minor] = [Number(server[2]), Number(server[3] ?? 0)];
  if (server[1]!.toLowerCase() === 'valkey') return major >= 9 ? 80 : 11;
  if (major < 5) throw new InvalidArgumentError('Redis 5.0 or later');
  if (major < 7) return 9;
  if (major > 7) return 12;
  return minor >= 4 ? 12 : minor >= 2 ? 11 : 10;
}

const name = (version: number) => (version >= 80 ? `VALKEY version ${version}` : `RDB version ${version}`);

const withTarget = (sub: Command): Command =>
  sub
    .requiredOption('-o, --output <file>', 'the RDB to be written (complete, or not at all)')
    .option(
      '--to <version>',
      'RDB version (9 to 12, 80), or the server that shall read it: redis-6.2, valkey-9',
      target,
    )
    .option('--no-compress', 'strings that are written anew are not compressed');

export function addRewriteCommands(rdb: Command): void {
  withTarget(withFilters(rdb.command('filter')))
    .description('write an RDB with some of the keys')
    .argument('<source>', sourceHelp)
    .action((source: string, options: RewriteOptions) => command(() => rewrite(source, options)));
  withTarget(withFilters(rdb.command('convert')))
    .description('write an RDB in another version, for an older server, or between Redis and Valkey')
    .argument('<source>', sourceHelp)
    .action((source: string, options: RewriteOptions) =>
      command(() => {
        if (options.to === undefined) rdb.error("error: convert needs '--to <version>'");
        return rewrite(source, options);
      }),
    );
  withTarget(withFilters(rdb.command('repair')))
    .description('write an RDB with everything that can be saved of a damaged one')
    .argument('<source>', sourceHelp)
    .action((source: string, options: RewriteOptions) => command(() => repair(source, options)));
}

const copyJob = (options: RewriteOptions, careful: boolean): RdbJob => ({
  job: 'copy',
  version: options.to ?? null,
  compress: options.compress,
  checksum: true,
  careful,
});

async function rewrite(source: string, options: RewriteOptions): Promise<undefined> {
  const scan = await toOutput(source, copyJob(options, false), options);
  tellLosses(scan, options.to === undefined ? 'the version written' : name(options.to));
  const { wanted, refused } = scan.progress();
  process.stderr.write(`redtwin rdb: ${wanted} keys written, ${refused} left out\n`);
  return undefined;
}

/** REDIS or VALKEY, and a version. */
const headBytes = 9;

/** What is complete and sound is kept, whatever ends the file. Of what does not begin as an RDB nothing is written. */
async function repair(source: string, options: RewriteOptions): Promise<number> {
  // The sum is that of the damaged file: it tells that there is damage, which is known, and not where.
  const scan = (await rdbTools()).scan(copyJob(options, true), filterOf(options), false);
  let end = 'it is complete';
  const make = async (output: Output): Promise<void> => {
    // The first bytes of a large key are given out before its last ones are known to be sound.
    if (output.cutBack === undefined)
      throw new RedtwinError(
        'config-bad-value',
        'repair needs a file to write to, of which it can take back',
      );
    await pump(source, scan, options, output).catch(async (error: unknown) => {
      const offset = error instanceof RedtwinError ? error.offset : undefined;
      if ((offset ?? scan.progress().bytes) < headBytes) throw error;
      end = said(error);
      const { keepBytes, tail } = scan.salvage();
      await output.cutBack?.(keepBytes);
      await output.write(tail);
    });
  };
  await intoOutput(options.output, make, true);
  const { wanted, broken } = scan.progress();
  for (const key of scan.brokenKeys())
    process.stderr.write(
      `redtwin rdb: left out ${printable(key.key.toString())}: ${key.why} (at byte ${key.offset})\n`,
    );
  process.stderr.write(`redtwin rdb: ${wanted} keys saved, ${broken} broken ones left out; ${end}\n`);
  tellLosses(scan, 'the version written');
  return broken > 0 || end !== 'it is complete' ? ExitCode.no : ExitCode.fine;
}
