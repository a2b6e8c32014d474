/**
 * The Lua state: made once, with the sandbox of the prelude in it; compiles and runs scripts and functions.
 *
 *     prelude (Lua, shared with the native engine) --> eval, fcall, load
 *        |  asks for native.call, native.where, cjson...
 *        '--> functions of this folder, which answer (true, results...) or (false, error)
 *
 * Its one idea: no function of ours that Lua calls raises an error itself; the prelude raises it, where it has the
 * script's line and can be caught as Redis's can.
 *
 * A script cannot run for ever: when its instructions are used up (there is no clock here) every further one fails, so
 * that no pcall holds it back. Nor can it take all memory: beyond `memoryBytesMax` Lua says so. When Lua itself breaks
 * (JavaScript's stack overflowed in the middle of it), the state is thrown away: `isBroken`.
 */
import type { Thread } from '../../lua/instance.ts';
import { globalsIndex, Lua, LuaStatus, LuaType, registryIndex, upvalueIndex } from '../../lua/lua.ts';
import { prelude } from '../generated/prelude.ts';
import { openBit } from './bit.ts';
import { openJson } from './cjson.ts';
import { openMessagePack } from './cmsgpack.ts';
import { errorTable, errorText, wordsOf } from './convert.ts';
import { runFormat } from './format.ts';
import { runGuarded, runUnpack } from './guard.ts';
import { Lrand48 } from './lrand48.ts';
import { sha1Hex } from './sha1.ts';
import { type Flag, flagNames } from './shebang.ts';
import { openStruct } from './struct.ts';

/** Bytes that all scripts together may hold. */
const memoryBytesMax = 512 << 20;
/** A state that has grown beyond this is not kept: WebAssembly gives no memory back. */
const memoryBytesKept = 128 << 20;
/** Instructions between two looks at the budget. */
const hookEvery = 10_000;

/** A compiled script or function: its place in Lua's registry. */
export type Compiled = number;

/** A function as redis.register_function got it. */
export interface Registered {
  readonly name: string;
  readonly description: string | null;
  readonly flags: ReadonlySet<Flag>;
  readonly compiled: Compiled;
}

/** What a run gave. The value, or the error, is on top of the main thread's stack while `finish` looks at it. */
export type Outcome = 'returned' | 'failed' | 'killed';

/** Who answers a script's questions. */
export interface Host {
  /** redis.call and redis.pcall: the arguments are on the thread's stack; true and one result are pushed, or false and an error. */
  call(thread: Thread): void;
  /** redis.acl_check_cmd: whether the caller may run a command; null when there is no such command. */
  mayRun(words: readonly Buffer[]): boolean | null;
}

export class Machine {
  readonly lua: Lua;
  /** redis.setresp(3). */
  resp3 = false;
  /** redis.set_repl: bits 1 (AOF) and 2 (replicas). */
  replicate = 3;
  /** Lua was left in a state that cannot be used; the next script needs another machine. */
  isBroken = false;
  /** Of the script that runs. */
  #host: Host | null = null;
  readonly #log: (level: number, text: Buffer) => void;
  #instructionsLeft = 0;
  #isKilled = false;
  readonly #random = new Lrand48();
  /** The hook's place in the table of C functions. */
  readonly #hook: number;
  /** What the prelude gave: places in the registry. */
  readonly #prelude: Record<'eval_env' | 'eval' | 'fcall' | 'library_env' | 'load', number>;

  /** `log` takes what redis.log writes. */
  constructor(log: (level: number, text: Buffer) => void) {
    this.#log = log;
    const lua = new Lua(memoryBytesMax);
    this.lua = lua;
    this.#hook = lua.hook((thread) => this.#count(thread));
    const { main } = lua;
    this.#amend();
    const bytes = Buffer.from(prelude, 'latin1');
    if (!lua.load(main, bytes, '=redtwin')) throw new Error(`the prelude: ${lua.text(main, -1)}`);
    this.#pushNative();
    if (lua.api.lua_pcall(main, 1, 1, 0) !== LuaStatus.ok)
      throw new Error(`the prelude: ${lua.text(main, -1)}`);
    const kept = (name: string): number => {
      lua.pushField(main, 1, name);
      return lua.api.luaL_ref(main, registryIndex);
    };
    this.#prelude = {
      eval_env: kept('eval_env'),
      eval: kept('eval'),
      fcall: kept('fcall'),
      library_env: kept('library_env'),
      load: kept('load'),
    };
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

