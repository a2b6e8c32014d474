/**
 * Scripts in a server: what they ask of the host, and scripts that run long, on which SCRIPT KILL and -BUSY depend.
 *
 * What scripts compute is held against a real server in test/conformance; here is what needs sockets and a clock.
 */
import test from 'ava';
import { engineNames, Talk, withServer } from './helpers.ts';

const quoted = (body: string): string => `"${body.replaceAll('"', '\\"')}"`;
const busy = '-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n';

for (const engine of engineNames) {
  test(`PUBLISH in a script reaches subscribers [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const [listener, speaker] = [await Talk.open(port), await Talk.open(port)];
      await listener.ask('SUBSCRIBE news', /:1\r\n$/);
      const body = quoted("return redis.call('publish', 'news', 'hello') + 1");
      t.is(await speaker.ask(`EVAL ${body} 0`), ':2\r\n');
      t.is(await listener.hear(/hello\r\n$/), '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n');
      const rest = quoted("redis.log(redis.LOG_WARNING, 'from a script') return redis.call('lastsave') > 0");
      t.is(await speaker.ask(`EVAL ${rest} 0`), ':1\r\n');
      t.regex(await speaker.ask('INFO memory', /\r\n\r\n$/), /number_of_cached_scripts:2\r\n/);
    });
  });

  test(`what is replaced, refused or flushed leaves nothing in Lua [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const talk = await Talk.open(port);
      const luaBytes = async (of: 'eval' | 'functions'): Promise<number> => {
        const info = await talk.ask('INFO memory', /\r\n\r\n$/);
        return Number(new RegExp(`used_memory_vm_${of}:(\\d+)`).exec(info)![1]);
      };
      const load = (how: string, functions: string): Promise<string> =>
        talk.ask(`FUNCTION LOAD ${how} "#!lua name=lib\\n${functions}"`, /\r\n$/);
      const source = (id: number): string =>
        `local big = '${'x'.repeat(10_000)}${id}' redis.register_function('f', function() return big end)`;
      t.is(await load('REPLACE', source(0)), '$3\r\nlib\r\n');
      await talk.ask('FCALL f 0', /\r\n.*\r\n$/);
      const once = await luaBytes('functions');
      for (let id = 1; id < 100; id++) {
        t.is(await load('REPLACE', source(id)), '$3\r\nlib\r\n');
        t.regex(await load('REPLACE', `${source(-id)} nonsense()`), /^-ERR/);
      }
      const then = await luaBytes('functions');
      t.true(then < once + 100_000, `${once} bytes, then ${then}`);
      t.is(await luaBytes('eval'), 0);
      t.is(await talk.ask('EVAL "return 7" 0'), ':7\r\n');
      t.true((await luaBytes('eval')) > 0);
      await talk.ask('SCRIPT FLUSH');
      t.is(await luaBytes('eval'), 0, 'Lua is made anew when it is needed');
      t.regex(await talk.ask('FCALL f 0', /\r\n.*\r\n$/), /^\$10002\r\nx/);
    });
  });

  test(`a script that runs long keeps nobody from being answered [${engine}]`, async (t) => {
    await withServer({ engine, 'busy-reply-threshold': 20 }, async ({ port }) => {
      const [runner, other] = [await Talk.open(port), await Talk.open(port)];
      const ends = runner.ask(`EVAL ${quoted('while true do end')} 0`, /\r\n$/);
      // Held until the threshold, then refused.
      t.is(await other.ask('SET k v'), busy);
      t.is(await other.ask('FUNCTION KILL'), busy);
      t.is(await other.ask('SHUTDOWN'), busy);
      t.regex(await other.ask('SHUTDOWN SAVE'), /^-BUSY/);
      t.is(await other.ask('SCRIPT KILL'), '+OK\r\n');
      t.regex(
        await ends,
        /^-ERR Script killed by user with SCRIPT KILL\.\.\. script: \w{40}, on @user_script:1\.\r\n$/,
      );
      t.is(await other.ask('SET k v'), '+OK\r\n');
      t.is(await runner.ask('GET k', /v\r\n$/), '$1\r\nv\r\n');
    });
  });

  test(`before the threshold others wait, and see the script as a whole [${engine}]`, async (t) => {
    // A threshold that no machine's pause comes near.
    await withServer({ engine, 'busy-reply-threshold': 600_000 }, async ({ port }) => {
      const [runner, other] = [await Talk.open(port), await Talk.open(port)];
      const body =
        "redis.call('set', 'n', 1) for i = 1, 3000000 do end redis.call('set', 'n', 2) return 'done'";
      const ends = runner.ask(`EVAL ${quoted(body)} 0`, /done\r\n$/);
      const seen = other.ask('GET n', /\r\n.*\r\n$/);
      t.is(await ends, '$4\r\ndone\r\n');
      t.true(['$1\r\n2\r\n', '$-1\r\n'].includes(await seen));
    });
  });

  test(`a script whose client has gone can still be killed [${engine}]`, async (t) => {
    await withServer({ engine, 'busy-reply-threshold': 10 }, async ({ port }) => {
      const [runner, other] = [await Talk.open(port), await Talk.open(port)];
      runner.socket.write(`EVAL ${quoted('while true do end')} 0\r\n`);
      t.is(await other.ask('PING'), busy);
      runner.socket.destroy();
      t.is(await other.ask('PING'), busy);
      t.is(await other.ask('SCRIPT KILL'), '+OK\r\n');
      while ((await other.ask('PING')) !== '+PONG\r\n') t.pass();
      t.regex(await other.ask('CLIENT LIST', /\n\r\n$/), /id=/);
    });
  });

  test(`a server ends while a script runs [${engine}]`, async (t) => {
    await withServer({ engine, 'busy-reply-threshold': 10 }, async ({ port }) => {
      const [runner, other] = [await Talk.open(port), await Talk.open(port)];
      runner.socket.write(`EVAL ${quoted("redis.call('set', 'k', 1) while true do end")} 0\r\n`);
      t.is(await other.ask('PING'), busy);
      t.regex(await other.ask('SCRIPT KILL'), /^-UNKILLABLE/);
      other.socket.write('SHUTDOWN NOSAVE\r\n');
      await other.hear(/never to come/);
      t.true(other.isClosed);
    });
  });
}
