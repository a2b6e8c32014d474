/**
 * What the server and the driver of the link to the primary (follower.ts) say to each other: what the driver
 * is given, the settings it reads, and the status that INFO, ROLE and the gates are made from.
 *
 * No behaviour is here. Everything in `LinkStatus` is in our own words; turning it into INFO's lines is
 * observe's job.
 */
import type { LoadReport, Store } from '../engine/engine.ts';
import { announcedVersion } from '../protocol/wire.ts';
import type { HistoryHolder } from '../replication/history.ts';
import type { FullResyncReason, LinkReason } from '../replication/reasons.ts';
import type { StateName, Target, wireState } from '../replication/replica-link/states.ts';

/** Options of redis.conf that concern the link. They are read anew each time, so CONFIG SET works at once. */
export interface FollowerSettings {
  /** `masteruser`; null for the default user. */
  user: string | null;
  /** `masterauth`; null: do not authenticate. */
  password: string | null;
  /** `replica-announce-port`, or else the port we listen on. */
  listeningPort: number;
  /** `replica-announce-ip`; null: the primary sees for itself. */
  announceIp: string | null;
  /** Said with REPLCONF version, so that Valkey 9 sends an RDB of its own version; null: not said. */
  announceVersion: string | null;
  /** `repl-timeout`, in ms. */
  timeoutMs: number;
  /** `repl-diskless-load`. */
  disklessLoad: 'disabled' | 'on-empty-db' | 'swapdb';
  /** `dir`: where a snapshot is kept when it is not loaded as it comes. */
  dir: string;
  /** `dbfilename`: its name once it was loaded. */
  dbFilename: string;
  /** `rdbchecksum`. */
  checksum: boolean;
  /** `bind-source-addr`; null: the system chooses. */
  sourceAddress: string | null;
  /** `databases`: how many there are. */
  databases: number;
  /**
   * What becomes of a command that cannot be applied: it is logged and passed over, or the link halts (decision 0004). It is
   * passed over when `propagation-error-behavior` says so, and by a replica that its own clients write to, which differs anyway.
   */
  passesOverFailures: boolean;
}

/** Where log lines go. Levels are those of redis.conf. */
export type LinkLog = (level: 'debug' | 'verbose' | 'notice' | 'warning', line: string) => void;

/** What the driver needs of an engine. */
export type FollowerStore = Pick<
  Store,
  | 'feed'
  | 'loader'
  | 'stats'
  | 'openSession'
  | 'closeSession'
  | 'sessionInfo'
  | 'selectDb'
  | 'apply'
  | 'resumeApply'
  | 'command'
  | 'failure'
>;

/** What the driver is given once, for good. */
export interface FollowerParts {
  store: FollowerStore;
  /** Shared with the server; while a link exists the driver changes it. */
  history: HistoryHolder;
  settings: () => FollowerSettings;
  /** `key-load-delay`, beside the settings because it is asked for often; absent: 0. */
  keyLoadDelayMicros?: () => number;
  log: LinkLog;
  /** Wall clock, Unix ms: for the engine. */
  nowMs: () => number;
  /** A clock that never jumps, in ms: for patience. */
  monotonicMs: () => number;
  /** The number of the next client: the link is one while the feed comes. */
  clientId: () => number;
  /** 40 hex digits, fresh each time. */
  randomId: () => string;
  /**
   * Something the server shows or gates on has changed. 'link': state, up or down, loading; 'history': our
   * replicas must be told (another id, or a data set that is not the continuation of theirs).
   */
  onChange: (what: 'link' | 'history') => void;
  /**
   * `Note` bits of the engine after feed was applied: what the server should collect (pushes, events, the
   * grown feed).
   */
  onNotes?: (notes: number) => void;
  /** What a primary that was told to take over (PSYNC FAILOVER) made of it. */
  onTakeOver?: (how: 'accepted' | 'rejected') => void;
  /** A command of the feed that belongs to the host (PUBLISH, SPUBLISH...). There is no one to answer. */
  onHostCommand?: (args: Buffer[]) => void;
  /**
   * The feed stands still for a script that rests: call `continueFeed` for its next turn. False when it is a client's
   * script, in whose way the feed is not to be: then call it once that is over.
   */
  onScriptRests?: () => boolean;
}

/** One step that changed the state, for the trace. */
export interface Transition {
  /** Monotonic ms. */
  atMs: number;
  from: StateName;
  event: string;
  to: StateName;
}

/** The link as of now. Seconds are whole, as Redis shows them; -1 says that there is no such time. */
export interface LinkStatus {
  /** Null: this server is a primary, and the rest describes nothing. */
  target: Target | null;
  state: StateName;
  /** The word that ROLE shows. */
  roleState: ReturnType<typeof wireState>;
  /** What ROLE shows as offset: the applied one while connected, else -1. */
  roleOffset: number;
  /** master_link_status is up. */
  up: boolean;
  /** master_last_io_seconds_ago. */
  lastIoSecondsAgo: number;
  /** master_link_down_since_seconds: since the link was last up. */
  downSinceSeconds: number;
  /** master_sync_in_progress, and what of it INFO shows then. */
  sync: {
    /** -1 before it is announced, 0 when the end is a mark. */
    totalBytes: number;
    readBytes: number;
    lastIoSecondsAgo: number;
  } | null;
  /**
   * slave_read_repl_offset: applied, and what came after it but is not complete. 1 when there is no history
   * to go on from.
   */
  readOffset: number;
  /** slave_repl_offset. */
  appliedOffset: number;
  /**
   * A snapshot is being built. 'blocking': there was nothing before it, so reads get -LOADING; 'beside': the
   * old data is served until it is complete (INFO's async_loading).
   */
  loading: 'no' | 'blocking' | 'beside';
  /**
   * While loading: when it began (Unix ms), the size if it is known (else 0), and what the loader has taken.
   */
  load: { startedMs: number; totalBytes: number; loadedBytes: number } | null;
  /**
   * Why the last link ended or was not made; null when there was none, or one is up again. Its text is in
   * `linkReasons`.
   */
  downBecause: LinkReason | null;
  /** What the primary or the system said about it; may be ''. */
  downDetail: string;
  /** After `halted`: the command of the primary that could not be applied, and what became of it. */
  halted: { command: string; error: string } | null;
  /** Why the last full resync happened. */
  lastFullResync: FullResyncReason | null;
  /** Commands of the primary that could not be applied, since the start or CONFIG RESETSTAT. */
  failedCommands: number;
  /** Since the start. */
  fullResyncs: number;
  partialResyncs: number;
  linksLost: number;
  /** (state, event) pairs that the table does not know: always 0, or there is a bug. */
  unexpected: number;
  /** What the last snapshot said of itself. */
  lastLoad: LoadReport | null;
}

/** Used for settings that a caller does not care about: Redis's defaults. */
export const defaultFollowerSettings: FollowerSettings = {
  user: null,
  password: null,
  listeningPort: 6379,
  announceIp: null,
  announceVersion: announcedVersion,
  timeoutMs: 60_000,
  disklessLoad: 'disabled',
  dir: '.',
  dbFilename: 'dump.rdb',
  checksum: true,
  sourceAddress: null,
  databases: 16,
  passesOverFailures: false,
};
