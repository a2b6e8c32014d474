/**
 * Runs one command that has passed its gates: for a client (dispatch.ts), in an EXEC (execution.ts), in a script
 * (script/inner.ts). The reply is complete afterwards, unless the command waits; the command's time and errors are counted.
 */
import { type Busy, type RestingScript, Rests, setAside, takeUp } from './busy.ts';
import type { Call } from './call.ts';
import type { Keyspace } from './keyspace.ts';
import { HandBack, Refusal } from './refusal.ts';
import type { Reply } from './reply.ts';
import type { Command } from './table.ts';

/**
 * What became of a request. 'busy': its script rests (see busy.ts). 'again': it has not run; what was evicted to make room for it
 * is to be told before its reply.
 */
export type Dispatched = 'done' | 'host' | 'blocked' | 'closing' | 'busy' | 'again';

export function run(call: Call, command: Command): Dispatched {
  call.name = command.name;
  return proceed(call, command, call.keyspace.commandCounters.nowMs(), null);
}

/** Gives a script that rests another turn. */
export function goOn(keyspace: Keyspace, busy: Busy): Dispatched {
  const { call, command, fromMs, script } = takeUp(keyspace, busy);
  return proceed(call, command, fromMs, script);
}

function proceed(call: Call, command: Command, fromMs: number, script: RestingScript | null): Dispatched {
  const counters = call.keyspace.commandCounters;
  try {
    if (script === null) command.run(call);
    else script.goOn(call);
  } catch (thrown) {
    if (thrown instanceof Rests) {
      setAside(call, command, fromMs, thrown.script);
      return 'busy';
    }
    if (thrown instanceof HandBack) {
      counters.commands++;
      call.session.hostCommand = [...call.args];
      return 'host';
    }
    if (!(thrown instanceof Refusal)) throw thrown;
    call.reply.error(thrown.text);
  }
  call.finish();
  if (call.session.tracking !== 'off') call.keyspace.traces.read(call.session, command.spec, call.args);
  countErrors(call.keyspace, call.reply, command.name);
  if (call.waiting === null) {
    // An EXEC that goes on is over when its last command is: execution.ts counts it then.
    if (call.session.execution === null || command.name !== 'exec') counters.ran(command.name, fromMs);
    else call.session.execution.fromMs = fromMs;
    return 'done';
  }
  counters.waits(command.name, fromMs);
  call.session.waiting = call.waiting;
  call.keyspace.waitingRoom.add(call.waiting);
  return 'blocked';
}

/** Counts the errors written just now; a call that wrote some has failed. */
export function countErrors({ commandCounters }: Keyspace, reply: Reply, name: string | null): void {
  if (!reply.hasErrors) return;
  for (const text of reply.takeErrors()) commandCounters.countError(text);
  if (name !== null) commandCounters.failed(name);
}
