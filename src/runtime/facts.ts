/**
 * Gathers what INFO shows, at the moment of the question.
 *
 * The only place that knows both the server and the facts of observe/info-facts.ts. It computes nothing that the sections could
 * compute themselves.
 */
import { arch, release, type as systemName, totalmem } from 'node:os';
import { utf8 } from '../config/special-kinds.ts';
import type { CommandStats } from '../engine/engine.ts';
import { mergedRows } from '../observe/command-rows.ts';
import type { InfoFacts, ReplicationFacts } from '../observe/info-facts.ts';
import { noHistoryId, noHistoryLimit } from '../replication/history.ts';
import type { Server } from './server.ts';
import { compatibleVersion, redtwinVersion } from './version.ts';

const machineNames: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

export function infoFacts(server: Server): InfoFacts {
  const { config, store, saver } = server;
  const resident = process.memoryUsage.rss();
  const cpu = process.cpuUsage();
  const clients = server.everyone;
  const pending = clients.map((client) => client.line.pendingBytes);
  return {
    nowMs: server.nowMs(),
    server: {
      redtwinVersion,
      compatibleVersion,
      engine: server.engineName,
      os: `${systemName()} ${release()} ${machineNames[arch()] ?? arch()}`,
      archBits: arch().includes('64') ? 64 : 32,
      processId: process.pid,
      runId: server.runId,
      port: server.listeners.port,
      startedMs: server.startedMs,
      hz: config.value('hz'),
      executable: process.argv[1] ?? process.execPath,
      configFile: config.file ?? '',
      nodeVersion: process.versions.node,
      shutdownInMs: server.shutdowns.remainingMs,
    },
    clients: {
      connected: clients.length - server.replication.replicas.size,
      max: config.value('maxclients'),
      blocked: clients.filter((client) => client.blocked || client.isHeld).length,
      largestInputBytes: 0,
      largestOutputBytes: Math.max(0, ...pending),
      bufferBytes: pending.reduce((sum, bytes) => sum + bytes, 0),
      tracking: server.tracking.counts,
    },
    memory: {
      residentBytes: resident,
      startupBytes: server.startupMemoryBytes,
      systemBytes: totalmem(),
      maxBytes: config.value('maxmemory'),
      policy: config.value('maxmemory-policy'),
      scripts: server.store.scriptStats(),
    },
    persistence: {
      ...loadingFacts(server),
      isSaving: saver.isSaving || server.replication.snapshots.isSaving,
      saving: saver.status ?? server.replication.snapshots.status,
      savingSinceMs: saver.isSaving ? saver.startedMs : server.replication.snapshots.startedMs,
      lastSaveMs: saver.lastSaveMs,
      lastSaveOk: saver.lastOk,
      lastSaveTookSeconds: saver.lastTookSeconds,
      saves: saver.saves,
      keysLoaded: server.fileReport?.keys ?? 0,
      keysExpiredOnLoad: server.fileReport?.expiredSkipped ?? 0,
      changesSinceSave: saver.changesSinceSave,
    },
    store: store.stats(),
    stats: counted(server),
    commands: commandRows(server),
    errors: store.errorStats(),
    percentiles: config.value('latency-tracking')
      ? config.value('latency-tracking-info-percentiles').map(String)
      : null,
    pubsub: {
      channels: server.pubsub.active('channels', null).length,
      patterns: server.pubsub.active('patterns', null).length,
      shardChannels: server.pubsub.active('shardChannels', null).length,
    },
    replication: replicationFacts(server),
    cpu: { systemSeconds: cpu.system / 1e6, userSeconds: cpu.user / 1e6 },
  };
}

/** The counters, with what the engine counted where it reads by itself. */
function counted(server: Server): Server['stats'] {
  server.engineReads.count();
  return server.stats;
}

/** What every command has cost, whoever ran it. */
export const commandRows = ({ store, stats }: Server): CommandStats[] =>
  mergedRows(store.commandStats(), stats.commands.commandStats());

function loadingFacts(server: Server): Pick<InfoFacts['persistence'], 'loading' | 'load'> {
  if (server.fileProgress) return { loading: 'blocking', load: server.fileProgress };
  const { loading, load } = server.link;
  return { loading, load };
}

function replicationFacts(server: Server): ReplicationFacts {
  const { config, store, link } = server;
  const { id, previous } = server.replication.history.current;
  return {
    history: {
      id,
      previousId: previous?.id ?? noHistoryId,
      previousLimit: previous?.limit ?? noHistoryLimit,
    },
    replicas: [...server.replication.replicas.all].map(({ host, port, wireState, acked, lagSeconds }) => ({
      host,
      port,
      state: wireState,
      acked,
      lagSeconds,
    })),
    goodReplicas: server.replication.replicas.good,
    failoverState: server.replication.failovers.wireState,
    served: {
      full: server.replication.replicas.counts.full,
      partial: server.replication.replicas.counts.partialAccepted,
      partialRefused: server.replication.replicas.counts.partialRefused,
      errors: server.replication.replicas.counts.errors,
      lastRefusal: server.replication.replicas.counts.lastRefusal ?? '',
      lastLoss: server.replication.replicas.counts.lastLoss ?? '',
      unable: server.replication.replicas.unable.all,
    },
    feed: {
      isOn: store.feed.isOn,
      endOffset: store.feed.endOffset,
      startOffset: store.feed.startOffset,
      sizeBytes: config.value('repl-backlog-size'),
    },
    replicaPriority: config.value('replica-priority'),
    isReadOnly: config.value('replica-read-only'),
    isAnnounced: config.value('replica-announced'),
    replicasNeeded: config.value('min-replicas-max-lag') > 0 ? config.value('min-replicas-to-write') : 0,
    link: link.target && {
      host: utf8(link.target.host),
      port: link.target.port,
      isUp: link.up,
      lastIoSecondsAgo: link.lastIoSecondsAgo,
      downSinceSeconds: link.downSinceSeconds,
      sync: link.sync,
      readOffset: link.readOffset,
      appliedOffset: link.appliedOffset,
      state: link.state,
      downBecause: link.downBecause ?? '',
      downDetail: link.downDetail,
      halted: link.halted ? `${link.halted.command}: ${link.halted.error}` : '',
      lastFullResync: link.lastFullResync ?? '',
      opaqueModuleValues: link.lastLoad?.opaqueModuleValues ?? 0,
    },
    failedCommands: link.failedCommands,
    fullResyncs: link.fullResyncs,
    partialResyncs: link.partialResyncs,
    linksLost: link.linksLost,
  };
}
