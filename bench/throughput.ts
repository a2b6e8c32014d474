/**
 * How many requests per second, side by side: redis-benchmark (7.0.15's own) against a real server and against redtwin,
 * in turns (A B A B...), so that a busy minute hits both. Figures are medians over the rounds.
 */
import { execFileSync } from 'node:child_process';
import type { ServerName } from '../test/servers/catalog.ts';
import { obtain } from '../test/servers/obtain.ts';
import { type RunningServer, startRedtwin, startServer } from '../test/servers/server.ts';
import { type Row, report } from './report.ts';

/** What redis-benchmark is asked: its own tests, and commands of ours for the families it does not have. */
const families: Record<string, readonly string[]> = {
  strings: ['-t', 'set,get,incr'],
  collections: ['-t', 'lpush,rpop,sadd,hset,zadd,lrange_100,lrange_600'],
};

/** Runs redis-benchmark once; requests per second by the test's name. */
function measure(
  port: number,
  requests: number,
  pipeline: number,
  what: readonly string[],
): Map<string, number> {
  const [file, ...words] = obtain('redis-7.0').program('benchmark');
  const output = execFileSync(
    file,
    [
      ...[...words, '-p', String(port), '-n', String(requests), '-P', String(pipeline), '-c', '50'],
      ...['-r', '1000000', '-d', '32', '--csv', ...what],
    ],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  const rows = output.trim().split('\n').slice(1);
  return new Map(
    rows.map((row) => {
      const [name = '', perSecond = '0'] = row.split('","').map((cell) => cell.replaceAll('"', ''));
      return [name, Number(perSecond)];
    }),
  );
}

/** Measures and reports. */
export async function throughput(options: { quick: boolean; against: readonly ServerName[] }): Promise<void> {
  const servers: { who: string; server: RunningServer }[] = [];
  const rows = new Map<string, Row>();
  try {
    for (const name of options.against)
      servers.push({ who: name, server: await startServer({ version: name }) });
    servers.push({ who: 'redtwin native', server: await startRedtwin({ engine: 'native' }) });
    if (!options.quick)
      servers.push({ who: 'redtwin portable', server: await startRedtwin({ engine: 'portable' }) });
    const rounds = options.quick ? 2 : 5;
    for (const [family, what] of Object.entries(families)) {
      for (const pipeline of family === 'strings' ? [1, 16, 128] : [16]) {
        const requests =
          (pipeline === 1 ? 100_000 : 1_000_000) *
          (options.quick ? 0.2 : 1) *
          (family === 'strings' ? 1 : 0.2);
        for (let round = 0; round < rounds; round++) {
          for (const { who, server } of servers) {
            for (const [test, perSecond] of measure(server.port, requests, pipeline, what)) {
              const key = `${test} -P ${pipeline}|${who}`;
              const row = rows.get(key) ?? { what: `${test} -P ${pipeline}, requests/s`, who, samples: [] };
              row.samples.push(perSecond);
              rows.set(key, row);
            }
          }
        }
      }
    }
  } finally {
    await Promise.all(servers.map(({ server }) => server.stop()));
  }
  report('throughput', [...rows.values()]);
}
