/**
 * The main job: redtwin follows a real server that holds every type and encoding and is written to during the sync; after
 * the writers stop, DEBUG DIGEST is equal on both sides. Disk-based and diskless, on both engines.
 *
 * `npm test` does this with Redis 7.0.15, `npm run test:interop` with every server of the matrix.
 */
import test from 'ava';
import { enginesUnderTest } from '../engines.ts';
import { catalog, type ServerSource } from '../servers/catalog.ts';
import { type RunningServer, startRedtwin, startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { unsupportedBy } from '../support.ts';
import { dataset } from './dataset.ts';
import { infoOf, untilEqual, untilLinkUp } from './info.ts';
import { startWriters } from './writers.ts';

const sources = catalog.filter(({ name }) => process.env.REDTWIN_INTEROP === 'all' || name === 'redis-7.0');

/** How the snapshot travels, and what the primary writes beside each key. */
const modes = [
  {
    name: 'disk',
    primary: [
      '--repl-diskless-sync',
      'no',
      '--maxmemory-policy',
      'allkeys-lru',
      '--list-compress-depth',
      '1',
    ],
    replica: ['--repl-diskless-load', 'disabled'],
  },
  {
    name: 'diskless',
    primary: ['--repl-diskless-sync', 'yes', '--maxmemory-policy', 'allkeys-lfu', '--rdbcompression', 'no'],
    replica: ['--repl-diskless-load', 'swapdb'],
  },
];

/** Fills a server. A command that the server refuses is a mistake of the data set. */
async function fill(server: RunningServer, source: ServerSource): Promise<void> {
  const client = await server.client();
  const lines = dataset(source);
  const replies = await client.batch(lines);
  client.close();
  const refused = replies.findIndex((reply) => reply[0] === 0x2d);
  if (refused >= 0) throw new Error(`${JSON.stringify(lines[refused]).slice(0, 200)}: ${replies[refused]}`);
}

for (const source of sources) {
  for (const engine of enginesUnderTest) {
    for (const mode of modes) {
      test.serial(`${engine.name} follows ${source.name}, ${mode.name}, under writes`, async (t) => {
        t.timeout(180_000);
        const primary = await startServer({ version: source.name, args: mode.primary });
        t.teardown(() => primary.stop());
        await fill(primary, source);
        const writers = await startWriters(primary, source, new Set(unsupportedBy(engine)));
        t.teardown(() => writers.stop().catch(() => {}));

        const replica = await startRedtwin({
          engine: engine.name,
          args: [...mode.replica, '--replicaof', '127.0.0.1', String(primary.port)],
        });
        t.teardown(() => replica.stop());
        await untilLinkUp(replica);
        const before = writers.sent();
        await until('writes after the sync', () => writers.sent() > before + 3000);
        await writers.stop();

        await untilEqual(primary, replica, source.digestsLike7);
        const [theirs, ours] = [await infoOf(primary, 'replication'), await infoOf(replica, 'replication')];
        t.is(ours.get('role'), 'slave');
        t.is(ours.get('master_replid'), theirs.get('master_replid'));
        t.regex(theirs.get('slave0') ?? '', /state=online/);
        // Keys go on to expire, between two questions, too.
        const keys = async (server: RunningServer): Promise<string | undefined> =>
          (await infoOf(server, 'keyspace')).get('db9')?.split(',')[0];
        await until('as many keys', async () => (await keys(replica)) === (await keys(primary)));
        t.regex((await keys(replica)) ?? '', /^keys=[1-9]/);
      });
    }
  }
}
