/**
 * The Lua state: made once, with the sandbox of the prelude in it; compiles and runs scripts and functions.
 *
 *     prelude (Lua, shared with the native engine) asks for native.call, cjson... --> native.ts
 *     start --> goOn: rests, every 100,000 instructions --> goOn --> ... --> returned, failed, killed --> end
 *
 * Its one idea: a script rests wherever Lua can be left (see threads.ts); how long it may go on is the host's to say, as
 * there is no clock here. Where Lua cannot be left, instructions are counted instead, and when they are used up every further
 * one fails, so that no pcall holds it back.
 *
 * Nor can a script take all memory: beyond `memoryBytesMax` Lua says so. When Lua itself breaks (JavaScript's stack
 * overflowed in the middle of it), the state is thrown away: `isBroken`.
 */
import type { Thread } from '../../lua/instance.ts';
import { globalsIndex, Lua, LuaStatus, LuaType, registryIndex } from '../../lua/lua.ts';
import { prelude } from '../generated/prelude.ts';
import { errorText } from './convert.ts';
import { amend, type Host, type Place, pushNative, type Surroundings, scriptPlace } from './native.ts';
import type { Flag } from './shebang.ts';
import { Threads, type Turn } from './threads.ts';

/** Bytes that all scripts together may hold. */
const memoryBytesMax = 512 << 20;
/** A state that has grown beyond this is not kept: WebAssembly gives no memory back. */
const memoryBytesKept = 128 << 20;
/** Instructions between two rests: about a millisecond. */
const turnInstructions = 100_000;
/** Instructions between two calls of the hook; commands of scripts count too, so a turn may end sooner. */
const hookEvery = 10_000;
/** Where Lua could not be left it is asked again soon, not always at the same place of a loop. */
const hookAgain = (tries: number): number => 500 + (tries % 97);
/** Instructions that loading a library may take: about the half second that Redis gives it. */
const loadInstructions = 50_000_000;

/** A compiled script or function: its place in Lua's registry. */
export type Compiled = number;

/** A function as redis.register_function got it. */
export interface Registered {
  readonly name: string;
  readonly description: string | null;
  readonly flags: ReadonlySet<Flag>;
  readonly compiled: Compiled;
}

export class Machine implements Surroundings {
  readonly lua: Lua;
  resp3 = false;
  replicate = 3;
  host: Host | null = null;
  /** Lua was left in a state that cannot be used; the next script needs another machine. */
  isBroken = false;
  readonly #log: (level: number, text: Buffer) => void;
  readonly #threads: Threads;
  /** Of the turn. */
  #turnLeft = 0;
  /** Instructions that may be run where Lua cannot be left. */
  #heldMax = 0;
  #heldLeft = 0;
  #heldTries = 0;
  #isKilled = false;
  /** Where the script was when it came to rest, and where it was when `kill` came. */
  #restsAt: Place | null = null;
  #killedAt: Place | null = null;
  /** The hook's place in the table of C functions. */
  readonly #hook: number;
  /** Those that libraries have registered and nobody has forgotten. */
  readonly #functions = new Set<Compiled>();
  /** What the prelude gave: places in the registry. */
  readonly #prelude: Record<
    'eval_env' | 'eval_globals' | 'library_env' | 'load' | 'caught' | 'with_place',
    number
  >;

