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
import type { Session } from './session.ts';
import { findCommand } from './table.ts';

/** Fed although they do not write by their flags. */
const alsoFed = new Set(['publish', 'spublish', 'pfcount', 'eval', 'evalsha', 'fcall']);

/** False for a command that will be refused because it is unknown or has too few words. O(queue) for EXEC. */
export function mayReplicate(session: Session, args: readonly Buffer[]): boolean {
  const command = findCommand(args);
  if (typeof command === 'string') return false;
  if (command.name === 'exec')
    return session.transaction?.queue.some((queued) => mayReplicate(session, queued)) ?? false;
  return command.flags.has('write') || alsoFed.has(command.name);
}
