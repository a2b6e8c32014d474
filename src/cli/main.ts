#!/usr/bin/env node
/**
 * The `redtwin` command.
 *
 *     redtwin serve [redis.conf] [--directive value ...] [-]     run a server, in redis-server's own syntax
 *     redtwin rdb json | top | report ... dump.rdb               the RDB toolkit
 *     redtwin commands                                           what is supported
 *     redtwin --help, --version
 *
 * It only sorts words; each command has its file.
 */
import { Command } from 'commander';
import { redtwinVersion } from '../runtime/version.ts';
import { addRdbCommands } from './rdb.ts';
import { serve } from './serve.ts';
import { supportTable } from './support-table.ts';

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
  .action(() => serve(process.argv.slice(process.argv.indexOf('serve') + 1)));

program
  .command('commands')
  .description('print which commands of Redis 7.0 are supported')
  .action(() => {
    process.stdout.write(supportTable());
  });

addRdbCommands(program);

await program.parseAsync();
