/**
 * A script that rests in the middle, and what others may do meanwhile.
 *
 *     EVAL --> rests --> setAside: its command and effects so far          --> Stop.busy
 *                           |   others: -BUSY, but for what is allowed
 *     resume --> takeUp --> run.ts goes on with the command, which rests again or ends as any command does
 *
 * Nothing else may read or change the data while there is such a script: a unit is seen as a whole or not at all.
 */
import { wireErrors } from '../../protocol/generated/wire-errors.ts';
import type { Call } from './call.ts';
import type { Effect } from './feed.ts';
import type { Keyspace } from './keyspace.ts';
import { refuseWith } from './refusal.ts';
import type { Command } from './table.ts';

/** A script in the middle of its command. */
export interface RestingScript {
  /** As errors name it: the SHA-1, or the function's name. */
  readonly name: string;
  readonly isFunction: boolean;
  readonly hasWritten: boolean;
  /** Another turn, and at the end the reply: what the command's own function does, from where it stopped. */
  goOn(call: Call): void;
  /** It will end at its next turn. */
  kill(): void;
}

/** Thrown by a command whose script has used up its turn. */
export class Rests {
  readonly script: RestingScript;
  constructor(script: RestingScript) {
    this.script = script;
  }
}

/** What was going on when a script came to rest. */
export interface Busy {
  readonly script: RestingScript;
  readonly call: Call;
  readonly command: Command;
  /** When the command began, by the clock of the statistics. */
  readonly fromMs: number;
  /** What the unit has for the feed so far; others' effects do not mix with these. */
  readonly effects: Effect[];
}

export function setAside(call: Call, command: Command, fromMs: number, script: RestingScript): void {
  const { keyspace } = call;
  keyspace.busy = { script, call, command, fromMs, effects: keyspace.effects };
  keyspace.effects = [];
}

/** Puts everything back where it was when this script came to rest. */
export function takeUp(keyspace: Keyspace, busy: Busy): Busy {
  keyspace.busy = null;
  keyspace.effects = busy.effects;
  busy.call.reply.protocol = busy.call.session.protocol;
  return busy;
}

/** Why a command of another session may not run now. */
export function busyRefusal({ busy }: Keyspace, flags: ReadonlySet<string>): string | null {
  if (busy === null || flags.has('allow_busy')) return null;
  return busy.script.isFunction ? wireErrors.busyFunction : wireErrors.busyScript;
}

/** SCRIPT KILL, and FUNCTION KILL (`isFunction`), in Redis's order of refusals. */
export function kill({ keyspace: { busy }, reply }: Call, isFunction: boolean): void {
  if (busy === null) refuseWith('NOTBUSY No scripts in execution right now.');
  if (busy.call.isFromPrimary) refuseWith(wireErrors.unkillableFromPrimary);
  if (busy.script.hasWritten) refuseWith(wireErrors.unkillableWrote);
  if (busy.script.isFunction !== isFunction)
    refuseWith(busy.script.isFunction ? wireErrors.busyFunction : wireErrors.busyScript);
  busy.script.kill();
  reply.ok();
}
