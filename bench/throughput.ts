/**
 * How many requests per second, and what each costs the server in CPU time, side by side: redis-benchmark (7.0.15's own)
 * against a real server and against redtwin, in turns (A B A B...), so that a busy minute hits both. Figures are medians
 * over the rounds. CPU time is the fairer judge where redis-benchmark itself is the limit (-P 1), or the machine is busy.
 */
import { execFileSync } from 'node:child_process';
import { obtain } from '../test/servers/obtain.ts';
import type { RunningServer } from '../test/servers/server.ts';
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { cpuMs } from './frame/process.ts';
import { sidesOf, withServers } from './frame/sides.ts';

const data = 'x'.repeat(64);
const key = 'key:__rand_int__';
const element = 'element:__rand_int__';

interface Load {
  name: string;
  /** redis-benchmark puts a number below a million in the place of __rand_int__. */
  command: readonly string[];
  /** How many commands are sent at once, and how many requests that is measured with. */
  requests: readonly (readonly [pipeline: number, requests: number])[];
  /** Commands that come before, once for each server. */
  prepared?: readonly (readonly string[])[];
}

/** About two seconds of a Redis each. */
const strings: Load['requests'] = [
  [1, 150_000],
  [16, 1_000_000],
  [128, 1_500_000],
];
const collection: Load['requests'] = [[16, 500_000]];

/** What is asked, with the arguments of redis-benchmark's own tests where it has one. */
const loads: readonly Load[] = [
  { name: 'SET', command: ['SET', key, data], requests: strings },
  { name: 'GET', command: ['GET', key], requests: strings },
  { name: 'INCR', command: ['INCR', 'counter:__rand_int__'], requests: strings },
  { name: 'LPUSH', command: ['LPUSH', 'list', data], requests: collection },
  { name: 'HSET', command: ['HSET', 'hash', element, data], requests: collection },
  { name: 'ZADD', command: ['ZADD', 'zset', '__rand_int__', element], requests: collection },
  { name: 'XADD', command: ['XADD', 'stream', '*', 'field', data], requests: collection },
  {
    name: 'LRANGE_100',
    command: ['LRANGE', 'long', '0', '99'],
    requests: [[16, 100_000]],
    prepared: [['RPUSH', 'long', ...Array.from({ length: 1000 }, () => data)]],
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

/** The bench. */
export const throughput: Bench = {
  name: 'throughput',
  question: 'how many requests per second, and what does each cost the server?',
  cores: 'apart',
  async run(context) {
    const rows = new Rows();
    await withServers(sidesOf(context), async (servers) => {
      for (const { server } of servers) {
        // The million keys that strings are about.
        measure(server, loads[0]!, context.quick ? 300_000 : 3_000_000, 128);
        for (const command of loads.flatMap((load) => load.prepared ?? [])) server.cli(...command);
      }
      for (const load of loads) {
        for (const [pipeline, perRound] of load.requests) {
          const requests = context.quick ? perRound / 10 : perRound;
          await inTurns(context.rounds, servers, async ({ who, server }) => {
            const [perSecond, microseconds] = measure(server, load, requests, pipeline);
            rows.add(`${load.name} -P ${pipeline}, requests/s`, who, perSecond);
            rows.add(`${load.name} -P ${pipeline}, CPU us`, who, microseconds);
          });
        }
      }
    });
    return rows.all();
  },
};
