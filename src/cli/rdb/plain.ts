/**
 * The commands that are one pass and nothing else: json, resp, keys, memory.
 *
 * What they print is made by the engine's job of that name (src/engine/rdb.ts); here is only how it is asked for.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { type CommonOptions, sourceHelp, withFilters, withOutput } from './common.ts';
import { command, tellLosses, toOutput } from './run.ts';

export function addPlainCommands(rdb: Command): void {
  withOutput(withFilters(rdb.command('json')))
    .description('print keys and values as JSON Lines')
    .argument('<source>', sourceHelp)
    .option(
      '--layout <layout>',
      'lines, or rdb-tools: one document, as redis-rdb-tools writes it',
      layout,
      'lines',
    )
    .action((source: string, options: CommonOptions & { layout: 'lines' | 'rdb-tools' }) =>
      command(async () => {
        await toOutput(source, { job: 'json', layout: options.layout }, options);
        return undefined;
      }),
    );
  withOutput(withFilters(rdb.command('resp')))
    .description('print the commands that make the keys, ready for redis-cli --pipe')
    .argument('<source>', sourceHelp)
    .option('--target <version>', 'the oldest server that will read them, as 6.2', version, [7, 0])
    .action((source: string, options: CommonOptions & { target: [number, number] }) =>
      command(async () => {
        const scan = await toOutput(source, { job: 'commands', target: options.target }, options);
        tellLosses(scan, `a server of version ${options.target.join('.')}`);
        return undefined;
      }),
    );
  withOutput(withFilters(rdb.command('keys')))
    .description('print the names of keys, a line each')
    .argument('<source>', sourceHelp)
    .action((source: string, options: CommonOptions) =>
      command(async () => {
        await toOutput(source, { job: 'keys' }, options);
        return undefined;
      }),
    );
  withOutput(withFilters(rdb.command('memory')))
    .description('print a CSV of what each key takes in memory, with the columns of redis-rdb-tools')
    .argument('<source>', sourceHelp)
    .action((source: string, options: CommonOptions) =>
      command(async () => {
        await toOutput(source, { job: 'memory' }, options);
        return undefined;
      }),
    );
}

function layout(text: string): 'lines' | 'rdb-tools' {
  if (text !== 'lines' && text !== 'rdb-tools') throw new InvalidArgumentError('lines or rdb-tools');
  return text;
}

function version(text: string): [number, number] {
  const parts = /^(\d+)(?:\.(\d+))?/.exec(text);
  if (parts === null) throw new InvalidArgumentError('a version like 6.2');
  return [Number(parts[1]), Number(parts[2] ?? 0)];
}
