/**
 * What replicas say to their primary: REPLCONF, PSYNC, SYNC.
 *
 * Order of checks and error texts are Redis 7.0.15's. What becomes of a replica is ../replicas.ts's. REPLCONF version is
 * Valkey's and welcome: it tells which RDB the replica can read.
 */
import { error, nothing, ok, type Reply } from '../../protocol/reply.ts';
import { splitArguments } from '../../protocol/split-arguments.ts';
import { wireText } from '../../protocol/wire.ts';
import type { Client } from '../client.ts';
import { type Call, type Handlers, integerOf, notInteger, syntaxError, textOf, wordOf } from '../handler.ts';
import { titleOf } from '../replica.ts';
import { asksWrongly } from '../replica-sentences.ts';

/** null: taken; otherwise the error, or `nothing` when the rest is not looked at. */
type Taken = Reply | null;
type Option = (call: Call, value: Buffer) => Taken;

const options: Readonly<Record<string, Option>> = {
  'listening-port': ({ client }, value) => {
    const port = integerOf(value);
    if (port === null) return notInteger;
    client.announced.port = port | 0;
    return null;
  },
  'ip-address': ({ client }, value) => {
    if (value.length >= addressBytesMax)
      return error(`ERR REPLCONF ip-address provided by replica instance is too long: ${value.length} bytes`);
    client.announced.ip = textOf(value);
    return null;
  },
  capa: ({ client }, value) => {
    const word = wordOf(value);
    if (word === 'eof') client.announced.takesMark = true;
    if (word === 'psync2') client.announced.psync2 = true;
    return null;
  },
  version: ({ client }, value) => {
    client.announced.version = textOf(value);
    return null;
  },
  'rdb-only': ({ client }, value) => {
    const only = integerOf(value);
    if (only === null) return notInteger;
    if (only < 0 || only > 1) return error('ERR value is out of range, value must between 0 and 1');
    client.announced.rdbOnly = only === 1;
    return null;
  },
  'rdb-filter-only': ({ client }, value) => filterOnly(client, textOf(value)),
  ack: ({ client }, value) => {
    const offset = integerOf(value);
    if (offset !== null) client.replica?.acknowledged(offset);
    return nothing;
  },
  getack: ({ server }) => {
    server.replication.acknowledge();
    return nothing;
  },
};

/** Length of a host name and its end (NET_HOST_STR_LEN). */
const addressBytesMax = 256;

function filterOnly(client: Client, text: string): Taken {
  const words = splitArguments(text);
  if (words === null) return error('ERR Missing rdb-filter-only values');
  client.announced.filter = 'none';
  for (const word of words) {
    if (word.toLowerCase() !== 'functions') return error(`ERR Unsupported rdb-filter-only option: ${word}`);
    client.announced.filter = 'functions';
  }
  return null;
}

function replconf(call: Call): Reply {
  const { args } = call;
  if (args.length % 2 === 0) return syntaxError;
  for (let i = 1; i < args.length; i += 2) {
    const option = options[wordOf(args[i])];
    if (!option) return error(`ERR Unrecognized REPLCONF option: ${textOf(args[i])}`);
    const taken = option(call, args[i + 1]!);
    if (taken !== null) return taken;
  }
  return ok;
}

/** Why this client may not sync now; null when it may. */
function refusal({ server, client }: Call): Reply | null {
  const { link } = server;
  if (server.replication.failovers.isUnderWay) return error(wireText.failingOver);
  if (link.target && !link.up) return error(wireText.noPrimaryLink);
  if (server.lineOf(client).hasPendingOutput)
    return error('ERR SYNC and PSYNC are invalid with pending output');
  if (client.announced.filter !== 'all' && !client.announced.takesMark)
    return error('ERR Filtered replica requires EOF capability');
  return null;
}

function sync(call: Call): Reply {
  const { server, client } = call;
  // Asked in vain, and not told so (Redis 7.0).
  if (client.countsAsReplica) return nothing;
  const refused = refusal(call);
  if (refused !== null) return refused;
  server.replication.attach(client, server.lineOf(client), null);
  return nothing;
}

function psync(call: Call): Reply {
  const { server, client, args } = call;
  if (client.countsAsReplica) return nothing;
  if (args.length > 3 && wordOf(args[3]) === 'failover') {
    const refused = server.replication.takeOver(textOf(args[1]), client);
    if (refused !== null) return refused;
  }
  const refused = refusal(call);
  if (refused !== null) return refused;
  const offset = integerOf(args[2]);
  if (offset === null) {
    server.log.line(...asksWrongly(titleOf(client)));
    return notInteger;
  }
  server.replication.attach(client, server.lineOf(client), { id: textOf(args[1]), offset });
  return nothing;
}

export const replicaCommands: Handlers = { replconf, psync, sync };
