/**
 * Why: every reason a link ends, and every reason a full resync happens, as two closed lists.
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
