/**
 * Scripts and functions: what is known of them, and the Lua that runs them.
 *
 *     EVAL, FCALL --> commands/eval.ts --> machine.ts (Lua 5.1) --> prelude (the sandbox)
 *                                            |  redis.call
 *                                            '--> inner.ts --> the command's handler --> convert.ts --> Lua
 *
 * Its one idea: a script is one unit. Each write in it is an effect of that unit, so the feed holds what the script
 * did and never the script itself. Lua is made when the first script or function needs it, and made anew when it is spent: what
 * is kept here are sources, and everything that is compiled belongs to one machine.
 */
import type { ScriptStats, SessionId, Store } from '../../engine.ts';
import type { LookUp } from '../table.ts';
import { Functions } from './functions.ts';
import { type Compiled, Machine } from './machine.ts';
import { sha1Hex } from './sha1.ts';
import { type Flag, scriptHead } from './shebang.ts';

/** Lua's garbage is collected before its memory is told, up to this many bytes. */
const collectedBytesMax = 512 * 1024;

/** A script that EVALSHA finds. */
export interface Script {
  readonly sha: string;
  /** What the `#!` line says; null without such a line: old rules. */
  readonly flags: ReadonlySet<Flag> | null;
  /** Its Lua. */
  readonly code: Buffer;
  /** Ready to run, in that machine. */
  compiled: { machine: Machine; ref: Compiled };
}

export class Scripts {
  readonly lookUp: LookUp;
  readonly #cache = new Map<string, Script>();
  /** The Lua state that runs scripts, and the one that runs functions: two, as in Redis, so that SCRIPT FLUSH can make one anew. */
  #machine: Machine | null = null;
  #functionsMachine: Machine | null = null;
  /** Made from the libraries' sources when somebody asks; null when those have changed since. */
  #functions: Functions | null = null;

  /** See `Store.onScriptCommand`. */
  onHostCommand: Store['onScriptCommand'] = null;
  /** The host is answering what a script asked. */
  isAsking = false;
  #logs: { level: number; text: Buffer }[] = [];

  /** `lookUp` finds the commands that scripts call. */
  constructor(lookUp: LookUp) {
    this.lookUp = lookUp;
  }

  /** The Lua state that runs scripts now. */
  #scriptsMachine(): Machine {
    if (this.#machine === null || this.#machine.isSpent) this.#machine = this.#newMachine();
    return this.#machine;
  }

  #newMachine(): Machine {
    return new Machine((level, text) => this.#logs.push({ level, text }));
  }

  /** A host command that a script calls: its reply; null when the host answers none. */
  askHost(session: SessionId, command: Buffer[]): Uint8Array | null {
    this.isAsking = true;
    try {
      return this.onHostCommand?.(session, command) ?? null;
    } finally {
      this.isAsking = false;
    }
  }

  /** Something that is no script's has a line for the host's log; level 0 to 3. */
  log(level: number, text: string): void {
    this.#logs.push({ level, text: Buffer.from(text) });
  }

  get hasLogs(): boolean {
    return this.#logs.length > 0;
  }

  takeLogs(): { level: number; text: Buffer }[] {
    const logs = this.#logs;
    this.#logs = [];
    return logs;
  }

  /** While it is little, the garbage in it is collected first: what nobody can reach any more is nobody's memory. */
  #luaBytes(machine: Machine | null): number {
    const lua = machine?.lua;
    if (lua === undefined) return 0;
    if (lua.usedBytes < collectedBytesMax) lua.collect();
    return lua.usedBytes;
  }

  /** What scripts take; which one rests is the keyspace's to say. */
  stats(): Omit<ScriptStats, 'libraries' | 'running'> {
    let scriptsBytes = 0;
    for (const { code } of this.#cache.values()) scriptsBytes += code.length;
    const functions = this.#functions?.functionCount ?? 0;
    const [scriptsLuaBytes, functionsLuaBytes] = [
      this.#luaBytes(this.#machine),
      this.#luaBytes(this.#functionsMachine),
    ];
    return { scriptsLuaBytes, functionsLuaBytes, scripts: this.#cache.size, scriptsBytes, functions };
  }

  /** A cached script, ready to run in the machine of now; null when it is not cached. */
  find(sha: string): Script | null {
    const script = this.#cache.get(sha);
    if (script === undefined) return null;
    const machine = this.#scriptsMachine();
    if (script.compiled.machine !== machine) script.compiled = compiledIn(machine, script.code);
    return script;
  }

  has(sha: string): boolean {
    return this.#cache.has(sha);
  }

  /** Puts a script into the cache, unless it is there. Answers its name, or Redis's words, without ERR. */
  load(body: Buffer): string | { error: string } {
    const sha = sha1Hex(body);
    if (this.#cache.has(sha)) return sha;
    const head = scriptHead(body);
    if ('error' in head) return head;
    const code = body.subarray(head.start);
    const machine = this.#scriptsMachine();
    const ref = machine.compileScript(code);
    if (typeof ref === 'object') return { error: `Error compiling script (new function): ${ref.error}` };
    this.#cache.set(sha, { sha, flags: head.flags, code, compiled: { machine, ref } });
    return sha;
  }

  /** SCRIPT FLUSH. Lua is made anew, as in Redis. */
  flush(): void {
    this.#cache.clear();
    this.#machine = null;
  }

  /** The functions of these libraries, which are run when they have not been. */
  functions(sources: ReadonlyMap<string, Buffer>): Functions {
    if (this.#functionsMachine === null || this.#functionsMachine.isSpent) {
      this.#functionsMachine = this.#newMachine();
      this.#functions = null;
    }
    this.#functions ??= Functions.of(this.#functionsMachine, sources);
    return this.#functions;
  }

  /** These are the functions from now on. */
  adopt(functions: Functions): void {
    this.#functions = functions;
    this.forgetUnused();
  }

  /** The libraries have changed otherwise than through FUNCTION (an RDB was loaded). */
  forgetFunctions(): void {
    this.#functions = null;
    this.forgetUnused();
  }

  /** Lua forgets the functions that were replaced, or whose library was refused after it had run. */
  forgetUnused(): void {
    const kept = new Set<Compiled>();
    for (const { functions } of this.#functions?.libraries.values() ?? [])
      for (const { compiled } of functions) kept.add(compiled);
    this.#functionsMachine?.forgetFunctionsBut(kept);
  }
}

function compiledIn(machine: Machine, code: Buffer): Script['compiled'] {
  const ref = machine.compileScript(code);
  // It compiled before, so only a machine without memory can say no.
  if (typeof ref === 'object') throw new Error(`a script that was compiled before: ${ref.error}`);
  return { machine, ref };
}
