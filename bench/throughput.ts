/**
 * How many requests per second, and what each costs the server in CPU time, side by side: redis-benchmark (7.0.15's own)
 * against a real server and against redtwin, in turns (A B A B...), so that a busy minute hits both. Figures are medians
 * over the rounds. CPU time is the fairer judge where redis-benchmark itself is the limit (-P 1), or the machine is busy.
 */
import { execFileSync } from 'node:child_process';
import type { ServerName } from '../test/servers/catalog.ts';
import { obtain } from '../test/servers/obtain.ts';
import { type RunningServer, startRedtwin, startServer } from '../test/servers/server.ts';
import { cpuMs } from './process.ts';
import { type Row, report } from './report.ts';

const data = 'x'.repeat(32);
const key = 'key:__rand_int__';
const element = 'element:__rand_int__';

interface Load {
  name: string;
  /** redis-benchmark puts a number below a million in the place of __rand_int__. */
  command: readonly string[];
  pipelines: readonly number[];
  /** Requests at a pipeline of 16 and above. */
  requests: number;
  /** Commands that come before, once for each server. */
  prepared?: readonly (readonly string[])[];
}

const collection = { pipelines: [16], requests: 200_000 };
const strings = { pipelines: [1, 16, 128], requests: 1_000_000 };
const numbered = (word: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${word}${index}`);

/** What is asked, with the arguments of redis-benchmark's own tests where it has one. */
const loads: readonly Load[] = [
  { name: 'SET', command: ['SET', key, data], ...strings },
  { name: 'GET', command: ['GET', key], ...strings },
  { name: 'INCR', command: ['INCR', 'counter:__rand_int__'], ...strings },
  { name: 'LPUSH', command: ['LPUSH', 'list', data], ...collection },
  { name: 'RPOP', command: ['RPOP', 'list'], ...collection },
  { name: 'SADD', command: ['SADD', 'set', element], ...collection },
  { name: 'HSET', command: ['HSET', 'hash', element, data], ...collection },
  { name: 'ZADD', command: ['ZADD', 'zset', '__rand_int__', element], ...collection },
  { name: 'XADD', command: ['XADD', 'stream', '*', 'field', data], ...collection },
  {
    name: 'LRANGE_100',
    command: ['LRANGE', 'long', '0', '99'],
    pipelines: [16],
    requests: 100_000,
    prepared: [['RPUSH', 'long', ...Array.from({ length: 1000 }, () => data)]],
  },
  { name: 'LRANGE_600', command: ['LRANGE', 'long', '0', '599'], pipelines: [16], requests: 20_000 },
  {
    name: 'SINTER',
    command: ['SINTER', 'one', 'other'],
    pipelines: [16],
    requests: 50_000,
    prepared: [
      ['SADD', 'one', ...numbered('member:', 100)],
      ['SADD', 'other', ...numbered('member:', 50)],
    ],
  },
];

/** Runs redis-benchmark once; requests per second and the server's CPU time in microseconds per request. */
function measure(
  server: RunningServer,
  { command }: Load,
  requests: number,
  pipeline: number,
): [number, number] {
  const [file, ...words] = obtain('redis-7.0').program('benchmark');
  const before = cpuMs(server.pid);
  const output = execFileSync(
    file,
    [
      ...[...words, '-p', String(server.port), '-n', String(requests), '-P', String(pipeline), '-c', '50'],
      ...['-r', '1000000', '--csv', ...command],
    ],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  const microseconds = ((cpuMs(server.pid) - before) * 1000) / requests;
  // The command itself is the first cell of the last line, in quotes.
  const perSecond = Number(output.trim().split('\n').at(-1)?.split('","')[1]);
  if (!(perSecond > 0)) throw new Error(`redis-benchmark gave no figure:\n${output}`);
  return [perSecond, microseconds];
}

/** Measures and reports. */
export async function throughput(options: { quick: boolean; against: readonly ServerName[] }): Promise<void> {
  const servers: { who: string; server: RunningServer }[] = [];
  const rows = new Map<string, Row>();
  const add = (what: string, who: string, figure: number): void => {
    const row = rows.get(`${what}|${who}`) ?? { what, who, samples: [] };
    row.samples.push(figure);
    rows.set(`${what}|${who}`, row);
  };
  try {
    for (const name of options.against)
      servers.push({ who: name, server: await startServer({ version: name }) });
    servers.push({ who: 'redtwin native', server: await startRedtwin({ engine: 'native', built: true }) });
    if (!options.quick)
      servers.push({
        who: 'redtwin portable',
        server: await startRedtwin({ engine: 'portable', built: true }),
      });
    for (const { server } of servers) {
      // The million keys that strings are about.
      measure(server, loads[0]!, options.quick ? 500_000 : 3_000_000, 128);
      for (const command of loads.flatMap((load) => load.prepared ?? [])) server.cli(...command);
    }
    for (const load of loads) {
      for (const pipeline of load.pipelines) {
        const requests = (pipeline === 1 ? 100_000 : load.requests) * (options.quick ? 0.3 : 1);
        for (let round = 0; round < (options.quick ? 3 : 5); round++) {
          for (const { who, server } of servers) {
            const [perSecond, microseconds] = measure(server, load, requests, pipeline);
            add(`${load.name} -P ${pipeline}, requests/s`, who, perSecond);
            add(`${load.name} -P ${pipeline}, CPU us`, who, microseconds);
          }
        }
      }
    }
  } finally {
    await Promise.all(servers.map(({ server }) => server.stop()));
  }
  report('throughput', [...rows.values()]);
}
