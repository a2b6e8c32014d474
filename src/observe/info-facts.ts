/**
 * What INFO is made from: plain data in our own words, gathered by the runtime at the moment of the question.
 *
 * It stands between the two so that the text of INFO can be tested without a server, and so that observe need not know what
 * a server is. Sizes are bytes and times Unix milliseconds unless the name says otherwise.
 */
import type { CommandStats, ScriptStats, StoreStats } from '../engine/engine.ts';
import type { Stats } from './stats.ts';

export interface InfoFacts {
  readonly nowMs: number;
  readonly server: {
    readonly redtwinVersion: string;
    readonly compatibleVersion: string;
    readonly engine: string;
    readonly os: string;
    readonly archBits: number;
    readonly processId: number;
    readonly runId: string;
    readonly port: number;
    readonly startedMs: number;
    readonly hz: number;
    readonly executable: string;
    readonly configFile: string;
    readonly nodeVersion: string;
    /** While a shutdown waits for replicas: for how long still. */
    readonly shutdownInMs: number | null;
  };
  readonly clients: {
    readonly connected: number;
    readonly max: number;
    readonly blocked: number;
    readonly largestInputBytes: number;
    readonly largestOutputBytes: number;
    readonly bufferBytes: number;
    /** CLIENT TRACKING: clients, keys remembered, clients per key summed up, prefixes. */
    readonly tracking: { clients: number; keys: number; items: number; prefixes: number };
  };
  readonly memory: {
    readonly residentBytes: number;
    readonly startupBytes: number;
    readonly systemBytes: number;
    readonly maxBytes: number;
    readonly policy: string;
    readonly scripts: ScriptStats;
  };
  readonly persistence: {
    readonly loading: 'no' | 'blocking' | 'beside';
    /** While loading. */
    readonly load: { startedMs: number; totalBytes: number; loadedBytes: number } | null;
    /** To the file, or for replicas. */
    readonly isSaving: boolean;
    /** How far it is; null while nothing is saved. */
    readonly saving: { readonly keys: number; readonly keysTotal: number } | null;
    /** Unix ms. */
    readonly savingSinceMs: number;
    readonly lastSaveMs: number;
    readonly lastSaveOk: boolean;
    /** -1 before the first. */
    readonly lastSaveTookSeconds: number;
    readonly saves: number;
    readonly keysLoaded: number;
    readonly keysExpiredOnLoad: number;
    readonly changesSinceSave: number;
  };
  readonly store: StoreStats;
  readonly stats: Stats;
  /** Rows of the engine and of the host, merged. */
  readonly commands: readonly CommandStats[];
  readonly errors: readonly { kind: string; count: number }[];
  /** Percentiles of latencystats as configured; null when latencies are not tracked. */
  readonly percentiles: readonly string[] | null;
  readonly pubsub: { readonly channels: number; readonly patterns: number; readonly shardChannels: number };
  readonly replication: ReplicationFacts;
  readonly cpu: { readonly systemSeconds: number; readonly userSeconds: number };
}

export interface ReplicationFacts {
  readonly history: { readonly id: string; readonly previousId: string; readonly previousLimit: number };
  readonly feed: {
    readonly isOn: boolean;
    readonly endOffset: number;
    readonly startOffset: number;
    readonly sizeBytes: number;
  };
  /** Our replicas, in the order of their coming. */
  readonly replicas: readonly {
    readonly host: string;
    readonly port: number;
    readonly state: string;
    readonly acked: number;
    readonly lagSeconds: number;
  }[];
  /** Those that min-replicas-to-write counts. */
  readonly goodReplicas: number;
  readonly failoverState: string;
  /** How our replicas' wishes were answered, and what became of them; '' where there is nothing to tell. */
  readonly served: {
    readonly full: number;
    readonly partial: number;
    readonly partialRefused: number;
    /** Replicas that sent something that was answered with an error. */
    readonly errors: number;
    readonly lastRefusal: string;
    readonly lastLoss: string;
    /** Replicas that come again and again and cannot follow. */
    readonly unable: readonly {
      readonly host: string;
      readonly port: number;
      readonly because: string;
      readonly times: number;
    }[];
  };
  readonly replicaPriority: number;
  readonly isReadOnly: boolean;
  readonly isAnnounced: boolean;
  /** min-replicas-to-write; 0 when the check is off. */
  readonly replicasNeeded: number;
  /** Null: this server is a primary. */
  readonly link: {
    readonly host: string;
    readonly port: number;
    readonly isUp: boolean;
    readonly lastIoSecondsAgo: number;
    readonly downSinceSeconds: number;
    readonly sync: { totalBytes: number; readBytes: number; lastIoSecondsAgo: number } | null;
    readonly readOffset: number;
    readonly appliedOffset: number;
    /** Redtwin's own: the machine's state and the reasons, from closed lists; '' where there is none. */
    readonly state: string;
    readonly downBecause: string;
    readonly downDetail: string;
    readonly halted: string;
    readonly lastFullResync: string;
    readonly opaqueModuleValues: number;
  } | null;
  readonly failedCommands: number;
  readonly fullResyncs: number;
  readonly partialResyncs: number;
  readonly linksLost: number;
}