  /** `log` takes what redis.log writes. */
  constructor(log: (level: number, text: Buffer) => void) {
    this.#log = log;
    const lua = new Lua(memoryBytesMax);
    this.lua = lua;
    this.#hook = lua.hook((thread) => this.#count(thread));
    const { main } = lua;
    amend(lua, this);
    const bytes = Buffer.from(prelude, 'latin1');
    if (!lua.load(main, bytes, '=redtwin')) throw new Error(`the prelude: ${lua.text(main, -1)}`);
    pushNative(lua, this);
    if (lua.api.lua_pcall(main, 1, 1, 0) !== LuaStatus.ok)
      throw new Error(`the prelude: ${lua.text(main, -1)}`);
    const kept = (name: string): number => {
      lua.pushField(main, 1, name);
      return lua.api.luaL_ref(main, registryIndex);
    };
    this.#prelude = {
      eval_env: kept('eval_env'),
      eval_globals: kept('eval_globals'),
      library_env: kept('library_env'),
      load: kept('load'),
      caught: kept('caught'),
      with_place: kept('with_place'),
    };
    this.#threads = new Threads(lua, this.#prelude.caught);
    // The registry's list of free places begins at 0. It is made now, with a value that stays: a script may leave no memory
    // to make it when a place is given back, which nothing would catch.
    lua.api.lua_pushnumber(main, 0);
    lua.api.lua_rawseti(main, registryIndex, 0);
    // Chunks that scripts load themselves see what scripts see.
    lua.pushField(main, 1, 'eval_env');
    lua.api.lua_replace(main, globalsIndex);
    lua.api.lua_settop(main, 0);
  }

  /** It should not be used again: it is broken, or has grown too big to be kept. */
  get isSpent(): boolean {
    return this.isBroken || this.lua.memoryBytes > memoryBytesKept;
  }

  /** Compiles a script; Lua's message when it cannot be. */
  compileScript(code: Buffer): Compiled | { error: string } {
    return this.#entered(() => {
      this.#push(this.#prelude.eval_env);
      return this.#compile(code, '@user_script');
    });
  }

  forget(compiled: Compiled): void {
    this.lua.api.luaL_unref(this.lua.main, registryIndex, compiled);
  }

  /** Forgets the functions of all libraries but these. One that runs just now stays until it is over. O(functions). */
  forgetFunctionsBut(kept: ReadonlySet<Compiled>): void {
    for (const compiled of this.#functions) {
      if (kept.has(compiled)) continue;
      this.forget(compiled);
      this.#functions.delete(compiled);
    }
  }

  /** Runs a library's code once: the functions it registered, or Redis's words, without ERR. */
  loadLibrary(code: Buffer): Registered[] | { error: string } {
    return this.#entered(() => this.#loadLibrary(code));
  }

  #loadLibrary(code: Buffer): Registered[] | { error: string } {
    const { lua } = this;
    const { main, api } = lua;
    this.#push(this.#prelude.library_env);
    api.lua_call(main, 0, 2);
    api.lua_insert(main, 1);
    // 1: the table behind the environment, for `load`; then the environment itself.
    const compiled = this.#compile(code, '@user_function');
    if (typeof compiled === 'object') {
      api.lua_settop(main, 0);
      return { error: `Error compiling function: ${compiled.error}` };
    }
    this.#push(this.#prelude.load);
    this.#push(compiled);
    api.lua_pushvalue(main, 1);
    [this.#turnLeft, this.#heldLeft, this.#isKilled] = [0, loadInstructions, false];
    lua.setHook(main, this.#hook, hookEvery);
    const status = api.lua_pcall(main, 2, 2, 0);
    lua.setHook(main, this.#hook, 0);
    const failed = (why: string): { error: string } => ({ error: `Error registering functions: ${why}` });
    // The prelude answers true and the list, or false and the error; without memory for it Lua's message is alone.
    const result = this.#isKilled
      ? failed('ERR FUNCTION LOAD timeout')
      : status !== LuaStatus.ok || api.lua_toboolean(main, -2) === 0
        ? failed(errorText(lua, main, -1))
        : this.#registered();
    this.forget(compiled);
    api.lua_settop(main, 0);
    return result;
  }

  /**
   * Begins a script, or a function; `goOn` runs it. Where it cannot be left it is ended after `heldInstructions`, each time
   * anew. One runs at a time.
   */
  start(
    program: { compiled: Compiled; isFunction: boolean; heldInstructions: number },
    keys: readonly Buffer[],
    argv: readonly Buffer[],
    host: Host,
  ): void {
    const { lua } = this;
    const { main, api } = lua;
    this.resp3 = false;
    this.replicate = 3;
    this.host = host;
    this.#heldMax = program.heldInstructions;
    this.#isKilled = false;
    this.#killedAt = null;
    this.#entered(() => {
      const thread = this.#threads.next();
      lua.setHook(thread, this.#hook, hookEvery);
      api.lua_rawgeti(thread, registryIndex, program.compiled);
      if (program.isFunction) {
        this.#pushList(thread, keys);
        this.#pushList(thread, argv);
        this.#threads.begin(2, this.#prelude.with_place);
        return;
      }
      this.#push(this.#prelude.eval_globals);
      this.#pushList(main, keys);
      lua.setField(main, 1, 'KEYS');
      this.#pushList(main, argv);
      lua.setField(main, 1, 'ARGV');
      api.lua_settop(main, 0);
      this.#threads.begin(0, this.#prelude.with_place);
    });
  }

  /** A turn of the script that was started. Unless it rests, its value or error is on top of `thread`'s stack until `end`. */
  goOn(): Turn | 'killed' {
    if (this.#isKilled) return 'killed';
    this.#restsAt = null;
    this.#turnLeft = turnInstructions;
    this.#heldLeft = this.#heldMax;
    const turn = this.#entered(() =>
      this.#threads.goOn(
        () => this.#turnLeft <= 0 || this.#isKilled,
        (instructions) => this.spend(instructions),
      ),
    );
    return this.#isKilled ? 'killed' : turn;
  }

  get thread(): Thread {
    return this.#threads.script;
  }

  /** What a script came to has been looked at. */
  end(isWell: boolean): void {
    this.host = null;
    this.#threads.end(isWell);
  }

  /** What the script had done for it counts as so many instructions. */
  spend(instructions: number): void {
    this.#turnLeft -= instructions;
  }

  /** Ends the script that rests: it does not go on. */
  kill(): void {
    this.#isKilled = true;
    this.#killedAt = this.#restsAt ?? this.#threads.place();
  }

  /** Where the script was that `kill` ended; null when it was ended otherwise. */
  get killedAt(): Place | null {
    return this.#killedAt;
  }

  // --- What its functions need ---

  log(level: number, text: Buffer): void {
    this.#log(level, text);
  }

  isOurs(thread: Thread): boolean {
    return thread === this.lua.main || this.#threads.has(thread);
  }

  callApart(thread: Thread, hasHandler: boolean): number | null {
    return this.#threads.call(thread, hasHandler);
  }

  // --- Inside ---

  /** Runs something that enters Lua. Throws LuaBroken when that was the end of this machine. */
  #entered<T>(run: () => T): T {
    this.isBroken = true;
    const result = this.lua.entered(run);
    this.isBroken = false;
    return result;
  }

  #push(ref: number): void {
    this.lua.api.lua_rawgeti(this.lua.main, registryIndex, ref);
  }

  #pushList(thread: Thread, words: readonly Buffer[]): void {
    const { api } = this.lua;
    api.lua_createtable(thread, words.length, 0);
    words.forEach((word, index) => {
      this.lua.pushBytes(thread, word);
      api.lua_rawseti(thread, -2, index + 1);
    });
  }

  /** Compiles; the environment is on top of the stack, and goes. */
  #compile(code: Buffer, name: string): Compiled | { error: string } {
    const { lua } = this;
    const { main, api } = lua;
    // Never anything but text: what string.dump gives would be trusted. The space makes it an error of syntax.
    const text = code[0] === 0x1b ? Buffer.concat([Buffer.from(' '), code]) : code;
    if (!lua.load(main, text, name)) {
      const error = lua.text(main, -1) ?? '';
      lua.pop(main, 2);
      return { error };
    }
    api.lua_insert(main, -2);
    api.lua_setfenv(main, -2);
    return api.luaL_ref(main, registryIndex);
  }

  /** The hook: a thread has run as many instructions as it was set with. */
  #count(thread: Thread): void {
    const { lua } = this;
    if (!this.#isKilled) {
      const every = lua.hookEvery(thread);
      // A coroutine may have been counting in other steps for another script.
      if (every !== hookEvery) lua.setHook(thread, this.#hook, hookEvery);
      this.spend(every);
      if (this.#turnLeft > 0) return;
      if (this.#threads.mayLeave(thread)) {
        // Afterwards Lua could not tell.
        this.#restsAt = scriptPlace(lua, thread, 0);
        lua.api.lua_yield(thread, 0);
        return;
      }
      this.#heldLeft -= every;
      if (this.#heldLeft > 0) {
        lua.setHook(thread, this.#hook, hookAgain(this.#heldTries++));
        return;
      }
    }
    this.#isKilled = true;
    lua.setHook(thread, this.#hook, 1);
    lua.pushText(thread, 'script killed');
    lua.api.lua_error(thread);
  }

  /** The functions in the list on top of the stack. */
  #registered(): Registered[] {
    const { lua } = this;
    const { main, api } = lua;
    const list = api.lua_gettop(main);
    const functions: Registered[] = [];
    for (let index = 1; ; index++) {
      api.lua_settop(main, list);
      api.lua_rawgeti(main, list, index);
      if (lua.type(main, -1) === LuaType.nil) return functions;
      const item = list + 1;
      lua.pushField(main, item, 'name');
      lua.pushField(main, item, 'description');
      lua.pushField(main, item, 'flags');
      const flags = new Set<Flag>();
      for (let at = 1; ; at++) {
        api.lua_rawgeti(main, item + 3, at);
        const flag = lua.text(main, -1);
        lua.pop(main);
        if (flag === null) break;
        flags.add(flag as Flag);
      }
      const [name, description] = [lua.text(main, item + 1)!, lua.text(main, item + 2)];
      lua.pushField(main, item, 'callback');
      const compiled = api.luaL_ref(main, registryIndex);
      this.#functions.add(compiled);
      functions.push({ name, description, flags, compiled });
    }
  }
}