  /** What the script had done for it counts as so many instructions. */
  spend(instructions: number): void {
    this.#instructionsLeft -= instructions;
  }

  forget(compiled: Compiled): void {
    this.lua.api.luaL_unref(this.lua.main, registryIndex, compiled);
  }

  /** Runs a library's code once: the functions it registered, or Redis's words, without ERR. */
  loadLibrary(code: Buffer, instructions: number): Registered[] | { error: string } {
    return this.#entered(() => this.#loadLibrary(code, instructions));
  }

  #loadLibrary(code: Buffer, instructions: number): Registered[] | { error: string } {
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
    const failed = (why: string): { error: string } => ({ error: `Error registering functions: ${why}` });
    const outcome = this.#protected(2, instructions);
    const result =
      outcome === 'killed'
        ? failed('ERR FUNCTION LOAD timeout')
        : outcome === 'failed'
          ? failed(errorText(lua, main, -1))
          : this.#registered();
    this.forget(compiled);
    api.lua_settop(main, 0);
    return result;
  }

  /** Runs a script, or a function, and lets `finish` see what became of it. */
  run<T>(
    program: { compiled: Compiled; isFunction: boolean; instructions: number },
    keys: readonly Buffer[],
    argv: readonly Buffer[],
    host: Host,
    finish: (outcome: Outcome) => T,
  ): T {
    const { main, api } = this.lua;
    this.resp3 = false;
    this.replicate = 3;
    this.#host = host;
    return this.#entered(() => {
      this.#push(program.isFunction ? this.#prelude.fcall : this.#prelude.eval);
      this.#push(program.compiled);
      this.#pushList(keys);
      this.#pushList(argv);
      const result = finish(this.#protected(3, program.instructions));
      api.lua_settop(main, 0);
      return result;
    });
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

  #pushList(words: readonly Buffer[]): void {
    const { main, api } = this.lua;
    api.lua_createtable(main, words.length, 0);
    words.forEach((word, index) => {
      this.lua.pushBytes(main, word);
      api.lua_rawseti(main, -2, index + 1);
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

  /** Calls a function of the prelude that answers (true, value) or (false, error); only the second stays on the stack. */
  #protected(args: number, instructions: number): Outcome {
    const { lua } = this;
    const { main, api } = lua;
    this.#instructionsLeft = instructions;
    this.#isKilled = false;
    lua.setHook(main, this.#hook, hookEvery);
    const status = api.lua_pcall(main, args, 2, 0);
    lua.setHook(main, this.#hook, 0);
    if (this.#isKilled) return 'killed';
    // The prelude itself failed: there was no memory for it. The message is alone.
    if (status !== LuaStatus.ok) return 'failed';
    const isWell = api.lua_toboolean(main, -2) !== 0;
    api.lua_remove(main, -2);
    return isWell ? 'returned' : 'failed';
  }

  /** The hook: a thread has run `hookEvery` instructions, or one after the budget was used up. */
  #count(thread: Thread): void {
    const { lua } = this;
    this.#instructionsLeft -= hookEvery;
    if (this.#instructionsLeft > 0) {
      // A coroutine that lived through the end of another script counted single instructions.
      lua.setHook(thread, this.#hook, hookEvery);
      return;
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
      functions.push({ name, description, flags, compiled: api.luaL_ref(main, registryIndex) });
    }
  }

  /** Puts functions of ours before two of Lua's that would show on which kind of machine it runs. */
  #amend(): void {
    const { lua } = this;
    const { main, api } = lua;
    lua.pushField(main, globalsIndex, 'string');
    lua.pushField(main, 1, 'format');
    lua.pushCallback(main, (thread) => runFormat(lua, thread), 1);
    lua.setField(main, 1, 'format');
    lua.pushField(main, globalsIndex, 'tostring');
    lua.pushCallback(
      main,
      (thread) => {
        if (lua.type(thread, 1) !== LuaType.lightUserdata) return lua.become(thread, upvalueIndex(1));
        // cjson.null, the only one there is: as glibc writes a NULL.
        lua.pushText(thread, 'userdata: (nil)');
        return 1;
      },
      1,
    );
    lua.setField(main, globalsIndex, 'tostring');
    api.lua_settop(main, 0);
  }

  // --- What the prelude asks for ---

  /** Pushes the table `native`. */
  #pushNative(): void {
    const { lua } = this;
    const { main, api } = lua;
    api.lua_createtable(main, 0, 16);
    const native = api.lua_gettop(main);
    const set = (name: string, run: (thread: Thread) => number): void => {
      lua.pushCallback(main, run);
      lua.setField(main, native, name);
    };
    lua.pushText(main, '7.0.15');
    lua.setField(main, native, 'version');
    api.lua_pushnumber(main, 0x0007_000f);
    lua.setField(main, native, 'version_number');
    api.lua_createtable(main, 0, flagNames.length);
    for (const flag of flagNames) {
      lua.pushBoolean(main, true);
      lua.setField(main, native + 1, flag);
    }
    lua.setField(main, native, 'flags');
    const through = lua.callback((thread) => callThrough(lua, thread));
    set('around', (thread) => {
      api.lua_settop(thread, 1);
      api.lua_pushcclosure(thread, through, 1);
      return 1;
    });
    set('where', (thread) => this.#where(thread));
    set('sha1hex', (thread) => {
      lua.pushText(thread, sha1Hex(lua.bytes(thread, 1)!));
      return 1;
    });
    set('log', (thread) => {
      this.#log(lua.number(thread, 1)!, Buffer.from(lua.bytes(thread, 2)!));
      return 0;
    });
    set('acl_check_cmd', (thread) => this.#checkCommand(thread));
    set('setresp', (thread) => {
      this.resp3 = lua.number(thread, 1) === 3;
      return 0;
    });
    set('set_repl', (thread) => {
      this.replicate = Math.trunc(lua.number(thread, 1)!);
      return 0;
    });
    set('random', (thread) => {
      api.lua_pushnumber(thread, this.#random.next());
      return 1;
    });
    set('seed', (thread) => {
      this.#random.seed(lua.number(thread, 1)!);
      return 0;
    });
    const guarded = lua.callback((thread) => runGuarded(lua, thread));
    set('guard', (thread) => {
      api.lua_settop(thread, 4);
      api.lua_pushcclosure(thread, guarded, 4);
      return 1;
    });
    const unpacking = lua.callback((thread) => runUnpack(lua, thread));
    set('unpack', (thread) => {
      api.lua_settop(thread, 2);
      api.lua_pushcclosure(thread, unpacking, 2);
      return 1;
    });
    set('new_cjson', (thread) => {
      openJson(lua, thread);
      return 1;
    });
    set('call', (thread) => {
      this.#host!.call(thread);
      return 2;
    });
    api.lua_createtable(main, 0, 4);
    for (const [name, open] of [
      ['bit', openBit],
      ['cjson', openJson],
      ['cmsgpack', openMessagePack],
      ['struct', openStruct],
    ] as const) {
      open(lua, main);
      lua.setField(main, native + 1, name);
    }
    lua.setField(main, native, 'libraries');
  }

  /** Source and line of the script that runs, from inside a function called by the prelude's handler. */
  #where(thread: Thread): number {
    const { lua } = this;
    for (let level = 1; ; level++) {
      const place = lua.place(thread, level);
      if (place === null) return 0;
      if (place.what === 'C' || place.what === 'tail' || place.source === '=redtwin') continue;
      lua.pushText(thread, place.source);
      lua.api.lua_pushnumber(thread, place.line);
      return 2;
    }
  }

  #checkCommand(thread: Thread): number {
    const { lua } = this;
    const words = wordsOf(lua, thread);
    const mayRun = words === null || words.length === 0 ? null : this.#host!.mayRun(words);
    lua.pushBoolean(thread, mayRun !== null);
    if (mayRun !== null) lua.pushBoolean(thread, mayRun);
    else if (words === null)
      errorTable(lua, thread, 'ERR Lua redis lib command arguments must be strings or integers');
    else if (words.length === 0)
      errorTable(lua, thread, 'ERR Please specify at least one argument for this redis lib call');
    else errorTable(lua, thread, 'ERR Invalid command passed to redis.acl_check_cmd()');
    return 2;
  }
}

/** Calls upvalue 1 with the arguments and gives its results: a C function around a Lua function (see `expose` in the prelude). */
function callThrough({ api }: Lua, thread: Thread): number {
  api.lua_pushvalue(thread, upvalueIndex(1));
  api.lua_insert(thread, 1);
  api.lua_call(thread, api.lua_gettop(thread) - 1, -1);
  return api.lua_gettop(thread);
}
