/**
 * EVAL, EVALSHA, FCALL and their read-only forms: admitted, run, replied.
 *
 *     EVAL body numkeys key... arg...
 *        cache (compiled at the first time) -> may it run now? -> Lua -> reply
 *        a long one rests in between (busy.ts); its writes are effects of this unit; the command itself is never fed
 */
import { wireErrors } from '../../../protocol/generated/wire-errors.ts';
import { LuaBroken } from '../../lua/instance.ts';
import { LuaType } from '../../lua/lua.ts';
import { type RestingScript, Rests } from '../busy.ts';
import { lower } from '../bytes.ts';
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { isOutOfMemory } from '../memory.ts';
import { parseInteger } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { failure, isCounted, writeReply } from '../script/convert.ts';
import { Inner } from '../script/inner.ts';
import type { Compiled, Machine } from '../script/machine.ts';
import type { Flag } from '../script/shebang.ts';
import { functionsOf } from './functions.ts';

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
  // Made now: FUNCTION STATS may ask for them while Lua is in the middle of something.
  if (call.keyspace.functions.size > 0) functionsOf(call);
  const { machine, compiled, flags, isFunction } = program;
  const inner = new Inner(machine, call, {
    isReadOnly: isReadOnly || flags?.has('no-writes') === true,
    allowsOom: flags?.has('allow-oom') === true,
    hasWritten: false,
  });
  const script = new RunningScript(program, inner);
  script.guarded(call, () =>
    machine.start({ compiled, isFunction, heldInstructions: heldInstructions(call) }, keys, argv, inner),
  );
  script.goOn(call);
}

/** What a millisecond of `busy-reply-threshold` is worth; there is no clock here. Measured: see docs/decisions. */
const instructionsPerMs = 100_000;

/** Instructions after which a script is ended where it cannot rest. */
function heldInstructions({ settings }: Call): number {
  const ms = settings['busy-reply-threshold'];
  return ms > 0 ? ms * instructionsPerMs : Number.POSITIVE_INFINITY;
}

/** A script that was started: it runs, and rests, until it is over. */
class RunningScript implements RestingScript {
  readonly #program: Program;
  readonly #inner: Inner;

  constructor(program: Program, inner: Inner) {
    this.#program = program;
    this.#inner = inner;
  }

  get name(): string {
    return this.#program.name;
  }

  get isFunction(): boolean {
    return this.#program.isFunction;
  }

  get hasWritten(): boolean {
    return this.#inner.rights.hasWritten;
  }

  kill(): void {
    this.#program.machine.kill();
  }

  goOn(call: Call): void {
    const { machine } = this.#program;
    const turn = this.guarded(call, () => machine.goOn());
    if (turn === 'rests') throw new Rests(this);
    const error = this.guarded(call, () => this.#finish(call, turn));
    machine.end(turn === 'returned');
    if (error !== null) refuseWith(error);
  }

  /** Something that enters Lua, and may be its end. */
  guarded<T>(call: Call, enter: () => T): T {
    const start = call.reply.size;
    try {
      return enter();
    } catch (thrown) {
      // The machine is spent, the data is not: what the script wrote until then stays.
      if (!(thrown instanceof LuaBroken)) throw thrown;
      call.reply.truncate(start);
      return refuseWith(`ERR Error running script ${this.name}, ${thrown.message.slice(0, 100)}`);
    }
  }

  /** The reply; an error that is still to be counted is given instead. */
  #finish({ reply }: Call, turn: 'returned' | 'failed' | 'killed'): string | null {
    const { machine, name } = this.#program;
    const { lua, thread } = machine;
    if (turn === 'killed') {
      const place = machine.killedAt;
      return place === null
        ? `ERR Script killed: it ran for too long where it cannot be interrupted (busy-reply-threshold). script: ${name}`
        : `ERR Script killed by user with SCRIPT KILL... script: ${name}, on ${place.source}:${place.line}.`;
    }
    if (turn === 'returned') {
      writeReply(lua, thread, reply, machine.resp3);
      return null;
    }
    const text = failure(lua, thread, name);
    const isTold =
      lua.type(thread, -1) === LuaType.table && isCounted(lua, thread, lua.api.lua_gettop(thread));
    if (!isTold) return text;
    reply.toldError(text);
    return null;
  }
}

export const evals: HandlerTable = {
  eval: (call) => evaluate(call, false),
  eval_ro: (call) => evaluate(call, true),
  evalsha: (call) => evaluateSha(call, false),
  evalsha_ro: (call) => evaluateSha(call, true),
  fcall: (call) => callFunction(call, false),
  fcall_ro: (call) => callFunction(call, true),
};
