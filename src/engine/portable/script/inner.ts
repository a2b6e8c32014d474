/**
 * A command inside a script: looked up, checked by the script's rights, run on the same keyspace.
 *
 * Order of checks as in Redis 7.0 (script.c): known, arity, noscript, stale, read-only, writes allowed here, memory.
 */
import { wireErrors } from '../../../protocol/generated/wire-errors.ts';
import type { Thread } from '../../lua/instance.ts';
import { Call } from '../call.ts';
import type { Keyspace } from '../keyspace.ts';
import { isOutOfMemory } from '../memory.ts';
import { Reply } from '../reply.ts';
import { run } from '../run.ts';
import { Session } from '../session.ts';
import type { Command } from '../table.ts';
import { errorTable, pushReply, wordsOf } from './convert.ts';
import type { Machine } from './machine.ts';
import type { Host } from './native.ts';

/** What a script may do, and what it has done. */
export interface Rights {
  /** EVAL_RO, FCALL_RO, or the flag no-writes. */
  readonly isReadOnly: boolean;
  /** The flag allow-oom. */
  readonly allowsOom: boolean;
  /** It has written: from now on nothing that may change from one moment to the next stops it. */
  hasWritten: boolean;
}

const unknown = 'ERR Unknown Redis command called from script';
const notWords = 'ERR Lua redis lib command arguments must be strings or integers';
const noWords = 'ERR Please specify at least one argument for this redis lib call';
const notAllowed = 'ERR This Redis command is not allowed from script';
/** Commands without the flag `write` that may go into the feed. */
const mayFeed = new Set(['publish', 'spublish', 'pfcount']);
/** What a call counts for in the script's budget, besides its reply: about the time it takes. */
const instructionsPerCall = 200;
const refusedByReply = 0x2d;

/** What a script reads when its caller may not do what it asks for. */
const notInScript = {
  command: "ERR The user executing the script can't run this command or subcommand",
  key: "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
  channel: "ERR The user executing the script can't publish to the channel mentioned in the command",
} as const;

/** Runs commands for one script. */
export class Inner implements Host {
  readonly rights: Rights;
  readonly #machine: Machine;
  readonly #keyspace: Keyspace;
  /** The commands' own session: its database starts as the caller's. */
  readonly #session: Session;
  readonly #reply = new Reply();
  readonly #nowMs: number;
  readonly #isFromPrimary: boolean;

  /** `outer` is the EVAL or FCALL. */
  constructor(machine: Machine, outer: Call, rights: Rights) {
    this.#machine = machine;
    this.#keyspace = outer.keyspace;
    this.#session = new Session(outer.session.id);
    this.#session.db = outer.session.db;
    this.#session.isScript = true;
    this.#session.user = outer.session.user;
    this.#session.tracking = outer.session.tracking;
    this.#session.isCaching = outer.session.isCaching;
    this.#session.declaredKeys = outer.args.slice(3, 3 + Number(outer.args[2]));
    this.#session.lastCommand = outer.session.lastCommand;
    this.#nowMs = outer.nowMs;
    this.#isFromPrimary = outer.isFromPrimary;
    this.rights = rights;
  }

  /** redis.call and redis.pcall: pushes true and the result, or false and an error table. */
  call(thread: Thread): void {
    const { lua } = this.#machine;
    const words = wordsOf(lua, thread);
    if (words === null || words.length === 0) {
      lua.pushBoolean(thread, false);
      errorTable(lua, thread, words === null ? notWords : noWords);
      return;
    }
    const { commandCounters, scripts } = this.#keyspace;
    const command = scripts.lookUp(words);
    const refusal = typeof command === 'string' ? unknown : this.#refusal(command, words);
    if (refusal !== null) {
      commandCounters.countError(refusal);
      if (typeof command === 'object') commandCounters.rejected(command.name);
      lua.pushBoolean(thread, false);
      errorTable(lua, thread, refusal, true);
      return;
    }
    this.#keyspace.scripted?.push({ db: this.#session.db, args: words });
    const reply = this.#run(command as Command, words);
    this.#machine.spend(instructionsPerCall + reply.length);
    const isError = reply[0] === refusedByReply;
    lua.pushBoolean(thread, !isError);
    pushReply(lua, thread, reply);
  }

  /** redis.acl_check_cmd: whether the caller may run a command; null when there is no such command. */
  mayRun(words: readonly Buffer[]): boolean | null {
    const { access, scripts } = this.#keyspace;
    const command = scripts.lookUp(words);
    if (typeof command === 'string') return null;
    const { user } = this.#session;
    return user === 0 || access.judge(user, command.spec, words) === null;
  }

  /** Why a command may not run now, or null; then it will have written, if it is one that writes. */
  #refusal({ name, arity, flags, spec }: Command, words: readonly Buffer[]): string | null {
    if (arity >= 0 ? words.length !== arity : words.length < -arity)
      return 'ERR Wrong number of args calling Redis command from script';
    const { gates, scriptsCallAll } = this.#keyspace;
    if ((flags.has('noscript') && !scriptsCallAll) || name === 'quit' || name === 'reset') return notAllowed;
    const isBound = !this.#isFromPrimary;
    if (isBound && gates.masterDown && !flags.has('stale'))
      return 'ERR Can not execute the command on a stale replica';
    if (this.#session.user !== 0) {
      const reason = this.#keyspace.access.refusal(this.#session, spec, words, 'lua');
      if (reason !== null) return notInScript[reason];
    }
    if (this.rights.isReadOnly && (flags.has('write') || mayFeed.has(name)))
      return 'ERR Write commands are not allowed from read-only scripts.';
    if (flags.has('write') && isBound && !this.rights.hasWritten) {
      if (gates.readOnly) return wireErrors.readOnly;
      if (gates.misconf && !gates.replica) return wireErrors.misconf;
      if (gates.noReplicas && !gates.replica) return wireErrors.noReplicas;
    }
    const mustAfford = flags.has('denyoom') && !this.rights.allowsOom && !this.rights.hasWritten;
    if (mustAfford && isBound && isOutOfMemory(this.#keyspace)) return wireErrors.oom;
    this.rights.hasWritten ||= flags.has('write');
    return null;
  }

  /** Runs a command; its reply. */
  #run(command: Command, words: Buffer[]): Buffer {
    const { effects } = this.#keyspace;
    const mark = effects.length;
    this.#session.protocol = this.#reply.protocol = this.#machine.resp3 ? 3 : 2;
    const call = new Call(
      this.#keyspace,
      this.#session,
      words,
      this.#reply,
      this.#nowMs,
      this.#isFromPrimary,
    );
    call.mayBlock = false;
    if (command.isHost || run(call, command) === 'host') {
      const answer = this.#keyspace.scripts.askHost(this.#session.id, words);
      if (answer === null) this.#reply.error(notAllowed);
      else this.#reply.raw(answer);
    }
    this.#session.hostCommand = null;
    // What is not for replicas is not for the feed.
    if ((this.#machine.replicate & 2) === 0) effects.length = mark;
    return this.#reply.take();
  }
}
