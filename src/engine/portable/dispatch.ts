/**
 * From a request to a command that ran: the gates, in Redis 7.0's order, then the queue of MULTI, then the command.
 *
 *     unknown? arity? --> NOAUTH --> no_multi --> NOPERM --> OOM --> MISCONF --> NOREPLICAS --> READONLY --> subscriber --> MASTERDOWN --> LOADING --> BUSY
 *        --> a replica that wants keys
 *        --> in MULTI: queue it
 *        --> the host's: hand it back
 *        --> run it
 *
 * A refusal inside MULTI breaks the transaction. EXEC is held against the gates with the flags of all it has queued.
 */
import { wireErrors } from '../../protocol/generated/wire-errors.ts';
import { noPermission } from './access.ts';
import { busyRefusal } from './busy.ts';
import { Call } from './call.ts';
import { makeRoom } from './evict.ts';
import type { Keyspace } from './keyspace.ts';
import { mayReplicate } from './may-replicate.ts';
import type { Reply } from './reply.ts';
import { countErrors, type Dispatched, run } from './run.ts';
import type { Session } from './session.ts';
import { type Command, findCommand, nameOf } from './table.ts';

/**
 * The first words of what a browser sends that was lured here: such a connection ends without a word, and what was
 * answered before in the same chunk is not sent (Redis 7.0).
 */
const isFromBrowser = ([name]: readonly Buffer[]): boolean =>
  /^(post|host:)$/i.test(name!.toString('latin1'));

/** Commands that MULTI does not queue. */
const neverQueued = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);
/** Commands that get through inside MULTI although memory is full. */
const alwaysAfforded = new Set(['exec', 'discard', 'quit', 'reset']);

/** What a client with subscriptions may still do in RESP2, where it could not tell replies from messages. */
const forSubscribers = new Set([
  'ping',
  'subscribe',
  'ssubscribe',
  'sunsubscribe',
  'psubscribe',
  'unsubscribe',
  'punsubscribe',
  'quit',
  'reset',
]);

export function dispatch(
  keyspace: Keyspace,
  session: Session,
  args: Buffer[],
  reply: Reply,
  nowMs: number,
): Dispatched {
  const command = findCommand(args);
  if (typeof command === 'string') {
    if (isFromBrowser(args)) return 'closing';
    reject(keyspace, session, args, command, reply);
    return 'done';
  }
  session.lastCommand = command.name;
  const evicted = keyspace.counters.evictedKeys;
  const error = gate(keyspace, session, command, args, nowMs);
  if (session.tracking !== 'off' && evicted !== keyspace.counters.evictedKeys) return 'again';
  if (error !== null) {
    reject(keyspace, session, args, error, reply);
    return 'done';
  }
  const transaction = session.transaction;
  if (transaction !== null && !neverQueued.has(command.name)) {
    // A transaction that will abort anyway is not worth the memory.
    if (!transaction.isBroken && !session.isStale) transaction.queue.push(args);
    for (const flag of command.flags) transaction.flags.add(flag);
    for (const flag of ['stale', 'loading'] as const)
      if (!command.flags.has(flag)) transaction.lacks.add(flag);
    reply.simple('QUEUED');
    return 'done';
  }
  if (command.isHost) {
    // The host counts its commands itself; only their number is kept here.
    keyspace.commandCounters.commands++;
    session.hostCommand = args;
    return 'host';
  }
  return run(new Call(keyspace, session, args, reply, nowMs), command);
}

function gate(
  keyspace: Keyspace,
  session: Session,
  command: Command,
  args: readonly Buffer[],
  nowMs: number,
): string | null {
  const { gates } = keyspace;
  const { flags } = command;
  const queued = command.name === 'exec' ? session.transaction : null;
  const has = (flag: 'write' | 'readonly' | 'denyoom'): boolean =>
    flags.has(flag) || queued?.flags.has(flag) === true;
  const lacks = (flag: 'stale' | 'loading'): boolean => !flags.has(flag) || queued?.lacks.has(flag) === true;
  if (!session.authenticated && !flags.has('no_auth')) return wireErrors.noAuth;
  if (session.transaction !== null && flags.has('no_multi')) return wireErrors.notInMulti;
  if (session.user !== 0) {
    const context = session.transaction === null ? 'toplevel' : 'multi';
    const refused = keyspace.access.refusal(session, command.spec, args, context);
    if (refused !== null) return noPermission(refused, command.spec);
  }
  if (command.name === 'debug' && keyspace.settings['enable-debug-command'] === 'no') return debugNotAllowed;
  if (keyspace.settings.maxmemory > 0 && keyspace.busy === null) {
    const mustAfford = has('denyoom') || (session.transaction !== null && !alwaysAfforded.has(command.name));
    if (!makeRoom(keyspace, nowMs) && mustAfford) return wireErrors.oom;
  }
  if (gates.misconf && (has('write') || command.name === 'ping')) return wireErrors.misconf;
  if (gates.noReplicas && has('write')) return wireErrors.noReplicas;
  if (gates.readOnly && has('write')) return wireErrors.readOnly;
  if (session.isSubscriber && session.protocol === 2 && !forSubscribers.has(command.name))
    return (
      `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are ` +
      'allowed in this context'
    );
  if (gates.masterDown && lacks('stale')) return wireErrors.masterDown;
  if (gates.loading && lacks('loading')) return wireErrors.loading;
  const busy = busyRefusal(keyspace, flags);
  if (busy !== null || !session.isReplica) return busy;
  const wantsKeys = has('write') || has('readonly') || mayReplicate(keyspace, session, args);
  return wantsKeys ? wireErrors.noKeysForReplicas : null;
}

const debugNotAllowed =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a ' +
  'local connection, otherwise you need to set this option in the configuration file, and then restart the server.';

/** Answers with an error. In MULTI the transaction is broken by it; an EXEC that is refused ends its transaction. */
function reject(
  keyspace: Keyspace,
  session: Session,
  args: readonly Buffer[],
  error: string,
  reply: Reply,
): void {
  if (session.transaction !== null) session.transaction.isBroken = true;
  const name = nameOf(args);
  if (name !== null) keyspace.commandCounters.rejected(name);
  if (name === 'exec') {
    session.discard();
    keyspace.unwatchAll(session);
    reply.error(`EXECABORT Transaction discarded because of: ${error.replace(/^ERR /, '')}`);
  } else {
    reply.error(error);
  }
  countErrors(keyspace, reply, null);
}
