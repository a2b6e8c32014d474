/**
 * The connection to a primary: who pauses it hears nothing, and reading in lumps changes neither that nor the bytes.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type Connection, dial } from '../../src/runtime/dial.ts';
import { until } from '../servers/wait.ts';

/** A connection with the other end's socket; `hear` is given what comes. */
async function connected(
  hear: (chunk: Buffer) => void,
): Promise<{ connection: Connection; primary: Socket; close(): void }> {
  let accept: (socket: Socket) => void = () => {};
  const accepted = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  const server = createServer((socket) => accept(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const connection = dial(target, null, { opened() {}, data: hear, failed() {}, ended() {} });
  const primary = await accepted;
  const close = (): void => {
    connection.close();
    primary.destroy();
    server.close();
  };
  return { connection, primary, close };
}

test('in lumps every byte comes, in order, and a pause is kept', async (t) => {
  const piece = 16 * 1024;
  const sent = Buffer.from(Uint8Array.from({ length: 40 * piece }, (_, at) => (at * 7 + (at >> 13)) & 0xff));
  const came: Buffer[] = [];
  let isPaused = false;
  const { connection, primary, close } = await connected((chunk) => {
    t.false(isPaused, 'data came during a pause');
    came.push(Buffer.from(chunk));
    // Behind the timer that would end the lump.
    if (came.length % 3 === 0) {
      isPaused = true;
      connection.pause();
      void sleep(8).then(() => {
        isPaused = false;
        connection.resume();
      });
    }
  });
  try {
    connection.inLumps(true);
    for (let at = 0; at < sent.length; at += piece) {
      primary.write(sent.subarray(at, at + piece));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const bytes = (): number => came.reduce((sum, chunk) => sum + chunk.length, 0);
    await until('all bytes to come', async () => bytes() >= sent.length, 10_000, 5);
    t.true(Buffer.concat(came).equals(sent));
  } finally {
    close();
  }
});

test('what was looked away from is there at once when lumps are over', async (t) => {
  const came: string[] = [];
  const { connection, primary, close } = await connected((chunk) => {
    came.push(chunk.toString());
    if (chunk.includes('snapshot')) connection.inLumps(false);
  });
  try {
    connection.inLumps(true);
    primary.write('snapshot');
    await until('the snapshot', async () => came.join('') === 'snapshot', 10_000, 1);
    primary.write('feed');
    await until('the feed', async () => came.join('') === 'snapshotfeed', 10_000, 1);
    t.pass();
  } finally {
    close();
  }
});
