/**
 * Options of the data set: memory, encodings, expiry, persistence.
 *
 * A section of the option table, ../options.ts, which says what rows mean. Most of these are the engine's; those of files
 * are the server's.
 */
import { integer, memory, oneOf, text, yesOrNo } from '../kinds.ts';
import { option } from '../option.ts';
import { directory, savePoints } from '../special-kinds.ts';

const intMax = 2 ** 31 - 1;
const fileName = (name: string) => (word: string) =>
  word.includes('/') ? `${name} can't be a path, just a filename` : null;
const defrag = 'Active defragmentation is of jemalloc as Redis links it.';
const aof = 'The append-only file comes later.';

export const data = {
  maxmemory: option(memory(0, 'unsigned'), '0', 'Memory for data; 0 for no limit.', { by: 'engine' }),
  'maxmemory-policy': option(
    oneOf(
      'volatile-lru',
      'volatile-lfu',
      'volatile-random',
      'volatile-ttl',
      'allkeys-lru',
      'allkeys-lfu',
      'allkeys-random',
      'noeviction',
    ),
    'noeviction',
    'What is evicted when maxmemory is reached.',
    { by: 'engine' },
  ),
  'maxmemory-samples': option(integer(1, intMax), '5', 'Keys looked at to find one to evict.', {
    by: 'engine',
  }),
  'maxmemory-eviction-tenacity': option(integer(0, 100), '10', 'How long eviction may hold up commands.', {
    by: 'engine',
  }),
  'lfu-log-factor': option(integer(0, intMax), '10', 'How slowly the LFU counter grows.', { by: 'engine' }),
  'lfu-decay-time': option(integer(0, intMax), '1', 'Minutes until the LFU counter falls by one.', {
    by: 'engine',
  }),
  'active-expire-effort': option(integer(1, 10), '1', 'How much background work looks for expired keys.', {
    by: 'engine',
  }),
  'lazyfree-lazy-eviction': option(yesOrNo, 'no', 'Evicted keys leave as UNLINK rather than DEL.', {
    by: 'engine',
  }),
  'lazyfree-lazy-expire': option(yesOrNo, 'no', 'Expired keys leave as UNLINK rather than DEL.', {
    by: 'engine',
  }),
  'lazyfree-lazy-server-del': option(yesOrNo, 'no', 'Implicit deletes free in the background.', {
    by: 'engine',
  }),
  'lazyfree-lazy-user-del': option(yesOrNo, 'no', 'DEL behaves as UNLINK.', { by: 'engine' }),
  'lazyfree-lazy-user-flush': option(yesOrNo, 'no', 'FLUSHALL and FLUSHDB are ASYNC by default.', {
    by: 'engine',
  }),
  'list-max-listpack-size': option(integer(-(2 ** 31), intMax), '-2', 'Size of a list node.', {
    by: 'engine',
    alias: 'list-max-ziplist-size',
  }),
  'list-compress-depth': option(integer(0, intMax), '0', 'List nodes at both ends that stay uncompressed.', {
    by: 'engine',
  }),
  'hash-max-listpack-entries': option(integer(0, null), '512', 'Largest hash kept packed.', {
    by: 'engine',
    alias: 'hash-max-ziplist-entries',
  }),
  'hash-max-listpack-value': option(memory(), '64', 'Longest value of a packed hash.', {
    by: 'engine',
    alias: 'hash-max-ziplist-value',
  }),
  'set-max-intset-entries': option(integer(0, null), '512', 'Largest set of numbers kept packed.', {
    by: 'engine',
  }),
  'zset-max-listpack-entries': option(integer(0, null), '128', 'Largest sorted set kept packed.', {
    by: 'engine',
    alias: 'zset-max-ziplist-entries',
  }),
  'zset-max-listpack-value': option(memory(), '64', 'Longest member of a packed sorted set.', {
    by: 'engine',
    alias: 'zset-max-ziplist-value',
  }),
  'stream-node-max-bytes': option(memory(), '4096', 'Size of a stream node.', { by: 'engine' }),
  'stream-node-max-entries': option(integer(0, null), '100', 'Entries of a stream node.', { by: 'engine' }),
  'hll-sparse-max-bytes': option(memory(), '3000', 'Longest sparse HyperLogLog.', { by: 'engine' }),
  'tracking-table-max-keys': option(integer(0, null), '1000000', 'Keys remembered for CLIENT TRACKING.'),
  'busy-reply-threshold': option(
    integer(0, null),
    '5000',
    'Milliseconds after which a script counts as slow.',
    {
      by: 'engine',
      alias: 'lua-time-limit',
    },
  ),
  'sanitize-dump-payload': option(
    oneOf('no', 'yes', 'clients'),
    'no',
    'RESTORE and loading always check fully here.',
    {
      by: 'ignored',
    },
  ),

  dir: option(directory, '.', 'Directory of dbfilename. The process itself stays where it was started.', {
    guarded: true,
  }),
  dbfilename: option(
    text('file name', fileName('dbfilename')),
    'dump.rdb',
    'File that is loaded at start and saved.',
    {
      guarded: true,
    },
  ),
  save: option(savePoints, '3600 1 300 100 60 10000', 'When to save by itself; also whether SHUTDOWN saves.'),
  rdbcompression: option(yesOrNo, 'yes', 'Compress long strings in RDB files.'),
  rdbchecksum: option(yesOrNo, 'yes', 'Write and verify checksums of RDB files.', { fixed: true }),
  'rdb-del-sync-files': option(yesOrNo, 'no', 'Transfers need no files here.', { by: 'ignored' }),
  'stop-writes-on-bgsave-error': option(yesOrNo, 'yes', 'Refuse writes while saving fails.'),
  'rdb-save-incremental-fsync': option(
    yesOrNo,
    'yes',
    'What is saved is always brought to disk as it is written (native engine, Linux).',
    { by: 'ignored' },
  ),

  'key-load-delay': option(
    integer(-(2 ** 31), intMax),
    '0',
    'For the tests of Redis: microseconds for each key that is loaded from a file or from a primary.',
    { hidden: true },
  ),
  'loading-process-events-interval-bytes': option(
    integer(1024, intMax),
    '2097152',
    'Clients are answered all the time while a file is loaded.',
    { by: 'ignored', hidden: true },
  ),
  'rdb-key-save-delay': option(
    integer(-(2 ** 31), intMax),
    '0',
    'For the tests of Redis: microseconds for each key.',
    {
      hidden: true,
    },
  ),
  'rdb-version': option(
    oneOf('auto', '9', '10', '11', '12', '80'),
    'auto',
    'RDB version of files and snapshots (9: Redis 5 to 6.2, 10: Redis 7.0, 11: Redis 7.2 and Valkey 8, 12: Redis 7.4 and 8, ' +
      '80: Valkey 9). auto: 10, or what a replica says it is, or what the data needs.',
  ),
  'rdb-version-loss': option(
    oneOf('refuse', 'drop'),
    'refuse',
    'What happens when an RDB version cannot hold the expiry of hash fields: the snapshot fails, or the fields are written as ' +
      'fields that stay. Both are counted and logged.',
  ),

  appendonly: option(yesOrNo, 'no', aof, { by: 'ignored' }),
  appendfilename: option(text('file name', fileName('appendfilename')), 'appendonly.aof', aof, {
    fixed: true,
    by: 'ignored',
  }),
  appenddirname: option(text('directory name', fileName('appenddirname')), 'appendonlydir', aof, {
    fixed: true,
    by: 'ignored',
  }),
  appendfsync: option(oneOf('everysec', 'always', 'no'), 'everysec', aof, { by: 'ignored' }),
  'no-appendfsync-on-rewrite': option(yesOrNo, 'no', aof, { by: 'ignored' }),
  'auto-aof-rewrite-percentage': option(integer(0, intMax), '100', aof, { by: 'ignored' }),
  'auto-aof-rewrite-min-size': option(memory(), '64mb', aof, { by: 'ignored' }),
  'aof-load-truncated': option(yesOrNo, 'yes', aof, { by: 'ignored' }),
  'aof-use-rdb-preamble': option(yesOrNo, 'yes', aof, { by: 'ignored' }),
  'aof-timestamp-enabled': option(yesOrNo, 'no', aof, { by: 'ignored' }),
  'aof-rewrite-incremental-fsync': option(yesOrNo, 'yes', aof, { by: 'ignored' }),
  'aof-disable-auto-gc': option(yesOrNo, 'no', aof, { by: 'ignored' }),

  activerehashing: option(yesOrNo, 'yes', 'Tables here grow in small steps by themselves.', {
    by: 'ignored',
  }),
  activedefrag: option(yesOrNo, 'no', defrag, { by: 'ignored' }),
  'active-defrag-cycle-min': option(integer(1, 99), '1', defrag, { by: 'ignored' }),
  'active-defrag-cycle-max': option(integer(1, 99), '25', defrag, { by: 'ignored' }),
  'active-defrag-threshold-lower': option(integer(0, 1000), '10', defrag, { by: 'ignored' }),
  'active-defrag-threshold-upper': option(integer(0, 1000), '100', defrag, { by: 'ignored' }),
  'active-defrag-ignore-bytes': option(memory(1), '100mb', defrag, { by: 'ignored' }),
  'active-defrag-max-scan-fields': option(integer(1, null), '1000', defrag, { by: 'ignored' }),
  'jemalloc-bg-thread': option(yesOrNo, 'yes', defrag, { by: 'ignored' }),
  'disable-thp': option(yesOrNo, 'yes', 'No huge pages: clearing one is a pause of milliseconds.', {
    fixed: true,
    by: 'engine',
  }),
};
