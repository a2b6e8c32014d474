/**
 * Changes of role between redtwin and a real server, under writes and without a full resync: FAILOVER in both directions, links
 * that are cut anywhere, and the tools that come with Redis.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { enginesUnderTest } from '../engines.ts';
import { CuttingProxy } from '../link/cutting-proxy.ts';
import { random } from '../link/writer.ts';
import { sourceOf } from '../servers/catalog.ts';
import { obtain } from '../servers/obtain.ts';
import { type RunningServer, startRedtwin, startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { unsupportedBy } from '../support.ts';
import { digestOf, infoOf, untilEqual, untilLinkUp } from './info.ts';
import { startWriters } from './writers.ts';

const seven = sourceOf('redis-7.0');

async function stopped(t: ExecutionContext, server: Promise<RunningServer>): Promise<RunningServer> {
  const running = await server;
  t.teardown(() => running.stop());
  return running;
}

const ask = async (server: RunningServer, ...words: string[]): Promise<string> => {
  const client = await server.client();
  try {
    return String(await client.raw(words))
      .trim()
      .replace(/^\+/, '');
  } finally {
    client.close();
  }
};

const role = async (server: RunningServer): Promise<string | undefined> =>
  (await infoOf(server, 'replication')).get('role');

const fullSyncs = async (...servers: RunningServer[]): Promise<number[]> =>
  await Promise.all(servers.map(async (server) => Number((await infoOf(server, 'stats')).get('sync_full'))));

/** Hands over and expects everything to be as before, but for who leads. */
async function failsOver(t: ExecutionContext, from: RunningServer, to: RunningServer): Promise<void> {
  const before = await fullSyncs(from, to);
  t.is(await ask(from, 'FAILOVER', 'TO', '127.0.0.1', String(to.port), 'TIMEOUT', '20000'), 'OK');
  await until(
    'the roles to change',
    async () => (await role(from)) === 'slave' && (await role(to)) === 'master',
  );
  await untilLinkUp(from);
  t.is((await infoOf(from, 'replication')).get('master_failover_state'), 'no-failover');
  t.is(await ask(to, 'SET', 'after', String(Math.random())), 'OK');
  await untilEqual(to, from, true);
  t.deepEqual(await fullSyncs(from, to), before);
  t.regex(await ask(from, 'SET', 'a', '1'), /READONLY/);
}

