/**
 * The short way into the native engine: the same outcomes as `execute`, replies sent within the call where nothing stands in
 * their way, and by the long way where something does.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { type Lane, Note, outcomeNotes, outcomeStop, packOutcome, Stop } from '../../src/engine/engine.ts';
import { loadNative } from '../../src/engine/native.ts';
import { descriptorOf } from '../../src/runtime/descriptor.ts';
import { pack } from '../servers/resp.ts';
import { startRedtwin } from '../servers/server.ts';

function opened(outputBytes = 1024) {
  const store = loadNative().open({ databases: 16, seed: 1n, backlogBytes: 1 << 20 });
  const lane = store.openLane!(Buffer.alloc(1 << 16), Buffer.alloc(outputBytes));
  const session = store.openSession();
  const run = (text: string, from = 0, descriptor = -1): number => {
    const length = lane.input.write(text, 'latin1');
    return lane.execute(session, length, from, 1, descriptor);
  };
  return { store, lane, session, run };
}
const text = (lane: Lane, from: number, until: number): string => lane.output.toString('latin1', from, until);

test('a lane runs chunks and writes where it is told', (t) => {
  const { store, lane, session, run } = opened();
  t.is(run(pack('SET a 1').toString() + pack('GET a').toString(), 100) & ~(Note.feedGrew << 4), 12 * 4096);
  t.is(text(lane, 100, 112), '+OK\r\n$1\r\n1\r\n');
  t.is(run('*2\r\n$3\r\nGET\r\n$1\r\n'), packOutcome(Stop.drained, 0, 0));
  t.is(store.sessionInfo(session).pendingBytes, 17);
  t.is(run('a\r\n'), packOutcome(Stop.drained, 0, 7));
  t.is(text(lane, 0, 7), '$1\r\n1\r\n');
  t.true(lane.elapsedMs >= 0);
  t.is(outcomeStop(run(pack('INFO').toString())), Stop.host);
  t.is(lane.sentBytes, 0);
});

test('what does not fit is fetched, and is not sent', (t) => {
  const { store, run, lane } = opened(16);
  run(pack(`SET a ${'x'.repeat(30)}`).toString());
  const outcome = run(pack('GET a').toString(), 6, 1);
  t.is(outcomeNotes(outcome), Note.overflow);
  t.is(lane.sentBytes, 0);
  t.is(text(lane, 6, 16) + store.takeOverflow().toString(), `$30\r\n${'x'.repeat(30)}\r\n`);
});

test('replies are sent at once, but not beside something else to collect', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const client = connect(typeof address === 'object' && address ? address.port : 0);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const { store, lane, run } = opened();
  t.is(run(pack('GET a').toString(), 3, descriptorOf(socket)), packOutcome(Stop.drained, 0, 5));
  t.is(lane.sentBytes, 5);
  t.is(String(await once(client, 'data')), '$-1\r\n');
  store.configure('notify-keyspace-events', 'KEA');
  t.is(outcomeNotes(run(pack('SET a 1').toString(), 0, descriptorOf(socket))) & Note.events, Note.events);
  t.is(lane.sentBytes, 0);
  // A descriptor that is none: the caller hears that nothing was sent.
  store.takeEvents();
  t.is(run(pack('GET a').toString(), 0, 1_000_000), packOutcome(Stop.drained, 0, 7));
  t.is(lane.sentBytes, 0);
  socket.destroy();
  client.destroy();
  server.close();
});

test('replies of a turn are sent with one call; behind one that is not taken whole nothing follows', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const client = connect(typeof address === 'object' && address ? address.port : 0);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const { lane } = opened(16 << 20);
  lane.output.fill('z');
  lane.output.write('onetwothree');
  const fd = descriptorOf(socket);
  lane.sends.set([fd, 0, 3, -1, 3, 6, fd, 6, 11, 1_000_000, 0, 3]);
  lane.send(4);
  t.deepEqual([...lane.sends.subarray(0, 12)], [3, 0, 3, 0, 3, 6, 5, 6, 11, 0, 0, 3]);
  let got = '';
  for (client.setEncoding('latin1'); got.length < 8; ) got += (await once(client, 'data'))[0];
  t.is(got, 'onethree');
  client.pause();
  const all = lane.output.length;
  lane.sends.set([fd, 0, all, fd, 0, 3]);
  lane.send(2);
  t.true(lane.sends[0]! > 0 && lane.sends[0]! < all);
  t.is(lane.sends[3], 0);
  socket.destroy();
  client.destroy();
  server.close();
});

test('a script that asks the host gets its answer in a lane, too', (t) => {
  const { store, run, lane } = opened();
  store.onScriptCommand = () => Buffer.from('+asked\r\n');
  const outcome = run(pack(['EVAL', 'return redis.call("PUBLISH", "c", "m")', '0']).toString(), 2);
  t.is(outcomeStop(outcome), Stop.drained);
  t.is(text(lane, 2, 10), '+asked\r\n');
});

test('a client that reads slowly gets every byte in order', async (t) => {
  const server = await startRedtwin({ engine: 'native' });
  t.teardown(() => server.stop());
  const client = connect(server.port, '127.0.0.1');
  const big = 'y'.repeat(60_000);
  client.write(pack(['SET', 'big', big]));
  await once(client, 'data');
  client.pause();
  const rounds = 300;
  // One request at a time, none of them waiting for its reply.
  for (let round = 0; round < rounds; round++) {
    client.write(pack(['GET', 'big']));
    client.write(pack(['ECHO', String(round)]));
    await nextTurn();
  }
  const expected = Array.from(
    { length: rounds },
    (_, round) => `$60000\r\n${big}\r\n$${String(round).length}\r\n${round}\r\n`,
  ).join('');
  let got = '';
  client.setEncoding('latin1');
  for await (const chunk of client) {
    got += chunk;
    if (got.length >= expected.length) break;
  }
  t.true(got === expected);
});
