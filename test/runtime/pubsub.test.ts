/**
 * Publish and subscribe over real connections: three worlds, two protocols, keyspace notifications, a client that goes.
 *
 * What is compared are raw frames.
 */
import test from 'ava';
import { until } from '../servers/wait.ts';
import { engineNames, Talk, withServer } from './helpers.ts';

for (const engine of engineNames) {
  test(`messages reach channels, patterns and shard channels [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const [listener, speaker] = [await Talk.open(port), await Talk.open(port)];
      t.is(
        await listener.ask('SUBSCRIBE news sport', /:2\r\n$/),
        '*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$5\r\nsport\r\n:2\r\n',
      );
      await listener.ask('PSUBSCRIBE n*s', /:3\r\n$/);
      await listener.ask('SSUBSCRIBE shard', /:1\r\n$/);
      t.is(await speaker.ask('PUBLISH news hello'), ':2\r\n');
      t.is(
        await listener.hear(/pmessage.*hello\r\n$/s),
        '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n' +
          '*4\r\n$8\r\npmessage\r\n$3\r\nn*s\r\n$4\r\nnews\r\n$5\r\nhello\r\n',
      );
      t.is(await speaker.ask('SPUBLISH shard x'), ':1\r\n');
      t.is(await listener.hear(/x\r\n$/), '*3\r\n$8\r\nsmessage\r\n$5\r\nshard\r\n$1\r\nx\r\n');
      t.is(await speaker.ask('PUBLISH shard x'), ':0\r\n');
      t.is(await speaker.ask('PUBSUB NUMPAT'), ':1\r\n');
      t.is(await speaker.ask('PUBSUB SHARDCHANNELS', /shard\r\n$/), '*1\r\n$5\r\nshard\r\n');
      t.regex(await speaker.ask('CLIENT LIST TYPE pubsub', /resp=2\n\r\n$/), /flags=P .*sub=2 psub=1 ssub=1/);
      t.regex(await listener.ask('GET k'), /^-ERR Can't execute 'get'/);
      t.is(await listener.ask('RESET'), '+RESET\r\n');
      t.is(await listener.ask('GET k'), '$-1\r\n');
      t.is(await speaker.ask('PUBLISH news gone'), ':0\r\n');
    });
  });

  test(`in RESP3 messages are pushes and other commands go on [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const talk = await Talk.open(port);
      await talk.ask('HELLO 3', /modules\r\n\*0\r\n$/);
      t.is(await talk.ask('SUBSCRIBE a'), '>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n');
      t.is(await talk.ask('SET k v'), '+OK\r\n');
      t.is(await talk.ask('PUBLISH a m', /:1\r\n$/), '>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n:1\r\n');
      t.is(await talk.ask('PING'), '+PONG\r\n');
    });
  });

  test(`keyspace events are published when they are asked for [${engine}]`, async (t) => {
    await withServer({ engine, 'notify-keyspace-events': 'KEA' }, async ({ port }) => {
      const [listener, speaker] = [await Talk.open(port), await Talk.open(port)];
      await listener.ask('PSUBSCRIBE __key*', /:1\r\n$/);
      await speaker.ask('SET k v');
      t.is(
        await listener.hear(/__keyevent.*k\r\n$/s),
        '*4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$16\r\n__keyspace@0__:k\r\n$3\r\nset\r\n' +
          '*4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nk\r\n',
      );
      await speaker.ask("CONFIG SET notify-keyspace-events ''");
      await speaker.ask('SET k w');
      await speaker.ask('PUBLISH __key_end x');
      t.is((await listener.hear(/x\r\n$/)).match(/pmessage/g)?.length, 1);
    });
  });

  test(`a subscriber that is gone gets nothing more [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const [listener, speaker] = [await Talk.open(port), await Talk.open(port)];
      await listener.ask('SUBSCRIBE a');
      listener.close();
      await until('it to be gone', async () => (await speaker.ask('PUBLISH a m')) === ':0\r\n');
      t.is(await speaker.ask('PUBSUB CHANNELS'), '*0\r\n');
    });
  });
}

test('a subscriber that does not read is closed at its limit, and the others are served', async (t) => {
  const limit = 'pubsub 1mb 0 0';
  await withServer({ engine: 'portable', 'client-output-buffer-limit': limit }, async ({ port }) => {
    const [deaf, speaker] = [await Talk.open(port), await Talk.open(port)];
    await deaf.ask('SUBSCRIBE a');
    deaf.socket.pause();
    const message = `*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$100000\r\n${'x'.repeat(100_000)}`;
    let receivers = ':1\r\n';
    for (let i = 0; i < 400 && receivers === ':1\r\n'; i++) receivers = await speaker.ask(message);
    t.is(receivers, ':0\r\n');
  });
});
