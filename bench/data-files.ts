/**
 * The data sets as RDB files, each made once by a redis-server 7.0.15 and kept in bench/.cache/ (git does not keep it): several
 * benches load the same ones.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from '../test/servers/server.ts';
import { chunksOf, type DataSet } from './data-sets.ts';
import type { Context } from './frame/bench.ts';

const cache = fileURLToPath(new URL('.cache/', import.meta.url));

/** How large the sets are in a run: the bars speak of 1. */
export const scaleOf = (context: Context): number => (context.quick ? 0.05 : 1);

/** The path of a data set's RDB. */
export async function rdbOf(set: DataSet, scale: number): Promise<string> {
  const path = join(cache, `${set}-${scale}.rdb`);
  if (existsSync(path)) return path;
  console.log(`  (making data set ${set} first)`);
  mkdirSync(cache, { recursive: true });
  const server = await startServer();
  try {
    const client = await server.client();
    client.timeoutMs = 300_000;
    for (const { bytes, count } of chunksOf(set, scale)) {
      client.write(bytes);
      for (let left = count; left > 0; left--) await client.frame();
    }
    await client.ask('SAVE');
    client.close();
    copyFileSync(join(server.folder, 'dump.rdb'), `${path}.new`);
    renameSync(`${path}.new`, path);
  } finally {
    await server.stop();
  }
  return path;
}
