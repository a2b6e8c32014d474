/**
 * The words of the wire that redtwin itself does not use. Nowhere else do they stand as constants.
 *
 * Redis's replies, INFO fields and log lines still say master and slave; clients, Sentinel and dashboards match on them.
 * Redtwin says primary and replica (ARCHITECTURE.md), and translates here.
 */

/** Roles as INFO and ROLE say them. */
export const roleWord = { primary: 'master', replica: 'slave' } as const;

/** Client type of CLIENT LIST TYPE and CLIENT KILL TYPE: the word taken, and what we call it. */
export const clientTypeWords: Readonly<Record<string, 'normal' | 'replica' | 'pubsub' | 'primary'>> = {
  normal: 'normal',
  slave: 'replica',
  replica: 'replica',
  pubsub: 'pubsub',
  master: 'primary',
};

/** Fields of INFO that carry the old words: our name, theirs. */
export const infoField = {
  primaryHost: 'master_host',
  primaryPort: 'master_port',
  linkStatus: 'master_link_status',
  lastIoSecondsAgo: 'master_last_io_seconds_ago',
  syncInProgress: 'master_sync_in_progress',
  readOffset: 'slave_read_repl_offset',
  appliedOffset: 'slave_repl_offset',
  syncTotalBytes: 'master_sync_total_bytes',
  syncReadBytes: 'master_sync_read_bytes',
  syncLeftBytes: 'master_sync_left_bytes',
  syncPercent: 'master_sync_perc',
  syncLastIoSecondsAgo: 'master_sync_last_io_seconds_ago',
  downSinceSeconds: 'master_link_down_since_seconds',
  replicaPriority: 'slave_priority',
  replicaReadOnly: 'slave_read_only',
  connectedReplicas: 'connected_slaves',
  goodReplicas: 'min_slaves_good_slaves',
  failoverState: 'master_failover_state',
  historyId: 'master_replid',
  previousHistoryId: 'master_replid2',
  feedOffset: 'master_repl_offset',
  expiresTracked: 'slave_expires_tracked_keys',
  replicaBuffers: 'mem_clients_slaves',
} as const;

/**
 * What we say in REPLCONF version to a primary. Valkey 9 sends an RDB in its own format (VALKEY080) only to a replica of its
 * own age, and one without fields that expire to others; older servers and Redis answer an error, which counts for nothing. It
 * is not redtwin's version, and has nothing to do with how it answers clients (redis_version stays 7.0.15).
 */
export const announcedVersion = '9.1.0';

/** Replies and errors that carry the old words. */
export const wireText = {
  alreadyFollowing: 'OK Already connected to specified master',
  invalidPort: 'ERR Invalid master port',
  noPrimaryLink: "NOMASTERLINK Can't SYNC while not connected with my master",
  failingOver: "NOMASTERLINK Can't SYNC while failing over",
  takeOverOfPrimary: "ERR PSYNC FAILOVER can't be sent to a master.",
  takeOverOfOther: 'ERR PSYNC FAILOVER replid must match my replid.',
  becameReplica:
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
  /** In the log line of a replica that is left behind by a shutdown. */
  behind: 'behind master',
} as const;

/** The log lines of Redis for a primary that is silent, by our reason: people and tests search for them. */
export const linkTimeoutText: Readonly<Record<string, string>> = {
  'connect-timeout': 'Timeout connecting to the MASTER... ',
  'handshake-timeout': 'Timeout connecting to the MASTER... ',
  'transfer-timeout': 'Timeout receiving bulk data from MASTER... ',
  'link-timeout': 'MASTER timeout: no data nor PING received... ',
};

/** Likewise for an error where none may be: of a command of our primary, or of a replica of ours. */
export const linkErrorText = (from: 'primary' | 'replica', error: string, command: string): string =>
  `== CRITICAL == This ${from === 'primary' ? 'replica is sending an error to its master' : 'master is sending an error to its replica'}: ` +
  `'${error}' after processing the command '${command}'`;

/** Likewise for what happens to a link. */
export const linkText = {
  fullResync: 'Full resync from master',
  partialResync: 'Successful partial resynchronization with master',
  loading: 'MASTER <-> REPLICA sync: Loading DB in memory',
  loaded: 'MASTER <-> REPLICA sync: Finished with success',
} as const;

/** A replica's line in INFO: our place in the list, its address and state. */
export const infoReplica = (index: number): string => `slave${index}`;

/** Commands that have an older name of their own. */
export const oldCommandName = { replicaOf: 'slaveof' } as const;

/** Options of redis.conf that kept the old word: who to be for the primary. */
export const primaryLogin = { user: 'masteruser', password: 'masterauth' } as const;
