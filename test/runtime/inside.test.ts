/**
 * A server asked from inside its own process, on both engines.
 *
 * Replies are values, in the order of the calls; what ends a connection rejects what waits; nothing runs inside the
 * caller's turn; pushes come apart from replies.
 */
import test from 'ava';
import { createServer, RedtwinError, ReplyError, type ReplyValue } from '../../src/index.ts';
import { until } from '../servers/wait.ts';
import { engineNames, withServer } from './helpers.ts';

for (const engine of engineNames) {
  test(`commands give values, in order [${engine}]`, (t) =>
    withServer({ engine }, async (server) => {
      const here = server.connect();
      const replies = await Promise.all([
        here.command('SET', 'k', 'vä'),
        here.command('GET', 'k'),
        here.command('GET', 'none'),
        here.command('INCRBY', 'n', 41),
        here.command('HSET', 'h', 'a', 1, 'b', Buffer.from([0, 255])),
        here.command('HGETALL', 'h').then((value) => (value as Map<string, string>).get('a')),
        here.command('ZADD', 'z', 1.5, 'm'),
        here.command('ZSCORE', 'z', 'm'),
        here.command('MULTI'),
        here.command('INCR', 'n'),
        here.command('EXEC'),
        here.command('SELECT', 1),
        here.command('DBSIZE'),
      ]);
      t.deepEqual(replies, ['OK', 'vä', null, 41, 2, '1', 1, 1.5, 'OK', 'QUEUED', [42], 'OK', 0]);
      const error = await t.throwsAsync(here.command('GET'), { instanceOf: ReplyError });
      t.is(error?.message, "ERR wrong number of arguments for 'get' command");
      const other = server.connect({ buffers: true });
      t.deepEqual(await other.command('HGET', 'h', 'b'), Buffer.from([0, 255]));
      t.regex(String(await here.command('CLIENT', 'LIST')), /addr=inside:0/);
    }));

  test(`a command runs after the caller's turn, those of one turn as one chunk [${engine}]`, (t) =>
    withServer({ engine }, async (server) => {
      const here = server.connect();
      await here.command('PING');
      const reads = async (): Promise<number> =>
        Number(/total_reads_processed:(\d+)/.exec(String(await here.command('INFO', 'stats')))?.[1]);
      const before = await reads();
      await Promise.all(Array.from({ length: 100 }, (_, i) => here.command('SET', `k${i}`, i)));
      t.is((await reads()) - before, 2);
    }));

  test(`subscriptions and invalidations are pushes [${engine}]`, (t) =>
    withServer({ engine }, async (server) => {
      const pushes: ReplyValue[][] = [];
      const here = server.connect({ onPush: (items) => pushes.push(items) });
      t.is(await here.command('SUBSCRIBE', 'a', 'b'), 2);
      t.is(await here.command('PSUBSCRIBE', 'c*'), 3);
      t.is(await here.command('PING'), 'PONG');
      const other = server.connect();
      t.is(await other.command('PUBLISH', 'a', 'hello'), 1);
      t.is(await other.command('PUBLISH', 'cc', 'you'), 1);
      t.is(await here.command('UNSUBSCRIBE', 'a'), 2);
      t.is(await here.command('CLIENT', 'TRACKING', 'ON'), 'OK');
      await here.command('GET', 'k');
      await other.command('SET', 'k', '1');
      await until('the invalidation', () => pushes.length >= 3);
      t.deepEqual(pushes, [
        ['message', 'a', 'hello'],
        ['pmessage', 'c*', 'cc', 'you'],
        ['invalidate', ['k']],
      ]);
    }));

  test(`waiting commands wait, and long replies come whole [${engine}]`, (t) =>
    withServer({ engine }, async (server) => {
      const [here, other] = [server.connect(), server.connect({ buffers: true })];
      const popped = here.command('BLPOP', 'l', 0);
      await other.command('RPUSH', 'l', 'x');
      t.deepEqual(await popped, ['l', 'x']);
      const value = Buffer.alloc(3_000_000, 'abc');
      await other.command('SET', 'big', value);
      const replies = await Promise.all([other.command('GET', 'big'), other.command('GET', 'big')]);
      for (const reply of replies) t.true(value.equals(reply as Buffer));
    }));

  test(`what ends a connection rejects what waits [${engine}]`, async (t) => {
    const server = await createServer({ engine, maxclients: 2 });
    const [here, other] = [server.connect(), server.connect()];
    const waits = here.command('BLPOP', 'l', 0);
    const third = server.connect();
    await t.throwsAsync(third.command('PING'), { message: /max number of clients/ });
    await other.command('CLIENT', 'KILL', 'ID', Number(await other.command('CLIENT', 'ID')) - 1);
    t.is((await t.throwsAsync(waits, { instanceOf: RedtwinError }))?.code, 'connection-closed');
    await t.throwsAsync(here.command('PING'), { instanceOf: RedtwinError });
    await t.throwsAsync(other.command('MONITOR'), { instanceOf: TypeError });
    const late = other.command('BLPOP', 'l', 0);
    await Promise.all([t.throwsAsync(late, { instanceOf: RedtwinError }), server.close()]);
    await t.throwsAsync(other.command('PING'), { instanceOf: RedtwinError });
  });

  test(`a password is asked for as from any client [${engine}]`, (t) =>
    withServer({ engine, requirepass: 'secret' }, async (server) => {
      const here = server.connect();
      await t.throwsAsync(here.command('GET', 'k'), { message: /^NOAUTH/ });
      await t.throwsAsync(here.command('AUTH', 'wrong'), { message: /^WRONGPASS/ });
      t.is(await here.command('AUTH', 'secret'), 'OK');
      t.is(await here.command('GET', 'k'), null);
    }));
}
