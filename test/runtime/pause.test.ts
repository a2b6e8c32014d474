/**
 * CLIENT PAUSE, as clients see it, on both engines: what is held, what goes on, and that the data stays as it is.
 *
 * Redis's own suite has more of it (npm run conformance -- unit/pause); these are the rules that a change would break
 * first.
 */
import test from 'ava';
import { engineNames, Talk, withServer } from './helpers.ts';

for (const engine of engineNames) {
  test(`what may write is held, what only reads is not [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const [one, two] = [await Talk.open(port), await Talk.open(port)];
      const held = async (line: string, answer: string): Promise<void> => {
        two.socket.write(`${line}\r\n`);
        // Blocked clients are counted in INFO as soon as they are held.
        while (!/\nblocked_clients:1\r\n/.test(await one.ask('INFO clients', /\r\n\r\n$/)));
        t.is(two.heardSoFar(), '', line);
        await one.ask('CLIENT UNPAUSE');
        t.is(await two.hear(/\n$/), answer, line);
        await one.ask('CLIENT PAUSE 60000 WRITE');
      };
      t.is(await two.ask('MULTI'), '+OK\r\n');
      t.is(await two.ask('SET k v'), '+QUEUED\r\n');
      await one.ask('CLIENT PAUSE 60000 WRITE');
      await held('EXEC', '*1\r\n+OK\r\n');
      t.is(await two.ask('GET k'), '$1\r\nv\r\n');
      t.is(await two.ask('MULTI'), '+OK\r\n');
      t.is(await two.ask('GET k'), '+QUEUED\r\n');
      t.is(await two.ask('EXEC'), '*1\r\n$1\r\nv\r\n');
      // Already the queueing of a write is held (Redis 7.0).
      t.is(await two.ask('MULTI'), '+OK\r\n');
      await held('SET k w', '+QUEUED\r\n');
      t.is(await two.ask('DISCARD'), '+OK\r\n');
      await held('PFCOUNT none', ':0\r\n');
      await held('PUBLISH channel message', ':0\r\n');
      await held('EVAL "return 1" 0', ':1\r\n');
      t.is(await two.ask('EVAL "#!lua flags=no-writes\\nreturn 2" 0'), ':2\r\n');
      t.is(await two.ask('EVAL_RO "return 3" 0'), ':3\r\n');
      t.regex(await two.ask('SET k'), /^-ERR wrong number/);
      await one.ask('CLIENT UNPAUSE');
      one.close();
      two.close();
    });
  });

  test(`nothing expires while writes are held, though it can no longer be seen [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const one = await Talk.open(port);
      one.socket.write('MULTI\r\nSET k v PX 1\r\nCLIENT PAUSE 60000 WRITE\r\nEXEC\r\n');
      await one.hear(/\*2\r\n\+OK\r\n\+OK\r\n$/);
      while ((await one.ask('GET k')) !== '$-1\r\n');
      const expired = async (): Promise<string> =>
        /expired_keys:(\d+)/.exec(await one.ask('INFO stats', /\r\n\r\n$/))![1]!;
      t.is(await expired(), '0');
      t.is(await one.ask('DBSIZE'), ':1\r\n');
      await one.ask('CLIENT UNPAUSE');
      t.is(await one.ask('GET k'), '$-1\r\n');
      t.is(await expired(), '1');
      one.close();
    });
  });
}
