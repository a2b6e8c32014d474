/**
 * INFO's fields, section by section: names and order are those of Redis 7.0.15, because redis-cli, Sentinel, exporters and
 * client libraries read them. Numbers that have no meaning here (jemalloc's, the fork's) are 0. Fields of our own
 * begin with redtwin_ and come last in their section.
 */
import { infoField, infoReplica, roleWord } from '../protocol/wire.ts';
import { commandFields, errorFields, latencyFields } from './command-rows.ts';
import type { InfoFacts, ReplicationFacts } from './info-facts.ts';

export type Fields = readonly (readonly [string, string | number])[];

/** Bytes for people: 918.85K. */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  const units = ['K', 'M', 'G', 'T', 'P'];
  let [value, unit] = [bytes / 1024, 0];
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(2)}${units[unit]}`;
}

const zeros = (...names: string[]): Fields => names.map((name) => [name, 0]);
const bit = (value: boolean): number => (value ? 1 : 0);
const seconds = (ms: number): number => Math.floor(ms / 1000);
const ratio = (a: number, b: number): string => (b > 0 ? a / b : 0).toFixed(2);

function server({ server: s, nowMs }: InfoFacts): Fields {
  const upSeconds = seconds(nowMs - s.startedMs);
  return [
    ['redis_version', s.compatibleVersion],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0'],
    ['redis_mode', 'standalone'],
    ['os', s.os],
    ['arch_bits', s.archBits],
    ['monotonic_clock', 'POSIX clock_gettime'],
    ['multiplexing_api', 'libuv'],
    ['atomicvar_api', 'none'],
    ['gcc_version', '0.0.0'],
    ['process_id', s.processId],
    ['process_supervised', 'no'],
    ['run_id', s.runId],
    ['tcp_port', s.port],
    ['server_time_usec', `${nowMs}000`],
    ['uptime_in_seconds', upSeconds],
    ['uptime_in_days', Math.floor(upSeconds / 86_400)],
    ['hz', s.hz],
    ['configured_hz', s.hz],
    // 24 bits of seconds, as Redis's LRU clock.
    ['lru_clock', seconds(nowMs) & 0xff_ff_ff],
    ['executable', s.executable],
    ['config_file', s.configFile],
    ['io_threads_active', 0],
    ...(s.shutdownInMs === null ? [] : [['shutdown_in_milliseconds', s.shutdownInMs] as const]),
    ['redtwin_version', s.redtwinVersion],
    ['engine', s.engine],
    ['node_version', s.nodeVersion],
  ];
}

function clients({ clients: c }: InfoFacts): Fields {
  return [
    ['connected_clients', c.connected],
    ['cluster_connections', 0],
    ['maxclients', c.max],
    ['client_recent_max_input_buffer', c.largestInputBytes],
    ['client_recent_max_output_buffer', c.largestOutputBytes],
    ['blocked_clients', c.blocked],
    ['tracking_clients', c.tracking.clients],
    ['clients_in_timeout_table', 0],
  ];
}

function memory({ memory: m, store, clients: c, replication }: InfoFacts): Fields {
  const used = store.usedMemoryBytes;
  const peak = Math.max(store.usedMemoryPeakBytes, used);
  const dataset = Math.max(0, used - m.startupBytes);
  const percent = (part: number, whole: number): string =>
    `${(whole > 0 ? (part * 100) / whole : 0).toFixed(2)}%`;
  const backlog = replication.feed.endOffset - replication.feed.startOffset;
  const luaBytes = m.scripts.scriptsLuaBytes + m.scripts.functionsLuaBytes;
  return [
    ['used_memory', used],
    ['used_memory_human', humanBytes(used)],
    ['used_memory_rss', m.residentBytes],
    ['used_memory_rss_human', humanBytes(m.residentBytes)],
    ['used_memory_peak', peak],
    ['used_memory_peak_human', humanBytes(peak)],
    ['used_memory_peak_perc', percent(used, peak)],
    ['used_memory_overhead', m.startupBytes],
    ['used_memory_startup', m.startupBytes],
    ['used_memory_dataset', dataset],
    ['used_memory_dataset_perc', percent(dataset, used)],
    ['allocator_allocated', used],
    ['allocator_active', used],
    ['allocator_resident', m.residentBytes],
    ['total_system_memory', m.systemBytes],
    ['total_system_memory_human', humanBytes(m.systemBytes)],
    ['used_memory_lua', m.scripts.scriptsLuaBytes],
    ['used_memory_vm_eval', m.scripts.scriptsLuaBytes],
    ['used_memory_lua_human', humanBytes(m.scripts.scriptsLuaBytes)],
    ['used_memory_scripts_eval', m.scripts.scriptsBytes],
    ['number_of_cached_scripts', m.scripts.scripts],
    ['number_of_functions', m.scripts.functions],
    ['number_of_libraries', m.scripts.libraries],
    ['used_memory_vm_functions', m.scripts.functionsLuaBytes],
    ['used_memory_vm_total', luaBytes],
    ['used_memory_vm_total_human', humanBytes(luaBytes)],
    ...zeros('used_memory_functions'),
    ['used_memory_scripts', m.scripts.scriptsBytes],
    ['used_memory_scripts_human', humanBytes(m.scripts.scriptsBytes)],
    ['maxmemory', m.maxBytes],
    ['maxmemory_human', humanBytes(m.maxBytes)],
    ['maxmemory_policy', m.policy],
    ['allocator_frag_ratio', '1.00'],
    ['allocator_frag_bytes', 0],
    ['allocator_rss_ratio', ratio(m.residentBytes, used)],
    ['allocator_rss_bytes', m.residentBytes - used],
    ['rss_overhead_ratio', '1.00'],
    ['rss_overhead_bytes', 0],
    ['mem_fragmentation_ratio', ratio(m.residentBytes, used)],
    ['mem_fragmentation_bytes', m.residentBytes - used],
    ['mem_not_counted_for_evict', 0],
    ['mem_replication_backlog', backlog],
    ['mem_total_replication_buffers', backlog],
    [infoField.replicaBuffers, 0],
    ['mem_clients_normal', c.bufferBytes],
    ...zeros('mem_cluster_links', 'mem_aof_buffer'),
    ['mem_allocator', 'libc'],
    ['active_defrag_running', 0],
    ['lazyfree_pending_objects', store.lazyFreePending],
    ['lazyfreed_objects', store.lazyFreed],
  ];
}

function persistence({ persistence: p, nowMs }: InfoFacts): Fields {
  const load: [string, string | number][] = [];
  if (p.load) {
    const { startedMs, totalBytes, loadedBytes } = p.load;
    const elapsed = (nowMs - startedMs) / 1000;
    const rest = loadedBytes > 0 ? (elapsed * (totalBytes - loadedBytes)) / loadedBytes : 1;
    load.push(
      ['loading_start_time', seconds(startedMs)],
      ['loading_total_bytes', totalBytes],
      ['loading_rdb_used_mem', 0],
      ['loading_loaded_bytes', loadedBytes],
      ['loading_loaded_perc', ((loadedBytes * 100) / Math.max(1, totalBytes)).toFixed(2)],
      ['loading_eta_seconds', Math.max(0, Math.ceil(rest))],
    );
  }
  return [
    ['loading', bit(p.loading === 'blocking')],
    ['async_loading', bit(p.loading === 'beside')],
    ...zeros('current_cow_peak', 'current_cow_size', 'current_cow_size_age'),
    [
      'current_fork_perc',
      p.saving ? ((100 * p.saving.keys) / Math.max(1, p.saving.keysTotal)).toFixed(2) : '0.00',
    ],
    ['current_save_keys_processed', p.saving?.keys ?? 0],
    ['current_save_keys_total', p.saving?.keysTotal ?? 0],
    ['rdb_changes_since_last_save', p.changesSinceSave],
    ['rdb_bgsave_in_progress', bit(p.isSaving)],
    ['rdb_last_save_time', seconds(p.lastSaveMs)],
    ['rdb_last_bgsave_status', p.lastSaveOk ? 'ok' : 'err'],
    ['rdb_last_bgsave_time_sec', p.lastSaveTookSeconds],
    ['rdb_current_bgsave_time_sec', p.isSaving ? seconds(nowMs - p.savingSinceMs) : -1],
    ['rdb_saves', p.saves],
    ['rdb_last_cow_size', 0],
    ['rdb_last_load_keys_expired', p.keysExpiredOnLoad],
    ['rdb_last_load_keys_loaded', p.keysLoaded],
    ...zeros('aof_enabled', 'aof_rewrite_in_progress', 'aof_rewrite_scheduled'),
    ['aof_last_rewrite_time_sec', -1],
    ['aof_current_rewrite_time_sec', -1],
    ['aof_last_bgrewrite_status', 'ok'],
    ...zeros('aof_rewrites', 'aof_rewrites_consecutive_failures'),
    ['aof_last_write_status', 'ok'],
    ...zeros('aof_last_cow_size', 'module_fork_in_progress', 'module_fork_last_cow_size'),
    ...load,
  ];
}

function stats({ stats: s, store, pubsub, replication: r, clients: { tracking } }: InfoFacts): Fields {
  const kilobytes = (rate: number): string => (rate / 1024).toFixed(2);
  return [
    ['total_connections_received', s.connectionsReceived],
    ['total_commands_processed', store.commandsProcessed],
    ['instantaneous_ops_per_sec', Math.round(s.rates.commands.perSecond)],
    ['total_net_input_bytes', s.netInputBytes],
    ['total_net_output_bytes', s.netOutputBytes],
    ['total_net_repl_input_bytes', r.link?.readOffset ?? 0],
    ['total_net_repl_output_bytes', s.feedOutputBytes],
    ['instantaneous_input_kbps', kilobytes(s.rates.input.perSecond)],
    ['instantaneous_output_kbps', kilobytes(s.rates.output.perSecond)],
    ['instantaneous_input_repl_kbps', '0.00'],
    ['instantaneous_output_repl_kbps', '0.00'],
    ['rejected_connections', s.connectionsRejected],
    ['sync_full', r.served.full],
    ['sync_partial_ok', r.served.partial],
    ['sync_partial_err', r.served.partialRefused],
    ['expired_keys', store.expiredKeys],
    ['expired_stale_perc', '0.00'],
    ...zeros('expired_time_cap_reached_count', 'expire_cycle_cpu_milliseconds'),
    ['evicted_keys', store.evictedKeys],
    ...zeros('evicted_clients', 'total_eviction_exceeded_time', 'current_eviction_exceeded_time'),
    ['keyspace_hits', store.keyspaceHits],
    ['keyspace_misses', store.keyspaceMisses],
    ['pubsub_channels', pubsub.channels],
    ['pubsub_patterns', pubsub.patterns],
    ['pubsubshard_channels', pubsub.shardChannels],
    ...zeros('latest_fork_usec', 'total_forks', 'migrate_cached_sockets'),
    [infoField.expiresTracked, store.ownExpiries],
    ...zeros(
      'active_defrag_hits',
      'active_defrag_misses',
      'active_defrag_key_hits',
      'active_defrag_key_misses',
    ),
    ...zeros('total_active_defrag_time', 'current_active_defrag_time'),
    ['tracking_total_keys', tracking.keys],
    ['tracking_total_items', tracking.items],
    ['tracking_total_prefixes', tracking.prefixes],
    ['unexpected_error_replies', r.failedCommands + r.served.errors],
    ['total_error_replies', store.errorReplies + s.commands.errorReplies],
    ['dump_payload_sanitizations', 0],
    ['total_reads_processed', s.reads],
    ['total_writes_processed', s.writes],
    ...zeros('io_threaded_reads_processed', 'io_threaded_writes_processed'),
    ...zeros('reply_buffer_shrinks', 'reply_buffer_expands'),
    ['redtwin_link_full_resyncs', r.fullResyncs],
    ['redtwin_link_partial_resyncs', r.partialResyncs],
    ['redtwin_links_lost', r.linksLost],
    ['redtwin_opaque_module_values', store.opaqueModuleValues],
  ];
}

function linkFields(link: NonNullable<ReplicationFacts['link']>, r: ReplicationFacts): Fields {
  const fields: [string, string | number][] = [
    [infoField.primaryHost, link.host],
    [infoField.primaryPort, link.port],
    [infoField.linkStatus, link.isUp ? 'up' : 'down'],
    [infoField.lastIoSecondsAgo, link.lastIoSecondsAgo],
    [infoField.syncInProgress, bit(link.sync !== null)],
    [infoField.readOffset, link.readOffset],
    [infoField.appliedOffset, link.appliedOffset],
  ];
  if (link.sync) {
    const { totalBytes, readBytes, lastIoSecondsAgo } = link.sync;
    // Without an announced size there is nothing to take a share of.
    const known = totalBytes > 0;
    fields.push(
      [infoField.syncTotalBytes, totalBytes],
      [infoField.syncReadBytes, readBytes],
      [infoField.syncLeftBytes, totalBytes - readBytes],
      [infoField.syncPercent, known ? ((readBytes * 100) / totalBytes).toFixed(2) : '0.00'],
      [infoField.syncLastIoSecondsAgo, lastIoSecondsAgo],
    );
  }
  if (!link.isUp) fields.push([infoField.downSinceSeconds, link.downSinceSeconds]);
  fields.push(
    [infoField.replicaPriority, r.replicaPriority],
    [infoField.replicaReadOnly, bit(r.isReadOnly)],
    ['replica_announced', bit(r.isAnnounced)],
  );
  return fields;
}

/** Fields of our own behind Redis's: what a person wants to know when a link does not work. */
function ownLinkFields(link: NonNullable<ReplicationFacts['link']>): Fields {
  const clean = (text: string): string => text.replace(/[\r\n]+/g, ' ');
  return [
    ['redtwin_link_state', link.state],
    ['redtwin_link_down_because', link.downBecause],
    ['redtwin_link_down_detail', clean(link.downDetail)],
    ['redtwin_link_halted', clean(link.halted)],
    ['redtwin_last_full_resync_because', link.lastFullResync],
    ['redtwin_opaque_module_values', link.opaqueModuleValues],
  ];
}

function replication({ replication: r, store }: InfoFacts): Fields {
  const { startOffset, endOffset, sizeBytes } = r.feed;
  const kept = endOffset - startOffset;
  return [
    ['role', r.link ? roleWord.replica : roleWord.primary],
    ...(r.link ? linkFields(r.link, r) : []),
    [infoField.connectedReplicas, r.replicas.length],
    ...(r.replicasNeeded > 0 ? [[infoField.goodReplicas, r.goodReplicas] as const] : []),
    ...r.replicas.map(
      ({ host, port, state, acked, lagSeconds }, index) =>
        [
          infoReplica(index),
          `ip=${host},port=${port},state=${state},offset=${acked},lag=${lagSeconds}`,
        ] as const,
    ),
    [infoField.failoverState, r.failoverState],
    [infoField.historyId, r.history.id],
    [infoField.previousHistoryId, r.history.previousId],
    [infoField.feedOffset, endOffset],
    ['second_repl_offset', r.history.previousLimit],
    ['repl_backlog_active', bit(r.feed.isOn)],
    ['repl_backlog_size', sizeBytes],
    ['repl_backlog_first_byte_offset', r.feed.isOn ? startOffset + 1 : 0],
    ['repl_backlog_histlen', kept],
    ...(r.link ? ownLinkFields(r.link) : []),
    ['redtwin_last_psync_refused_because', r.served.lastRefusal],
    ['redtwin_last_replica_lost_because', r.served.lastLoss],
    ['redtwin_unable_replicas', r.served.unable.length],
    ...r.served.unable.map(
      ({ host, port, because, times }, index) =>
        [
          `redtwin_unable_replica${index}`,
          `ip=${host},port=${port},because=${because},times=${times}`,
        ] as const,
    ),
    ['redtwin_feed_commands_translated', store.feedTranslated],
    ['redtwin_feed_commands_dropped', store.feedDropped],
    ['redtwin_feed_field_expiries_dropped', store.feedFieldExpiriesDropped],
  ];
}

function cpu({ cpu: c }: InfoFacts): Fields {
  const [system, user] = [c.systemSeconds.toFixed(6), c.userSeconds.toFixed(6)];
  return [
    ['used_cpu_sys', system],
    ['used_cpu_user', user],
    ['used_cpu_sys_children', '0.000000'],
    ['used_cpu_user_children', '0.000000'],
    ['used_cpu_sys_main_thread', system],
    ['used_cpu_user_main_thread', user],
  ];
}

const commandstats = ({ commands }: InfoFacts): Fields => commandFields(commands);

const errorstats = ({ errors, stats: s }: InfoFacts): Fields => errorFields(errors, s.commands.errorStats());

const latencystats = ({ commands, percentiles }: InfoFacts): Fields =>
  percentiles ? latencyFields(commands, percentiles) : [];

const keyspace = ({ store }: InfoFacts): Fields =>
  store.databases.map(({ db, keys, expires, avgTtlMs }) => [
    `db${db}`,
    `keys=${keys},expires=${expires},avg_ttl=${Math.round(avgTtlMs)}`,
  ]);

export const sectionFields = {
  server,
  clients,
  memory,
  persistence,
  stats,
  replication,
  cpu,
  commandstats,
  errorstats,
  latencystats,
  keyspace,
};
