/**
 * CLIENT: who is connected, and what may be done about it.
 *
 * Each subcommand is a small function from a call to a reply. The line that describes a client is made in ../client.ts, the
 * filters of KILL in client-filters.ts. TRACKING is in client-tracking.ts.
 */
import { bulk, error, integer, nil, nothing, ok, type Reply, verbatim } from '../../protocol/reply.ts';
import { clientTypeWords } from '../../protocol/wire.ts';
import { type Call, container, integerOf, notInteger, syntaxError, textOf, wordOf } from '../handler.ts';
import { killFilter } from './client-filters.ts';
import { trackingSubcommands } from './client-tracking.ts';
import { badClientName, isClientName } from './connection.ts';
import { help } from './help.ts';

const noSuchType = (word: string): Reply => error(`ERR Unknown client type '${word}'`);

function list({ server, args }: Call): Reply {
  let chosen = server.everyone;
  if (args.length === 4 && wordOf(args[2]) === 'type') {
    const type = clientTypeWords[wordOf(args[3])];
    if (!type) return noSuchType(textOf(args[3]));
    chosen = chosen.filter((client) => client.type === type);
  } else if (args.length > 3 && wordOf(args[2]) === 'id') {
    const ids = args.slice(3).map(integerOf);
    if (ids.some((id) => id === null)) return error('ERR Invalid client ID');
    const everyone = new Map(chosen.map((client) => [client.id, client]));
    chosen = ids.flatMap((id) => everyone.get(id!) ?? []);
  } else if (args.length !== 2) {
    return syntaxError;
  }
  return verbatim(chosen.map((client) => `${server.describe(client)}\n`).join(''));
}

function kill(call: Call): Reply {
  const { server, client, args } = call;
  const filter = killFilter(call);
  if (typeof filter === 'string') return error(filter);
  const victims = server.everyone.filter(filter.fits);
  for (const victim of victims) victim.line.close(victim === client ? 'after-writes' : 'now');
  // The old form names one client by its address and answers OK.
  if (args.length === 3) return victims.length > 0 ? ok : error('ERR No such client');
  return integer(victims.length);
}

function setName({ client, args }: Call): Reply {
  const name = textOf(args[2]);
  if (!isClientName(name)) return badClientName;
  client.name = name;
  return ok;
}

function reply({ server, client, args }: Call): Reply {
  const word = wordOf(args[2]);
  if (word !== 'on' && word !== 'off' && word !== 'skip') return syntaxError;
  // SKIP changes nothing for a client that gets no replies anyway.
  if (word === 'skip' && client.isOff) return nothing;
  client.usedReplyModes = true;
  client.isOff = word === 'off';
  server.store.setSession(client.session, { reply: word });
  return word === 'on' ? ok : nothing;
}

function pause({ server, args, nowMs }: Call): Reply {
  const mode = args.length === 4 ? wordOf(args[3]) : 'all';
  if (args.length > 4) return syntaxError;
  if (mode !== 'all' && mode !== 'write') return error('ERR CLIENT PAUSE mode must be WRITE or ALL');
  const timeoutMs = integerOf(args[2]);
  if (timeoutMs === null) return error('ERR timeout is not an integer or out of range');
  if (timeoutMs < 0) return error('ERR timeout is negative');
  server.pause.start(nowMs + timeoutMs, mode, nowMs);
  return ok;
}

function unblock({ server, args }: Call): Reply {
  const how = args.length === 4 ? wordOf(args[3]) : 'timeout';
  if (args.length > 4 || (how !== 'timeout' && how !== 'error'))
    return error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
  const id = integerOf(args[2]);
  if (id === null) return notInteger;
  const target = server.clients.get(id);
  return integer(target && server.blocking.unblock(target, how) ? 1 : 0);
}

function noEvict({ client, args }: Call): Reply {
  const word = wordOf(args[2]);
  if (word !== 'on' && word !== 'off') return syntaxError;
  client.noEvict = word === 'on';
  return ok;
}

export const clientCommand = container('client', {
  list,
  kill,
  setname: setName,
  reply,
  pause,
  unblock,
  'no-evict': noEvict,
  getname: ({ client }) => (client.name === '' ? nil : bulk(client.name)),
  id: ({ client }) => integer(client.id),
  info: ({ server, client }) => verbatim(`${server.describe(client)}\n`),
  unpause: ({ server }) => {
    server.pause.end();
    return ok;
  },
  ...trackingSubcommands,
  help: help('client'),
});
