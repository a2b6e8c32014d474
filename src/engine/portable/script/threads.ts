/**
 * The threads of Lua that a script runs on, so that it can be left in the middle and gone on with later.
 *
 *     script's thread:  Lua ... pcall ... (waits)            goOn --> the last thread runs --> over: its results go to the one below
 *                                 '--> thread: Lua ... count hook yields: everything rests as it is
 *
 * Its one idea: a WebAssembly stack cannot be left, but Lua's own threads can be, as long as no C lies on them. So pcall
 * and xpcall do not call: they ask (by a yield) to have what they call run on a thread of its own, and the loop here, which
 * lies below all of Lua, runs it and brings back what became of it.
 *
 * Not here: where C must call Lua (a comparison of table.sort, a replacement of string.gsub, a metamethod, an iterator, a
 * script's own coroutine). There `mayLeave` says no, pcall is Lua's own, and the script goes on until it has come out.
 */
import type { Thread } from '../../lua/instance.ts';
import { type Lua, LuaStatus, LuaType, registryIndex } from '../../lua/lua.ts';
import type { Compiled } from './machine.ts';
import { type Place, scriptPlace } from './native.ts';

/** How a turn ended. `returned` and `failed` leave the value, or the error, on top of `Threads.script`. */
export type Turn = 'rests' | 'returned' | 'failed';

/** A thread that runs what somebody called. */
interface Frame {
  readonly thread: Thread;
  /** Its error handler, in the registry; null for pcall. */
  readonly handler: Compiled | null;
}

/** What a pcall with its thread counts for, in instructions. */
const instructionsPerThread = 200;

export class Threads {
  readonly #lua: Lua;
  /** Gives the error that is on a thread's stack as a pcall gives it: a function of the prelude, in the registry. */
  readonly #caught: Compiled;
  /** The script's own thread, kept for the next when it ended well: it and its place in the registry. */
  #script: { thread: Thread; ref: Compiled } | null = null;
  /** From the script's own to the one that runs. Empty: no script is on its way. */
  #frames: Frame[] = [];
  /** What the one that runs has asked for. */
  #asked: { frame: Frame; args: number } | null = null;
  /** Values on the stack of the last frame that it is to go on with. */
  #args = 0;
  /** An error handler runs, which C has called. */
  #handles = false;

  constructor(lua: Lua, caught: Compiled) {
    this.#lua = lua;
    this.#caught = caught;
  }

  /** The thread of the script at hand, or of the last one. */
  get script(): Thread {
    return this.#script!.thread;
  }

  /** The one that runs; null when no script is on its way. */
  get running(): Thread | null {
    return this.#frames.at(-1)?.thread ?? null;
  }

