/**
 * The link to the primary as a client: a real redis-server and redtwin, on each engine, follow the same real primary, and
 * are asked the same of CLIENT.
 */
import test from 'ava';
import { Client } from '../servers/client.ts';
import { startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { engineNames, withServer } from './helpers.ts';

const infoOf = async (client: Client, section: string, name: string): Promise<string> =>
  new RegExp(`^${name}:(.*)\r$`, 'm').exec(String(await client.ask(`INFO ${section}`)))?.[1] ?? '';

/** The line of the link, but for its number, times, the size of buffers and our own port. */
const masked = (line: string): string =>
  line
    .replace(/^id=\d+/, 'id=N')
    .replace(/( laddr=127\.0\.0\.1:)\d+/, '$1N')
    .replace(/ (fd|age|idle|qbuf|qbuf-free|argv-mem|multi-mem|rbs|rbp|tot-mem)=-?\d+/g, ' $1=N');

for (const engine of engineNames) {
  test(`${engine}: CLIENT LIST shows the link, CLIENT KILL ends it, and it continues`, async (t) => {
    const primary = await startServer({ args: ['--repl-diskless-sync-delay', '0'] });
    t.teardown(() => primary.stop());
    const real = await startServer({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    t.teardown(() => real.stop());
    const writer = await primary.client();
    await withServer({ engine, replicaof: `127.0.0.1 ${primary.port}` }, async (ours) => {
      const [right, given] = [await real.client(), await Client.open(ours.port)];
      for (const client of [right, given])
        await until(
          'a link',
          async () => (await infoOf(client, 'replication', 'master_link_status')) === 'up',
        );
      await writer.ask('SELECT 3');
      await writer.ask('SET k v');
      // The link's line tells the last command of the feed, which may be a PING or another replica's wish to be told.
      const lineOf = (client: Client): Promise<string> =>
        until('the write in the feed', async () => {
          await writer.ask('SET k v');
          const line = String(await client.ask('CLIENT LIST TYPE MASTER'));
          return /cmd=set/.test(line) ? line : null;
        });
      t.is(masked(await lineOf(given)), masked(await lineOf(right)));
      t.is(
        await infoOf(given, 'clients', 'connected_clients'),
        await infoOf(right, 'clients', 'connected_clients'),
      );
      const id = /id=(\d+)/.exec(await lineOf(given))?.[1];
      const continued = async (): Promise<number> => Number(await infoOf(writer, 'stats', 'sync_partial_ok'));
      for (const command of [
        `CLIENT KILL 127.0.0.1:${primary.port}`,
        `CLIENT KILL ID ${id}`,
        'CLIENT KILL TYPE master',
        `CLIENT KILL ADDR 127.0.0.1:${primary.port}`,
      ]) {
        const before = await continued();
        const reply = await given.ask(command);
        if (command.includes(' ID ')) t.is(reply, 0, 'that link is no more');
        else {
          t.is(String(reply), command.includes('KILL 127') ? 'OK' : '1', command);
          await until('the link again', async () => (await continued()) === before + 1);
          await until('it to be up', async () => String(await given.ask('CLIENT LIST TYPE master')) !== '');
        }
      }
      t.is(await infoOf(given, 'stats', 'redtwin_link_full_resyncs'), '1');
      await given.ask('REPLICAOF NO ONE');
      t.is(String(await given.ask('CLIENT LIST TYPE master')), '');
      for (const client of [right, given]) client.close();
    });
    writer.close();
  });
}
