/**
 * How long a request waits at the same offered load: half GET, half SET of 64 bytes on a million keys, over 50 connections. In
 * turns of a second, four to a round, and the median second counts: a virtual machine stops for some milliseconds now and then,
 * whoever is served.
 */
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { fill } from './frame/fill.ts';
import { OfferedLoad } from './frame/offered-load.ts';
import { median, quantile, rounded } from './frame/rows.ts';
import { sidesOf, withServers } from './frame/sides.ts';

const connections = 50;
const valueBytes = 64;
const warmUpSeconds = 0.5;
/** Of a second each. */
const turnsOfRound = 4;

/** The bench. */
export const latency: Bench = {
  name: 'latency',
  question: 'how long does a request wait at the same offered load?',
  cores: 'apart',
  bars: [5, 20].map((thousands) => ({ what: `p99 at ${thousands}k requests/s, us`, atMostTimes: 1 })),
  async run(context) {
    const rows = new Rows();
    const keys = context.quick ? 100_000 : 1_000_000;
    await withServers(sidesOf(context), async (servers) => {
      for (const { server } of servers) await fill(server.port, keys, { valueBytes });
      for (const perSecond of context.quick ? [10_000] : [5_000, 20_000]) {
        const late: number[] = [];
        const asked = { keys, valueBytes, connections, perSecond, spins: true };
        const loads = await Promise.all(
          servers.map(async ({ who, server }) => ({ who, load: await OfferedLoad.open(server.port, asked) })),
        );
        for (const { load } of loads) await load.run(warmUpSeconds);
        await inTurns(context.quick ? 1 : context.rounds * turnsOfRound, loads, async ({ who, load }) => {
          const { answered, sent } = await load.run(1);
          late.push(quantile(sent, 0.99) * 1000);
          for (const [name, part] of [
            ['p50', 0.5],
            ['p99', 0.99],
            ['p99.9', 0.999],
          ] as const)
            rows.add(`${name} at ${perSecond / 1000}k requests/s, us`, who, quantile(answered, part) * 1000);
        });
        for (const { load } of loads) load.close();
        const within = `99 % of requests within ${rounded(median(late))} us of their time`;
        context.note(`at ${perSecond / 1000}k requests/s the generator sent ${within}`);
      }
    });
    return rows.all();
  },
};