  /** Where the script is, when it rests between two threads: in the innermost of its functions that was begun. */
  place(): Place | null {
    for (const { thread } of [...this.#frames].reverse()) {
      const place = scriptPlace(this.#lua, thread, 0);
      if (place !== null) return place;
    }
    return null;
  }

  /** Is it one of these, and so no coroutine of the script's own making? */
  has(thread: Thread): boolean {
    return this.#frames.some((frame) => frame.thread === thread);
  }

  /** A thread for a script's function and its arguments, to be pushed by the caller. */
  next(): Thread {
    if (this.#script === null) {
      const { main, api } = this.#lua;
      const thread = api.lua_newthread(main);
      this.#script = { thread, ref: api.luaL_ref(main, registryIndex) };
    }
    return this.#script.thread;
  }

  /** The script's function and so many arguments are on the stack of `next`; `handler` sees its error. */
  begin(args: number, handler: Compiled): void {
    this.#frames = [{ thread: this.script, handler }];
    this.#args = args;
  }

  /** May this thread yield to `goOn`? Not with C on its stack, nor when C runs it. */
  mayLeave(thread: Thread): boolean {
    return thread === this.running && !this.#handles && this.#lua.mayYield(thread);
  }

  /**
   * Runs on until the script rests or is over. `mustRest` is asked wherever it may rest, `spend` told what was not
   * counted.
   */
  goOn(mustRest: () => boolean, spend: (instructions: number) => void): Turn {
    const { api } = this.#lua;
    for (;;) {
      if (mustRest()) return 'rests';
      const { thread, handler } = this.#frames.at(-1)!;
      const status = api.lua_resume(thread, this.#args);
      this.#args = 0;
      if (status === LuaStatus.yielded) {
        // Without a question it was the hook.
        if (this.#asked === null) continue;
        const { frame, args } = this.#asked;
        this.#asked = null;
        this.#frames.push(frame);
        this.#args = args;
        continue;
      }
      const isWell = status === LuaStatus.ok;
      if (!isWell) this.#handle(thread, handler, status);
      this.#frames.pop();
      const caller = this.running;
      if (caller === null) {
        // A script has one result, the first.
        if (isWell) api.lua_settop(thread, 1);
        return isWell ? 'returned' : 'failed';
      }
      if (handler !== null) api.luaL_unref(thread, registryIndex, handler);
      spend(instructionsPerThread + this.#lua.instructionsSinceHook(thread));
      this.#bring(thread, caller, isWell);
    }
  }

  /** The script is over: its thread is cleared for the next one, or given up. */
  end(isWell: boolean): void {
    const { api, main } = this.#lua;
    this.#frames = [];
    this.#asked = null;
    if (isWell) api.lua_settop(this.script, 0);
    else {
      api.luaL_unref(main, registryIndex, this.#script!.ref);
      this.#script = null;
    }
  }

  /**
   * pcall (`hasHandler` false) or xpcall as a callback: has the function run on a thread of its own. Null when that cannot
   * be; nothing has happened then.
   */
  call(thread: Thread, hasHandler: boolean): number | null {
    const lua = this.#lua;
    const { api } = lua;
    const count = api.lua_gettop(thread);
    if (count < (hasHandler ? 2 : 1) || lua.type(thread, 1) !== LuaType.function) return null;
    // A thread that begins with a C function could not be gone on with.
    if (api.lua_iscfunction(thread, 1) !== 0 || !this.mayLeave(thread)) return null;
    const called = api.lua_newthread(thread);
    api.lua_insert(thread, 1);
    // Here the thread is held by the stack of the one that waits for it.
    if (!lua.hasRoom(called, count)) {
      api.lua_remove(thread, 1);
      return null;
    }
    let handler: Compiled | null = null;
    if (hasHandler) {
      // As xpcall does, which takes no arguments.
      api.lua_settop(thread, 3);
      handler = api.luaL_ref(thread, registryIndex);
    }
    const moved = hasHandler ? 1 : count;
    api.lua_xmove(thread, called, moved);
    lua.inheritDepth(thread, called);
    this.#asked = { frame: { thread: called, handler }, args: moved - 1 };
    return api.lua_yield(thread, 0);
  }

  /** A thread has failed with the error on top of its stack, which becomes what the caller gets. */
  #handle(thread: Thread, handler: Compiled | null, status: number): void {
    const lua = this.#lua;
    const { api } = lua;
    if (status === LuaStatus.outOfMemory) lua.collect();
    const isTable = lua.type(thread, -1) === LuaType.table;
    // Lua calls no handler when there is no memory, nor when a handler has failed.
    if (handler === null ? !isTable : status !== LuaStatus.runtimeError) return;
    const error = api.lua_gettop(thread);
    if (!lua.hasRoom(thread, 4)) return;
    api.lua_rawgeti(thread, registryIndex, handler ?? this.#caught);
    api.lua_pushvalue(thread, -1);
    api.lua_pushvalue(thread, error);
    this.#handles = true;
    // A handler handles its own errors too.
    api.lua_pcall(thread, 1, 1, handler === null ? 0 : error + 1);
    this.#handles = false;
  }

  /** Moves what a thread has come to, to the one that called pcall. */
  #bring(from: Thread, to: Thread, isWell: boolean): void {
    const lua = this.#lua;
    const { api } = lua;
    const count = isWell ? api.lua_gettop(from) : 1;
    const hasRoom = lua.hasRoom(to, count + 1);
    lua.pushBoolean(to, isWell && hasRoom);
    if (hasRoom) api.lua_xmove(from, to, count);
    else lua.pushText(to, 'too many results to resume');
    this.#args = hasRoom ? count + 1 : 2;
  }
}
