/**
 * Replication as commands: REPLICAOF, ROLE, WAIT; and a clear no to replicas, until this server can feed them.
 *
 * The link itself is a state machine with a driver (../follower.ts); here a command is turned into a wish for it, and its status
 * into ROLE's reply.
 */
import { array, bulk, error, integer, nothing, ok, type Reply, simple } from '../../protocol/reply.ts';
import { oldCommandName, roleWord, wireText } from '../../protocol/wire.ts';
import { type Call, type Handlers, integerOf, notInteger, syntaxError, textOf, wordOf } from '../handler.ts';

function replicaOf({ server, client, args }: Call): Reply {
  if (wordOf(args[1]) === 'no' && wordOf(args[2]) === 'one') {
    server.follow(null, client);
    return ok;
  }
  const port = integerOf(args[2]);
  if (port === null || port < 0 || port > 65535) return error(wireText.invalidPort);
  const changed = server.follow({ host: textOf(args[1]), port }, client);
  return changed ? ok : simple(wireText.alreadyFollowing);
}

function role({ server }: Call): Reply {
  const { link } = server;
  if (!link.target) return array([bulk(roleWord.primary), integer(server.store.feed.endOffset), array([])]);
  return array([
    bulk(roleWord.replica),
    bulk(link.target.host),
    integer(link.target.port),
    bulk(link.roleState),
    integer(link.roleOffset),
  ]);
}

/** Without replicas there is nobody to wait for; Redis waits the timeout out all the same. */
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
  if (replicas <= 0 || server.mayNotBlock(client)) return integer(0);
  return server.waitFor(client, timeoutMs, integer(0));
}

function replconf({ args }: Call): Reply {
  if (args.length % 2 === 0) return syntaxError;
  for (let i = 1; i < args.length; i += 2) {
    const name = wordOf(args[i]);
    // Never answered, whatever it says.
    if (name === 'ack' || name === 'getack') return nothing;
    if (name === 'listening-port' && integerOf(args[i + 1]) === null) return notInteger;
    if (!['listening-port', 'ip-address', 'capa', 'rdb-only', 'rdb-filter-only'].includes(name))
      return error(`ERR Unrecognized REPLCONF option: ${textOf(args[i])}`);
  }
  return ok;
}

const noReplicasYet = (): Reply => error('ERR redtwin cannot have replicas of its own yet');

export const replicationCommands: Handlers = {
  replicaof: replicaOf,
  [oldCommandName.replicaOf]: replicaOf,
  role,
  wait,
  replconf,
  psync: noReplicasYet,
  sync: noReplicasYet,
  failover: ({ args }) =>
    args.length === 2 && wordOf(args[1]) === 'abort'
      ? error('ERR No failover in progress.')
      : error('ERR FAILOVER requires connected replicas.'),
};
