/**
 * key-load-delay: a load that takes its time, and what clients may do meanwhile. Delays of minutes, which are taken back when
 * everything has been looked at, so nothing here depends on how fast the machine is.
 *
 * rdb-key-save-delay is in ../interop/saving.test.ts and ../interop/snapshots.test.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Loader, LoadReport } from '../../src/engine/engine.ts';
import { createServer } from '../../src/index.ts';
import { KeyDelay } from '../../src/runtime/key-delay.ts';
import { paced } from '../../src/runtime/paced-loader.ts';
import { freePort } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { type EngineName, engineNames, Talk, withServer } from './helpers.ts';
import { field, untilField } from './replica-talk.ts';

const loadingError = '-LOADING Redis is loading the dataset in memory\r\n';
const minutes = '1000000';

/** A loader that makes a key of each byte, and counts how often it was asked for them. */
class Bytes implements Loader {
  bytes = 0;
  asked = 0;
  pendingBytes = 7;
  write(chunk: Uint8Array): boolean {
    this.bytes += chunk.length;
    return false;
  }
  settle(): boolean {
    return false;
  }
  countKeys(): number {
    this.asked++;
    return this.bytes;
  }
  commit(): LoadReport {
    throw new Error('not here');
  }
  abort(): void {}
}

/** A folder with the file of a server that had 1000 keys of 100 bytes. */
async function saved(t: ExecutionContext): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'redtwin-delay-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  await withServer({ dir, 'enable-debug-command': 'yes' }, async ({ port }) => {
    const talk = await Talk.open(port);
    t.is(await talk.ask('DEBUG POPULATE 1000 key 100'), '+OK\r\n');
    t.is(await talk.ask('SAVE'), '+OK\r\n');
  });
  return dir;
}

/** Begins to load that file, slowly; the server's promise resolves when it is loaded. */
async function slowStart(t: ExecutionContext, engine: EngineName) {
  const [dir, port] = [await saved(t), await freePort()];
  const server = createServer({ engine, dir, port, 'key-load-delay': minutes });
  const talk = await until('the port', () => Talk.open(port).catch(() => null));
  await untilField(talk, 'loading', /^1$/);
  await untilField(talk, 'loading_loaded_bytes', /^[1-9]/);
  return { server, talk };
}

test('nothing is counted while there is no delay, and a rest is as long as the keys want it', (t) => {
  const loader = new Bytes();
  let micros = 0;
  const slow = paced(loader, () => micros);
  slow.write(Buffer.alloc(1000));
  t.deepEqual([loader.asked, slow.pendingBytes, slow.bytes], [0, 7, 1000]);
  micros = 1_000_000;
  t.is(slow.pendingBytes, 7, 'what came before is not rested for');
  slow.write(Buffer.alloc(100));
  t.is(slow.pendingBytes, Number.POSITIVE_INFINITY);
  micros = 1;
  t.is(slow.pendingBytes, 7, '0.1 ms are left for later');
  micros = 0;
  t.is(slow.pendingBytes, 7);
});

test('rests add up; below zero keys share a microsecond', (t) => {
  let micros = 1_000_000;
  const delay = new KeyDelay(() => micros);
  delay.add(50);
  delay.add(50);
  t.true(delay.restMs() > 60_000 && delay.restMs() <= 100_000, `${delay.restMs()}`);
  micros = -1000;
  t.true(delay.restMs() <= 0.0001, `${delay.restMs()}`);
  delay.add(1e9);
  t.true(delay.restMs() > 500 && delay.restMs() <= 1000.1, `${delay.restMs()}`);
});

for (const engine of engineNames) {
  test(`a file is loaded slowly, and everybody is answered meanwhile [${engine}]`, async (t) => {
    const { server, talk } = await slowStart(t, engine);
    t.is(await talk.ask('PING'), loadingError);
    t.is(await talk.ask('GET key:1'), loadingError);
    const [loaded, total] = [
      Number(await field(talk, 'loading_loaded_bytes')),
      Number(await field(talk, 'loading_total_bytes')),
    ];
    t.true(loaded > 0 && loaded < total, `${loaded} of ${total}`);
    t.is(await talk.ask('CONFIG SET key-load-delay 0'), '+OK\r\n');
    const { close } = await server.then((each) => ({ close: () => each.close() }));
    t.teardown(close);
    t.is(await talk.ask('DBSIZE'), ':1000\r\n');
    t.is(await field(talk, 'loading'), '0');
    talk.close();
  });

  test(`each key is rested for [${engine}]`, async (t) => {
    const began = performance.now();
    await withServer({ engine, dir: await saved(t), 'key-load-delay': '300' }, async ({ port }) => {
      t.true(performance.now() - began >= 300);
      t.is(await (await Talk.open(port)).ask('DBSIZE'), ':1000\r\n');
    });
  });

  for (const disklessLoad of ['disabled', 'swapdb'])
    test(`a full resync is slow, is given up by REPLICAOF NO ONE, and done later [${engine}, ${disklessLoad}]`, async (t) => {
      const debug = { 'enable-debug-command': 'yes' };
      await withServer({ ...debug, 'repl-diskless-sync-delay': '0' }, async (primary) => {
        const first = await Talk.open(primary.port);
        t.is(await first.ask('DEBUG POPULATE 1000 key 1000'), '+OK\r\n');
        const settings = { engine, 'key-load-delay': minutes, 'repl-diskless-load': disklessLoad };
        await withServer(settings, async ({ port }) => {
          const talk = await Talk.open(port);
          t.is(await talk.ask('SET old 1'), '+OK\r\n');
          const follow = `REPLICAOF 127.0.0.1 ${primary.port}`;
          t.is(await talk.ask(follow), '+OK\r\n');
          await untilField(talk, 'master_sync_read_bytes', /^[1-9]/);
          t.is(await field(talk, 'async_loading'), disklessLoad === 'swapdb' ? '1' : '0');
          t.is(await talk.ask('GET old'), '$1\r\n1\r\n');
          t.is(await talk.ask('REPLICAOF NO ONE'), '+OK\r\n');
          t.is(await field(talk, 'async_loading'), '0');
          t.is(await talk.ask('DBSIZE'), ':1\r\n');
          t.is(await talk.ask('SET old 2'), '+OK\r\n');
          t.is(await talk.ask(follow), '+OK\r\n');
          await untilField(talk, 'master_sync_read_bytes', /^[1-9]/);
          t.is(await talk.ask('CONFIG SET key-load-delay 0'), '+OK\r\n');
          await untilField(talk, 'master_link_status', /^up$/);
          t.is(await talk.ask('DBSIZE'), ':1000\r\n');
          // And now for as long as the keys want it.
          t.is(await talk.ask('REPLICAOF NO ONE'), '+OK\r\n');
          t.is(await talk.ask('SET old 3'), '+OK\r\n');
          t.is(await talk.ask('CONFIG SET key-load-delay 300'), '+OK\r\n');
          const began = performance.now();
          t.is(await talk.ask(follow), '+OK\r\n');
          await untilField(talk, 'master_link_status', /^up$/);
          t.true(performance.now() - began >= 300);
          t.is(await talk.ask('DBSIZE'), ':1000\r\n');
        });
      });
    });

  test(`SHUTDOWN ends a slow load [${engine}]`, async (t) => {
    const { server, talk } = await slowStart(t, engine);
    talk.socket.write('SHUTDOWN NOSAVE\r\n');
    await until('the end', () => talk.isClosed);
    t.is(talk.heardSoFar(), '');
    await t.throwsAsync(server, { code: 'shut-down' });
  });
}
