/**
 * The RDB files that come with Redis's own test suite (tests/assets/): old encodings, keys without elements, one broken ziplist.
 * Whatever Redis 7.0.15 makes of each, redtwin makes of it, as a server and as a toolkit, on both engines.
 *
 *     asset --> Redis starts on it --> DEBUG DIGEST, DBSIZE, or its refusal     the same of redtwin serve, of convert, of RdbReader
 *
 * The files are Redis's and come with its sources (test/redis-suite/tree.ts): `npm run test:interop` fetches them, `npm test` takes
 * what is there.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { RedtwinError } from '../../src/errors.ts';
import { RdbReader, RdbWriter } from '../../src/rdb/index.ts';
import { enginesUnderTest } from '../engines.ts';
import { hasTree, obtainTree } from '../redis-suite/tree.ts';
import { type RunningServer, startRedtwin, startServer } from '../servers/server.ts';

/** What a server makes of a file: the digest of its keys; or null when it does not start on it. */
async function digestOn(file: Buffer, start: (args: string[]) => Promise<RunningServer>) {
  const folder = mkdtempSync(join(tmpdir(), 'redtwin-test-asset-'));
  try {
    writeFileSync(join(folder, 'dump.rdb'), file);
    const server = await start(['--dir', folder]).catch((error: Error) => {
      // Redis exits, and so does redtwin; what else goes wrong is no answer.
      if (!error.message.includes('instead of serving')) throw error;
      return null;
    });
    if (server === null) return null;
    try {
      return server.cli('DEBUG', 'DIGEST');
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const onRedis = (file: Buffer) => digestOn(file, (args) => startServer({ args }));

if (process.env.REDTWIN_INTEROP === 'all' || hasTree()) {
  const folder = join(obtainTree(), 'tests/assets');
  const names = readdirSync(folder).filter((name) => name.endsWith('.rdb'));

  test.serial('there are eight of them, and Redis starts on seven', async (t) => {
    t.is(names.length, 8);
    const refused: string[] = [];
    for (const name of names)
      if ((await onRedis(readFileSync(join(folder, name)))) === null) refused.push(name);
    // Its own suite expects that, in integration/corrupt-dump.tcl.
    t.deepEqual(refused, ['corrupt_ziplist.rdb']);
  });

  for (const name of names)
    for (const engine of enginesUnderTest)
      test.serial(`${name} is to redtwin what it is to Redis [${engine.name}]`, async (t) => {
        t.timeout(120_000);
        const file = readFileSync(join(folder, name));
        const digest = await onRedis(file);
        t.is(await digestOn(file, (args) => startRedtwin({ engine: engine.name, args })), digest);
        const reader = new RdbReader({ engine: engine.name });
        const read = () => [...reader.push(file), ...reader.end()];
        if (digest === null) {
          const { code, offset } = t.throws(read) as RedtwinError;
          t.is(code, 'rdb-corrupt');
          t.true(offset! > 0 && offset! < file.length);
          return;
        }
        const writer = new RdbWriter({ engine: engine.name });
        // A collection without elements is no key to Redis, which leaves it out.
        for (const entry of read()) if (entry.elements !== 0) writer.write(entry);
        t.is(await onRedis(writer.end()), digest, 'read and written');
      });
} else {
  // They come with the sources of Redis, which only the whole matrix is worth fetching for.
  test.skip('the files of tests/assets: npm run test:interop fetches them', () => {});
}