for (const engine of enginesUnderTest) {
  test.serial(`FAILOVER from ${engine.name} to Redis and back`, async (t) => {
    t.timeout(120_000);
    const ours = await stopped(t, startRedtwin({ engine: engine.name }));
    // PFCOUNT keeps its result in the value, also on a replica (in Redis, too): the digests would differ.
    const without = new Set([...unsupportedBy(engine), 'PFCOUNT', 'pfcount']);
    const writers = await startWriters(ours, seven, without);
    t.teardown(() => writers.stop().catch(() => {}));
    const theirs = await stopped(t, startServer({ args: ['--replicaof', '127.0.0.1', String(ours.port)] }));
    await untilLinkUp(theirs);
    await until('some writes', () => writers.sent() > 2000);
    // Writers go on to the end: what they sent while writes were held gets -READONLY, which they do not mind.
    await failsOver(t, ours, theirs);
    await writers.stop();
    await failsOver(t, theirs, ours);
  });

  test.serial(`${engine.name} aborts a failover that cannot be, and serves on`, async (t) => {
    t.timeout(120_000);
    const ours = await stopped(t, startRedtwin({ engine: engine.name }));
    const theirs = await stopped(t, startServer({ args: ['--replicaof', '127.0.0.1', String(ours.port)] }));
    await untilLinkUp(theirs);
    await ask(theirs, 'CLIENT', 'PAUSE', '1');
    // A replica that is stopped acknowledges nothing.
    process.kill(theirs.pid, 'SIGSTOP');
    await ask(ours, 'SET', 'a', '1');
    t.is(await ask(ours, 'FAILOVER', 'TIMEOUT', '600000'), 'OK');
    t.is((await infoOf(ours, 'replication')).get('master_failover_state'), 'waiting-for-sync');
    t.regex(await ask(ours, 'FAILOVER'), /already in progress/);
    t.is(await ask(ours, 'FAILOVER', 'ABORT'), 'OK');
    t.is((await infoOf(ours, 'replication')).get('master_failover_state'), 'no-failover');
    // Time ends it too, and then what was held runs.
    t.is(await ask(ours, 'FAILOVER', 'TIMEOUT', '300'), 'OK');
    t.is(await ask(ours, 'SET', 'b', '2'), 'OK');
    t.is((await infoOf(ours, 'replication')).get('master_failover_state'), 'no-failover');
    // By force it is followed all the same; it does not answer, so somebody aborts.
    const forced = ['FAILOVER', 'TO', '127.0.0.1', String(theirs.port), 'FORCE', 'TIMEOUT', '100'];
    t.is(await ask(ours, ...forced), 'OK');
    await until(
      'the handing over',
      async () => (await infoOf(ours, 'replication')).get('master_failover_state') === 'failover-in-progress',
    );
    t.is(await role(ours), 'slave');
    t.is(await ask(ours, 'FAILOVER', 'ABORT'), 'OK');
    t.is(await role(ours), 'master');
    t.is(await ask(ours, 'SET', 'c', '3'), 'OK');
    process.kill(theirs.pid, 'SIGCONT');
    await untilLinkUp(theirs);
    await untilEqual(ours, theirs, true);
  });

  for (const [from, to] of [
    ['redtwin', 'Redis'],
    ['Redis', 'redtwin'],
  ] as const)
    test.serial(`FAILOVER FORCE from ${from} to ${to} that never catches up [${engine.name}]`, async (t) => {
      t.timeout(120_000);
      const redtwin = { engine: engine.name } as const;
      const primary = await stopped(t, from === 'redtwin' ? startRedtwin(redtwin) : startServer());
      const proxy = await CuttingProxy.start(t, primary.port);
      const args = ['--replicaof', '127.0.0.1', String(proxy.target.port)];
      const target = await stopped(
        t,
        to === 'redtwin' ? startRedtwin({ ...redtwin, args }) : startServer({ args }),
      );
      await untilLinkUp(target);
      t.is(await ask(primary, 'SET', 'a', '1'), 'OK');
      await untilEqual(primary, target, true);
      proxy.holdAll();
      t.is(await ask(primary, 'SET', 'never', 'arrives'), 'OK');
      const words = ['FAILOVER', 'TO', '127.0.0.1', String(target.port), 'FORCE', 'TIMEOUT', '300'];
      t.is(await ask(primary, ...words), 'OK');
      // Writes are held until it is over, and then there is another primary.
      t.regex(await ask(primary, 'SET', 'held', '1'), /READONLY/);
      await until(
        'the roles to change',
        async () => (await role(primary)) === 'slave' && (await role(target)) === 'master',
      );
      await untilLinkUp(primary);
      t.is((await infoOf(primary, 'replication')).get('master_failover_state'), 'no-failover');
      t.is(await ask(target, 'SET', 'after', '1'), 'OK');
      await untilEqual(target, primary, true);
      // What only the old primary had is gone: that is what FORCE asks for.
      t.is(await ask(primary, 'EXISTS', 'never'), ':0');
      t.is(await ask(primary, 'GET', 'a'), '$1\r\n1');
      t.is((await infoOf(target, 'stats')).get('sync_full'), '1');
    });

  test.serial(`links from Redis to ${engine.name} are cut anywhere: only partial resyncs`, async (t) => {
    t.timeout(180_000);
    const ours = await stopped(
      t,
      startRedtwin({ engine: engine.name, args: ['--repl-backlog-size', '64mb'] }),
    );
    const proxy = await CuttingProxy.start(t, ours.port);
    const theirs = await stopped(
      t,
      startServer({ args: ['--replicaof', '127.0.0.1', String(proxy.target.port)] }),
    );
    await untilLinkUp(theirs);
    const n = random(7);
    proxy.lifeBytes = () => 200 + n(100_000);
    proxy.cutAll();
    const writers = await startWriters(ours, seven, new Set(unsupportedBy(engine)));
    t.teardown(() => writers.stop().catch(() => {}));
    await until('twenty cuts', () => proxy.cuts >= 20, 120_000);
    await writers.stop();
    proxy.lifeBytes = () => Number.POSITIVE_INFINITY;
    proxy.cutAll();
    await untilLinkUp(theirs);
    await untilEqual(ours, theirs, true);
    const stats = await infoOf(ours, 'stats');
    t.is(stats.get('sync_full'), '1');
    t.true(Number(stats.get('sync_partial_ok')) >= 20);
  });

  test.serial(`redis-cli --rdb, --functions-rdb and --replica of ${engine.name}`, async (t) => {
    t.timeout(120_000);
    const ours = await stopped(t, startRedtwin({ engine: engine.name }));
    await ask(ours, 'DEBUG', 'POPULATE', '10000', 'key', '200');
    const digest = await digestOf(ours);
    const [cli, ...words] = obtain('redis-7.0').program('cli');
    const file = join(ours.folder, 'fetched.rdb');
    const done = spawnSync(cli, [...words, '-p', String(ours.port), '--rdb', file], { encoding: 'utf8' });
    t.is(done.status, 0, done.stderr);
    const [check, ...checkWords] = obtain('redis-7.0').program('check-rdb');
    t.regex(spawnSync(check, [...checkWords, file], { encoding: 'utf8' }).stdout, /RDB looks OK/);
    const reader = await stopped(
      t,
      startServer({ args: ['--dir', ours.folder, '--dbfilename', 'fetched.rdb'] }),
    );
    t.is(await digestOf(reader), digest);

    const functions = join(ours.folder, 'functions.rdb');
    const only = spawnSync(cli, [...words, '-p', String(ours.port), '--functions-rdb', functions]);
    t.is(only.status, 0);
    t.true(existsSync(functions));
    t.regex(readFileSync(functions, 'latin1'), /^REDIS00/);

    const follower = spawn(cli, [...words, '-p', String(ours.port), '--replica']);
    t.teardown(() => follower.kill());
    let said = '';
    follower.stdout.on('data', (chunk) => {
      said += chunk;
    });
    follower.stderr.on('data', (chunk) => {
      said += chunk;
    });
    await until('it to be online', async () =>
      /state=online/.test((await infoOf(ours, 'replication')).get('slave0') ?? ''),
    );
    await ask(ours, 'SET', 'hello', 'world');
    await until('the write', () => /hello[\s\S]*world/.test(said));
    t.is(await digestOf(ours), await digestOf(ours));
  });
}
