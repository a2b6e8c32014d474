/**
 * What of DEBUG and MEMORY the engine hands back: things of the process rather than of the keyspace.
 *
 * The engine has already refused DEBUG where enable-debug-command does not allow it. Subcommands that only make sense inside
 * Redis's own memory are unknown here.
 */
import {
  array,
  boolean,
  bulk,
  double,
  error,
  integer,
  map,
  nil,
  ok,
  type Protocol,
  push,
  type Reply,
  raw,
  sequence,
  set,
  simple,
  verbatim,
} from '../../protocol/reply.ts';
import { type Call, container, type Handler, type Handlers, textOf, wordOf } from '../handler.ts';
import { reload } from '../reload.ts';
import { help } from './help.ts';

/** Samples of every kind of reply, for tests of client libraries. */
const protocolSamples: Readonly<Record<string, Reply>> = {
  string: bulk('Hello World'),
  integer: integer(12345),
  // biome-ignore lint/suspicious/noApproximativeNumericConstant: the sample that Redis gives, not pi.
  double: double(3.141),
  null: nil,
  array: array([integer(0), integer(1), integer(2)]),
  set: set([integer(0), integer(1), integer(2)]),
  map: map([
    [integer(0), boolean(false)],
    [integer(1), boolean(true)],
    [integer(2), boolean(false)],
  ]),
  verbatim: verbatim('This is a verbatim\nstring'),
  true: boolean(true),
  false: boolean(false),
  push: push([bulk('server-cpu-usage'), integer(42)]),
};

const bigNumber = '1234567999999999999999999999999999999';

/** Samples that have no like in RESP2. */
function richSample(word: string, protocol: Protocol): Reply | null {
  const resp3 = protocol === 3;
  if (word === 'bignum') return resp3 ? raw(Buffer.from(`(${bigNumber}\r\n`)) : bulk(bigNumber);
  if (word !== 'attrib') return null;
  const text = bulk('Some real reply following the attribute');
  const attribute = raw(Buffer.from('|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n'));
  return resp3 ? sequence([attribute, text]) : text;
}

const unknown = (call: Call): Reply =>
  error(`ERR unknown subcommand or wrong number of arguments for '${textOf(call.args[1])}'. Try DEBUG HELP.`);

/** A command as it stands in the feed. */
const packed = (words: readonly Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...words.flatMap((word) => [Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n')]),
  ]);

/** Subcommands with the number of words they take. */
const subcommands: Readonly<Record<string, { words: (count: number) => boolean; run: Handler }>> = {
  sleep: {
    words: (count) => count === 3,
    run: ({ args }) => {
      const seconds = Number(textOf(args[2]));
      if (!(seconds >= 0)) return error('ERR value is not a valid float');
      // It is meant to stop the whole server, as a slow command would.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
      return ok;
    },
  },
  reload: {
    words: (count) => count >= 2,
    run: ({ server, args }) => reload(server, args.slice(2).map(textOf)),
  },
  'pause-cron': {
    words: (count) => count === 3,
    run: ({ server, args }) => {
      server.pauseCron(Number(textOf(args[2])) > 0);
      return ok;
    },
  },
  replicate: {
    words: (count) => count >= 3,
    // Bytes for the replicas alone, as if a command had run here.
    run: ({ server, args }) => {
      if (server.store.feed.isOn) server.store.feed.append(packed(args.slice(2)));
      return ok;
    },
  },
  replybuffer: {
    words: (count) => count === 4,
    // There is no buffer of that kind; tests that set it go on.
    run: (call) => (wordOf(call.args[2]) === 'peak-reset-time' ? ok : unknown(call)),
  },
  log: {
    words: (count) => count === 3,
    run: ({ server, args }) => {
      server.log.warning(`DEBUG LOG: ${textOf(args[2])}`);
      return ok;
    },
  },
  error: { words: (count) => count === 3, run: ({ args }) => error(textOf(args[2])) },
  'change-repl-id': {
    words: (count) => count === 2,
    run: ({ server }) => {
      server.replication.renameHistory();
      return ok;
    },
  },
  protocol: {
    words: (count) => count === 3,
    run: (call) => {
      const word = wordOf(call.args[2]);
      return protocolSamples[word] ?? richSample(word, call.client.protocol) ?? unknown(call);
    },
  },
  help: {
    words: (count) => count === 2,
    run: () =>
      array(
        [
          'DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
          'CHANGE-REPL-ID',
          'DIGEST',
          'DIGEST-VALUE <key> [<key> ...]',
          'ERROR <string>',
          'LOG <message>',
          'OBJECT <key>',
          'PAUSE-CRON <0|1>',
          'POPULATE <count> [<prefix>] [<size>]',
          'PROTOCOL <type>',
          'QUICKLIST-PACKED-THRESHOLD <size>',
          'RELOAD [NOSAVE]',
          'REPLICATE <string>',
          'REPLYBUFFER PEAK-RESET-TIME <ms>',
          'SET-ACTIVE-EXPIRE <0|1>',
          'SET-DISABLE-DENY-SCRIPTS <0|1>',
          'SET-SKIP-CHECKSUM-VALIDATION <0|1>',
          'SLEEP <seconds>',
          'HELP',
          '    Print this help.',
        ].map(simple),
      ),
  },
};

const debug: Handler = (call) => {
  const found = subcommands[wordOf(call.args[1])];
  return found?.words(call.args.length) ? found.run(call) : unknown(call);
};

const memoryStats: Handler = ({ server }) => {
  const stats = server.store.stats();
  const { startOffset, endOffset } = server.store.feed;
  const keys = stats.databases.reduce((sum, database) => sum + database.keys, 0);
  const fields: [string, Reply][] = [
    ['peak.allocated', integer(stats.usedMemoryPeakBytes)],
    ['total.allocated', integer(stats.usedMemoryBytes)],
    ['startup.allocated', integer(0)],
    ['replication.backlog', integer(endOffset - startOffset)],
    ['clients.normal', integer(server.clients.size)],
    ['keys.count', integer(keys)],
    ['keys.bytes-per-key', integer(keys > 0 ? Math.floor(stats.usedMemoryBytes / keys) : 0)],
    ['dataset.bytes', integer(stats.usedMemoryBytes)],
  ];
  return map(fields.map(([name, value]) => [bulk(name), value]));
};

export const debugCommands: Handlers = {
  debug,
  memory: container('memory', {
    stats: memoryStats,
    doctor: () => verbatim('Nothing to say: redtwin does not judge its memory.\n'),
    'malloc-stats': () => bulk('Stats not supported for the current allocator'),
    purge: () => ok,
    help: help('memory'),
  }),
};
