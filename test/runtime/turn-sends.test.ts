/**
 * Replies that leave when the turn of the event loop ends: in order, all of them, also where the system takes only some or the
 * client has ended its side.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { OutputPage } from '../../src/runtime/output-page.ts';
import { type Addressee, TurnSends } from '../../src/runtime/turn-sends.ts';
import { startRedtwin } from '../servers/server.ts';

/** Sends that a system of `taking` bytes a call would do, written down. */
function sends(taking: number) {
  const sent: string[] = [];
  const page = new OutputPage();
  const turn = new TurnSends((descriptor, bytes, from, until) => {
    const length = Math.min(taking, until - from);
    sent.push(`${descriptor}: ${Buffer.from(bytes.subarray(from, from + length)).toString('latin1')}`);
    return length;
  }, page);
  const reply = (to: Addressee, text: string): void => {
    page.add(Buffer.from(text));
    turn.add(to, true);
  };
  return { sent, page, turn, reply };
}

class Somebody implements Addressee {
  readonly descriptor: number;
  isClear = true;
  queued = '';
  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }
  queue(bytes: Buffer): void {
    this.isClear = false;
    this.queued += bytes.toString('latin1');
  }
}

test('replies wait for the end of the turn and leave in order', async (t) => {
  const { sent, page, reply } = sends(100);
  const [one, two] = [new Somebody(1), new Somebody(2)];
  reply(one, 'a');
  reply(two, 'b');
  reply(one, 'c');
  t.deepEqual(sent, []);
  t.true(page.isEmpty);
  await nextTurn();
  t.deepEqual(sent, ['1: a', '2: b', '1: c']);
  t.is(page.used, 0);
});

test('what the system does not take is queued, and what follows it too', (t) => {
  const { sent, turn, reply } = sends(2);
  const somebody = new Somebody(7);
  reply(somebody, 'abc');
  reply(somebody, 'de');
  turn.flush();
  t.deepEqual(sent, ['7: ab']);
  t.is(somebody.queued, 'cde');
});

test('a flush amid a chunk leaves the replies of that chunk where they are', (t) => {
  const { sent, page, turn, reply } = sends(100);
  const [one, two] = [new Somebody(1), new Somebody(2)];
  reply(one, 'first');
  page.add(Buffer.from('half'));
  turn.flush();
  t.deepEqual(sent, ['1: first']);
  page.add(Buffer.from(' done'));
  turn.add(two, true);
  turn.flush();
  t.deepEqual(sent, ['1: first', '2: half done']);
});

test('who may not wait is answered at once, unless others wait already', (t) => {
  const { sent, page, turn } = sends(100);
  const [one, two] = [new Somebody(1), new Somebody(2)];
  page.add(Buffer.from('a'));
  turn.add(one, false);
  t.deepEqual(sent, ['1: a']);
  page.add(Buffer.from('b'));
  turn.add(two, true);
  page.add(Buffer.from('c'));
  turn.add(one, false);
  t.deepEqual(sent, ['1: a']);
  turn.flush();
  t.deepEqual(sent, ['1: a', '2: b', '1: c']);
});

test('much output does not wait', (t) => {
  const { sent, reply } = sends(1 << 20);
  reply(new Somebody(1), 'x'.repeat(40_000));
  t.is(sent.length, 1);
});

test('a client that ends its side at once gets all its replies, and then the end', async (t) => {
  const server = await startRedtwin({ engine: 'native' });
  t.teardown(() => server.stop());
  server.cli('SETRANGE', 'long', '2999999', 'x');
  const socket = connect(server.port, '127.0.0.1');
  let bytes = 0;
  let last = '';
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    last = chunk.toString('latin1').slice(-7);
  });
  socket.end('PING\r\nGET long\r\nPING\r\n');
  await once(socket, 'close');
  t.is(bytes, 7 + '$3000000\r\n'.length + 3_000_000 + 2 + 7);
  t.is(last, '+PONG\r\n');
});

test('QUIT and errors of the protocol are answered before the connection ends', async (t) => {
  const server = await startRedtwin({ engine: 'native' });
  t.teardown(() => server.stop());
  for (const [sent, expected] of [
    ['SET a 1\r\nQUIT\r\nGET a\r\n', '+OK\r\n+OK\r\n'],
    ['PING\r\n*1\r\n+PING\r\n', "+PONG\r\n-ERR Protocol error: expected '$', got '+'\r\n"],
  ] as const) {
    const socket = connect(server.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.write(sent);
    await once(socket, 'close');
    t.is(text, expected);
  }
});
