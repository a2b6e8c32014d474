/**
 * The oracle itself: the real server starts, is the version it should be, speaks, and is gone after stop().
 */
import { existsSync } from 'node:fs';
import test from 'ava';
import { catalog, sourceOf } from './catalog.ts';
import { Client } from './client.ts';
import { decode, frameEnd, frames, pack } from './resp.ts';
import { startServer } from './server.ts';

test('redis-server 7.0.15 starts, answers and stops without a trace', async (t) => {
  const server = await startServer();
  const client = await server.client();
  t.is(server.version, '7.0.15');
  t.is(await client.ask('SET k v'), 'OK');
  t.deepEqual(await client.ask(['MGET', 'k', 'none']), ['v', null]);
  t.is(server.cli('DEBUG', 'DIGEST').length, 40);
  client.close();
  await server.stop();
  t.not(server.child.endedAs(), null);
  t.false(existsSync(server.folder));
  await t.throwsAsync(Client.open(server.port));
});

test('a server that cannot start says why', async (t) => {
  await t.throwsAsync(startServer({ args: ['--no-such-directive', '1'] }), { message: /no-such-directive/ });
});

test('every server of the catalog has its own library path', (t) => {
  for (const row of catalog) t.true(row.packages.includes('libc6'), row.name);
  t.throws(() => sourceOf('redis-1.0' as 'redis-6.0'), { message: /no server 'redis-1.0'/ });
});

test('frames are cut at every byte alike', (t) => {
  const replies = [
    '+OK\r\n',
    '$-1\r\n',
    '$3\r\na\r\n\r\n',
    '*2\r\n:1\r\n*1\r\n$0\r\n\r\n',
    '%1\r\n+a\r\n_\r\n',
    '>2\r\n+a\r\n#t\r\n',
    '*-1\r\n',
    '|1\r\n+a\r\n:1\r\n,1.5\r\n',
  ];
  const all = Buffer.from(replies.join(''));
  t.deepEqual(frames(all).whole.map(String), replies);
  for (let cut = 0; cut < all.length; cut++) {
    const { whole, rest } = frames(all.subarray(0, cut));
    t.is(Buffer.concat([...whole, rest]).length, cut);
    t.is(frameEnd(rest, 0), -1);
  }
});

test('commands are packed and replies read', (t) => {
  t.is(pack('SET  k 12').toString(), '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n');
  t.is(pack(['GET', Buffer.from([255])]).toString('latin1'), '*2\r\n$3\r\nGET\r\n$1\r\n\xff\r\n');
  t.deepEqual(decode(Buffer.from('*3\r\n:9223372036854775807\r\n,inf\r\n#f\r\n')), [
    9223372036854775807n,
    Number.POSITIVE_INFINITY,
    false,
  ]);
});
