/**
 * How long an RDB takes to load and what it costs in memory, side by side: a real server makes the file, then each side
 * starts with it, in turns. The time is from the process's start to the first PONG that is not LOADING, less that of an
 * empty start; the memory is the process's resident size afterwards, as the system tells it.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, startRedtwin, startServer } from '../test/servers/server.ts';
import { until } from '../test/servers/wait.ts';
import { chunksOf, type DataSet } from './data-sets.ts';
import type { Bench, Context, Row } from './frame/bench.ts';
import { residentMb } from './frame/process.ts';

/** Fills a real server and has it save; gives the file's path inside `folder`. */
async function makeRdb(set: DataSet, scale: number, folder: string): Promise<string> {
  const server = await startServer();
  const client = await server.client();
  client.timeoutMs = 300_000;
  for (const { bytes, count } of chunksOf(set, scale)) {
    client.write(bytes);
    for (let left = count; left > 0; left--) await client.frame();
  }
  await client.ask('SAVE');
  client.close();
  const path = join(folder, `${set}.rdb`);
  copyFileSync(join(server.folder, 'dump.rdb'), path);
  await server.stop();
  return path;
}

/** Seconds until a server that starts in `folder` serves (PING answers while loading, so DBSIZE is asked). */
async function timed(
  start: (args: string[]) => Promise<RunningServer>,
  folder: string,
): Promise<[number, number]> {
  const began = performance.now();
  const server = await start(['--dir', folder]);
  try {
    const client = await server.client();
    await until('the end of loading', async () => typeof (await client.ask('DBSIZE')) === 'number', 120_000);
    const seconds = (performance.now() - began) / 1000;
    client.close();
    return [seconds, residentMb(server.pid)];
  } finally {
    await server.stop();
  }
}

async function run(options: Context): Promise<Row[]> {
  const scale = options.quick ? 0.1 : 1;
  const sides: { who: string; start: (args: string[]) => Promise<RunningServer> }[] = [
    ...options.against.map((version) => ({
      who: version as string,
      start: (args: string[]) => startServer({ version, args }),
    })),
    { who: 'redtwin native', start: (args) => startRedtwin({ engine: 'native', built: true, args }) },
  ];
  const folder = mkdtempSync(join(tmpdir(), 'redtwin-bench-'));
  const rows: Row[] = [];
  try {
    for (const set of ['A', 'B'] as const) {
      const path = await makeRdb(set, scale, folder);
      const times: Row[] = sides.map(({ who }) => ({ what: `load ${set}, s`, who, samples: [] }));
      const sizes: Row[] = sides.map(({ who }) => ({ what: `hold ${set}, MB`, who, samples: [] }));
      for (let round = 0; round < (options.quick ? 1 : 5); round++) {
        for (const [index, { start }] of sides.entries()) {
          const own = join(folder, `${set}-${index}-${round}`);
          mkdirSync(own);
          const [emptySeconds] = await timed(start, own);
          copyFileSync(path, join(own, 'dump.rdb'));
          const [seconds, megabytes] = await timed(start, own);
          times[index]?.samples.push(Math.max(seconds - emptySeconds, 0.001));
          sizes[index]?.samples.push(megabytes);
          rmSync(own, { recursive: true, force: true });
        }
      }
      rows.push(...times, ...sizes);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return rows;
}

/** The bench. */
export const load: Bench = {
  name: 'load',
  question: 'how long does an RDB take to load, and what does it hold then?',
  cores: 'all',
  run,
};
