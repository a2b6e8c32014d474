/**
 * Snapshots for replicas, with real ones: who shares, who leaves, what a version can hold, and bridges between servers that do not
 * understand each other's RDB.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Engine } from '../../src/engine/engine.ts';
import { enginesUnderTest } from '../engines.ts';
import { type ServerName, sourceOf } from '../servers/catalog.ts';
import { obtain } from '../servers/obtain.ts';
import { type RunningServer, startRedtwin, startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { unsupportedBy } from '../support.ts';
import { infoOf, untilEqual, untilLinkUp } from './info.ts';
import { startWriters } from './writers.ts';

async function stopped(t: ExecutionContext, server: Promise<RunningServer>): Promise<RunningServer> {
  const running = await server;
  t.teardown(() => running.stop());
  return running;
}

const engineNamed = (name: string): Engine => enginesUnderTest.find((engine) => engine.name === name)!;
const follow = (server: RunningServer): string[] => ['--replicaof', '127.0.0.1', String(server.port)];
const snapshotsOf = (server: RunningServer): string[] =>
  server.child.said().match(/A snapshot begins for .*/g) ?? [];

for (const { name: engine } of enginesUnderTest) {
  test.serial(`replicas that come together share a snapshot [${engine}]`, async (t) => {
    t.timeout(240_000);
    const primary = await stopped(
      t,
      startRedtwin({
        engine,
        args: ['--repl-diskless-sync-delay', '100', '--repl-diskless-sync-max-replicas', '2'],
      }),
    );
    primary.cli('DEBUG', 'POPULATE', '2000', 'key', '100');
    primary.cli('SET', 'a', '1');
    const replicas = await Promise.all([1, 2].map(() => stopped(t, startServer({ args: follow(primary) }))));
    await Promise.all(replicas.map((replica) => untilLinkUp(replica)));
    for (const replica of replicas) await untilEqual(primary, replica, true);
    t.deepEqual(snapshotsOf(primary), [
      'A snapshot begins for 2 replicas, RDB version 10, through their sockets',
    ]);
    t.regex(primary.child.said(), /Diskless rdb transfer, done reading from pipe, 2 replicas still up\./);

    // Through a file, a late one joins; one that leaves disturbs nobody.
    primary.cli('CONFIG', 'SET', 'repl-diskless-sync', 'no', 'rdb-key-save-delay', '100000');
    const [first, second] = replicas as [RunningServer, RunningServer];
    const resync = (replica: RunningServer): void => {
      replica.cli('REPLICAOF', 'NO', 'ONE');
      replica.cli('SET', 'other', 'history');
      replica.cli('REPLICAOF', '127.0.0.1', String(primary.port));
    };
    resync(first);
    await until('the second snapshot', async () => snapshotsOf(primary).length === 2);
    resync(second);
    await until('both to wait for it', async () => {
      const info = await infoOf(primary, 'replication');
      return ['slave0', 'slave1'].every((name) => /state=wait_bgsave/.test(info.get(name) ?? ''));
    });
    primary.cli('SET', 'meanwhile', '1');
    first.cli('REPLICAOF', 'NO', 'ONE');
    await until(
      'its leaving',
      async () => (await infoOf(primary, 'replication')).get('connected_slaves') === '1',
    );
    primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0');
    await untilLinkUp(second);
    await untilEqual(primary, second, true);
    t.is(snapshotsOf(primary).length, 2);
    t.is(await snapshotsUnderWay(primary), '0');

    // The last one that leaves ends it.
    primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '1000000');
    resync(second);
    await until('the third snapshot', async () => snapshotsOf(primary).length === 3);
    second.cli('REPLICAOF', 'NO', 'ONE');
    await until('its end', async () => (await snapshotsUnderWay(primary)) === '0');
    t.regex(primary.child.said(), /The last replica that waited for the snapshot has left/);
  });

  test.serial(`redis-cli takes snapshots that redis-check-rdb believes [${engine}]`, async (t) => {
    const primary = await stopped(t, startRedtwin({ engine }));
    primary.cli('SET', 'a', '1');
    primary.cli('FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)");
    for (const diskless of ['yes', 'no']) {
      primary.cli('CONFIG', 'SET', 'repl-diskless-sync', diskless);
      for (const [option, keys] of [
        ['--rdb', 1],
        ['--functions-rdb', 0],
      ] as const) {
        const file = join(primary.folder, `cli${option}-${diskless}.rdb`);
        primary.cli(option, file);
        const [program, ...words] = obtain('redis-7.0').program('check-rdb');
        const { status, stdout } = spawnSync(program, [...words, file], { encoding: 'utf8' });
        t.is(status, 0, stdout);
        t.regex(stdout, new RegExp(`\\[info\\] ${keys} keys read`));
        // This version of it does not count libraries.
        t.true(readFileSync(file).includes('#!lua name=lib'));
      }
    }
  });

  test.serial(`what a version cannot hold is refused or dropped, and told [${engine}]`, async (t) => {
    const primary = await stopped(t, startRedtwin({ engine, args: ['--rdb-version', '10'] }));
    primary.cli('HSET', 'h', 'f', 'v');
    if (/^ERR unknown/.test(primary.cli('HPEXPIRE', 'h', '1000000', 'FIELDS', '1', 'f'))) return t.pass();
    const replica = await stopped(t, startServer({ args: follow(primary) }));
    await until('the refusal', async () =>
      /The snapshot for replicas failed: .*cannot hold hashes whose fields expire/.test(primary.child.said()),
    );
    primary.cli('CONFIG', 'SET', 'rdb-version-loss', 'drop');
    await untilLinkUp(replica);
    t.is(replica.cli('HGET', 'h', 'f'), 'v');
    t.regex(primary.child.said(), /could not hold everything: 1 expiries of hash fields/);
  });

  if (process.env.REDTWIN_INTEROP === 'all')
    test.serial(
      `a replica that cannot read our snapshot has a name in INFO and in the log [${engine}]`,
      async (t) => {
        const primary = await stopped(t, startRedtwin({ engine }));
        primary.cli('SET', 'a', '1');
        const replica = await stopped(t, startServer({ version: 'redis-6.0', args: follow(primary) }));
        const unable = async (): Promise<string> =>
          (await infoOf(primary, 'replication')).get('redtwin_unable_replica0') ?? '';
        await until('it to be known', async () => (await unable()) !== '');
        t.regex(
          await unable(),
          new RegExp(`^ip=127.0.0.1,port=${replica.port},because=snapshot-unread,times=\\d+$`),
        );
        t.regex(primary.child.said(), /cannot follow this server: .*\[snapshot-unread\]/);
        primary.cli('CONFIG', 'SET', 'feed-compat', '5.0');
        await untilLinkUp(replica);
        await until('it to be forgotten', async () => (await unable()) === '');
        await untilEqual(primary, replica, true);
      },
    );

  if (process.env.REDTWIN_INTEROP === 'all')
    test.serial(`feed-compat auto: Valkey 8.1 follows where fields expire [${engine}]`, async (t) => {
      const primary = await stopped(t, startRedtwin({ engine, args: ['--rdb-version-loss', 'drop'] }));
      primary.cli('HSET', 'h', 'f', 'v', 'g', 'w');
      if (/^ERR unknown/.test(primary.cli('HPEXPIRE', 'h', '1000000', 'FIELDS', '1', 'f'))) return t.pass();
      const replica = await stopped(t, startServer({ version: 'valkey-8.1', args: follow(primary) }));
      await untilLinkUp(replica);
      primary.cli('HPEXPIRE', 'h', '2000000', 'FIELDS', '1', 'g');
      primary.cli('SET', 'after', 'x');
      await until('the write', () => replica.cli('GET', 'after') === 'x');
      t.is(replica.cli('HGET', 'h', 'f'), 'v');
      t.is(replica.cli('HGET', 'h', 'g'), 'w');
      const told = await infoOf(primary, 'replication');
      t.is(told.get('redtwin_feed_commands_translated'), '1');
      t.is((await infoOf(replica, 'replication')).get('master_link_status'), 'up');
      t.notRegex(replica.child.said(), /unknown command/i);
    });

  const bridges: [ServerName, ServerName][] = [
    ['redis-8.0', 'valkey-9.1'],
    ['valkey-9.1', 'redis-7.0'],
  ];
  for (const [from, to] of bridges) {
    if (process.env.REDTWIN_INTEROP !== 'all') continue;
    test.serial(`a bridge ${from} -> ${engine} -> ${to} under writes`, async (t) => {
      t.timeout(120_000);
      const [source, target] = [sourceOf(from), sourceOf(to)];
      const top = await stopped(t, startServer({ version: from }));
      const bridge = await stopped(t, startRedtwin({ engine, args: follow(top) }));
      await untilLinkUp(bridge);
      // What Redis 7.0 understands is written: the feed is handed on as it is.
      const writers = await startWriters(
        top,
        sourceOf('redis-7.0'),
        new Set(unsupportedBy(engineNamed(engine))),
      );
      t.teardown(() => writers.stop().catch(() => {}));
      const bottom = await stopped(t, startServer({ version: to, args: follow(bridge) }));
      await untilLinkUp(bottom);
      const before = writers.sent();
      await until('writes after the sync', () => writers.sent() > before + 3000);
      await writers.stop();
      await untilEqual(bridge, bottom, target.digestsLike7);
      await untilEqual(top, bridge, source.digestsLike7);
      t.is((await infoOf(bottom, 'replication')).get('master_link_status'), 'up');
    });
  }
}

async function snapshotsUnderWay(server: RunningServer): Promise<string | undefined> {
  return (await infoOf(server, 'persistence')).get('rdb_bgsave_in_progress');
}
