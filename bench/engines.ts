/**
 * What the native engine is worth, and what is left without it: the same requests to a redtwin on each of its two engines.
 */
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { redisBenchmark } from './frame/redis-benchmark.ts';
import { redtwinSide, withServers } from './frame/sides.ts';
import { loads } from './throughput.ts';

/** The bench. */
export const engines: Bench = {
  name: 'engines',
  question: 'native against portable: how far apart are redtwin’s two engines?',
  cores: 'apart',
  async run(context) {
    const rows = new Rows();
    await withServers([redtwinSide('portable'), redtwinSide('native')], async (servers) => {
      for (const { server } of servers) {
        redisBenchmark(server, {
          command: loads[0]!.command,
          requests: 100_000,
          pipeline: 128,
          keys: 100_000,
        });
        for (const command of loads.flatMap((load) => load.prepared ?? [])) server.cli(...command);
      }
      for (const { name, command, requests } of loads) {
        const size = (requests.find(([pipeline]) => pipeline === 16)?.[1] ?? 0) / (context.quick ? 50 : 10);
        await inTurns(Math.min(context.rounds, 3), servers, async ({ who, server }) => {
          const asked = { command, requests: size, pipeline: 16, keys: 100_000 };
          rows.add(`${name} -P 16, requests/s`, who, redisBenchmark(server, asked).perSecond);
        });
      }
    });
    return rows.all();
  },
};
