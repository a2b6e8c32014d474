/**
 * INFO commandstats, errorstats, latencystats and LATENCY HISTOGRAM: the same conversation with redis-server and with a
 * server of each engine must leave the same counts. Times are ours; only their form is compared.
 */
import test from 'ava';
import { LatencyHistogram } from '../../src/protocol/latency-histogram.ts';
import { startServer } from '../servers/server.ts';
import { engineNames, Talk, withServer } from './helpers.ts';

const conversation = [
  'GET k',
  'SET k v',
  'LPUSH k v',
  'GET',
  'CONFIG GET maxmemory',
  'CONFIG GET',
  'CONFIG NOSUCH',
  'CONFIG SET maxmemory nonsense',
  'NOSUCH a b',
  'OBJECT ENCODING k',
  'CLIENT SETNAME "a b"',
  'AUTH user wrong',
  'MULTI',
  'SET k v',
  'LPUSH k v',
  'CLIENT ID',
  'EXEC',
  'EXEC',
  'MULTI',
  'NOSUCH',
  'EXEC',
  'WAIT 0 1',
  'SUBSCRIBE c',
  'GET k',
  'UNSUBSCRIBE c',
];
/** Only where there are scripts. */
const scripts = [
  `EVAL "return redis.call('set', KEYS[1], 'v')" 1 k`,
  `EVAL "return redis.call('lpush', KEYS[1], 'v')" 1 k`,
  `EVAL "return redis.pcall('lpush', KEYS[1], 'v')" 1 k`,
  `EVAL "redis.pcall('lpush', KEYS[1], 'v') return 1" 1 k`,
  `EVAL "return redis.call('auth', 'x')" 0`,
  `EVAL "return redis.call('get')" 0`,
  `EVAL "return redis.call('nosuch')" 0`,
  `EVAL "return redis.error_reply('MINE is mine')" 0`,
  `EVAL "return {redis.error_reply('MINE a'), redis.error_reply('MINE b')}" 0`,
  `EVAL "return redis.call()" 0`,
  'EVAL "nonsense here" 0',
  'EVALSHA 0000000000000000000000000000000000000000 0',
];

/** Counts without times, from what INFO says after the conversation. */
async function countsAfter(port: number, lines: readonly string[]): Promise<string[]> {
  const talk = await Talk.open(port);
  await talk.ask('CONFIG RESETSTAT');
  for (const line of lines) await talk.ask(line);
  const info = await talk.ask(
    'INFO stats commandstats errorstats',
    /# Errorstats\r\n(errorstat.*\r\n)*\r\n$/,
  );
  talk.close();
  const counts = [
    ...[...info.matchAll(/^(cmdstat_\S+:calls=\d+),usec=\d+,usec_per_call=\d+\.\d\d(,\S+)\r$/gm)].map(
      ([, calls, rest]) => `${calls}${rest}`,
    ),
    ...[...info.matchAll(/^(errorstat_\S+)\r$/gm)].map(([, line]) => line!),
  ];
  const total = /total_error_replies:\d+|$/.exec(info)![0];
  const commands = /total_commands_processed:\d+|$/.exec(info)![0];
  return [...counts.sort(), total, commands];
}

for (const engine of engineNames) {
  test(`counts are those of redis-server [${engine}]`, async (t) => {
    const redis = await startServer();
    try {
      const lines = [...conversation, ...(engine === 'native' ? scripts : [])];
      const right = await countsAfter(redis.port, lines);
      t.true(right.length > 20);
      await withServer({ engine }, async ({ port }) => {
        t.deepEqual(await countsAfter(port, lines), right);
      });
    } finally {
      await redis.stop();
    }
  });

  test(`latencies are told per command, and only while they are tracked [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const talk = await Talk.open(port);
      for (let i = 0; i < 3; i++) await talk.ask('SET k v');
      await talk.ask('CONFIG GET maxmemory');
      const histogram = await talk.ask('LATENCY HISTOGRAM set config nosuch');
      t.regex(
        histogram,
        /^\*4\r\n\$3\r\nset\r\n\*4\r\n\$5\r\ncalls\r\n:3\r\n\$14\r\nhistogram_usec\r\n\*\d+\r\n/,
      );
      t.regex(histogram, /\r\n\$10\r\nconfig\|get\r\n\*4\r\n\$5\r\ncalls\r\n:1\r\n/);
      t.regex(
        await talk.ask('INFO latencystats'),
        /\r\nlatency_percentiles_usec_set:p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}\r\n/,
      );
      await talk.ask('CONFIG SET latency-tracking-info-percentiles "0 12.5"');
      t.regex(await talk.ask('INFO latencystats'), /_usec_set:p0=\d+\.\d{3},p12\.5=\d+\.\d{3}\r\n/);
      await talk.ask('CONFIG SET latency-tracking no');
      t.notRegex(await talk.ask('INFO latencystats', /\r\n\r\n$/), /usec_set/);
      await talk.ask('SET k v');
      t.regex(await talk.ask('LATENCY HISTOGRAM set'), /calls\r\n:3\r\n/);
      await talk.ask('CONFIG RESETSTAT');
      t.is(await talk.ask('LATENCY HISTOGRAM set'), '*0\r\n');
    });
  });

  test(`changes since the last save are those of redis-server [${engine}]`, async (t) => {
    const redis = await startServer();
    try {
      const lines = [
        'SET k v',
        'SADD s a b c',
        'DEL k nothing',
        'SADD s a',
        'SPOP s 2',
        'FLUSHALL',
        'MSET a 1 b 2',
      ];
      const changesAfter = async (port: number): Promise<number> => {
        const talk = await Talk.open(port);
        const told = async (): Promise<number> =>
          Number(/changes_since_last_save:(\d+)/.exec(await talk.ask('INFO persistence', /\r\n\r\n$/))![1]);
        const before = await told();
        for (const line of lines) await talk.ask(line, /\r\n$/);
        const after = await told();
        talk.close();
        return after - before;
      };
      const right = await changesAfter(redis.port);
      await withServer({ engine }, async ({ port }) => {
        t.is(await changesAfter(port), right);
      });
    } finally {
      await redis.stop();
    }
  });
}

test('places of the histogram are exact to one percent', (t) => {
  for (const ns of [1, 7, 255, 256, 1000, 1003, 65_536, 1_234_567, 999_999_999]) {
    const histogram = new LatencyHistogram();
    histogram.record(ns);
    const told = histogram.percentile(50);
    t.true(told >= ns && told <= ns * 1.01, `${ns} is told as ${told}`);
    t.deepEqual(LatencyHistogram.of(histogram.pairs()).pairs(), histogram.pairs());
  }
  const histogram = new LatencyHistogram();
  for (const ns of [500, 1024, 1100, 70_000, 5e9]) histogram.record(ns);
  // The limits that redis-server tells: 1, 2, 4, 8, 16, 33, 66, 132... and the last place for everything longer.
  t.deepEqual(histogram.cumulative(), [
    [1, 2],
    [2, 3],
    [132, 4],
    [1_073_741, 5],
  ]);
  t.is(new LatencyHistogram().percentile(99), 0);
});
