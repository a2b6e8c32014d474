/**
 * CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR: what a client says of its cache, and is told of it.
 *
 * Order of checks and texts are Redis 7.0.15's; what tracking does is in ../tracking.ts.
 */
import { array, bulk, error, integer, map, ok, type Reply, set } from '../../protocol/reply.ts';
import type { Client } from '../client.ts';
import { type Call, type Handlers, integerOf, notInteger, syntaxError, textOf, wordOf } from '../handler.ts';
import type { TrackingMode } from '../tracking.ts';

/** The options behind ON or OFF, or the error. */
function parse({ server, client, args }: Call): TrackingMode | Reply {
  let [redirect, isBroadcast, isNoLoop, optIn, optOut] = [0, false, false, false, false];
  const prefixes = new Set<string>();
  for (let i = 3; i < args.length; i++) {
    const word = wordOf(args[i]);
    const hasMore = i + 1 < args.length;
    if (word === 'redirect' && hasMore) {
      if (redirect !== 0) return error('ERR A client can only redirect to a single other client');
      const id = integerOf(args[++i]);
      if (id === null) return notInteger;
      if (!server.clients.has(id)) return error('ERR The client ID you want redirect to does not exist');
      redirect = id;
    } else if (word === 'bcast') isBroadcast = true;
    else if (word === 'optin') optIn = true;
    else if (word === 'optout') optOut = true;
    else if (word === 'noloop') isNoLoop = true;
    else if (word === 'prefix' && hasMore) prefixes.add(textOf(args[++i]));
    else return syntaxError;
  }
  const option = optIn ? 'optin' : optOut ? 'optout' : 'all';
  const mode: TrackingMode = { redirect, isBroadcast, option, isNoLoop, prefixes, isBroken: false };
  return (wordOf(args[2]) === 'on' && conflict(client, mode, optIn && optOut)) || mode;
}

const another = 'before disabling tracking for this client, and then re-enabling it with a different mode.';

/** Options that contradict each other, or how the client tracks already. */
function conflict({ tracking: before }: Client, mode: TrackingMode, hasBoth: boolean): Reply | null {
  const { isBroadcast, option, prefixes } = mode;
  if (!isBroadcast && prefixes.size > 0) return error('ERR PREFIX option requires BCAST mode to be enabled');
  if (before && before.isBroadcast !== isBroadcast)
    return error(`ERR You can't switch BCAST mode on/off ${another}`);
  if (isBroadcast && option !== 'all') return error('ERR OPTIN and OPTOUT are not compatible with BCAST');
  if (hasBoth) return error("ERR You can't specify both OPTIN mode and OPTOUT mode");
  if (before && before.option !== 'all' && option !== 'all' && before.option !== option)
    return error(`ERR You can't switch OPTIN/OPTOUT mode ${another}`);
  return null;
}

const overlaps = (a: string, b: string): boolean => a.startsWith(b) || b.startsWith(a);

/** A client's prefixes may not overlap: it would hear of a key twice. */
function overlap({ tracking }: Client, prefixes: readonly string[]): string | null {
  const tail = 'Prefixes for a single client must not overlap.';
  for (const [i, prefix] of prefixes.entries()) {
    for (const known of [...(tracking?.prefixes ?? [])].sort())
      if (overlaps(known, prefix))
        return `ERR Prefix '${prefix}' overlaps with an existing prefix '${known}'. ${tail}`;
    for (const other of prefixes.slice(i + 1))
      if (overlaps(prefix, other))
        return `ERR Prefix '${prefix}' overlaps with another provided prefix '${other}'. ${tail}`;
  }
  return null;
}

function tracking(call: Call): Reply {
  const { server, client, args } = call;
  const mode = parse(call);
  if ('is' in mode) return mode;
  const word = wordOf(args[2]);
  if (word === 'off') {
    server.tracking.stop(client);
    server.store.setSession(client.session, { tracking: 'off', caching: false });
    return ok;
  }
  if (word !== 'on') return syntaxError;
  if (mode.isBroadcast) {
    const problem = overlap(client, prefixWords(call));
    if (problem !== null) return error(problem);
  }
  if (mode.isBroadcast && mode.prefixes.size === 0) mode.prefixes.add('');
  server.tracking.start(client, {
    ...mode,
    prefixes: new Set([...(client.tracking?.prefixes ?? []), ...mode.prefixes]),
  });
  return ok;
}

/** The words behind PREFIX, the same one twice if it was given twice. */
const prefixWords = ({ args }: Call): string[] =>
  args.flatMap((arg, i) => (i > 3 && wordOf(args[i - 1]) === 'prefix' ? [textOf(arg)] : []));

function caching({ server, client, args }: Call): Reply {
  if (client.tracking === null)
    return error(
      'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
    );
  const { option } = client.tracking;
  const word = wordOf(args[2]);
  if (word !== 'yes' && word !== 'no') return syntaxError;
  if (word === 'yes' && option !== 'optin')
    return error('ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.');
  if (word === 'no' && option !== 'optout')
    return error('ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.');
  server.store.setSession(client.session, { caching: true });
  return ok;
}

const redirectOf = ({ client }: Call): Reply => integer(client.tracking?.redirect ?? -1);

function trackingInfo(call: Call): Reply {
  const { server, client } = call;
  const { tracking: mode } = client;
  const flags = [mode ? 'on' : 'off'];
  if (mode?.isBroadcast) flags.push('bcast');
  if (mode && mode.option !== 'all') {
    flags.push(mode.option);
    if (server.store.sessionInfo(client.session).caching)
      flags.push(mode.option === 'optin' ? 'caching-yes' : 'caching-no');
  }
  if (mode?.isNoLoop) flags.push('noloop');
  if (mode?.isBroken) flags.push('broken_redirect');
  return map([
    [bulk('flags'), set(flags.map(bulk))],
    [bulk('redirect'), redirectOf(call)],
    [bulk('prefixes'), array([...(mode?.prefixes ?? [])].sort().map(bulk))],
  ]);
}

/** Subcommands of CLIENT. */
export const trackingSubcommands: Handlers = {
  tracking,
  caching,
  trackinginfo: trackingInfo,
  getredir: redirectOf,
};
