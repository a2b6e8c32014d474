/**
 * What a snapshot costs those who are served meanwhile: data set A (5 million keys), 5,000 requests a second, half of them
 * writes.
 *
 *     idle save   load alone   load + saves   all the writes the server takes + a save
 *     seconds     p99.9        p99.9, worst,  extra memory: growth of the resident set while it saves
 *                              seconds        (Redis: what the child says it had to copy)
 *
 * Requests are sent when they are due (frame/offered-load.ts), so that a pause is felt by all that would have been sent in it.
 */
import { infoOf } from '../test/interop/info.ts';
import type { Client } from '../test/servers/client.ts';
import { pack } from '../test/servers/resp.ts';
import { type RunningServer, startRedtwin, startServer } from '../test/servers/server.ts';
import { until } from '../test/servers/wait.ts';
import { chunksOf } from './data-sets.ts';
import type { Bench, Context, Row } from './frame/bench.ts';
import { keyBytes } from './frame/fill.ts';
import { OfferedLoad } from './frame/offered-load.ts';
import { residentMb } from './frame/process.ts';
import { quantile } from './frame/rows.ts';

const requestsPerSecond = 5000;
const connections = 10;
/** Of data set A. */
const valueBytes = 32;
/** The longest that a save may take. */
const saveSecondsMax = 120;

const value = (): string => Math.random().toString(16).slice(2).padEnd(valueBytes, '0').slice(0, valueBytes);

async function fill(server: RunningServer, scale: number): Promise<void> {
  const client = await server.client();
  for (const { bytes, count } of chunksOf('A', scale)) {
    client.write(bytes);
    for (let left = count; left > 0; left--) await client.frame();
  }
  client.close();
}

const field = async (server: RunningServer, name: string): Promise<string> =>
  (await infoOf(server, 'persistence')).get(name) ?? '';

/** Saves once; seconds it took. Over a connection: a process that is started here would make those who measure wait. */
async function save(server: RunningServer): Promise<number> {
  const client = await server.client();
  const began = performance.now();
  await client.ask('BGSAVE');
  const isOver = async (): Promise<boolean> =>
    String(await client.ask('INFO persistence')).includes('rdb_bgsave_in_progress:0');
  await until('the save', isOver, saveSecondsMax * 1000, 20);
  const took = (performance.now() - began) / 1000;
  client.close();
  if ((await field(server, 'rdb_last_bgsave_status')) !== 'ok') throw new Error('the save failed');
  return took;
}

/** Writes to random keys as fast as the server takes them, until told to stop. */
async function flood(client: Client, keys: number, isOver: () => boolean): Promise<number> {
  let writes = 0;
  const batch = 200;
  while (!isOver()) {
    client.write(
      Buffer.concat(
        Array.from({ length: batch }, () =>
          pack(['SET', keyBytes(Math.floor(Math.random() * keys)), value()]),
        ),
      ),
    );
    for (let left = batch; left > 0; left--) await client.frame();
    writes += batch;
  }
  return writes;
}

/** Megabytes that a save needs beside the data under all the writes the server takes. */
async function extraMemory(server: RunningServer, keys: number, isRedis: boolean): Promise<number> {
  const client = await server.client();
  let isOver = false;
  // The resident set before: what the writes themselves need is there already.
  const warm = flood(client, keys, () => isOver);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const before = residentMb(server.pid);
  let peak = before;
  const sampler = setInterval(() => {
    peak = Math.max(peak, residentMb(server.pid));
  }, 20);
  await save(server);
  clearInterval(sampler);
  isOver = true;
  await warm;
  client.close();
  return isRedis ? Number(await field(server, 'rdb_last_cow_size')) / 2 ** 20 : peak - before;
}

async function measure(
  server: RunningServer,
  scale: number,
  isRedis: boolean,
  rounds: number,
): Promise<Map<string, number[]>> {
  const figures = new Map<string, number[]>();
  const keys = Math.round(5_000_000 * scale);
  await fill(server, scale);
  figures.set('save idle, s', [await save(server), await save(server)]);
  const asked = { keys, valueBytes, connections, perSecond: requestsPerSecond, spins: false };
  const load = await OfferedLoad.open(server.port, asked);
  await load.run(2);
  const add = (what: string, figure: number): void => {
    figures.set(what, [...(figures.get(what) ?? []), figure]);
  };
  // In turns, so that a busy moment of the machine hits both; the median counts.
  for (let round = 0; round < rounds; round++) {
    const { answered: calm } = await load.run(5);
    let isOver = false;
    const loaded = load.run(saveSecondsMax, () => isOver);
    add('save under load, s', await save(server));
    isOver = true;
    const { answered: waits } = await loaded;
    const [p999, p999Saving] = [quantile(calm, 0.999), quantile(waits, 0.999)];
    const [worst, worstSaving] = [quantile(calm, 1), quantile(waits, 1)];
    add('p99.9 without, ms', p999);
    add('p99.9 while saving, ms', p999Saving);
    add('worst without, ms', worst);
    add('worst while saving, ms', worstSaving);
    add('p99.9 while saving to without, times', p999Saving / p999);
    add('worst while saving beyond without, ms', Math.max(0, worstSaving - worst));
  }
  load.close();
  figures.set('extra memory, all writes, MB', [await extraMemory(server, keys, isRedis)]);
  return figures;
}

async function run(options: Context): Promise<Row[]> {
  const scale = options.quick ? 0.05 : options.full ? 1 : 0.2;
  const sides: { who: string; isRedis: boolean; start: () => Promise<RunningServer> }[] = [
    ...options.against.map((version) => ({
      who: version as string,
      isRedis: true,
      start: () => startServer({ version }),
    })),
    { who: 'redtwin native', isRedis: false, start: () => startRedtwin({ engine: 'native', built: true }) },
  ];
  const rows: Row[] = [];
  for (const { who, isRedis, start } of sides) {
    const server = await start();
    try {
      for (const [what, samples] of await measure(server, scale, isRedis, options.rounds))
        rows.push({ what, who, samples });
    } finally {
      await server.stop();
    }
  }
  return rows;
}

/** The bench. */
export const snapshot: Bench = {
  name: 'snapshot',
  question: 'what does a snapshot cost those who are served meanwhile?',
  cores: 'all',
  bars: [
    { what: 'p99.9 while saving to without, times', atMost: 1.5 },
    { what: 'worst while saving beyond without, ms', atMost: 10 },
    { what: 'save idle, s', atMostTimes: 1 },
    { what: 'save under load, s', atMostTimes: 1 },
    { what: 'extra memory, all writes, MB', atMostTimes: 0.4 },
  ],
  run,
};
