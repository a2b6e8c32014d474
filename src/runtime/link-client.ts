/**
 * The link to the primary as a client: while its feed comes, CLIENT LIST shows it and CLIENT KILL ends it, as in Redis.
 *
 * A description and a way to end it, nothing more: the socket is the follower's, and none of the server's doings with its
 * clients (pauses, limits, pushes) concern it.
 */
import type { SessionId } from '../engine/engine.ts';
import { Client } from './client.ts';
import type { Connection } from './dial.ts';

/** What Redis shows as the user of a connection that may do everything. */
const user = '(superuser)';

/** `kill` must end the link at once. */
export function linkClient(
  id: number,
  session: SessionId,
  { address, localAddress }: Pick<Connection, 'address' | 'localAddress'>,
  nowMs: number,
  kill: () => void,
): Client {
  const line = { send: () => {}, close: kill, pendingBytes: 0, runningBytes: 0, seenMs: 0, writtenOffset: 0 };
  const client = new Client({
    ...{ id, session, address, localAddress, line },
    ...{ isLocal: false, isUnixSocket: false, createdMs: nowMs },
  });
  client.user = user;
  client.isPrimary = true;
  return client;
}
