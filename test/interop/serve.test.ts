/**
 * The other half of the main job: real servers follow redtwin, which holds every type and encoding and is written to during the
 * sync; after the writers stop, DEBUG DIGEST is equal on both sides. Then chains, in which redtwin stands in every place.
 *
 * `npm test` does this with Redis 7.0.15, `npm run test:interop` with every server of the matrix.
 */
import test, { type ExecutionContext } from 'ava';
import { enginesUnderTest } from '../engines.ts';
import { catalog, type ServerSource, sourceOf } from '../servers/catalog.ts';
import { type RunningServer, startRedtwin, startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { isOneOf, unsupportedBy } from '../support.ts';
import { dataset } from './dataset.ts';
import { infoOf, untilEqual, untilLinkUp } from './info.ts';
import { startWriters, type Writers } from './writers.ts';

const all = process.env.REDTWIN_INTEROP === 'all';
const readers = catalog.filter(({ name }) => all || name === 'redis-7.0');
const seven = sourceOf('redis-7.0');

/** Fills a redtwin with what Redis 7.0 understands. A command that is refused is a mistake, but for what is listed. */
async function fill(server: RunningServer, source: ServerSource, engine: string): Promise<void> {
  const client = await server.client();
  const skipped = new Set(unsupportedBy(enginesUnderTest.find(({ name }) => name === engine)!));
  const lines = dataset(source).filter((line) => !isOneOf(skipped, line));
  const replies = await client.batch(lines);
  client.close();
  const refused = replies.findIndex((reply) => reply[0] === 0x2d);
  if (refused >= 0) throw new Error(`${JSON.stringify(lines[refused]).slice(0, 200)}: ${replies[refused]}`);
}

async function stopped(t: ExecutionContext, server: Promise<RunningServer>): Promise<RunningServer> {
  const running = await server;
  t.teardown(() => running.stop());
  return running;
}

async function untilMore(writers: Writers, count: number): Promise<void> {
  const before = writers.sent();
  await until('writes after the sync', () => writers.sent() > before + count);
}

for (const source of readers) {
  for (const engine of enginesUnderTest) {
    test.serial(`${source.name} follows ${engine.name}, under writes`, async (t) => {
      t.timeout(180_000);
      // Redis 6.0 says no version, and does not know all that is fed by itself: SET ... PXAT among others.
      const isOld = source.name === 'redis-6.0';
      const args = isOld ? ['--feed-compat', '5.0'] : [];
      const primary = await stopped(t, startRedtwin({ engine: engine.name, args }));
      await fill(primary, seven, engine.name);
      const writers = await startWriters(primary, seven, new Set(unsupportedBy(engine)));
      t.teardown(() => writers.stop().catch(() => {}));
      const replica = await stopped(
        t,
        startServer({
          version: source.name,
          args: ['--replicaof', '127.0.0.1', String(primary.port)],
        }),
      );
      await untilLinkUp(replica);
      await untilMore(writers, 3000);
      await writers.stop();
      await untilEqual(primary, replica, source.digestsLike7);

      const [ours, theirs] = [await infoOf(primary, 'replication'), await infoOf(replica, 'replication')];
      t.is(ours.get('role'), 'master');
      t.is(ours.get('connected_slaves'), '1');
      t.regex(ours.get('slave0') ?? '', new RegExp(`ip=127.0.0.1,port=${replica.port},state=online`));
      t.is(theirs.get('master_replid'), ours.get('master_replid'));
      t.is((await infoOf(primary, 'stats')).get('sync_full'), '1');
      t.is(ours.get('redtwin_unable_replicas'), '0');
      t.is(Number(ours.get('redtwin_feed_commands_translated')) > 0, isOld);

      // The link is cut: a partial resync, with the database that was selected.
      const client = await primary.client();
      t.teardown(() => client.close());
      await client.batch([
        ['SELECT', '9'],
        ['SET', 'before', 'x'],
      ]);
      await client.batch([
        ['CLIENT', 'KILL', 'TYPE', 'replica'],
        ['SET', 'behind', 'y'],
      ]);
      await until(
        'a partial resync',
        async () => (await infoOf(primary, 'stats')).get('sync_partial_ok') === '1',
      );
      await client.batch([['SET', 'later', 'z']]);
      await untilEqual(primary, replica, source.digestsLike7);
      t.is((await infoOf(primary, 'stats')).get('sync_full'), '1');
    });
  }
}

for (const engine of enginesUnderTest) {
  test.serial(`a chain redis -> ${engine.name} -> redis -> ${engine.name} under writes`, async (t) => {
    t.timeout(180_000);
    const follow = (port: number): string[] => ['--replicaof', '127.0.0.1', String(port)];
    // Neither a PING nor an expiry may move the first one's offset behind our back.
    const first = await stopped(
      t,
      startServer({ version: 'redis-7.0', args: ['--repl-ping-replica-period', '3600'] }),
    );
    await fill(first, seven, engine.name);
    const writers = await startWriters(first, seven, new Set(unsupportedBy(engine)));
    t.teardown(() => writers.stop().catch(() => {}));
    const second = await stopped(t, startRedtwin({ engine: engine.name, args: follow(first.port) }));
    await untilLinkUp(second);
    const third = await stopped(t, startServer({ version: 'redis-7.0', args: follow(second.port) }));
    await untilLinkUp(third);
    const fourth = await stopped(t, startRedtwin({ engine: engine.name, args: follow(third.port) }));
    await untilLinkUp(fourth);
    await untilMore(writers, 2000);
    await writers.stop();
    const chain = [second, third, fourth];
    for (const server of chain) await untilEqual(first, server, true);
    const histories = await Promise.all([first, ...chain].map((server) => infoOf(server, 'replication')));
    t.is(new Set(histories.map((info) => info.get('master_replid'))).size, 1);

    // The first link of the chain is cut: the ones behind it stay, and nobody needs everything again.
    const client = await first.client();
    t.teardown(() => client.close());
    await client.batch([
      ['CLIENT', 'KILL', 'TYPE', 'replica'],
      ['SET', 'behind', 'y'],
    ]);
    await untilEqual(first, fourth, true);
    t.is((await infoOf(second, 'stats')).get('sync_full'), '1');
    t.is((await infoOf(second, 'stats')).get('sync_partial_ok'), '0');

    // The top of the chain is gone for good: the second goes on as primary, and its replicas continue under its new history.
    await client.batch([
      ['DEBUG', 'SET-ACTIVE-EXPIRE', '0'],
      ['SET', 'last', 'word'],
    ]);
    await untilEqual(first, fourth, true);
    const heir = await second.client();
    t.teardown(() => heir.close());
    await heir.batch([
      ['REPLICAOF', 'NO', 'ONE'],
      ['SET', 'first', 'word'],
    ]);
    for (const server of [third, fourth]) await untilEqual(second, server, true);
    t.is((await infoOf(second, 'stats')).get('sync_full'), '1');
    t.is((await infoOf(second, 'stats')).get('sync_partial_ok'), '1');

    // The old primary comes back as a replica, without a full resync, since it has nothing that the heir has not.
    await client.batch([['REPLICAOF', '127.0.0.1', String(second.port)]]);
    await untilEqual(second, first, true);
    t.is((await infoOf(second, 'stats')).get('sync_full'), '1');
  });
}
