/**
 * The data sets as RDB files, each made once by a redis-server 7.0.15 and kept in bench/.cache/ (git does not keep it): several
 * benches load the same ones.
 */
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
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

/** The path of an RDB with one hash of 400 MB: 4 million fields. Laid out here, for no server is needed for that. */
export function hashRdb(scale: number): string {
  const path = join(cache, `hash-${scale}.rdb`);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const [fields, perWrite] = [4_000_000 * scale, 10_000];
  const head = Buffer.from('REDIS0010\xfe\x00\x04\x04hash\x80....', 'latin1');
  head.writeUInt32BE(fields, head.length - 4);
  const file = openSync(`${path}.new`, 'w');
  writeSync(file, head);
  // Nine digits for a field, and 90 letters for its value; each behind its length.
  const value = `\x40\x5a${'v'.repeat(90)}`;
  for (let at = 0; at < fields; at += perWrite) {
    let text = '';
    for (let field = at; field < at + perWrite; field++)
      text += `\x09${String(field).padStart(9, '0')}${value}`;
    writeSync(file, text, null, 'latin1');
  }
  // Eight zeros: no checksum was made.
  writeSync(file, Buffer.from('\xff\0\0\0\0\0\0\0\0', 'latin1'));
  closeSync(file);
  renameSync(`${path}.new`, path);
  return path;
}
