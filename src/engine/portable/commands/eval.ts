/**
 * EVAL, EVALSHA, FCALL and their read-only forms: admitted, run, replied.
 *
 *     EVAL body numkeys key... arg...
 *        cache (compiled at the first time) -> may it run now? -> Lua -> reply
 *        its writes are effects of this unit; the command itself is never fed
 */
import { wireErrors } from '../../../protocol/generated/wire-errors.ts';
import { LuaBroken } from '../../lua/instance.ts';
import { LuaType } from '../../lua/lua.ts';
import { lower } from '../bytes.ts';
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { isOutOfMemory } from '../memory.ts';
import { parseInteger } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { failure, isCounted, writeReply } from '../script/convert.ts';
import { Inner } from '../script/inner.ts';
import type { Compiled, Machine, Outcome } from '../script/machine.ts';
import type { Flag } from '../script/shebang.ts';
import { functionsOf, instructionsMax } from './functions.ts';

/** What is to be run. */
interface Program {
  readonly machine: Machine;
  readonly compiled: Compiled;
  /** As errors name it: the SHA-1, or the function's name. */
  readonly name: string;
  /** Null for a script without a `#!` line: old rules. */
  readonly flags: ReadonlySet<Flag> | null;
  readonly isFunction: boolean;
}

/** Keys and arguments behind their number. */
interface Input {
  readonly keys: readonly Buffer[];
  readonly argv: readonly Buffer[];
}

function split(call: Call, notANumber: string): Input {
  const count = parseInteger(call.text(2)) ?? refuseWith(notANumber);
  const rest = call.args.slice(3);
  if (count > rest.length) refuseWith("ERR Number of keys can't be greater than number of args");
  if (count < 0) refuseWith("ERR Number of keys can't be negative");
  return { keys: rest.slice(0, count), argv: rest.slice(count) };
}

function evaluate(call: Call, isReadOnly: boolean): void {
  const input = split(call, wireErrors.notInteger);
  const sha = call.keyspace.scripts.load(call.args[1]!);
  if (typeof sha === 'object') refuseWith(`ERR ${sha.error}`);
  runCached(call, sha, input, isReadOnly);
}

function evaluateSha(call: Call, isReadOnly: boolean): void {
  const sha = call.text(1);
  if (sha.length !== 40) refuse('noScript');
  runCached(call, lower(sha), split(call, wireErrors.notInteger), isReadOnly);
}

function runCached(call: Call, sha: string, input: Input, isReadOnly: boolean): void {
  const script = call.keyspace.scripts.find(sha);
  if (script === null) refuse('noScript');
  const { machine, ref } = script.compiled;
  runProgram(
    call,
    { machine, compiled: ref, name: sha, flags: script.flags, isFunction: false },
    input,
    isReadOnly,
  );
}

function callFunction(call: Call, isReadOnly: boolean): void {
  const functions = functionsOf(call);
  const found = functions.find(call.text(1)) ?? refuseWith('ERR Function not found');
  const { name, flags, compiled } = found;
  const input = split(call, 'ERR Bad number of keys provided');
  runProgram(
    call,
    { machine: functions.machine, compiled, name, flags, isFunction: true },
    input,
    isReadOnly,
  );
}

/** Why a script may not run now, in Redis's order (script.c, scriptPrepareForRun). */
function refusal(call: Call, flags: ReadonlySet<Flag> | null, isReadOnly: boolean): string | null {
  const { gates } = call.keyspace;
  const isBound = !call.isFromPrimary;
  if (flags === null) return gates.masterDown && isBound ? wireErrors.masterDown : null;
  if (gates.masterDown && isBound && !flags.has('allow-stale')) return notStale;
  if (flags.has('no-writes')) return null;
  if (isBound) {
    if (isReadOnly) return 'ERR Can not execute a script with write flag using *_ro command.';
    if (gates.readOnly) return 'READONLY Can not run script with write flag on readonly replica.';
    if (gates.misconf && !gates.replica) return wireErrors.misconf;
    if (gates.noReplicas && !gates.replica) return wireErrors.noReplicas;
  }
  return !flags.has('allow-oom') && isBound && isOutOfMemory(call.keyspace) ? notOom : null;
}

const notStale =
  "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is not set on " +
  'the script.';
const notOom = "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'";

function runProgram(call: Call, program: Program, { keys, argv }: Input, isReadOnly: boolean): void {
  const refused = refusal(call, program.flags, isReadOnly);
  if (refused !== null) refuseWith(refused);
  const { machine, compiled, name, flags, isFunction } = program;
  const { lua } = machine;
  const inner = new Inner(machine, call, {
    isReadOnly: isReadOnly || flags?.has('no-writes') === true,
    allowsOom: flags?.has('allow-oom') === true,
    hasWritten: false,
  });
  const instructions = instructionsMax(call);
  const finish = (outcome: Outcome): string | null => {
    if (outcome === 'killed')
      return `ERR Script killed: it ran for too long (busy-reply-threshold). script: ${name}`;
    if (outcome === 'failed') {
      const text = failure(lua, lua.main, name);
      const { main } = lua;
      if (lua.type(main, -1) !== LuaType.table || !isCounted(lua, main, lua.api.lua_gettop(main)))
        return text;
      call.reply.toldError(text);
      return null;
    }
    writeReply(lua, lua.main, call.reply, machine.resp3);
    return null;
  };
  const start = call.reply.size;
  let error: string | null;
  try {
    error = machine.run({ compiled, isFunction, instructions }, keys, argv, inner, finish);
  } catch (thrown) {
    // The machine is spent, the data is not: what the script wrote until then stays.
    if (!(thrown instanceof LuaBroken)) throw thrown;
    call.reply.truncate(start);
    error = `ERR Error running script ${name}, ${thrown.message.slice(0, 100)}`;
  }
  if (error !== null) refuseWith(error);
}

export const evals: HandlerTable = {
  eval: (call) => evaluate(call, false),
  eval_ro: (call) => evaluate(call, true),
  evalsha: (call) => evaluateSha(call, false),
  evalsha_ro: (call) => evaluateSha(call, true),
  fcall: (call) => callFunction(call, false),
  fcall_ro: (call) => callFunction(call, true),
};
