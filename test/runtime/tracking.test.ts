/**
 * CLIENT TRACKING where redis-server cannot be asked, because its choice is random. The rest is in conformance/served.
 */
import test from 'ava';
import { engineNames, Talk, withServer } from './helpers.ts';

for (const engine of engineNames) {
  test(`a lowered tracking-table-max-keys takes effect at once, behind the reply [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const talk = await Talk.open(port);
      await talk.ask('HELLO 3', /\*0\r\n$/);
      t.is(await talk.ask('CLIENT TRACKING on'), '+OK\r\n');
      t.is(await talk.ask('MGET k l', /_\r\n_\r\n$/), '*2\r\n_\r\n_\r\n');
      talk.socket.write('CONFIG SET tracking-table-max-keys 1\r\n');
      t.regex(await talk.hear(/[kl]\r\n$/), /^\+OK\r\n>2\r\n\$10\r\ninvalidate\r\n\*1\r\n\$1\r\n[kl]\r\n$/);
      t.regex(
        await talk.ask('INFO stats', /tracking_total_keys:\d+\r\n[\s\S]*\r\n$/),
        /tracking_total_keys:1\r\n/,
      );
    });
  });
}
