/**
 * Starts real servers for tests: on a free port of this machine, with a private folder, without persistence, with
 * DEBUG allowed, known by process id. Never on 6379, and never one that was not started here.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServerName } from './catalog.ts';
import { type Child, start } from './children.ts';
import { Client } from './client.ts';
import { obtain } from './obtain.ts';
import { until } from './wait.ts';

/** The command line's file. tsx comes from where node looks, so the child runs in the project's folder. */
const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** What users start: compiled, and fresh when scripts/prepare.mjs says so. */
const builtMain = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A running server, real or redtwin. */
export interface RunningServer {
  readonly port: number;
  readonly pid: number;
  /** Its version, e.g. '7.0.15'. */
  readonly version: string;
  /** Its working folder, removed when it stops. */
  readonly folder: string;
  readonly child: Child;
  /** From its start to its first reply, within 10 ms. */
  readonly startedInMs: number;
  /** A new connection; the caller closes it. */
  client(): Promise<Client>;
  /** Runs the vendor's own cli with these arguments and gives what it printed, without the last line's end. */
  cli(...args: string[]): string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Listens on a port of this machine; null when somebody else does. Keeps no process alive. */
function claim(port: number): Promise<Server | null> {
  return new Promise((resolve) => {
    const listener = createServer().unref();
    listener.once('error', () => resolve(null));
    listener.listen(port, '127.0.0.1', () => resolve(listener));
  });
}

/**
 * A free port, outside of the range that clients' own ports are taken from at random. No other test gets it while this
 * process lives, also before a server listens there: who takes port N listens on N - 10,000, where no server of a test is.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const mark = await claim(port - 10_000);
    if (mark === null) continue;
    const probe = await claim(port);
    if (probe !== null) {
      await new Promise((resolve) => probe.close(resolve));
      return port;
    }
    mark.close();
  }
}

/** Asks PING until the answer is +PONG (or a wish for a password, which is life too), or the child has ended. */
export async function untilServing(
  port: number,
  child: Child,
  what: string,
  timeoutMs = 60_000,
): Promise<void> {
  await until(
    `${what} to answer PING on port ${port}`,
    async () => {
      if (child.endedAs() !== null) return true;
      const client = await Client.open(port);
      try {
        return /^(\+PONG|-NOAUTH)/.test((await client.raw('PING')).toString());
      } finally {
        client.close();
      }
    },
    timeoutMs,
    10,
  );
  if (child.endedAs() !== null) {
    throw new Error(`${what} ended as ${child.endedAs()} instead of serving:\n${child.said()}`);
  }
}

/** How to start one server: the words of its program for a given port and folder. */
export interface Launch {
  /** For messages and the folder's name. */
  name: string;
  version: string;
  /** The cli that speaks to it: the words before its arguments. */
  cli: readonly [string, ...string[]];
  command(port: number, folder: string): [string, ...string[]];
  env?: Record<string, string>;
  /** This port and no other; a free one when left out. */
  port?: number | undefined;
  /** Words before the program's own: `taskset -c 1`. They must end by becoming the program (exec). */
  prefix?: readonly string[] | undefined;
}

/** Starts a server and resolves when it answers PING. */
export async function launch(plan: Launch): Promise<RunningServer> {
  const folder = mkdtempSync(join(tmpdir(), `redtwin-test-${plan.name}-`));
  // A port found free can be taken by another test before the server binds it: then the next one is tried.
  for (let attempt = 1; ; attempt++) {
    const port = plan.port ?? (await freePort());
    const program = [...(plan.prefix ?? []), ...plan.command(port, folder)] as [string, ...string[]];
    const began = performance.now();
    const child = start(program, { env: { ...process.env, ...plan.env } });
    try {
      await untilServing(port, child, plan.name);
    } catch (error) {
      await child.stop();
      if (plan.port === undefined && attempt < 5 && /in use/.test(child.said())) continue;
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    const startedInMs = performance.now() - began;
    const [cli, ...words] = plan.cli;
    return {
      port,
      pid: child.pid,
      version: plan.version,
      folder,
      child,
      startedInMs,
      client: () => Client.open(port),
      cli(...args) {
        const done = spawnSync(cli, [...words, '-p', String(port), ...args], { encoding: 'utf8' });
        if (done.status !== 0)
          throw new Error(`cli ${args.join(' ')}: ${done.error?.message ?? done.stderr}`);
        return done.stdout.replace(/\n$/, '');
      },
      async stop() {
        await child.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }
}

/** Starts a real server. `args` follow ours, so they win. */
export async function startServer(
  options: { version?: ServerName; args?: readonly string[]; port?: number; prefix?: readonly string[] } = {},
): Promise<RunningServer> {
  const name = options.version ?? 'redis-7.0';
  const installation = obtain(name);
  // The option came with Redis 7.0; before it DEBUG was always allowed.
  const debug = name === 'redis-6.0' ? [] : ['--enable-debug-command', 'yes'];
  return await launch({
    name,
    version: installation.version,
    cli: installation.program('cli'),
    port: options.port,
    prefix: options.prefix,
    command: (port, folder) => [
      ...installation.program('server'),
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
      ...[...debug, '--repl-diskless-sync-delay', '0', ...(options.args ?? [])],
    ],
  });
}

/**
 * Starts redtwin itself with one of the two engines, from its sources or, when `built`, from dist/. `args` follow ours, so
 * they win.
 */
export async function startRedtwin(options: {
  engine: 'native' | 'portable';
  args?: readonly string[];
  port?: number;
  built?: boolean;
  prefix?: readonly string[];
}): Promise<RunningServer> {
  const program = options.built ? [builtMain] : ['--import=tsx', '--enable-source-maps', main];
  return await launch({
    name: `redtwin-${options.engine}`,
    version: '7.0.15',
    cli: obtain('redis-7.0').program('cli'),
    port: options.port,
    prefix: options.prefix,
    env: { REDTWIN_ENGINE: options.engine },
    command: (port, folder) =>
      [
        ...[process.execPath, ...program, 'serve'],
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
        ...['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0'],
        // The replicas of a test may be gone, or never answer.
        ...['--shutdown-timeout', '0', ...(options.args ?? [])],
      ] as [string, ...string[]],
  });
}
