/**
 * May a command change the data or go into the feed? CLIENT PAUSE WRITE holds back those that may.
 *
 *     flag write ---------------------------------------------------------------> yes
 *     PUBLISH, SPUBLISH (heard at replicas), PFCOUNT (stores what it counted) ---> yes
 *     EVAL, EVALSHA, FCALL: yes, unless the script itself says no-writes
 *     EXEC: what any of its queue says
 *
 * Redis keeps the second kind as the flag MAY_REPLICATE, which COMMAND INFO does not show. Nothing is run here.
 */
import { binary, lower } from './bytes.ts';
import { functionsOf } from './commands/functions.ts';
import type { Keyspace } from './keyspace.ts';
import { type Flag, scriptHead } from './script/shebang.ts';
import type { Session } from './session.ts';
import { findCommand } from './table.ts';

/** Fed although they do not write by their flags. */
const alsoFed = new Set(['publish', 'spublish', 'pfcount']);

/** False for a command that will be refused because it is unknown or has too few words. O(queue) for EXEC. */
export function mayReplicate(keyspace: Keyspace, session: Session, args: readonly Buffer[]): boolean {
  const command = findCommand(args);
  if (typeof command === 'string') return false;
  const { name, flags } = command;
  if (name === 'exec')
    return session.transaction?.queue.some((queued) => mayReplicate(keyspace, session, queued)) ?? false;
  if (name === 'eval' || name === 'evalsha' || name === 'fcall')
    return !declaredFlags(keyspace, name, args[1]!)?.has('no-writes');
  return flags.has('write') || alsoFed.has(name);
}

/** What a script or function says of itself; null for one that says nothing or cannot be found. */
function declaredFlags(
  keyspace: Keyspace,
  command: 'eval' | 'evalsha' | 'fcall',
  named: Buffer,
): ReadonlySet<Flag> | null {
  if (command === 'fcall') return functionsOf({ keyspace }).find(binary(named))?.flags ?? null;
  if (command === 'evalsha') return keyspace.scripts.find(lower(binary(named)))?.flags ?? null;
  const head = scriptHead(named);
  return 'error' in head ? null : head.flags;
}
