/**
 * The sides of a comparison: the real servers that were asked for, then redtwin, all started with the same settings, and
 * redtwin as users start it (dist/, the release build of the native engine).
 *
 *     sides(context) = redis-7.0, [valkey-9.1,] redtwin native [, redtwin portable]
 *
 * A comparison is fair when both sides' settings are known, so `describe` asks the running servers for theirs.
 */
import type { ServerName } from '../../test/servers/catalog.ts';
import { type RunningServer, startRedtwin, startServer } from '../../test/servers/server.ts';
import type { Context } from './bench.ts';
import { serverPin } from './process.ts';

/** What both sides are told: no persistence, one thread for sockets, as many clients. */
const settings = ['--maxclients', '10000', '--io-threads', '1', '--appendonly', 'no'];
const told = ['save', 'appendonly', 'maxclients', 'io-threads', 'maxmemory'];

/** One side. */
export interface Side {
  who: string;
  isRedtwin: boolean;
  /** Starts it on a free port; `args` follow ours, so they win. */
  start(args?: readonly string[]): Promise<RunningServer>;
}

/** A real server as a side. */
export const realSide = (version: ServerName): Side => ({
  who: version,
  isRedtwin: false,
  start: (args = []) => startServer({ version, args: [...settings, ...args], prefix: serverPin() }),
});

/** Redtwin as a side. */
export const redtwinSide = (engine: 'native' | 'portable'): Side => ({
  who: `redtwin ${engine}`,
  isRedtwin: true,
  start: (args = []) =>
    startRedtwin({ engine, built: true, args: [...settings, ...args], prefix: serverPin() }),
});

/** All sides of a run, the one that ratios refer to first. */
export const sidesOf = (
  context: Context,
  engines: readonly ('native' | 'portable')[] = ['native'],
): Side[] => [...context.against.map(realSide), ...engines.map(redtwinSide)];

/** Starts all sides, hands them over with their names, and stops them however that ends. */
export async function withServers<T>(
  sides: readonly Side[],
  use: (servers: { who: string; isRedtwin: boolean; server: RunningServer }[]) => Promise<T>,
): Promise<T> {
  const servers: { who: string; isRedtwin: boolean; server: RunningServer }[] = [];
  try {
    for (const { who, isRedtwin, start } of sides) servers.push({ who, isRedtwin, server: await start() });
    return await use(servers);
  } finally {
    await Promise.all(servers.map(({ server }) => server.stop()));
  }
}

/** Version and settings of each side, as the running servers tell them: 'redis-7.0: 7.0.15, save "", ...'. */
export async function describe(sides: readonly Side[]): Promise<string[]> {
  return await withServers(sides, async (servers) =>
    servers.map(({ who, server }) => {
      const version = /^(?:redis|valkey|redtwin)_version:(.*)$/gm;
      const versions = [...server.cli('INFO', 'server').matchAll(version)].map(([line]) => line.trim());
      const values = told.map(
        (name) => `${name} ${server.cli('CONFIG', 'GET', name).split('\n')[1] || '""'}`,
      );
      return `${who}: ${versions.join(' ').replaceAll(':', ' ')}, ${values.join(', ')}`;
    }),
  );
}
