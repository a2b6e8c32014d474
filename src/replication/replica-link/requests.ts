/**
 * What we say to the primary, as bytes: PING, the handshake in one write, PSYNC or SYNC, and ACKs.
 *
 *     AUTH [user] password                      when a password is set
 *     REPLCONF listening-port <port>
 *     REPLCONF ip-address <ip>                  when one is announced
 *     REPLCONF capa eof capa psync2             snapshots with an end mark; histories that change their id
 *     REPLCONF version <x.y.z>                  so that Valkey 9 sends what we can read of its own version
 *
 * The two-connection dialects (Valkey's dual-channel, Redis 8's rdb-channel-repl) would be further capas
 * here. Facts: Redis 7.0 and Valkey 9.1, and the captures of both.
 */
import type { Offer, Wish } from './states.ts';

/** What the handshake says. Read once per connection, so that what was offered is what is awaited. */
export interface Introduction {
  user: string | null;
  password: string | null;
  listeningPort: number;
  announceIp: string | null;
  announceVersion: string | null;
}

/** Which of the optional lines `handshakeRequest` will hold. */
export const offerOf = (introduction: Introduction): Offer => ({
  auth: introduction.password !== null,
  ip: introduction.announceIp !== null,
  version: introduction.announceVersion !== null,
});

/** A command as RESP. */
const command = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`;

export const pingRequest = (): Buffer => Buffer.from(command('PING'));

export function handshakeRequest(introduction: Introduction): Buffer {
  const { user, password, listeningPort, announceIp, announceVersion } = introduction;
  const lines: string[] = [];
  if (password !== null)
    lines.push(user === null ? command('AUTH', password) : command('AUTH', user, password));
  lines.push(command('REPLCONF', 'listening-port', String(listeningPort)));
  if (announceIp !== null) lines.push(command('REPLCONF', 'ip-address', announceIp));
  lines.push(command('REPLCONF', 'capa', 'eof', 'capa', 'psync2'));
  if (announceVersion !== null) lines.push(command('REPLCONF', 'version', announceVersion));
  return Buffer.from(lines.join(''));
}

/** PSYNC asks for the first byte that we do not have: one after the last applied offset. */
export const psyncRequest = (wish: Wish): Buffer =>
  Buffer.from(
    wish.partial
      ? command('PSYNC', wish.id, String(wish.offset + 1), ...(wish.handsOver ? ['FAILOVER'] : []))
      : command('PSYNC', '?', '-1'),
  );

/** Inline, because primaries that know nothing else than SYNC may be that old. */
export const syncRequest = (): Buffer => Buffer.from('SYNC\r\n');

/** Never answered. */
export const ackRequest = (offset: number): Buffer => Buffer.from(command('REPLCONF', 'ACK', String(offset)));

/** An empty line: tells the primary that we live while we load and cannot answer otherwise. */
export const aliveRequest = (): Buffer => Buffer.from('\n');
