/**
 * Files that are saved: what redis-check-rdb says of them, what is left when the process is killed or the disk is full, and
 * that a server which is started again goes on where it was.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { enginesUnderTest } from '../engines.ts';
import { obtain } from '../servers/obtain.ts';
import { type RunningServer, startRedtwin, startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { infoOf, untilEqual, untilLinkUp } from './info.ts';

type Start = Parameters<typeof startRedtwin>[0];

async function started(t: ExecutionContext, options: Start): Promise<RunningServer> {
  const server = await startRedtwin(options);
  t.teardown(() => server.stop());
  return server;
}

/** What redis-check-rdb says; throws when it finds fault. */
function check(file: string): string {
  const [program, ...words] = obtain('redis-7.0').program('check-rdb');
  const done = spawnSync(program, [...words, file], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stdout + done.stderr);
  return done.stdout;
}

const persistence = async (server: RunningServer, field: string): Promise<string | undefined> =>
  (await infoOf(server, 'persistence')).get(field);

for (const { name: engine } of enginesUnderTest) {
  test.serial(`BGSAVE, SAVE and save points replace the file [${engine}]`, async (t) => {
    const server = await started(t, { engine });
    const file = join(server.folder, 'dump.rdb');
    server.cli('SET', 'a', '1');
    server.cli('FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)");
    t.is(server.cli('BGSAVE'), 'Background saving started');
    await until('the save', async () => (await persistence(server, 'rdb_bgsave_in_progress')) === '0');
    t.is(await persistence(server, 'rdb_last_bgsave_status'), 'ok');
    t.is(await persistence(server, 'rdb_changes_since_last_save'), '0');
    t.regex(check(file), /\[info\] 1 keys read/);
    server.cli('SET', 'b', '1');
    t.is(server.cli('SAVE'), 'OK');
    t.regex(check(file), /\[info\] 2 keys read/);
    t.is(server.cli('BGSAVE', 'SOON'), 'ERR syntax error\n');
    server.cli('CONFIG', 'SET', 'save', '1 1');
    server.cli('SET', 'c', '1');
    await until('the save point', async () => (await persistence(server, 'rdb_saves')) === '3');
    t.regex(check(file), /\[info\] 3 keys read/);
    t.deepEqual(readdirSync(server.folder), ['dump.rdb']);
  });

  test.serial(`rdb-key-save-delay makes a save one can watch; a second is refused [${engine}]`, async (t) => {
    const server = await started(t, { engine });
    server.cli('DEBUG', 'POPULATE', '1000');
    server.cli('CONFIG', 'SET', 'rdb-key-save-delay', '300000');
    server.cli('BGSAVE');
    t.is(await persistence(server, 'rdb_bgsave_in_progress'), '1');
    t.is(await persistence(server, 'current_save_keys_total'), '1000');
    t.is(server.cli('BGSAVE'), 'ERR Background save already in progress\n');
    t.is(server.cli('SAVE'), 'ERR Background save already in progress\n');
    // Five minutes of it are enough to be seen on any machine, and too many to wait for.
    server.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0');
    await until('the save', async () => (await persistence(server, 'rdb_bgsave_in_progress')) === '0');
    t.is(await persistence(server, 'rdb_last_bgsave_status'), 'ok');
  });

  test.serial(
    `FLUSHALL gives up a save, and empties the file where there are save points [${engine}]`,
    async (t) => {
      const server = await started(t, { engine });
      const file = join(server.folder, 'dump.rdb');
      const keys = ['a', '1', 'b', '2', 'c', '3', 'd', '4'];
      server.cli('MSET', ...keys);
      t.is(server.cli('SAVE'), 'OK');
      server.cli('SET', 'e', '5');
      server.cli('CONFIG', 'SET', 'rdb-key-save-delay', '100000000');
      server.cli('BGSAVE');
      t.is(await persistence(server, 'rdb_bgsave_in_progress'), '1');
      t.is(server.cli('FLUSHALL'), 'OK');
      // It has minutes to go, and rests for a key; nobody waits for that.
      await until(
        'the end of the save',
        async () => (await persistence(server, 'rdb_bgsave_in_progress')) === '0',
      );
      // Neither saved nor failed, and the file is what it was.
      t.is(await persistence(server, 'rdb_last_bgsave_status'), 'ok');
      t.is(await persistence(server, 'rdb_changes_since_last_save'), '6');
      t.regex(check(file), /\[info\] 4 keys read/);
      t.deepEqual(readdirSync(server.folder), ['dump.rdb']);
      server.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0');
      server.cli('CONFIG', 'SET', 'save', '3600 1');
      server.cli('MSET', ...keys);
      // A script's counts too.
      server.cli('EVAL', "return redis.call('FLUSHALL')", '0');
      await until('the file to be empty', () => /\[info\] 0 keys read/.test(check(file)));
      await until('the end', async () => (await persistence(server, 'rdb_changes_since_last_save')) === '0');
    },
  );

  test.serial(
    `a save that is killed leaves the old file, and one that cannot be made stops writes [${engine}]`,
    async (t) => {
      const server = await started(t, { engine, args: ['--save', '3600 1000000'] });
      const file = join(server.folder, 'dump.rdb');
      server.cli('SET', 'a', '1');
      server.cli('SAVE');
      const before = readFileSync(file);
      server.cli('MSET', 'b', '1', 'c', '1');
      server.cli('CONFIG', 'SET', 'rdb-key-save-delay', '10000000');
      server.cli('BGSAVE');
      await until('the draft', async () =>
        readdirSync(server.folder).some((name) => name.startsWith('temp-')),
      );
      server.child.kill('SIGKILL');
      await until('its end', async () => server.child.endedAs() !== null);
      t.deepEqual(readFileSync(file), before);
      check(file);

      const next = await started(t, { engine, args: ['--save', '3600 1000000'] });
      const blocked = join(next.folder, `temp-${next.pid}.rdb`);
      // The draft's place is taken by a folder.
      mkdirSync(blocked);
      writeFileSync(join(blocked, 'x'), '');
      next.cli('SET', 'a', '1');
      next.cli('BGSAVE');
      await until('the failure', async () => (await persistence(next, 'rdb_last_bgsave_status')) === 'err');
      t.regex(next.cli('SET', 'b', '1'), /^MISCONF Redis is configured to save RDB snapshots/);
      t.false(existsSync(join(next.folder, 'dump.rdb')));
      rmSync(blocked, { recursive: true, force: true });
      t.is(next.cli('SAVE'), 'OK');
      t.is(next.cli('SET', 'b', '1'), 'OK');
    },
  );

  test.serial(`a disk that is full stops writes and nothing else [${engine}]`, async (t) => {
    t.timeout(120_000);
    // No file may be longer than this; lifted further down.
    const prefix = ['prlimit', '--fsize=4000000:unlimited'];
    const args = ['--save', '3600 1000000', '--rdbcompression', 'no', '--repl-diskless-sync', 'no'];
    const server = await started(t, { engine, args, prefix });
    const redis = await startServer({ args, prefix });
    t.teardown(() => redis.stop());
    for (const each of [server, redis]) {
      each.cli('SET', 'a', '1');
      each.cli('SAVE');
    }
    const before = readFileSync(join(server.folder, 'dump.rdb'));
    const refused = [];
    for (const each of [server, redis]) {
      each.cli('DEBUG', 'POPULATE', '20000', 'key', '600');
      each.cli('BGSAVE');
      await until('the failure', async () => (await persistence(each, 'rdb_last_bgsave_status')) === 'err');
      refused.push([each.cli('SET', 'b', '1'), each.cli('GET', 'a')]);
    }
    t.deepEqual(refused[0], refused[1]);
    t.regex(server.cli('SET', 'b', '1'), /^MISCONF Redis is configured to save RDB snapshots/);
    t.is(server.cli('SAVE'), 'ERR\n');
    // The system's own word for a full disk.
    symlinkSync('/dev/full', join(server.folder, `temp-${server.pid}.rdb`));
    server.cli('BGSAVE');
    await until('the failure', async () => (await persistence(server, 'rdb_bgsave_in_progress')) === '0');
    t.regex(
      server.child.said(),
      /Saving to \S+dump\.rdb failed.*EFBIG[\s\S]*Saving to \S+dump\.rdb failed.*ENOSPC/,
    );
    t.deepEqual(readdirSync(server.folder), ['dump.rdb']);
    t.deepEqual(readFileSync(join(server.folder, 'dump.rdb')), before);

    // A replica's snapshot goes through a file, too. It asks until there is room. (-MISCONF would be PING's answer.)
    server.cli('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
    const follow = ['--replicaof', '127.0.0.1', String(server.port)];
    const replica = await startServer({ args: follow });
    t.teardown(() => replica.stop());
    await until('a snapshot that fails', () => /napshot for replicas.*EFBIG/.test(server.child.said()));
    t.is(server.cli('GET', 'a'), '1');
    // The replica asks again and again: between two attempts nothing is left.
    await until('no file of a failed attempt', () => readdirSync(server.folder).join() === 'dump.rdb');
    t.is(spawnSync('prlimit', ['--pid', String(server.pid), '--fsize=unlimited']).status, 0);
    await untilLinkUp(replica);
    await untilEqual(server, replica, true);
    t.is(server.cli('SAVE'), 'OK');
    t.is(server.cli('SET', 'b', '1'), 'OK');
    t.regex(check(join(server.folder, 'dump.rdb')), /\[info\] 20001 keys read/);
  });

  test.serial(`a primary and a replica go on where they were after a restart [${engine}]`, async (t) => {
    t.timeout(240_000);
    const primary = await startRedtwin({ engine });
    const replica = await startServer({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    t.teardown(() => replica.stop());
    await untilLinkUp(replica);
    primary.cli('SET', 'a', '1');
    await untilEqual(primary, replica, true);
    const client = await primary.client();
    client.write(Buffer.from('SHUTDOWN SAVE\r\n'));
    await until('the end', async () => primary.child.endedAs() !== null);
    client.close();
    const file = readFileSync(join(primary.folder, 'dump.rdb'));
    await primary.stop();
    t.true(file.includes('repl-id') && file.includes('repl-offset'));

    const folder = join(replica.folder, 'again');
    mkdirSync(folder);
    writeFileSync(join(folder, 'dump.rdb'), file);
    const again = await started(t, { engine, port: primary.port, args: ['--dir', folder] });
    await untilLinkUp(replica);
    again.cli('SET', 'b', '1');
    await untilEqual(again, replica, true);
    t.is((await infoOf(again, 'stats')).get('sync_full'), '0');
    t.is((await infoOf(again, 'stats')).get('sync_partial_ok'), '1');

    // The same the other way round: a redtwin that follows is shut down, and goes on where it was.
    const real = await startServer();
    t.teardown(() => real.stop());
    const home = join(again.folder, 'follower');
    mkdirSync(home);
    const words = ['--dir', home, '--replicaof', '127.0.0.1', String(real.port)];
    const before = await started(t, { engine, args: words });
    await untilLinkUp(before);
    real.cli('SELECT', '3');
    real.cli('SET', 'a', '1');
    await untilEqual(real, before, true);
    const last = await before.client();
    last.write(Buffer.from('SHUTDOWN SAVE\r\n'));
    await until('the end', async () => before.child.endedAs() !== null);
    last.close();
    real.cli('-n', '3', 'SET', 'b', '1');
    const after = await started(t, { engine, args: words });
    await untilLinkUp(after);
    await untilEqual(real, after, true);
    t.is((await infoOf(real, 'stats')).get('sync_full'), '1');
    t.is((await infoOf(real, 'stats')).get('sync_partial_ok'), '1');
  });
}

for (const { name: engine } of enginesUnderTest) {
  test.serial(`what expires while a primary is down is deleted at its replicas [${engine}]`, async (t) => {
    const primary = await startRedtwin({ engine });
    const replica = await startServer({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    t.teardown(() => replica.stop());
    await untilLinkUp(replica);
    primary.cli('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
    primary.cli('SET', 'stays', '1');
    for (const db of ['0', '5'])
      for (const key of ['a', 'b']) primary.cli('-n', db, 'SET', key, '1', 'PX', '1');
    await untilEqual(primary, replica, true);
    const client = await primary.client();
    client.write(Buffer.from('SHUTDOWN SAVE\r\n'));
    await until('the end', async () => primary.child.endedAs() !== null);
    client.close();
    const folder = join(replica.folder, 'again');
    mkdirSync(folder);
    writeFileSync(join(folder, 'dump.rdb'), readFileSync(join(primary.folder, 'dump.rdb')));
    await primary.stop();

    const again = await started(t, { engine, port: primary.port, args: ['--dir', folder] });
    await untilLinkUp(replica);
    await untilEqual(again, replica, true);
    t.is(await persistence(again, 'rdb_last_load_keys_expired'), '4');
    t.is((await infoOf(again, 'stats')).get('sync_full'), '0');
    t.is((await infoOf(again, 'stats')).get('sync_partial_ok'), '1');
    t.is(replica.cli('-n', '5', 'DBSIZE'), '0');
    t.is(replica.cli('DBSIZE'), '1');
  });
}
