/**
 * SLOWLOG, LATENCY and MONITOR: what the server says of its own work.
 *
 * The samples are taken by ../observer.ts, which has commands run one by one while somebody wants to see them; here they are
 * only shown.
 */
import { LatencyHistogram } from '../../protocol/latency-histogram.ts';
import {
  array,
  bulk,
  bulks,
  error,
  integer,
  map,
  nothing,
  ok,
  type Reply,
  verbatim,
} from '../../protocol/reply.ts';
import { commandRows } from '../facts.ts';
import { type Call, container, type Handlers, integerOf, syntaxError, textOf, wordOf } from '../handler.ts';
import { help } from './help.ts';

function slowlogGet({ server, args }: Call): Reply {
  if (args.length > 3) return syntaxError;
  const count = args.length === 3 ? integerOf(args[2]) : 10;
  if (count === null || count < -1) return error('ERR count should be greater than or equal to -1');
  const entries = server.slowLog.newest(count === -1 ? Number.MAX_SAFE_INTEGER : count);
  return array(
    entries.map((entry) =>
      array([
        integer(entry.id),
        integer(entry.at),
        integer(entry.micros),
        bulks(entry.args),
        bulk(entry.address),
        bulk(entry.name),
      ]),
    ),
  );
}

/** A drawing as LATENCY GRAPH makes it is not worth its code here; the history has the same numbers. */
function latencyGraph({ server, args }: Call): Reply {
  const event = textOf(args[2]);
  const samples = server.latency.history(event);
  if (samples.length === 0) return error(`ERR No samples available for event '${event}'`);
  const worst = Math.max(...samples.map(({ ms }) => ms));
  const lines = samples.map(({ at, ms }) => {
    const bar = '#'.repeat(Math.max(1, Math.round((ms / Math.max(1, worst)) * 60)));
    return `${new Date(at * 1000).toISOString()} ${String(ms).padStart(6)} ms ${bar}`;
  });
  return verbatim(`${event} - high ${worst} ms\n${lines.join('\n')}\n`);
}

function latencyDoctor({ server }: Call): Reply {
  if (server.config.value('latency-monitor-threshold') === 0)
    return verbatim(
      'Latency monitoring is off. Turn it on with CONFIG SET latency-monitor-threshold <milliseconds>.\n',
    );
  const events = server.latency.latest();
  if (events.length === 0) return verbatim('No event was slower than the threshold so far.\n');
  return verbatim(
    events.map(({ event, last, worstMs }) => `${event}: last ${last.ms} ms, worst ${worstMs} ms\n`).join(''),
  );
}

/** Distributions of the commands named (a container stands for its subcommands), or of all that ran. */
function latencyHistogram({ server, args }: Call): Reply {
  const rows = commandRows(server).filter(({ latency }) => latency.length > 0);
  const names = args.slice(2).map(wordOf);
  const wanted =
    names.length === 0
      ? rows
      : names.flatMap((name) => rows.filter((row) => row.name === name || row.name.startsWith(`${name}|`)));
  return map(
    wanted.map(({ name, latency }) => {
      const histogram = LatencyHistogram.of(latency);
      const lines = histogram
        .cumulative()
        .map(([micros, calls]): [Reply, Reply] => [integer(micros), integer(calls)]);
      return [
        bulk(name),
        map([
          [bulk('calls'), integer(histogram.total)],
          [bulk('histogram_usec'), map(lines)],
        ]),
      ];
    }),
  );
}

function monitor({ server, client }: Call): Reply {
  if (server.mayNotBlock(client)) return error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  // Neither a replica nor a monitor becomes one, and neither is told so (Redis 7.0).
  if (client.countsAsReplica) return nothing;
  client.monitoring = true;
  if (server.monitors.size === 0) server.store.recordScripts(true);
  server.monitors.add(client);
  server.observersChanged();
  server.store.setSession(client.session, { replica: true });
  return ok;
}

export const observingCommands: Handlers = {
  monitor,
  slowlog: container('slowlog', {
    get: slowlogGet,
    len: ({ server }) => integer(server.slowLog.length),
    reset: ({ server }) => {
      server.slowLog.reset();
      return ok;
    },
    help: help('slowlog'),
  }),
  latency: container('latency', {
    latest: ({ server }) =>
      array(
        server.latency
          .latest()
          .map(({ event, last, worstMs }) =>
            array([bulk(event), integer(last.at), integer(last.ms), integer(worstMs)]),
          ),
      ),
    history: ({ server, args }) =>
      array(server.latency.history(textOf(args[2])).map(({ at, ms }) => array([integer(at), integer(ms)]))),
    reset: ({ server, args }) => integer(server.latency.reset(args.slice(2).map(textOf))),
    graph: latencyGraph,
    doctor: latencyDoctor,
    histogram: latencyHistogram,
    help: help('latency'),
  }),
};
