/**
 * Does redtwin stay as fast as it grows? A server is filled with N keys, then with ten times as many: throughput, save and load
 * per key at both sizes, and the longest hundred of SETs on the way (a table that rehashes would show there), beside the longest of
 * as many that only change what is there: this machine stops for some milliseconds now and then by itself. N is 200 thousand, and a
 * million with --full.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { infoOf } from '../test/interop/info.ts';
import type { RunningServer } from '../test/servers/server.ts';
import { until } from '../test/servers/wait.ts';
import { type Bench, type Context, inTurns, Rows } from './frame/bench.ts';
import { fill } from './frame/fill.ts';
import { redisBenchmark } from './frame/redis-benchmark.ts';
import { median, quantile } from './frame/rows.ts';
import { realSide, redtwinSide, type Side } from './frame/sides.ts';
import { secondsToLoad } from './load.ts';

const valueBytes = 32;

/** Requests per second of GET and SET on random keys. */
function perSecond(
  server: RunningServer,
  command: readonly string[],
  keys: number,
  context: Context,
): number {
  const asked = { command, requests: context.quick ? 50_000 : 1_000_000, pipeline: 16, keys };
  return median(
    Array.from({ length: Math.min(context.rounds, 3) }, () => redisBenchmark(server, asked).perSecond),
  );
}

/** Saves in the background, with nothing else going on; seconds. */
async function secondsToSave(server: RunningServer): Promise<number> {
  const began = performance.now();
  server.cli('BGSAVE');
  const isOver = async (): Promise<boolean> =>
    (await infoOf(server, 'persistence')).get('rdb_bgsave_in_progress') === '0';
  await until('the save', isOver, 300_000, 10);
  return (performance.now() - began) / 1000;
}

/** Measures one server at both sizes. */
async function measure(
  side: Side,
  sizes: readonly [number, number],
  context: Context,
  rows: Rows,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'redtwin-bench-'));
  const home = join(folder, 'growing');
  mkdirSync(home);
  const server = await side.start(['--dir', home]);
  const at = new Map<string, number[]>();
  const add = (what: string, figure: number): void => void at.set(what, [...(at.get(what) ?? []), figure]);
  const longest: number[] = [];
  let still = 0;
  try {
    let from = 0;
    for (const keys of sizes) {
      const waits = await fill(server.port, keys, { from, valueBytes, pid: server.pid });
      longest.push(quantile(waits, 1));
      from = keys;
      add('GET -P 16', 1e9 / perSecond(server, ['GET', 'key:__rand_int__'], keys, context));
      add(
        'SET -P 16',
        1e9 / perSecond(server, ['SET', 'key:__rand_int__', 'y'.repeat(valueBytes)], keys, context),
      );
      const saves: number[] = [];
      // The first one after many writes also waits for memory that is new to the machine.
      while (saves.length < Math.min(context.rounds, 3)) saves.push(await secondsToSave(server));
      add('save', (median(saves) * 1e9) / keys);
      mkdirSync(join(folder, String(keys)));
      copyFileSync(join(home, 'dump.rdb'), join(folder, String(keys), 'dump.rdb'));
    }
    still = quantile(await fill(server.port, from, { valueBytes, pid: server.pid }), 1);
  } finally {
    await server.stop();
  }
  try {
    for (const keys of sizes)
      add('load', ((await secondsToLoad(side, join(folder, String(keys)))) * 1e9) / keys);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const [what, [small, large]] of at) {
    rows.add(`${what}, ${sizes[0] / 1e6}M keys, ns`, side.who, small!);
    rows.add(`${what}, ${sizes[1] / 1e6}M keys, ns`, side.who, large!);
    rows.add(`${what}, speed at ten times the keys, of 1`, side.who, small! / large!);
  }
  rows.add('longest 100 SETs while growing, ms', side.who, Math.max(...longest));
  rows.add('longest 100 SETs of keys that are there, ms', side.who, still);
}

/** The bench. */
export const growth: Bench = {
  name: 'growth',
  question: 'does it stay as fast with ten times the keys?',
  cores: 'apart',
  bars: [
    ...['GET -P 16', 'SET -P 16', 'save', 'load'].map((what) => ({
      what: `${what}, speed at ten times the keys, of 1`,
      atLeast: 0.8,
    })),
    { what: 'longest 100 SETs while growing, ms', atMost: 5 },
  ],
  async run(context) {
    const rows = new Rows();
    const small = context.quick ? 20_000 : context.full ? 1_000_000 : 200_000;
    const sides = [realSide(context.against[0]), redtwinSide('native')];
    await inTurns(Math.min(context.rounds, 3), sides, (side) =>
      measure(side, [small, small * 10], context, rows),
    );
    return rows.all();
  },
};
