/**
 * `redtwin serve`: configuration, engine, server, signals, in this order; and what goes wrong before there is a server,
 * said as redis-server says it.
 *
 *     arguments + file + stdin --> Config --> engine --> Server.start --> ... SIGTERM --> shutDown --> exit
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArguments } from '../config/arguments.ts';
import { Config } from '../config/config.ts';
import { applyConfigText, ConfigFileError, readConfigFile } from '../config/file.ts';
import { utf8 } from '../config/special-kinds.ts';
import { engineChoice, loadEngine } from '../engine/load.ts';
import { RedtwinError } from '../errors.ts';
import { Log } from '../observe/log.ts';
import { removePidFile, setProcessTitle, writePidFile } from '../runtime/process-marks.ts';
import { Server } from '../runtime/server.ts';
import { compatibleVersion } from '../runtime/version.ts';
import { keepHeapQuiet } from './heap.ts';

const usage = `Usage: redtwin serve [/path/to/redis.conf] [--directive value ...] [-]

       redtwin serve                                   default configuration, port 6379
       redtwin serve redis.conf --loglevel verbose     a file; arguments override it
       redtwin serve --port 7777 --replicaof 127.0.0.1 8888
       echo 'maxmemory 128mb' | redtwin serve -        configuration from standard input

Every directive of Redis 7.0 is known: see docs/configuration.md.
`;

/** Reads the configuration from everywhere it may come from. Throws RedtwinError. */
function readConfig(args: readonly string[], log: Log): Config {
  const { file, readsStandardInput, text } = parseArguments(args);
  const config = new Config();
  let whole = '';
  if (file !== null) {
    config.file = resolve(file);
    whole += readConfigFile(config.file);
  }
  if (readsStandardInput) {
    log.warning('Reading config from stdin');
    whole += `${whole === '' ? '' : '\n'}${readFileSync(0, 'latin1')}`;
  }
  applyConfigText(config, `${whole}\n${text}`);
  for (const [name, allowed] of [
    ['cluster-enabled', 'no'],
    ['tls-port', '0'],
    ['tls-replication', 'no'],
    ['daemonize', 'no'],
  ] as const)
    if (config.text(name) !== allowed)
      throw new RedtwinError('config-bad-value', `redtwin cannot do ${name} ${config.text(name)}`);
  return config;
}

/** Tells what is wrong as redis-server does, and ends the process. */
function fail(error: unknown, log: Log): never {
  if (!(error instanceof RedtwinError)) throw error;
  if (error instanceof ConfigFileError || error.message.startsWith("Can't open the log file")) {
    process.stderr.write(
      `\n*** FATAL CONFIG FILE ERROR (Redis ${compatibleVersion}) ***\n${error.message}\n`,
    );
  } else {
    log.warning(error.message);
  }
  process.exit(1);
}

export async function serve(args: readonly string[]): Promise<void> {
  const log = new Log();
  if (args.length === 1 && ['-h', '--help'].includes(args[0]!)) {
    process.stdout.write(usage);
    return;
  }
  try {
    const config = readConfig(args, log);
    log.level = config.value('loglevel');
    if (config.value('logfile') !== '') log.toFile(utf8(config.value('logfile')));
    const loaded = await loadEngine(
      engineChoice(process.env.REDTWIN_ENGINE),
      randomBytes(8).readBigUInt64LE(),
    );
    if (loaded.engine.name === 'portable') keepHeapQuiet(false);
    const server = new Server({ config, log, engine: loaded.engine });
    server.announce();
    if (loaded.warning !== null) log.warning(`WARNING: ${loaded.warning}`);
    log.warning(
      args.length === 0 && config.file === null
        ? 'No config file given, using the default config.'
        : 'Configuration loaded',
    );
    handleSignals(server);
    setProcessTitle(config);
    writePidFile(config, log);
    server.onEnded = () => {
      removePidFile(config);
      log.close();
      process.exit(0);
    };
    await server.start();
  } catch (error) {
    fail(error, log);
  }
}

/** SIGTERM and SIGINT end the server as SHUTDOWN does; a SIGINT while a signal's shutdown is under way ends it at once. */
function handleSignals(server: Server): void {
  let isSignalled = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      isSignalled &&= server.shutdowns.isUnderWay;
      if (signal === 'SIGINT' && isSignalled) {
        server.log.warning('You insist... exiting now.');
        process.exit(1);
      }
      isSignalled = true;
      server.log.warning(`Received ${signal} scheduling shutdown...`);
      const how = server.config.value(signal === 'SIGTERM' ? 'shutdown-on-sigterm' : 'shutdown-on-sigint');
      const saves = how.includes('save') ? 'yes' : how.includes('nosave') ? 'no' : 'configured';
      server.signalled({ saves, now: how.includes('now'), force: how.includes('force') });
    });
  }
}
