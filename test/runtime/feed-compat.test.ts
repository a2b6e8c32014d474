/**
 * `feed-compat auto`: the feed becomes what its readers understand, and stays so until it ends. On both engines.
 *
 * In a file, and so a process, of its own: the native engine knows for the process, not for a store, that fields of hashes
 * may expire, and snapshots are of version 12 from then on.
 */
import test from 'ava';
import { engineNames, Talk, withServer } from './helpers.ts';
import { attached, untilField } from './replica-talk.ts';

for (const engine of engineNames) {
  test(`feed-compat auto: who says that it is older is told what it understands, until the feed ends [${engine}]`, async (t) => {
    await withServer(
      { engine, 'repl-diskless-sync-delay': '0', 'repl-backlog-ttl': '1' },
      async ({ port }) => {
        const client = await Talk.open(port);
        const expire = 'HPEXPIRE h 1000000 FIELDS 1 f';
        await client.ask('HSET h f v');
        const told = async (replica: Talk): Promise<string> => {
          await client.ask(expire);
          await client.ask('SET end 1');
          return (await replica.hear(/end\r\n\$1\r\n1\r\n$/)).includes('HPEXPIRE') ? 'as it is' : 'otherwise';
        };
        const silent = await attached(port);
        t.is(await told(silent), 'as it is');
        // A snapshot for it holds no expiries of fields, which is not what this is about.
        await client.ask('CONFIG SET rdb-version-loss drop');
        const older = await Talk.open(port);
        await older.ask('REPLCONF version 8.1.0');
        older.socket.write('PSYNC ? -1\r\n');
        await older.hear(/\xff[\s\S]{8}$/);
        t.is(await told(older), 'otherwise');
        t.regex(await silent.hear(/end\r\n\$1\r\n1\r\n$/), /RESTORE\r\n\$1\r\nh\r\n/);
        // It may come back for what it missed.
        older.close();
        await untilField(client, 'connected_slaves', /^1$/);
        t.is(await told(silent), 'otherwise');
        // What is set is stronger.
        await client.ask('CONFIG SET feed-compat 5.0');
        await client.ask('CONFIG SET feed-compat auto');
        t.is(await told(silent), 'otherwise');
        silent.close();
        await untilField(client, 'repl_backlog_active', /^0$/);
        t.is(await told(await attached(port)), 'as it is');
      },
    );
  });
}
