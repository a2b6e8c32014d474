/**
 * The process as an operator meets it: arguments, configuration files and their errors, signals, pid file, log file, the
 * file that is loaded at start and written at the end.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { createServer } from '../../src/index.ts';
import { smallRdb } from '../link/small-rdb.ts';
import { type Child, start } from '../servers/children.ts';
import { freePort, startServer, untilServing } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { Talk } from './helpers.ts';
import { attached, untilField } from './replica-talk.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** Runs the command in a folder of its own, which is removed when `body` is done. */
async function inFolder(
  body: (folder: string, run: (...args: string[]) => Child) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'redtwin-process-'));
  const children: Child[] = [];
  const run = (...args: string[]): Child => {
    const child = start([process.execPath, '--import=tsx', main, ...args], {
      env: { ...process.env, REDTWIN_ENGINE: 'portable' },
    });
    children.push(child);
    return child;
  };
  try {
    await body(folder, run);
  } finally {
    for (const child of children) await child.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a file, arguments that override it, and CONFIG REWRITE', async (t) => {
  await inFolder(async (folder, run) => {
    const port = await freePort();
    const file = join(folder, 'redis.conf');
    const pid = join(folder, 'redtwin.pid');
    writeFileSync(join(folder, 'extra.conf'), 'timeout 77\n');
    writeFileSync(
      file,
      `# mine\nport 1\ndir ${folder}\nsave ""\npidfile "${pid}"\nlogfile ${folder}/log\ninclude ${folder}/ext*.conf\n`,
    );
    const child = run('serve', file, '--port', String(port), '--bind', '127.0.0.1');
    await untilServing(port, child, 'redtwin');
    const talk = await Talk.open(port);
    t.is(await talk.ask('CONFIG GET timeout'), '*2\r\n$7\r\ntimeout\r\n$2\r\n77\r\n');
    t.is(await talk.ask('CONFIG SET maxmemory 100mb'), '+OK\r\n');
    t.is(await talk.ask('CONFIG REWRITE'), '+OK\r\n');
    const text = readFileSync(file, 'utf8');
    t.true(text.startsWith(`# mine\nport ${port}\n`), text);
    t.regex(text, /\nmaxmemory 100mb\n/);
    t.is(readFileSync(pid, 'utf8'), `${child.pid}\n`);
    child.kill('SIGTERM');
    t.is(await child.ended, 0);
    t.false(existsSync(pid));
    t.regex(readFileSync(join(folder, 'log'), 'utf8'), /# Received SIGTERM scheduling shutdown/);
  });
});

