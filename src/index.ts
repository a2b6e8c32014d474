/**
 * The public door: a server inside your own process. Nothing else of this package is public.
 *
 *     const server = await createServer({ port: 0, replicaof: '10.0.0.1 6379' });
 *     const connection = server.connect();
 *     console.log(await connection.command('GET', 'key'), server.port);
 *     await server.close();
 *
 * It is the same server that `redtwin serve` runs, without its signals, its pid file and its log on standard output.
 */
import { randomBytes } from 'node:crypto';
import { Config } from './config/config.ts';
import { BadValue } from './config/kinds.ts';
import { findOption } from './config/options.ts';
import { engineChoice, loadEngine } from './engine/load.ts';
import { RedtwinError } from './errors.ts';
import { Log } from './observe/log.ts';
import { splitArguments } from './protocol/split-arguments.ts';
import { InsideClient, type InsideOptions } from './runtime/inside.ts';
import { Server } from './runtime/server.ts';

export { type ErrorCode, RedtwinError } from './errors.ts';
export { ReplyError, type ReplyValue } from './protocol/reply-decoder.ts';
export type { InsideClient, InsideOptions, Word } from './runtime/inside.ts';

export interface ServerOptions {
  /**
   * Directives of redis.conf by name; values as they would stand there ('127.0.0.1 6379', '64mb', 'yes'). Unlike there,
   * `port` 0 lets the system choose a port, `bind` is 127.0.0.1, and nothing is saved unless `save` says so.
   */
  [directive: string]: string | number | boolean | undefined | ((line: string) => void);
  /** 'native', 'portable' or 'auto', which is the default: native where it can be used. */
  engine?: 'native' | 'portable' | 'auto';
  /** Takes the lines of the log, each with its line break. Default: they are dropped. */
  onLog?: (line: string) => void;
}

export interface EmbeddedServer {
  /** The TCP port it listens on. */
  readonly port: number;
  /** Which engine it runs on. */
  readonly engine: 'native' | 'portable';
  /**
   * A connection that never leaves the process: `await connection.command('GET', 'key')`. It is a client like others, with
   * a database, a transaction, subscriptions of its own, and without a socket in between.
   */
  connect(options?: InsideOptions): InsideClient;
  /** Ends it at once: no save, no waiting for replicas, all connections closed, memory freed. */
  close(): Promise<void>;
}

const embeddedDefaults: Readonly<Record<string, string>> = { port: '0', bind: '127.0.0.1', save: '' };

/** Starts a server. Throws RedtwinError: 'config-*' for options, 'engine-unavailable', 'listen-failed', 'rdb-*' for its file, 'shut-down'. */
export async function createServer(options: ServerOptions = {}): Promise<EmbeddedServer> {
  const { engine: choice, onLog, ...directives } = options;
  const config = new Config();
  for (const [name, value] of Object.entries({ ...embeddedDefaults, ...directives }))
    if (value !== undefined) assign(config, name, value);
  const log = new Log(onLog ?? (() => {}));
  const { engine, warning } = await loadEngine(engineChoice(choice), randomBytes(8).readBigUInt64LE());
  if (warning !== null) log.warning(`WARNING: ${warning}`);
  const server = new Server({ config, log, engine, ephemeralPort: true });
  const close = async (): Promise<void> => {
    await server.shutdowns.request({ saves: 'no', now: true, force: true });
  };
  try {
    await server.start();
  } catch (error) {
    await close();
    throw error;
  }
  const connect = (inside: InsideOptions = {}): InsideClient =>
    new InsideClient(inside, (socket) => server.doorman.acceptInside(socket));
  return { port: server.listeners.port, engine: engine.name, connect, close };
}

function assign(config: Config, name: string, value: unknown): void {
  const option = findOption(name);
  if (!option) throw new RedtwinError('config-unknown-option', `there is no option '${name}'`);
  const text = typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
  const binary = Buffer.from(text).toString('latin1');
  try {
    const words = name === 'replicaof' ? splitArguments(binary) : [binary];
    config.assign(option, words ?? [binary]);
  } catch (cause) {
    if (!(cause instanceof BadValue)) throw cause;
    throw new RedtwinError('config-bad-value', `option '${name}' cannot be '${text}': ${cause.message}`, {
      cause,
    });
  }
}
