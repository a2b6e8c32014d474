/**
 * What the two data sets cost in memory: each side loads the same RDB, and what the whole process holds afterwards is counted,
 * Node, code and stacks included, as the system tells it.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { obtain } from '../test/servers/obtain.ts';
import { rdbOf, scaleOf } from './data-files.ts';
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { settledMb } from './frame/settled.ts';
import { realSide, sidesOf } from './frame/sides.ts';

/** The bench. */
export const memory: Bench = {
  name: 'memory',
  question: 'what does the whole process hold with the data loaded?',
  cores: 'all',
  bars: [
    { what: 'hold A, MB', than: 'redis-7.0', atMostTimes: 0.55 },
    { what: 'hold A, MB', than: 'valkey-9.1', atMostTimes: 1 },
    { what: 'hold B, MB', than: 'redis-7.0', atMostTimes: 0.65 },
    { what: 'hold B, MB', than: 'valkey-9.1', atMostTimes: 1 },
  ],
  async run(context) {
    const rows = new Rows();
    const sides = sidesOf(context);
    // The strongest peer where memory is concerned, so it is asked even when nobody named it.
    if (!context.quick && !context.against.includes('valkey-9.1')) {
      try {
        obtain('valkey-9.1');
        sides.splice(-1, 0, realSide('valkey-9.1'));
      } catch (error) {
        context.note(`valkey-9.1 is left out: ${(error as Error).message}`);
      }
    }
    const folder = mkdtempSync(join(tmpdir(), 'redtwin-bench-'));
    try {
      for (const set of ['A', 'B'] as const) {
        copyFileSync(await rdbOf(set, scaleOf(context)), join(folder, 'dump.rdb'));
        await inTurns(Math.min(context.rounds, 2), sides, async (side) => {
          const server = await side.start(['--dir', folder]);
          try {
            const keys = Number(server.cli('DBSIZE'));
            const megabytes = await settledMb(server.pid);
            rows.add(`hold ${set}, MB`, side.who, megabytes);
            rows.add(`hold ${set}, bytes a key`, side.who, (megabytes * 2 ** 20) / keys);
          } finally {
            await server.stop();
          }
        });
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return rows.all();
  },
};
