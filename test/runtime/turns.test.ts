/**
 * Sockets that the engine reads by itself: plain clients are answered without a word to the host, and everything else
 * comes to the host, in order.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { outcomeBytes, outcomeStop, Stop, type TurnHost, type Turns } from '../../src/engine/engine.ts';
import { loadNative } from '../../src/engine/native.ts';
import { descriptorOf } from '../../src/runtime/descriptor.ts';
import { pack } from '../servers/resp.ts';
import { startRedtwin } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { engineNames, Talk, withServer } from './helpers.ts';

/** A client whose socket the engine reads, and what the host was told. */
async function read() {
  const listener = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const client = connect(typeof address === 'object' && address ? address.port : 0);
  const [socket] = (await once(listener, 'connection')) as [Socket];
  const store = loadNative().open({ databases: 16, seed: 1n, backlogBytes: 1 << 20 });
  const input = Buffer.alloc(1 << 16);
  store.feed.turn(false);
  const session = store.openSession();
  const [told, slow]: [string[], string[]] = [[], []];
  const rest: Buffer[] = [];
  const host: TurnHost = {
    chunk: (_, length) => told.push(`chunk ${input.toString('latin1', 0, length)}`),
    ran: () => {
      const output = Buffer.alloc(1024);
      const outcome = turns.collect(session, output, 1);
      told.push(`ran ${outcomeStop(outcome)} ${output.toString('latin1', 0, outcomeBytes(outcome))}`);
    },
    ended: () => told.push('ended'),
    unsent: (_, bytes) => rest.push(bytes),
    // On a busy machine anything may be slow.
    slow: (_, length, ms) => slow.push(`${input.toString('latin1', 0, length)} ${ms > 0.5}`),
    feedGrew: () => told.push('feed grew'),
    flush: () => {
      told.push('flush');
      turns.waiting = false;
    },
  };
  const turns = store.openTurns!(input, host) as Turns;
  const place = turns.add(session, descriptorOf(socket));
  let heard = '';
  client.setEncoding('latin1').on('data', (data: string) => {
    heard += data;
  });
  const close = (): void => {
    turns.close();
    for (const one of [client, socket]) one.destroy();
    listener.close();
  };
  /** Sends words and awaits so many bytes of replies. */
  const ask = async (words: string | string[], bytes: number): Promise<string> => {
    const from = heard.length;
    client.write(pack(words));
    await until('a reply', () => heard.length >= from + bytes);
    return heard.slice(from);
  };
  return { ...{ store, session, turns, place, told, slow, rest, client, ask, close }, heard: () => heard };
}

test('plain clients are read and answered, and the host hears nothing', async (t) => {
  const { turns, place, told, client, ask, heard, close } = await read();
  t.is(place, 0);
  t.is(await ask('SET a 1', 5), '+OK\r\n');
  t.is(await ask('INCR a', 4), ':2\r\n');
  client.write(Buffer.concat([pack('GET a'), pack('GET b'), Buffer.from('*1\r\n$4\r\nPI')]));
  await until('what is told or sent', () => heard().endsWith('$1\r\n2\r\n$-1\r\n'));
  client.write('NG\r\n');
  await until('what is told or sent', () => heard().endsWith('+PONG\r\n'));
  t.deepEqual(told, []);
  t.is(turns.writtenOffset(place), 0);
  t.true(turns.seenMs(place) > 1.6e12);
  const { reads, netInputBytes, netOutputBytes, writes } = turns.takeCounts();
  t.deepEqual([reads, writes, netOutputBytes], [4, 4, 28]);
  t.is(netInputBytes, pack('SET a 1').length + pack('INCR a').length + 2 * pack('GET a').length + 14);
  t.is(turns.takeCounts().reads, 0);
  close();
});

test('what the host is to see or to do comes to it', async (t) => {
  const { store, session, turns, place, told, slow, client, ask, close } = await read();
  const send = async (words: string | string[]): Promise<string> => {
    const before = told.length;
    client.write(pack(words));
    await until('what is told or sent', () => told.length > before);
    return told[before]!;
  };
  t.is(await send('INFO'), `ran ${Stop.host} `);
  store.resume(session, Buffer.alloc(64), 1);
  turns.observed = true;
  t.is(await send('SET a 1'), `chunk ${pack('SET a 1').toString()}`);
  turns.observed = false;
  turns.plain(place, false);
  t.is(await send('SET a 1'), `chunk ${pack('SET a 1').toString()}`);
  turns.plain(place, true);
  t.is(await ask('GET a', 5), '$-1\r\n');
  const long = 'SETRANGE big 50000000 x';
  t.is(await ask(long, 11), ':50000001\r\n');
  await until('a slow chunk', () => slow.includes(`${pack(long).toString()} true`));
  store.feed.turn(true);
  t.is(await ask('SET a 1', 5), '+OK\r\n');
  await until('a word of the feed', () => told.at(-1) === 'feed grew');
  t.is(turns.writtenOffset(place), store.feed.endOffset);
  turns.waiting = true;
  t.is(await ask('GET b', 5), '$-1\r\n');
  t.is(told.at(-1), 'flush');
  close();
});

