/**
 * How many requests per second, and what each costs the server in CPU time: redis-benchmark against a real server and
 * against redtwin, in turns. Values of 64 bytes, a million random keys, 50 connections.
 */
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { redisBenchmark } from './frame/redis-benchmark.ts';
import { sidesOf, withServers } from './frame/sides.ts';

const data = 'x'.repeat(64);
const key = 'key:__rand_int__';
const element = 'element:__rand_int__';

/** One command that is asked for. */
export interface Load {
  name: string;
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
export const loads: readonly Load[] = [
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
  { name: 'LRANGE_600', command: ['LRANGE', 'long', '0', '599'], requests: [[16, 20_000]] },
  {
    name: 'SINTER',
    command: ['SINTER', 'evens', 'thirds'],
    requests: [[16, 50_000]],
    // 500 and 334 names, of which 167 are in both.
    prepared: [
      ['SADD', 'evens', ...Array.from({ length: 500 }, (_, i) => `member:${i * 2}`)],
      ['SADD', 'thirds', ...Array.from({ length: 334 }, (_, i) => `member:${i * 3}`)],
    ],
  },
];

/** The bench. */
export const throughput: Bench = {
  name: 'throughput',
  question: 'how many requests per second, and what does each cost the server?',
  cores: 'apart',
  bars: [
    ...['SET', 'GET', 'INCR'].flatMap((name) => [
      { what: `${name} -P 1, requests/s`, atLeastTimes: 1 },
      { what: `${name} -P 1, CPU us`, atMostTimes: 1 },
      { what: `${name} -P 16, requests/s`, atLeastTimes: 1.5 },
      { what: `${name} -P 128, requests/s`, atLeastTimes: 2.5 },
    ]),
    ...['LPUSH', 'HSET', 'ZADD', 'XADD', 'LRANGE_100'].map((name) => ({
      what: `${name} -P 16, requests/s`,
      atLeastTimes: 1.3,
    })),
    ...['LRANGE_600', 'SINTER'].map((name) => ({ what: `${name} -P 16, requests/s`, atLeastTimes: 1 })),
  ],
  async run(context) {
    const rows = new Rows();
    await withServers(sidesOf(context), async (servers) => {
      for (const { server } of servers) {
        // The million keys that strings are about.
        const requests = context.quick ? 300_000 : 3_000_000;
        redisBenchmark(server, { command: loads[0]!.command, requests, pipeline: 128 });
        for (const command of loads.flatMap((load) => load.prepared ?? [])) server.cli(...command);
      }
      for (const { name, command, requests: sizes } of loads) {
        for (const [pipeline, perRound] of sizes) {
          const requests = context.quick ? perRound / 10 : perRound;
          await inTurns(context.rounds, servers, async ({ who, server }) => {
            const answered = redisBenchmark(server, { command, requests, pipeline });
            rows.add(`${name} -P ${pipeline}, requests/s`, who, answered.perSecond);
            rows.add(`${name} -P ${pipeline}, CPU us`, who, answered.cpuMicroseconds);
          });
        }
      }
    });
    return rows.all();
  },
};
