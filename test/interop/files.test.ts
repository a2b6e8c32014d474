/**
 * RDB files between real servers and both engines, without a link: a server saves every type and encoding it has, an
 * engine loads the file, and both have the same DEBUG DIGEST; the engine saves it in the server's version and in older
 * ones, a server starts on that file, and the digest is still the same.
 *
 * `npm test` does this with Redis 7.0.15, `npm run test:interop` with every server of the matrix.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Engine, Store } from '../../src/engine/engine.ts';
import { enginesUnderTest } from '../engines.ts';
import { catalog, type ServerSource } from '../servers/catalog.ts';
import { type RunningServer, startServer } from '../servers/server.ts';
import { dataset } from './dataset.ts';
import { digestOf } from './info.ts';

const sources = catalog.filter(({ name }) => process.env.REDTWIN_INTEROP === 'all' || name === 'redis-7.0');

/** What a server has saved, and what it says of it. */
interface Saved {
  file: Buffer;
  digest: string;
}

async function saved(source: ServerSource): Promise<Saved> {
  const server = await startServer({ version: source.name });
  try {
    const client = await server.client();
    const replies = await client.batch([
      ...dataset(source),
      // A value of a module, which neither engine understands and both must carry.
      ...(source.name === 'redis-8.0'
        ? ['VADD vectors VALUES 3 0.1 0.2 0.3 a', 'VADD vectors VALUES 3 1 0 0 b']
        : []),
      // These expire while we look.
      ...[1, 9, 15].flatMap((db) => [`SELECT ${db}`, 'DEL leaves']),
      'SAVE',
    ]);
    client.close();
    const refused = replies.find((reply) => reply[0] === 0x2d);
    if (refused !== undefined) throw new Error(`the server refused a part of the data set: ${refused}`);
    return { file: readFileSync(join(server.folder, 'dump.rdb')), digest: await digestOf(server) };
  } finally {
    await server.stop();
  }
}

function load(engine: Engine, file: Buffer, chunkBytes: number): Store {
  const store = engine.open({ databases: 16, seed: 11n, backlogBytes: 1 << 20 });
  const loader = store.loader({ nowMs: Date.now(), dropExpired: false, checksum: true });
  for (let at = 0; at < file.length; at += chunkBytes) loader.write(file.subarray(at, at + chunkBytes));
  loader.commit();
  return store;
}

function save(store: Store, version: number, compress: boolean): Buffer {
  const snapshot = store.snapshot({
    version,
    compress,
    checksum: true,
    nowMs: Date.now(),
    aux: [['redis-ver', '7.0.15']],
  });
  const chunks: Buffer[] = [];
  for (let chunk = snapshot.readNow(50_000); chunk !== null; chunk = snapshot.readNow(50_000))
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A server that starts on this file; the digest of what it made of it. */
async function digestAfterStartOn(file: Buffer, source: ServerSource): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'redtwin-test-file-'));
  let server: RunningServer | undefined;
  try {
    writeFileSync(join(folder, 'dump.rdb'), file);
    server = await startServer({ version: source.name, args: ['--dir', folder] });
    return await digestOf(server);
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The versions that hold all of this server's data: those with field expiry have no older form. */
const versionsOf = (source: ServerSource): number[] =>
  ({ 9: [9], 10: [10, 9], 11: [11, 10, 9], 12: [12], 80: [80] })[source.rdbVersion] ?? [];

for (const source of sources) {
  let made: Promise<Saved> | undefined;
  for (const engine of enginesUnderTest) {
    test.serial(`${engine.name} and ${source.name} read each other's files`, async (t) => {
      t.timeout(120_000);
      made ??= saved(source);
      const { file, digest } = await made;
      t.is(
        file.toString('latin1', 0, 9),
        source.rdbVersion < 80 ? `REDIS${String(source.rdbVersion).padStart(4, '0')}` : 'VALKEY080',
      );
      const store = load(engine, file, 65_536);
      t.teardown(() => store.close());
      if (source.digestsLike7) t.is(store.digest(), digest, 'whole chunks');
      const pieces = load(engine, file, 997);
      t.is(pieces.digest(), store.digest(), 'odd chunks');
      pieces.close();
      for (const version of versionsOf(source)) {
        const ours = save(store, version, version % 2 === 0);
        t.is(await digestAfterStartOn(ours, source), digest, `our version ${version}`);
      }
    });
  }
}
