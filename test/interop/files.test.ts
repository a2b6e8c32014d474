/**
 * RDB files between real servers and both engines, without a link: a server saves every type and encoding it has, an
 * engine loads the file, and both have the same DEBUG DIGEST; the engine saves it in the server's version and in older
 * ones, a server starts on that file, and the digest is still the same.
 *
 * `npm test` does this with Redis 7.0.15, `npm run test:interop` with every server of the matrix.
 */
import test from 'ava';
import type { Engine, Store } from '../../src/engine/engine.ts';
import { enginesUnderTest } from '../engines.ts';
import { catalog, type ServerSource } from '../servers/catalog.ts';
import { digestAfterStartOn, type Saved, saved } from './saved-file.ts';

const sources = catalog.filter(({ name }) => process.env.REDTWIN_INTEROP === 'all' || name === 'redis-7.0');

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
