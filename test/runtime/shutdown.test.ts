/**
 * SHUTDOWN, as clients and replicas meet it, on both engines: who is waited for, what they read meanwhile, how it is taken back.
 *
 * The replicas are sockets that acknowledge when a test wants them to. Signals are in process.test.ts; Redis's own suite has
 * more of it (npm run conformance -- integration/shutdown).
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { until } from '../servers/wait.ts';
import { engineNames, Talk, withServer } from './helpers.ts';
import { attached, field, untilField } from './replica-talk.ts';

const settings = {
  'repl-diskless-sync-delay': '0',
  'shutdown-timeout': '60',
  // No PING lengthens the feed between two questions.
  'repl-ping-replica-period': '3600',
};
const refused = '-ERR Errors trying to SHUTDOWN. Check logs.\r\n';

for (const engine of engineNames) {
  test(`a replica that lags is waited for, and asked; writes are held meanwhile [${engine}]`, async (t) => {
    const lines: string[] = [];
    const onLog = (line: string): void => void lines.push(line);
    await withServer({ ...settings, engine, onLog }, async ({ port }) => {
      const [one, two, three] = [await Talk.open(port), await Talk.open(port), await Talk.open(port)];
      const replica = await attached(port);
      t.is(await one.ask('SET k 1'), '+OK\r\n');
      t.is(await field(one, 'shutdown_in_milliseconds'), undefined);
      two.socket.write('SHUTDOWN NOSAVE\r\n');
      await untilField(one, 'shutdown_in_milliseconds', /^[1-9]\d*$/);
      await replica.hear(/REPLCONF\r\n\$6\r\nGETACK\r\n\$1\r\n\*\r\n/);
      t.is(await field(one, 'blocked_clients'), '1');
      three.socket.write('SET k 2\r\n');
      await untilField(one, 'blocked_clients', /^2$/);
      t.is(await one.ask('GET k'), '$1\r\n1\r\n');
      t.is(three.heardSoFar(), '');
      replica.socket.write(`REPLCONF ACK ${await field(one, 'master_repl_offset')}\r\n`);
      await until('the end', () => one.isClosed && two.isClosed && three.isClosed);
      t.is(two.heardSoFar(), '');
      t.regex(
        lines.join(''),
        /Waiting for replicas before shutting down\.[\s\S]*1 of 1 replicas are in sync/,
      );
      t.notRegex(lines.join(''), /Lagging/);
    });
  });

  test(`SHUTDOWN ABORT takes it back for all who asked [${engine}]`, async (t) => {
    await withServer({ ...settings, engine }, async ({ port }) => {
      const [one, two, three] = [await Talk.open(port), await Talk.open(port), await Talk.open(port)];
      const replica = await attached(port);
      t.is(await one.ask('SHUTDOWN ABORT'), '-ERR No shutdown in progress.\r\n');
      t.is(await one.ask('SHUTDOWN ABORT SAVE'), '-ERR syntax error\r\n');
      t.is(await one.ask('SHUTDOWN SAVE NOSAVE'), '-ERR syntax error\r\n');
      await one.ask('SET k 1');
      two.socket.write('SHUTDOWN\r\n');
      await untilField(one, 'blocked_clients', /^1$/);
      // NOW is a word for who begins; who comes later waits with the others (Redis 7.0).
      three.socket.write('SHUTDOWN NOW FORCE\r\n');
      await untilField(one, 'blocked_clients', /^2$/);
      t.is(await one.ask('SHUTDOWN ABORT'), '+OK\r\n');
      t.is(await two.hear(/\n$/), refused);
      t.is(await three.hear(/\n$/), refused);
      t.is(await one.ask('SHUTDOWN ABORT'), '-ERR No shutdown in progress.\r\n');
      t.is(await one.ask('SET k 2'), '+OK\r\n');
      t.is(await field(one, 'blocked_clients'), '0');
      replica.close();
      await untilField(one, 'connected_slaves', /^0$/);
      two.socket.write('SHUTDOWN\r\n');
      await until('the end', () => one.isClosed && two.isClosed);
      t.is(two.heardSoFar(), '');
    });
  });

  test(`patience has an end, and NOW has none [${engine}]`, async (t) => {
    for (const [timeout, words] of [
      ['1', ''],
      ['60', ' NOW'],
    ] as const) {
      const lines: string[] = [];
      const onLog = (line: string): void => void lines.push(line);
      await withServer({ ...settings, 'shutdown-timeout': timeout, engine, onLog }, async ({ port }) => {
        const one = await Talk.open(port);
        const replica = await attached(port);
        await one.ask('SET k 1');
        one.socket.write(`SHUTDOWN${words}\r\n`);
        await until('the end', () => one.isClosed && replica.isClosed);
        t.regex(
          lines.join(''),
          /Lagging replica \S+ reported offset \d+ behind master, lag=\d+, state=\w+\./,
        );
        t.regex(lines.join(''), /0 of 1 replicas are in sync when shutting down\./);
        t.is(lines.join('').includes('Waiting for replicas'), words === '');
      });
    }
  });

  test(`a save that fails keeps the server, unless it is forced [${engine}]`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'redtwin-shutdown-'));
    // A folder of the file's name cannot be replaced by a file.
    mkdirSync(join(dir, 'dump.rdb', 'inside'), { recursive: true });
    try {
      await withServer({ 'enable-protected-configs': 'yes', engine }, async ({ port }) => {
        const one = await Talk.open(port);
        t.is(await one.ask(`CONFIG SET dir ${dir}`), '+OK\r\n');
        await one.ask('SET k 1');
        t.is(await one.ask('SHUTDOWN SAVE'), refused);
        t.is(await one.ask('SET k 2'), '+OK\r\n');
        one.socket.write('SHUTDOWN SAVE FORCE\r\n');
        await until('the end', () => one.isClosed);
        t.is(one.heardSoFar(), '');
      });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
}
