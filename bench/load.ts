/**
 * How long an RDB takes to load: a real server made the file, each side starts with it, in turns. The time is from the
 * process's start to the first command that is served, less that of a start with nothing to load.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rdbOf, scaleOf } from './data-files.ts';
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { median } from './frame/rows.ts';
import { type Side, sidesOf } from './frame/sides.ts';

/** Seconds from a server's start in `folder` to its first reply to PING that is not -LOADING. */
async function secondsToServe(side: Side, folder: string): Promise<number> {
  const server = await side.start(['--dir', folder]);
  await server.stop();
  return server.startedInMs / 1000;
}

/** Seconds of a start in `folder` that the RDB there takes. */
export async function secondsToLoad(side: Side, folder: string): Promise<number> {
  const empty = mkdtempSync(join(tmpdir(), 'redtwin-bench-'));
  try {
    const starts: number[] = [];
    for (let round = 0; round < 3; round++) starts.push(await secondsToServe(side, empty));
    return Math.max((await secondsToServe(side, folder)) - median(starts), 0.001);
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
}

/** The bench. */
export const load: Bench = {
  name: 'load',
  question: 'how long does an RDB take to load?',
  cores: 'all',
  // Three times and twice as fast.
  bars: [
    { what: 'load A, s', atMostTimes: 1 / 3 },
    { what: 'load B, s', atMostTimes: 1 / 2 },
  ],
  async run(context) {
    const rows = new Rows();
    const folder = mkdtempSync(join(tmpdir(), 'redtwin-bench-'));
    try {
      for (const set of ['A', 'B'] as const) {
        copyFileSync(await rdbOf(set, scaleOf(context)), join(folder, 'dump.rdb'));
        await inTurns(context.rounds, sidesOf(context), async (side) =>
          rows.add(`load ${set}, s`, side.who, await secondsToLoad(side, folder)),
        );
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return rows.all();
  },
};
