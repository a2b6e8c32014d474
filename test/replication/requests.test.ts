/**
 * What we say to the primary, byte for byte: as Redis 7.0.15 and Valkey 9.1.2 said it in the captures.
 */
import test from 'ava';
import {
  ackRequest,
  handshakeRequest,
  offerOf,
  pingRequest,
  psyncRequest,
  syncRequest,
} from '../../src/replication/replica-link/requests.ts';
import { everything, idA, partial } from './samples.ts';

const plain = { user: null, password: null, listeningPort: 7103, announceIp: null, announceVersion: null };
const port = '*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$4\r\n7103\r\n';
const capa = '*5\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$3\r\neof\r\n$4\r\ncapa\r\n$6\r\npsync2\r\n';
const version = '*3\r\n$8\r\nREPLCONF\r\n$7\r\nversion\r\n$5\r\n9.1.2\r\n';
const ip = '*3\r\n$8\r\nREPLCONF\r\n$10\r\nip-address\r\n$9\r\n127.0.0.1\r\n';

test('the handshake says only what is set', (t) => {
  t.is(handshakeRequest(plain).toString(), port + capa);
  t.is(handshakeRequest({ ...plain, announceVersion: '9.1.2' }).toString(), port + capa + version);
  t.is(handshakeRequest({ ...plain, announceIp: '127.0.0.1' }).toString(), port + ip + capa);
  t.is(
    handshakeRequest({ ...plain, password: 'pw' }).toString(),
    `*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n${port}${capa}`,
  );
  t.is(
    handshakeRequest({ ...plain, user: 'ü', password: 'pw' }).toString(),
    `*3\r\n$4\r\nAUTH\r\n$2\r\nü\r\n$2\r\npw\r\n${port}${capa}`,
  );
});

test('what is offered is what will be answered', (t) => {
  t.deepEqual(offerOf(plain), { auth: false, ip: false, version: false });
  t.deepEqual(offerOf({ ...plain, user: 'u', password: '', announceIp: 'x', announceVersion: '1' }), {
    auth: true,
    ip: true,
    version: true,
  });
});

test('PING, PSYNC, SYNC, ACK', (t) => {
  t.is(pingRequest().toString(), '*1\r\n$4\r\nPING\r\n');
  t.is(psyncRequest(everything).toString(), '*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n');
  t.is(psyncRequest(partial).toString(), `*3\r\n$5\r\nPSYNC\r\n$40\r\n${idA}\r\n$3\r\n101\r\n`);
  t.is(syncRequest().toString(), 'SYNC\r\n');
  t.is(ackRequest(50).toString(), '*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$2\r\n50\r\n');
});
