/**
 * EXEC, command by command, with a pause wherever one belongs to the host.
 *
 * The whole transaction is one unit: its effects are collected and go into the feed together at the end. While
 * the host answers a command, they wait in the session, and what the host propagates meanwhile takes its place among
 * them.
 */
import { noLongerAllowed } from './access.ts';
import { Call } from './call.ts';
import type { Keyspace } from './keyspace.ts';
import type { Reply } from './reply.ts';
import { countErrors, run } from './run.ts';
import type { Execution, Session } from './session.ts';
import { findCommand } from './table.ts';

/** Runs on until the end ('done', the session has no execution any more), the next host command ('host') or a script that rests ('busy'). */
export function continueExecution(
  keyspace: Keyspace,
  session: Session,
  execution: Execution,
  reply: Reply,
  nowMs: number,
): 'done' | 'host' | 'busy' {
  keyspace.effects = execution.effects;
  while (execution.next < execution.queue.length) {
    const args = execution.queue[execution.next++]!;
    const command = findCommand(args);
    if (typeof command === 'string') {
      reply.error(command);
      countErrors(keyspace, reply, null);
      continue;
    }
    // What was allowed when it was queued may not be any more.
    if (session.user !== 0) {
      const refused = keyspace.access.refusal(session, command.spec, args, 'multi');
      if (refused !== null) {
        reply.error(noLongerAllowed(refused));
        countErrors(keyspace, reply, null);
        continue;
      }
    }
    const call = new Call(keyspace, session, args, reply, nowMs);
    call.mayBlock = false;
    if (command.isHost) keyspace.commandCounters.commands++;
    const done = command.isHost ? 'host' : run(call, command);
    if (done === 'busy') return done;
    if (done === 'host') {
      session.hostCommand = args;
      execution.effects = keyspace.effects;
      keyspace.effects = [];
      return 'host';
    }
    reply.protocol = session.protocol;
  }
  session.execution = null;
  keyspace.commandCounters.ran('exec', execution.fromMs);
  return 'done';
}
