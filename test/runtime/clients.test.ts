/**
 * Client libraries that people use, over TCP and a unix socket, in RESP2 and RESP3; and what a server does to clients:
 * passwords, limits, kills, pauses.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { until } from '../servers/wait.ts';
import { engineNames, Talk, withServer } from './helpers.ts';

for (const engine of engineNames) {
  for (const RESP of [2, 3] as const)
    test(`node-redis works in RESP${RESP} [${engine}]`, async (t) => {
      await withServer({ engine, requirepass: 'secret' }, async ({ port }) => {
        const client = createClient({
          ...{ url: `redis://default:secret@127.0.0.1:${port}`, RESP, name: 'me' },
          socket: { connectTimeout: 60_000 },
        });
        await client.connect();
        await client.set('k', 'v', { expiration: { type: 'EX', value: 100 } });
        t.is(await client.get('k'), 'v');
        t.deepEqual(await Promise.all([client.incr('n'), client.incr('n')]), [1, 2]);
        t.deepEqual(await client.multi().set('a', '1').get('a').exec(), ['OK', '1']);
        t.deepEqual({ ...(await client.configGet('maxclients')) }, { maxclients: '10000' });
        t.is(await client.clientGetName(), 'me');
        const subscriber = client.duplicate();
        await subscriber.connect();
        const heard = new Promise((resolve) => void subscriber.subscribe('c', resolve));
        while ((await client.publish('c', 'hello')) === 0)
          await new Promise((resolve) => setTimeout(resolve, 5));
        t.is(await heard, 'hello');
        await subscriber.close();
        await client.close();
      });
    });

  test(`ioredis works, over a unix socket too [${engine}]`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'redtwin-clients-'));
    const path = join(folder, 's.sock');
    try {
      await withServer({ engine, unixsocket: path, unixsocketperm: '700' }, async ({ port }) => {
        t.is(statSync(path).mode & 0o777, 0o700);
        for (const client of [new Redis(port, '127.0.0.1'), new Redis(path)]) {
          t.is(await client.set('k', 'v'), 'OK');
          t.is(await client.get('k'), 'v');
          const pipeline = client.pipeline();
          for (let i = 0; i < 1000; i++) pipeline.set(`k${i}`, i);
          t.is((await pipeline.exec())?.length, 1000);
          t.is(await client.dbsize(), 1001);
          const value = Buffer.alloc(3_000_000, 7);
          await client.set('big', value);
          t.true((await client.getBuffer('big'))?.equals(value));
          await client.flushall();
          await client.quit();
        }
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test('without the password only few commands are answered', async (t) => {
  await withServer({ engine: 'portable', requirepass: 'secret' }, async ({ port }) => {
    const talk = await Talk.open(port);
    t.is(await talk.ask('GET k'), '-NOAUTH Authentication required.\r\n');
    t.is(await talk.ask('CLIENT ID'), '-NOAUTH Authentication required.\r\n');
    t.regex(await talk.ask('HELLO 3'), /^-NOAUTH HELLO must be called with the client already authenticated/);
    t.is(await talk.ask('AUTH wrong'), '-WRONGPASS invalid username-password pair or user is disabled.\r\n');
    t.is(await talk.ask('AUTH secret'), '+OK\r\n');
    t.is(await talk.ask('GET k'), '$-1\r\n');
    t.is(await talk.ask('RESET'), '+RESET\r\n');
    t.is(await talk.ask('GET k'), '-NOAUTH Authentication required.\r\n');
    t.regex(await talk.ask('HELLO 2 AUTH default secret SETNAME x', /modules\r\n\*0\r\n$/), /^\*14/);
    t.is(await talk.ask('CLIENT GETNAME'), '$1\r\nx\r\n');
    t.is(await talk.ask("CONFIG SET requirepass ''"), '+OK\r\n');
    t.is(await (await Talk.open(port)).ask('GET k'), '$-1\r\n');
  });
});

test('beyond maxclients a client is told so and closed', async (t) => {
  await withServer({ engine: 'portable', maxclients: 1 }, async ({ port }) => {
    const first = await Talk.open(port);
    t.is(await first.ask('PING'), '+PONG\r\n');
    const second = await Talk.open(port);
    t.is(await second.hear(/\n$/), '-ERR max number of clients reached\r\n');
    first.close();
    const third = await until('room for another', async () => {
      const talk = await Talk.open(port);
      return (await talk.ask('PING')) === '+PONG\r\n' ? talk : null;
    });
    t.is(await third.ask('PING'), '+PONG\r\n');
  });
});

test('CLIENT KILL, PAUSE, UNBLOCK and REPLY do what they say', async (t) => {
  await withServer({ engine: 'portable' }, async ({ port }) => {
    const [one, two] = [await Talk.open(port), await Talk.open(port)];
    const id = (await two.ask('CLIENT ID')).slice(1, -2);

    await one.ask('CLIENT PAUSE 100000 WRITE');
    t.is(await two.ask('GET k'), '$-1\r\n');
    two.socket.write('SET k v\r\n');
    t.is(await one.ask('GET k'), '$-1\r\n');
    t.is(two.heardSoFar(), '');
    await one.ask('CLIENT UNPAUSE');
    t.is(await two.hear(/\n$/), '+OK\r\n');

    const startedMs = Date.now();
    await one.ask('CLIENT PAUSE 100 ALL');
    t.is(await two.ask('GET k'), '$1\r\nv\r\n');
    t.true(Date.now() - startedMs >= 80);

    two.socket.write('WAIT 1 0\r\n');
    while ((await one.ask(`CLIENT UNBLOCK ${id}`)) === ':0\r\n');
    t.is(await two.hear(/\n$/), ':0\r\n');

    two.socket.write(
      'CLIENT REPLY SKIP\r\nCLIENT ID\r\nECHO a\r\nCLIENT REPLY SKIP\r\nECHO b\r\nCLIENT GETNAME\r\n',
    );
    t.is(await two.hear(/\$-1\r\n$/), '$1\r\na\r\n$-1\r\n');
    two.socket.write('CLIENT REPLY OFF\r\nCLIENT ID\r\nECHO b\r\nCLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\n');
    t.is(await two.hear(/\n$/), '+OK\r\n');

    t.is(await one.ask(`CLIENT KILL ID ${id}`), ':1\r\n');
    await two.hear(/never/);
    t.true(two.isClosed);
    t.is(await one.ask('CLIENT KILL TYPE normal SKIPME no'), ':1\r\n');
    await one.hear(/never/);
    t.true(one.isClosed);
  });
});

test('MONITOR shows commands, and the slow log keeps them when it is asked to', async (t) => {
  await withServer({ engine: 'portable', 'slowlog-log-slower-than': 0 }, async ({ port }) => {
    const [one, two] = [await Talk.open(port), await Talk.open(port)];
    t.is(await one.ask('MONITOR'), '+OK\r\n');
    two.socket.write('SELECT 3\r\nSET k "a\\x00b"\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nAUTH x\r\nPING\r\n');
    const seen = await one.hear(/"PING"\r\n$/);
    t.regex(
      seen,
      /^\+\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SELECT" "3"\r\n\+.* \[3 .*\] "SET" "k" "a\\x00b"\r\n\+.*"GET" "k"\r\n\+.*"AUTH" "\(redacted\)"\r\n\+.*"PING"\r\n$/,
    );
    await two.hear(/PONG\r\n$/);
    // A script comes before what it runs.
    t.is(await two.ask(`EVAL "return redis.call('get', KEYS[1])" 1 k`), '$3\r\na\0b\r\n');
    t.regex(
      await one.hear(/\[3 lua\].*\r\n$/),
      /^\+\S+ \[3 127.*\] "EVAL" .* "1" "k"\r\n\+\S+ \[3 lua\] "get" "k"\r\n$/,
    );
    t.is(await two.ask('SLOWLOG RESET'), '+OK\r\n');
    t.is(await two.ask('PING'), '+PONG\r\n');
    t.regex(await two.ask('SLOWLOG GET 2', /127.*\$0\r\n\r\n.*127.*\$0\r\n\r\n$/s), /\$4\r\nPING\r\n/);
    t.is(await two.ask('SLOWLOG RESET'), '+OK\r\n');
  });
});

for (const engine of engineNames)
  test(`the slow log keeps what takes long, in the host or in a script that rests [${engine}]`, async (t) => {
    const settings = { engine, 'enable-debug-command': 'yes', 'slowlog-log-slower-than': 100_000 };
    await withServer(settings, async ({ port }) => {
      const talk = await Talk.open(port);
      t.is(await talk.ask('PING'), '+PONG\r\n');
      t.is(await talk.ask('SLOWLOG LEN'), ':0\r\n');
      t.is(await talk.ask('DEBUG SLEEP 0.2'), '+OK\r\n');
      t.regex(
        await talk.ask('SLOWLOG GET', /127.*\$0\r\n\r\n$/s),
        /\r\nDEBUG\r\n\$5\r\nSLEEP\r\n\$3\r\n0\.2\r\n/,
      );
      t.is(await talk.ask('SLOWLOG RESET'), '+OK\r\n');
      const slow = 'EVAL "for i = 1, 4e7 do end" 0';
      t.is(await talk.ask(slow), '$-1\r\n');
      t.regex(await talk.ask('SLOWLOG GET', /127.*\$0\r\n\r\n$/s), /^\*1\r\n[\s\S]*\r\nEVAL\r\n/);
      // And so where each command is seen by itself.
      t.is(await talk.ask('CONFIG SET latency-monitor-threshold 1000000'), '+OK\r\n');
      t.is(await talk.ask('SLOWLOG RESET'), '+OK\r\n');
      t.is(await talk.ask(slow), '$-1\r\n');
      t.regex(await talk.ask('SLOWLOG GET', /127.*\$0\r\n\r\n$/s), /^\*1\r\n[\s\S]*\r\nEVAL\r\n/);
    });
  });

test('garbage gets the protocol error, and the connection is closed', async (t) => {
  await withServer({ engine: 'portable' }, async ({ port }) => {
    for (const [bytes, error] of [
      ['*1\r\n$x\r\n', 'invalid bulk length'],
      ['*x\r\n', 'invalid multibulk length'],
      ['*1\r\nPING\r\n', "expected '$', got 'P'"],
      ['GET "a\r\n', 'unbalanced quotes in request'],
    ] as const) {
      const talk = await Talk.open(port);
      talk.socket.write(`PING\r\n${bytes}PING\r\n`);
      t.is(await talk.hear(/never/), `+PONG\r\n-ERR Protocol error: ${error}\r\n`);
      t.true(talk.isClosed);
    }
  });
});

test('a slow reader is not read from, and gets every reply in the end', async (t) => {
  await withServer({ engine: 'portable' }, async ({ port }) => {
    const talk = await Talk.open(port);
    await talk.ask(`SET k ${'x'.repeat(10_000)}`);
    talk.socket.pause();
    const count = 3000;
    talk.socket.write('GET k\r\n'.repeat(count));
    await new Promise((resolve) => setTimeout(resolve, 200));
    let bytes = 0;
    talk.socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    talk.socket.resume();
    const wanted = count * (10_000 + '$10000\r\n\r\n'.length);
    await until('every reply', () => bytes >= wanted);
    t.is(bytes, wanted);
  });
});