test('a socket that is not watched is not read, and its end is told once', async (t) => {
  const { turns, place, told, client, ask, heard, close } = await read();
  turns.watch(place, false);
  client.write(pack('INCR a'));
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  t.is(heard(), '');
  turns.watch(place, true);
  await until('what is told or sent', () => heard() === ':1\r\n');
  t.is(await ask('INCR a', 4), ':2\r\n');
  client.end();
  await until('what is told or sent', () => told.length > 0);
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  t.deepEqual(told, ['ended']);
  turns.remove(place);
  t.is(turns.add(1, 1_000_000), -1);
  close();
});

test('what the system does not take is handed over', async (t) => {
  const { store, session, rest, client, heard, close } = await read();
  const [value, count] = ['v'.repeat(1 << 20), 16];
  const set = pack(['SET', 'a', value]);
  store.execute(session, set, set.length, Buffer.alloc(64), 1);
  client.pause();
  client.write(Buffer.concat(Array.from({ length: count }, () => pack('GET a'))));
  await until('what is told or sent', () => rest.length > 0);
  client.resume();
  const wanted = count * (value.length + '$1048576\r\n\r\n'.length);
  await until('what is told or sent', () => heard().length + rest[0]!.length === wanted);
  t.is(heard() + rest[0]!.toString('latin1'), `$1048576\r\n${value}\r\n`.repeat(count));
  close();
});

for (const engine of engineNames) {
  test(`clients that are read by the engine keep the order of all that they are sent [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const [one, two, three] = [await Talk.open(port), await Talk.open(port), await Talk.open(port)];
      await one.ask('SUBSCRIBE c', /:1\r\n$/);
      // Plain commands, host commands and messages in turns.
      const chunk = Array.from({ length: 50 }, (_, at) => [pack(`INCR n`), pack(`PUBLISH c m${at}`)]).flat();
      two.socket.write(Buffer.concat(chunk));
      three.socket.write(Buffer.concat(Array.from({ length: 200 }, () => pack('ECHO x'))));
      const messages = Array.from(
        { length: 50 },
        (_, at) => `*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$${`m${at}`.length}\r\nm${at}\r\n`,
      );
      t.is(await one.hear(/m49\r\n$/), messages.join(''));
      const replies = Array.from({ length: 50 }, (_, at) => `:${at + 1}\r\n:1\r\n`).join('');
      t.is(await two.hear(/:50\r\n:1\r\n$/), replies);
      t.is(await three.hear(/^(?:\$1\r\nx\r\n){200}$/), '$1\r\nx\r\n'.repeat(200));
      for (const talk of [one, two, three]) talk.close();
    });
  });

  test(`MONITOR and CLIENT PAUSE see clients that the engine reads [${engine}]`, async (t) => {
    await withServer({ engine }, async ({ port }) => {
      const [one, two] = [await Talk.open(port), await Talk.open(port)];
      await two.ask('SET a 1', /OK\r\n$/);
      await one.ask('MONITOR', /OK\r\n$/);
      await two.ask('SET a 2', /OK\r\n$/);
      t.regex(await one.hear(/\r\n$/), /"SET" "a" "2"\r\n$/);
      one.close();
      await two.ask('CLIENT PAUSE 100 WRITE', /OK\r\n$/);
      const began = performance.now();
      t.is(await two.ask('INCR a', /\r\n$/), ':3\r\n');
      t.true(performance.now() - began > 50);
      two.close();
    });
  });
}

test.serial('without it all is as before', async (t) => {
  process.env.REDTWIN_ENGINE_READS = 'no';
  const server = await startRedtwin({ engine: 'native' }).finally(
    () => delete process.env.REDTWIN_ENGINE_READS,
  );
  t.teardown(() => server.stop());
  t.is(server.cli('SET', 'a', '1'), 'OK');
  t.is(server.cli('GET', 'a'), '1');
});
