/**
 * Replication as commands: REPLICAOF, ROLE, WAIT, FAILOVER. What replicas say to us is in replica.ts.
 *
 * The link itself is a state machine with a driver (../follower.ts); here a command is turned into a wish for it, and its status
 * into ROLE's reply.
 */
import { array, bulk, error, integer, ok, type Reply, simple } from '../../protocol/reply.ts';
import { oldCommandName, roleWord, wireText } from '../../protocol/wire.ts';
import { type Call, type Handlers, integerOf, notInteger, textOf, wordOf } from '../handler.ts';

function replicaOf({ server, client, args }: Call): Reply {
  if (wordOf(args[1]) === 'no' && wordOf(args[2]) === 'one') {
    server.replication.follow(null, client);
    return ok;
  }
  const port = integerOf(args[2]);
  if (port === null || port < 0 || port > 65535) return error(wireText.invalidPort);
  const changed = server.replication.follow({ host: textOf(args[1]), port }, client);
  return changed ? ok : simple(wireText.alreadyFollowing);
}

function role({ server }: Call): Reply {
  const { link } = server;
  if (!link.target)
    return array([
      bulk(roleWord.primary),
      integer(server.store.feed.endOffset),
      array(
        [...server.replication.replicas.all]
          .filter((replica) => replica.isOnline)
          .map(({ host, port, acked }) => array([bulk(host), bulk(String(port)), bulk(String(acked))])),
      ),
    ]);
  return array([
    bulk(roleWord.replica),
    bulk(link.target.host),
    integer(link.target.port),
    bulk(link.roleState),
    integer(link.roleOffset),
  ]);
}

/** Waits for ACKs of this client's last write; answers how many there are, also when the time is up. */
function wait({ server, client, args }: Call): Reply | Promise<Reply> {
  if (server.isReplica)
    return error(
      'ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.',
    );
  const replicas = integerOf(args[1]);
  if (replicas === null) return notInteger;
  const timeoutMs = integerOf(args[2]);
  if (timeoutMs === null) return error('ERR timeout is not an integer or out of range');
  if (timeoutMs < 0) return error('ERR timeout is negative');
  const offset = client.lastWriteOffset;
  const acknowledging = (): number => server.replication.replicas.acknowledging(offset);
  if (acknowledging() >= replicas || server.mayNotBlock(client)) return integer(acknowledging());
  const forget = server.replication.waits.add(offset, replicas, () => client.unblock?.('timeout'));
  server.replication.replicas.askAcks();
  return server.blocking.waitFor(client, timeoutMs, () => integer(acknowledging())).finally(forget);
}

export const replicationCommands: Handlers = {
  replicaof: replicaOf,
  [oldCommandName.replicaOf]: replicaOf,
  role,
  wait,
};
