/**
 * Diagnostics channels: what a process that embeds a server can hear of its links, and that the docs list them all.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { type ChannelName, channelNames } from '../../src/observe/channels.ts';
import { startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { withServer } from './helpers.ts';

test('the docs list every channel', (t) => {
  const page = readFileSync(new URL('../../docs/replication.md', import.meta.url), 'utf8');
  for (const name of channelNames) t.true(page.includes(`\`${name}\``), name);
});

test.serial('a link tells its moves, its full resync and its end', async (t) => {
  const heard: { name: ChannelName; message: Record<string, unknown> }[] = [];
  const listeners = channelNames.map((name) => {
    const listener = (message: unknown): void =>
      void heard.push({ name, message: message as Record<string, unknown> });
    subscribe(name, listener);
    return { name, listener };
  });
  const told = (name: ChannelName): Record<string, unknown>[] =>
    heard.filter((one) => one.name === name).map(({ message }) => message);
  const redis = await startServer();
  try {
    await withServer({ engine: 'portable', replicaof: `127.0.0.1 ${redis.port}` }, async () => {
      await until('the link to be up', () =>
        Promise.resolve(told('redtwin:link:transition').some(({ to }) => to === 'connected')),
      );
      const control = await redis.client();
      await control.ask('CLIENT KILL TYPE replica');
      await until('the link to have ended', () =>
        Promise.resolve(told('redtwin:link:ended').some(({ because }) => because === 'closed')),
      );
      control.close();
    });
  } finally {
    for (const { name, listener } of listeners) unsubscribe(name, listener);
    await redis.stop();
  }
  t.deepEqual(told('redtwin:link:full-resync'), [{ because: 'first-sync' }]);
  const moves = told('redtwin:link:transition');
  t.is(moves[0]?.from, 'none');
  for (const [i, { from }] of moves.slice(1).entries()) t.is(from, moves[i]?.to);
  t.deepEqual(told('redtwin:link:halted'), []);
});

test.serial('a halted link says why', async (t) => {
  const halted: unknown[] = [];
  const listener = (message: unknown): void => void halted.push(message);
  subscribe('redtwin:link:halted', listener);
  const redis = await startServer();
  try {
    await withServer({ engine: 'portable', replicaof: `127.0.0.1 ${redis.port}` }, async ({ port }) => {
      const primary = await redis.client();
      await until('the replica to be online', async () =>
        /state=online/.test(String(await primary.ask('INFO replication'))),
      );
      t.truthy(port);
      // Redis feeds it as it came; here the command is unknown.
      await primary.ask(['DEBUG', 'REPLICATE', 'NOSUCH', 'command']);
      await until('the link to halt', () => Promise.resolve(halted.length > 0));
      primary.close();
    });
  } finally {
    unsubscribe('redtwin:link:halted', listener);
    await redis.stop();
  }
  t.like(halted[0], { command: 'NOSUCH command' });
});