test('data is written at the end, and there again at the next start, also for a real Redis', async (t) => {
  await inFolder(async (folder, run) => {
    const port = await freePort();
    const args = ['serve', '--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
    const first = run(...args, '--enable-debug-command', 'yes');
    await untilServing(port, first, 'redtwin');
    const talk = await Talk.open(port);
    for (const line of [
      'SET k v',
      'RPUSH l a 1 b',
      'HSET h f v',
      'ZADD z 1.5 m',
      'SADD s 1 2 3',
      'XADD x 1-1 f v',
    ])
      await talk.ask(line);
    const digest = await talk.ask('DEBUG DIGEST');
    first.kill('SIGINT');
    t.is(await first.ended, 0);
    const second = run(...args, '--enable-debug-command', 'yes');
    await untilServing(port, second, 'redtwin');
    t.is(await (await Talk.open(port)).ask('DEBUG DIGEST'), digest);
    await second.stop();
    const redis = await startServer({ args: ['--dir', folder] });
    t.teardown(() => redis.stop());
    t.is(await (await Talk.open(redis.port)).ask('DEBUG DIGEST'), digest);
  });
});

test('an interrupt while a shutdown waits for a replica ends the process at once', async (t) => {
  await inFolder(async (folder, run) => {
    const port = await freePort();
    const child = run(
      ...['serve', '--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
      ...['--repl-diskless-sync-delay', '0', '--shutdown-timeout', '600'],
    );
    await untilServing(port, child, 'redtwin');
    const talk = await Talk.open(port);
    const replica = await attached(port);
    await talk.ask('SET k v');
    child.kill('SIGTERM');
    await untilField(talk, 'shutdown_in_milliseconds', /^[1-9]/);
    // Taken back, it counts no longer: the next interrupt is a first one.
    t.is(await talk.ask('SHUTDOWN ABORT'), '+OK\r\n');
    child.kill('SIGINT');
    await untilField(talk, 'shutdown_in_milliseconds', /^[1-9]/);
    child.kill('SIGINT');
    t.is(await child.ended, 1);
    t.regex(child.said(), /Shutdown manually aborted\.[\s\S]*You insist\.\.\. exiting now\.\n$/);
    replica.close();
  });
});

test('a replica that was stopped goes on where it was, in the right database', async (t) => {
  const primary = await startServer();
  t.teardown(() => primary.stop());
  await inFolder(async (folder, run) => {
    const port = await freePort();
    const args = ['serve', '--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
    const following = [
      ...args,
      '--enable-debug-command',
      'yes',
      '--replicaof',
      '127.0.0.1',
      String(primary.port),
    ];
    const speaker = await Talk.open(primary.port);
    /** Waits until the replica has everything, and gives its INFO. */
    const caughtUp = async (): Promise<string> => {
      const talk = await Talk.open(port);
      const wanted = await speaker.ask('DEBUG DIGEST');
      await until('the replica to have everything', async () => {
        const isUp = /\r\nconnected\r\n/.test(await talk.ask('ROLE', /^\*5\r\n.*:-?\d+\r\n$/s));
        return isUp && (await talk.ask('DEBUG DIGEST')) === wanted;
      });
      t.is(await talk.ask('DEBUG DIGEST'), wanted);
      const info = await talk.ask('INFO stats replication', /field_expiries_dropped:\d+\r\n\r\n$/);
      talk.close();
      return info;
    };
    await speaker.ask('SELECT 5');
    await speaker.ask('SET k 1');
    const first = run(...following);
    await untilServing(port, first, 'redtwin');
    await caughtUp();
    await speaker.ask('INCR k');
    t.regex(await caughtUp(), /redtwin_link_full_resyncs:1\r\nredtwin_link_partial_resyncs:0/);
    await first.stop();
    t.is(first.endedAs(), 0);
    // No SELECT comes before this in the feed: the replica has to know that database 5 is selected.
    await speaker.ask('INCR k');
    const second = run(...following);
    await untilServing(port, second, 'redtwin');
    t.regex(await caughtUp(), /redtwin_link_full_resyncs:0\r\nredtwin_link_partial_resyncs:1/);
  });
});

test('what is wrong with the configuration is said as Redis says it', async (t) => {
  await inFolder(async (folder, run) => {
    const file = join(folder, 'bad.conf');
    writeFileSync(file, 'port 0\nnonsense yes\n');
    const bad = run('serve', file);
    t.is(await bad.ended, 1);
    t.is(
      bad.said(),
      "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n>>> 'nonsense yes'\nBad directive or wrong number of arguments\n",
    );
    const missing = run('serve', join(folder, 'none.conf'));
    t.is(await missing.ended, 1);
    t.regex(
      missing.said(),
      /# Fatal error, can't open config file '.*none.conf': No such file or directory\n$/,
    );
    const argument = run('serve', '--port', 'abc');
    t.is(await argument.ended, 1);
    t.regex(argument.said(), /at line 2\n>>> 'port "abc"'\nargument couldn't be parsed into an integer\n$/);
    const cluster = run('serve', '--cluster-enabled', 'yes');
    t.is(await cluster.ended, 1);
    t.regex(cluster.said(), /redtwin cannot do cluster-enabled yes/);
  });
});

test('who asks while the file is being opened is told to wait, and never shown an empty keyspace', async (t) => {
  await inFolder(async (folder) => {
    writeFileSync(join(folder, 'dump.rdb'), smallRdb(new Map([[0, new Map([['key', 'value']])]])));
    for (let round = 0; round < 5; round++) {
      const port = await freePort();
      const starting = createServer({ port, dir: folder, save: '' });
      const heard: string[] = [];
      while (heard.at(-1) !== ':1\r\n') {
        const talk = await Talk.open(port).catch(() => null);
        if (talk === null) continue;
        heard.push(await talk.ask('EXISTS key'));
        talk.socket.destroy();
      }
      await (await starting).close();
      for (const reply of heard) t.regex(reply, /^(:1|-LOADING .*)\r\n$/);
    }
  });
});

test('a file that is no RDB ends the start, and stays as it is', async (t) => {
  await inFolder(async (folder, run) => {
    writeFileSync(join(folder, 'dump.rdb'), 'REDIS0010garbage');
    const child = run('serve', '--port', String(await freePort()), '--dir', folder);
    t.is(await child.ended, 1);
    t.regex(child.said(), /Fatal error loading the DB/);
    t.is(readFileSync(join(folder, 'dump.rdb'), 'utf8'), 'REDIS0010garbage');
  });
});

test('a port that is taken is told', async (t) => {
  await inFolder(async (folder, run) => {
    const port = await freePort();
    const args = ['serve', '--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
    const first = run(...args);
    await untilServing(port, first, 'redtwin');
    const second = run(...args);
    t.is(await second.ended, 1);
    t.regex(second.said(), /Could not listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
  });
});

test('the command prints its version, its help and the table of commands', async (t) => {
  await inFolder(async (_, run) => {
    const version = run('--version');
    t.is(await version.ended, 0);
    t.regex(version.said(), /^\d+\.\d+\.\d+\n$/);
    const help = run('serve', '--help');
    t.is(await help.ended, 0);
    t.regex(help.said(), /Usage: redtwin serve/);
    const commands = run('commands');
    t.is(await commands.ended, 0);
    t.regex(commands.said(), /GET +yes\n/);
  });
});
