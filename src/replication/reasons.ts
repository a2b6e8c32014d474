/**
 * Why: every reason a link ends, and every reason a full resync happens, on either side, as closed lists.
 *
 * The key is the INFO field's value and the metric's label; the text is what the log says. There is no third
 * wording anywhere, so what an operator reads in a log can be searched in INFO and in metrics.
 */

/** Why a link to the primary ended, or could not be made. */
export const linkReasons = {
  'dial-failed': 'the primary could not be reached',
  'connect-timeout': 'the primary did not accept the connection within repl-timeout',
  'handshake-timeout': 'the primary did not answer the handshake within repl-timeout',
  'transfer-timeout': 'the primary sent nothing of the snapshot within repl-timeout',
  'link-timeout': 'the primary sent neither data nor PING within repl-timeout',
  closed: 'the primary closed the connection',
  'socket-error': 'the connection broke',
  killed: 'a client asked for its end',
  'ping-refused': 'the primary answered PING with an error',
  'auth-refused': 'the primary refused the user or the password',
  'line-too-long': 'the primary sent a line without an end',
  'garbled-reply': 'the primary sent a reply that makes no sense here',
  'psync-deferred': 'the primary cannot serve replicas at the moment',
  'snapshot-refused': 'the primary answered with an error instead of a snapshot',
  'snapshot-header': 'the primary announced a snapshot in a form that cannot be right',
  'snapshot-broken': 'the snapshot of the primary cannot be loaded',
  'snapshot-disk': 'the snapshot could not be kept on disk',
  'feed-broken': 'the primary sent a feed that is not in the protocol',
  'command-failed': 'the primary sent a command that cannot be applied here',
  redirected: 'this server was told to follow another primary',
  promoted: 'this server was told to be a primary',
  shutdown: 'this server shuts down',
} as const;
export type LinkReason = keyof typeof linkReasons;

/** Why a full resync happened instead of a partial one. */
export const fullResyncReasons = {
  'first-sync': 'this server has no history to continue',
  'other-history': 'the primary has another history',
  'offset-not-kept': 'the primary no longer keeps the offset that was asked for',
  'no-psync': 'the primary does not know PSYNC',
  'no-offsets': 'the last sync was made without PSYNC, so there is no offset to continue from',
  'after-halt': 'the link had halted at a command that cannot be applied here',
} as const;
export type FullResyncReason = keyof typeof fullResyncReasons;

/** Why PSYNC was answered with a full resync, seen from the primary. */
export const partialRefusals = {
  'full-wanted': 'it asked for everything',
  'old-sync': 'it asked with SYNC, which knows no offsets',
  'unknown-history': 'it has another history',
  'past-the-fork': 'it has more of our previous history than we share',
  'no-backlog': 'no feed is kept here yet',
  'too-far-behind': 'what it lacks is no longer kept',
  'ahead-of-us': 'it asked for an offset that we have not reached',
} as const;
export type PartialRefusal = keyof typeof partialRefusals;

/** Why the link to a replica ended, seen from the primary. */
export const replicaLossReasons = {
  closed: 'the connection ended',
  'snapshot-failed': 'the snapshot for it could not be made',
  'snapshot-delivered': 'it wanted the snapshot only, and has it',
  'bulk-timeout': 'it took nothing of the snapshot within repl-timeout',
  'ack-timeout': 'it acknowledged nothing within repl-timeout',
  'output-limit': 'it takes the feed too slowly: client-output-buffer-limit replica',
  'feed-lost': 'the feed it was reading is no longer kept',
  'sent-command': 'it sent a command that is answered, which a replica must not',
  'acked-future': 'it acknowledged an offset that we have not reached',
  'history-changed': 'our history has changed, and it must ask how to go on',
  killed: 'a client asked for its end',
} as const;
export type ReplicaLossReason = keyof typeof replicaLossReasons;

/** Why a replica that comes again and again cannot follow, as far as a primary can tell. */
export const inabilityReasons = {
  'snapshot-impossible':
    'no snapshot can be made for it: see the line before, rdb-version and rdb-version-loss',
  'snapshot-unread':
    'it hangs up when it gets the snapshot; if its log says that it does not know the RDB version, set feed-compat to its version',
} as const;
export type InabilityReason = keyof typeof inabilityReasons;
