/**
 * The RDB toolkit between real servers, on both engines: a server saves every type and encoding it has; what the toolkit makes of
 * the file is loaded by a server of that version, and the digest is the same.
 *
 *     file --> convert to the server's own version, filter, repair ---------> a server starts on it ----> DEBUG DIGEST
 *          --> resp for that version --> redis-cli --pipe --> an empty server --------------------------> DEBUG DIGEST
 *          --> RdbReader --> RdbWriter --> a server starts on it ---------------------------------------> DEBUG DIGEST
 *          --> json: the same before and after
 *
 * `npm test` does this with Redis 7.0.15, `npm run test:interop` with every server of the matrix.
 */
import { spawnSync } from 'node:child_process';
import test from 'ava';
import type { RdbFilter, RdbJob, RdbTools } from '../../src/engine/rdb.ts';
import { RdbReader, RdbWriter } from '../../src/rdb/index.ts';
import { enginesUnderTest } from '../engines.ts';
import { catalog, type ServerSource } from '../servers/catalog.ts';
import { obtain } from '../servers/obtain.ts';
import { startServer } from '../servers/server.ts';
import { digestOf } from './info.ts';
import { digestAfterStartOn, type Saved, saved } from './saved-file.ts';

const sources = catalog.filter(({ name }) => process.env.REDTWIN_INTEROP === 'all' || name === 'redis-7.0');

/** What a job makes of a file. Throws what is wrong with it. */
function made(tools: RdbTools, file: Buffer, job: RdbJob, filter: RdbFilter = {}): Buffer {
  const scan = tools.scan(job, filter, true);
  const out: Buffer[] = [];
  const into = Buffer.alloc(100_000);
  const take = () => {
    for (let count = scan.take(into); count > 0; count = scan.take(into))
      out.push(Buffer.from(into.subarray(0, count)));
  };
  for (let at = 0; at < file.length; at += 10_007) {
    scan.push(file.subarray(at, at + 10_007));
    take();
  }
  scan.finish();
  take();
  return Buffer.concat(out);
}

/** Lines as multisets of characters, since the members of a set have no order; streams told apart by their names only. */
const lines = (json: Buffer) =>
  json
    .toString()
    .split('\n')
    .map((line) => (line.includes('"type":"stream"') ? line.slice(0, 40) : [...line].sort().join('')))
    .sort();

/** What an empty server has after these commands came in through its own cli, none of them refused. */
async function digestAfterPipe(commands: Buffer, source: ServerSource): Promise<string> {
  const server = await startServer({ version: source.name });
  try {
    const [cli, ...words] = obtain(source.name).program('cli');
    const piped = spawnSync(cli, [...words, '-p', String(server.port), '--pipe'], { input: commands });
    if (!/errors: 0, /.test(piped.stdout.toString()))
      throw new Error(`${piped.stdout.toString()}${piped.stderr.toString()}`);
    return await digestOf(server);
  } finally {
    await server.stop();
  }
}

const compressed = { job: 'copy', compress: true, checksum: true } as const;

for (const source of sources) {
  let fileOf: Promise<Saved> | undefined;
  const [, major, minor] = /(\d+)\.(\d+)$/.exec(source.name)!;
  for (const engine of enginesUnderTest) {
    const tools = engine.rdb;
    test.serial(`${source.name} loads what the toolkit makes of its file [${engine.name}]`, async (t) => {
      t.timeout(180_000);
      fileOf ??= saved(source);
      const { file, digest } = await fileOf;
      const json = lines(made(tools, file, { job: 'json', layout: 'lines' }));
      t.true(json.length > 200);
      const ways: Record<string, RdbJob> = {
        convert: { ...compressed, version: source.rdbVersion, careful: false },
        filter: { ...compressed, version: null, careful: false },
        repair: { ...compressed, version: null, careful: true },
      };
      for (const [way, job] of Object.entries(ways)) {
        const copy = made(tools, file, job);
        t.deepEqual(lines(made(tools, copy, { job: 'json', layout: 'lines' })), json, `${way}: json`);
        t.is(await digestAfterStartOn(copy, source), digest, way);
      }
      // Valkey 9 knows what Redis 7.4 does (the expiry of fields), under a version that counts on from Redis 7.2.
      const target: [number, number] = [Number(major), Number(minor)];
      const commands = made(tools, file, { job: 'commands', target });
      t.is(await digestAfterPipe(commands, source), digest, 'resp');
    });

    test.serial(`${source.name} loads its entries, written one by one [${engine.name}]`, async (t) => {
      t.timeout(120_000);
      fileOf ??= saved(source);
      const all = await fileOf;
      // Redis 6.0 tells -0 from 0 in a small sorted set; later servers, and the writer, do not.
      const unsigned = { regex: '^(?:[^z]|zset:[^s])' };
      const isOld = source.name === 'redis-6.0';
      const file = isOld
        ? made(tools, all.file, { ...compressed, version: null, careful: false }, unsigned)
        : all.file;
      const digest = isOld ? await digestAfterStartOn(file, source) : all.digest;
      const named = engine.name as 'native' | 'portable';
      const reader = new RdbReader({ engine: named });
      const writer = new RdbWriter({ version: source.rdbVersion, engine: named });
      const entries = [...reader.push(file), ...reader.end()];
      for (const fact of reader.facts) if (fact.fact === 'function') writer.function(fact.code);
      for (const entry of entries) writer.write(entry);
      t.is(await digestAfterStartOn(writer.end(), source), digest);
    });
  }
}
