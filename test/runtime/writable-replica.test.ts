/**
 * A replica whose clients may write (replica-read-only no): what they write with an expiry only this replica can delete, and
 * what the primary's keys are is hidden when it has expired, and deleted when somebody here writes it. A real replica beside
 * ours is told the same.
 */
import test from 'ava';
import { Client } from '../servers/client.ts';
import { startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { engineNames, withServer } from './helpers.ts';

const tracked = async (client: Client): Promise<string> =>
  /slave_expires_tracked_keys:(\d+)/.exec(String(await client.ask('INFO stats')))?.[1] ?? '';

for (const engine of engineNames) {
  test(`${engine}: a writable replica expires its own keys, and deletes others only to write them`, async (t) => {
    const primary = await startServer({ args: ['--repl-diskless-sync-delay', '0'] });
    t.teardown(() => primary.stop());
    const real = await startServer({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    t.teardown(() => real.stop());
    const writer = await primary.client();
    await withServer(
      { engine, replicaof: `127.0.0.1 ${primary.port}`, 'enable-debug-command': 'yes' },
      async (ours) => {
        const both = [await real.client(), await Client.open(ours.port)] as const;
        /** The same to both; they must say the same. */
        const same = async (line: string): Promise<string> => {
          const [right, given] = await Promise.all(both.map((client) => client.raw(line)));
          t.is(String(given), String(right), line);
          return String(given);
        };
        const sameEverywhere = (
          what: string,
          holds: (client: Client) => Promise<boolean>,
        ): Promise<unknown> => Promise.all(both.map((client) => until(what, () => holds(client))));

        await sameEverywhere('a link', async (client) =>
          /status:up/.test(String(await client.ask('INFO replication'))),
        );
        await writer.ask('DEBUG SET-ACTIVE-EXPIRE 0');
        for (const line of ['SET key1 5 PX 1', 'SET key2 5 PX 1', 'SET key3 5 PX 1', 'SET last 1'])
          await writer.ask(line);
        await sameEverywhere('the keys', async (client) => (await client.ask('GET last')) === '1');
        await sameEverywhere(
          'their end',
          async (client) => (await client.ask('EXISTS key1 key2 key3')) === 0,
        );
        await same('DBSIZE');

        await same('CONFIG SET replica-read-only no');
        t.is(await same('INCR key1'), ':1\r\n', 'it has expired: counting begins anew');
        t.is(await same('TTL key1'), ':-1\r\n');
        t.is(await same('GET key2'), '$-1\r\n');
        t.is(await same('DBSIZE'), ':4\r\n', 'what is only read stays');
        await same('DEL key2');
        t.is(await same('DBSIZE'), ':3\r\n');

        await same('DEBUG SET-ACTIVE-EXPIRE 0');
        for (const line of [
          'SET own1 1 EX 100',
          'SET own2 1 EX 100',
          'RENAME own2 own3',
          'COPY own3 own4 DB 2',
          'SADD own5 a',
          'EXPIRE own5 100',
          'PERSIST own5',
        ])
          await same(line);
        // What became of own2 and own5 is found out when their turn comes.
        for (const client of both) t.is(await tracked(client), '5');
        // From here on Redis counts a name once, in however many databases it is.
        await same('MOVE own1 3');
        for (const [db, key] of [
          [0, 'own3'],
          [2, 'own4'],
          [3, 'own1'],
        ])
          for (const line of [`SELECT ${db}`, `PEXPIRE ${key} 1`]) await same(line);
        await same('DEBUG SET-ACTIVE-EXPIRE 1');
        const sizes = async (client: Client): Promise<boolean> => {
          for (const db of [2, 3]) {
            await client.ask(`SELECT ${db}`);
            if ((await client.ask('DBSIZE')) !== 0) return false;
          }
          await client.ask('SELECT 0');
          return (await client.ask('DBSIZE')) === 4;
        };
        await sameEverywhere('their end', sizes);
        await sameEverywhere('them to be forgotten', async (client) => (await tracked(client)) === '0');
        await same('SET own1 1 EX 100');
        t.is(await tracked(both[1]), '1');
        await same('REPLICAOF NO ONE');
        // Redis forgets only when a full resync comes; a partial one would find the names of a former role.
        t.is(await tracked(both[1]), '0');
        for (const client of both) client.close();
      },
    );
    writer.close();
  });
}
