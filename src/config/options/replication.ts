/**
 * Options of replication: the link to a primary, and what replicas of our own will need.
 *
 * A section of the option table, ../options.ts, which says what rows mean. Names are those of redis.conf, so the old words
 * stand in some of them.
 */
import { integer, memory, oneOf, text, yesOrNo } from '../kinds.ts';
import { option } from '../option.ts';
import { primaryAddress } from '../special-kinds.ts';

const intMax = 2 ** 31 - 1;

export const replication = {
  replicaof: option(primaryAddress, '', 'The primary to follow. At run time: REPLICAOF.', {
    fixed: true,
    alias: 'slaveof',
  }),
  masteruser: option(text(), '', 'User name for the primary.', { by: 'link' }),
  masterauth: option(text(), '', 'Password for the primary.', { by: 'link', secret: true }),
  'repl-timeout': option(
    integer(1, intMax),
    '60',
    'Seconds of silence after which a connection to the primary, its handshake or its transfer is given up.',
    { by: 'link' },
  ),
  'repl-diskless-load': option(
    oneOf('disabled', 'on-empty-db', 'swapdb'),
    'disabled',
    'Whether a transfer goes straight into memory. Whatever is chosen, the old data is served until the new is complete.',
    { by: 'link' },
  ),
  'repl-disable-tcp-nodelay': option(yesOrNo, 'no', 'Fewer, larger packets to replicas.', { by: 'link' }),
  'replica-serve-stale-data': option(yesOrNo, 'yes', 'Answer reads while the link to the primary is down.', {
    alias: 'slave-serve-stale-data',
  }),
  'replica-read-only': option(yesOrNo, 'yes', 'Refuse writes of ordinary clients on a replica.', {
    alias: 'slave-read-only',
  }),
  'propagation-error-behavior': option(
    oneOf('halt', 'ignore', 'panic', 'panic-on-replicas'),
    'halt',
    'What becomes of a command of the primary that fails here. ignore: it is logged and passed over, as Redis does by itself; the others: the link halts. A writable replica always passes it over.',
    { by: 'link' },
  ),
  'replica-ignore-maxmemory': option(yesOrNo, 'yes', 'A replica never evicts by itself.', {
    by: 'engine',
    alias: 'slave-ignore-maxmemory',
  }),
  'replica-lazy-flush': option(yesOrNo, 'no', 'Free the old data in the background after a full resync.', {
    by: 'ignored',
    alias: 'slave-lazy-flush',
  }),
  'replica-priority': option(integer(0, intMax), '100', 'Rank for promotion by Sentinel; 0 for never.', {
    alias: 'slave-priority',
  }),
  'replica-announced': option(yesOrNo, 'yes', 'Whether Sentinel is told of this replica.'),
  'replica-announce-ip': option(text(), '', 'Address told to the primary.', {
    by: 'link',
    alias: 'slave-announce-ip',
  }),
  'replica-announce-port': option(integer(0, 65535), '0', 'Port told to the primary; 0 for our own.', {
    by: 'link',
    alias: 'slave-announce-port',
  }),
  'replica-ignore-disk-write-errors': option(yesOrNo, 'no', 'Replicas write no append-only file here.', {
    by: 'ignored',
  }),
  'repl-backlog-size': option(memory(1), '1mb', 'Bytes of the feed kept for replicas that come back.', {
    by: 'engine',
  }),
  'repl-backlog-ttl': option(
    integer(0, null),
    '3600',
    'Seconds after the last replica has left until the feed, and its history, end; 0 for never.',
    { by: 'link' },
  ),
  'repl-ping-replica-period': option(integer(1, intMax), '10', 'Seconds between two PINGs into the feed.', {
    by: 'link',
    alias: 'repl-ping-slave-period',
  }),
  'repl-diskless-sync': option(
    yesOrNo,
    'yes',
    'Send snapshots straight to the replicas that can take one without a length, and not through a file.',
    { by: 'link' },
  ),
  'repl-diskless-sync-delay': option(
    integer(0, intMax),
    '5',
    'Seconds to wait for more replicas to share a snapshot that goes straight to them.',
    { by: 'link' },
  ),
  'repl-diskless-sync-max-replicas': option(
    integer(0, intMax),
    '0',
    'So many replicas wait for no more of them; 0 for any number.',
    { by: 'link' },
  ),
  'repl-diskless-compression': option(
    oneOf('auto', 'yes', 'no'),
    'auto',
    'Compress snapshots that go straight to replicas (where rdbcompression is yes). auto: only those that go far; on this ' +
      'machine and in private networks compressing takes longer than it saves.',
    { by: 'link' },
  ),
  'feed-compat': option(
    oneOf('auto', '5.0', '6.2', '7.0'),
    'auto',
    'The oldest servers that are to follow this one (5.0 stands for 6.0 too). What they do not know of our own feed is told as ' +
      'RESTORE of the keys that were changed, and snapshots for replicas that say no version of theirs are written for them. ' +
      'auto: the oldest replica that has said its version (Valkey 8 and later do); while none has, nothing is told otherwise. ' +
      'The feed of a primary that we follow is passed on as it is.',
    { by: 'engine' },
  ),
  'min-replicas-to-write': option(integer(0, intMax), '0', 'Refuse writes with fewer good replicas.', {
    alias: 'min-slaves-to-write',
  }),
  'min-replicas-max-lag': option(
    integer(0, intMax),
    '10',
    'Seconds within which a good replica has answered.',
    {
      alias: 'min-slaves-max-lag',
    },
  ),
};
