#!/usr/bin/env node
/**
 * The `redtwin` command.
 *
 *     redtwin serve [redis.conf] [--directive value ...] [-]     run a server, in redis-server's own syntax
 *     redtwin rdb json | top | report ... dump.rdb               the RDB toolkit
 *     redtwin commands                                           what is supported
 *     redtwin --help, --version
 *
 * It only sorts words; each command has its file, which is loaded when it is asked for: a look at a small RDB should not wait
 * for a server.
 */
import { Command } from 'commander';
import { redtwinVersion } from '../runtime/version.ts';
import { holdYoungGeneration, keepHeapQuiet } from './heap.ts';

const program = new Command('redtwin')
  .description('A Redis twin that lives in Node: replicates with real Redis and Valkey, and serves clients.')
  .version(redtwinVersion, '-v, --version');

program
  .command('serve')
  .description('run a server; takes the arguments of redis-server')
  .usage('[redis.conf] [--directive value ...] [-]')
  // The words behind serve are redis-server's, not ours: none of them may be taken for an option here.
  .argument('[words...]')
  .allowUnknownOption()
  .helpOption(false)
  .action(async () => {
    // Before it is known which engine there is: collections are planned during the start.
    keepHeapQuiet(true);
    const mayGrow = holdYoungGeneration();
    const { serve } = await import('./serve.ts');
    mayGrow();
    await serve(process.argv.slice(process.argv.indexOf('serve') + 1));
  });

program
  .command('commands')
  .description('print which commands of Redis 7.0 are supported')
  .action(async () => {
    const { supportTable } = await import('./support-table.ts');
    process.stdout.write(supportTable());
  });

const rdb = program.command('rdb').description('read, shape and look at RDB files');
if (process.argv[2] === 'rdb' || process.argv.includes('help'))
  await (await import('./rdb.ts')).addRdbCommands(rdb, process.argv[3]);

await program.parseAsync();
