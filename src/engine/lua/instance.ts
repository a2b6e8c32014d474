/**
 * Lua 5.1 itself: the interpreter of lua.org, compiled to WebAssembly by the package wasmoon-lua5.1, with its C API.
 *
 *     our callbacks --> table --.
 *                               v
 *     LuaApi (exports) --> [ Lua 5.1.5 in its own linear memory ] --> imports: memory that grows, errors; no system
 *
 * Its one idea: of the package only the compiled interpreter is used, not its JavaScript. So calls go both ways
 * synchronously, strings are bytes, and there is no file, clock or environment behind it: whatever Lua's `io` and
 * `os` would ask the system for is refused here, at the border, whether or not a library that asks was opened.
 *
 * A Lua error is a C longjmp, which this build makes of a JavaScript exception with the value Infinity. It passes through
 * our callbacks like any other; they must let it pass.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Where something is in Lua's memory; 0 is C's NULL. */
export type Pointer = number;
/** A lua_State: the main thread or a coroutine. */
export type Thread = Pointer;
/** A place on a thread's stack: from 1 up, or from -1 down, or a pseudo index. */
export type Index = number;

/** The part of Lua's C API (and of C) that is used here. Arguments and results as in Lua 5.1's manual. */
export interface LuaApi {
  malloc(bytes: number): Pointer;
  free(at: Pointer): void;
  luaL_newstate(): Thread;
  luaopen_base(thread: Thread): number;
  luaopen_table(thread: Thread): number;
  luaopen_string(thread: Thread): number;
  luaopen_math(thread: Thread): number;
  luaL_loadbuffer(thread: Thread, code: Pointer, bytes: number, name: Pointer): number;
  luaL_ref(thread: Thread, table: Index): number;
  luaL_unref(thread: Thread, table: Index, ref: number): void;
  lua_call(thread: Thread, args: number, results: number): void;
  lua_pcall(thread: Thread, args: number, results: number, handler: Index): number;
  lua_error(thread: Thread): number;
  lua_newthread(thread: Thread): Thread;
  lua_resume(thread: Thread, args: number): number;
  lua_yield(thread: Thread, results: number): number;
  lua_status(thread: Thread): number;
  lua_xmove(from: Thread, to: Thread, count: number): void;
  lua_checkstack(thread: Thread, extra: number): number;
  lua_gettop(thread: Thread): number;
  lua_settop(thread: Thread, index: Index): void;
  lua_pushvalue(thread: Thread, index: Index): void;
  lua_insert(thread: Thread, index: Index): void;
  lua_remove(thread: Thread, index: Index): void;
  lua_replace(thread: Thread, index: Index): void;
  lua_type(thread: Thread, index: Index): number;
  lua_isnumber(thread: Thread, index: Index): number;
  lua_iscfunction(thread: Thread, index: Index): number;
  lua_tonumber(thread: Thread, index: Index): number;
  lua_toboolean(thread: Thread, index: Index): number;
  lua_tolstring(thread: Thread, index: Index, bytes: Pointer): Pointer;
  lua_objlen(thread: Thread, index: Index): number;
  lua_getupvalue(thread: Thread, index: Index, number: number): Pointer;
  /** A place in the table of C functions. */
  lua_tocfunction(thread: Thread, index: Index): number;
  lua_pushnil(thread: Thread): void;
  lua_pushnumber(thread: Thread, number: number): void;
  lua_pushboolean(thread: Thread, flag: number): void;
  lua_pushlstring(thread: Thread, text: Pointer, bytes: number): void;
  lua_pushlightuserdata(thread: Thread, at: Pointer): void;
  lua_pushcclosure(thread: Thread, callback: number, upvalues: number): void;
  lua_createtable(thread: Thread, items: number, fields: number): void;
  lua_rawget(thread: Thread, table: Index): void;
  lua_rawgeti(thread: Thread, table: Index, key: number): void;
  lua_rawset(thread: Thread, table: Index): void;
  lua_rawseti(thread: Thread, table: Index, key: number): void;
  lua_next(thread: Thread, table: Index): number;
  lua_setfenv(thread: Thread, index: Index): number;
  lua_getstack(thread: Thread, level: number, record: Pointer): number;
  lua_getinfo(thread: Thread, what: Pointer, record: Pointer): number;
  lua_sethook(thread: Thread, hook: number, mask: number, count: number): number;
  lua_gc(thread: Thread, what: number, data: number): number;
}

/** What the module exports besides, for the C runtime. */
interface Runtime {
  memory: WebAssembly.Memory;
  __indirect_function_table: WebAssembly.Table;
  __wasm_call_ctors(): void;
  stackSave(): Pointer;
  stackRestore(at: Pointer): void;
  setThrew(threw: number, value: number): void;
}

/** Lua is in a state from which nothing can be saved (it panicked, or JavaScript broke through it): throw the instance away. */
export class LuaBroken extends Error {}

const pageBytes = 64 * 1024;
/** How this build of Lua throws (see above). */
const longjmp = Number.POSITIVE_INFINITY;

let compiled: WebAssembly.Module | undefined;

/** The interpreter, compiled once per process, at the first need. */
function compiledModule(): WebAssembly.Module {
  const path = createRequire(import.meta.url).resolve('wasmoon-lua5.1/dist/liblua5.1.wasm');
  compiled ??= new WebAssembly.Module(readFileSync(path));
  return compiled;
}

/** One interpreter with a memory of its own. */
export class LuaInstance {
  readonly api: LuaApi;
  readonly #runtime: Runtime;
  /** The whole of Lua's memory; another buffer after each growth. */
  memory: Buffer;
  readonly #memoryBytesMax: number;

  /** `memoryBytesMax`: beyond it Lua's allocations fail ("not enough memory"). It begins with 16 MB. */
  constructor(memoryBytesMax: number) {
    this.#memoryBytesMax = memoryBytesMax;
    const { exports } = new WebAssembly.Instance(compiledModule(), this.#imports());
    this.api = exports as unknown as LuaApi;
    this.#runtime = exports as unknown as Runtime;
    this.memory = Buffer.from(this.#runtime.memory.buffer);
    this.#runtime.__wasm_call_ctors();
  }

  /** Makes a lua_CFunction of a callback; it gets the calling thread and answers how many results it pushed. */
  callback(run: (thread: Thread) => number): number {
    return this.tabled(typed(functionType, run));
  }

  /** Makes a lua_Hook of a callback. */
  hook(run: (thread: Thread) => void): number {
    return this.tabled(typed(hookType, run));
  }

  /** Puts a function of WebAssembly into the table through which C calls functions; gives its place there. */
  tabled(compiledFunction: unknown): number {
    const table = this.#runtime.__indirect_function_table;
    const place = table.grow(1);
    table.set(place, compiledFunction);
    return place;
  }

  /** Runs the C function at a place of the table in the caller's own frame, as if Lua had called it. */
  become(place: number, thread: Thread): number {
    return this.#runtime.__indirect_function_table.get(place)(thread);
  }

  /**
   * Runs something that enters Lua from outside. What breaks through it (JavaScript's stack is full, a WebAssembly trap)
   * leaves Lua in the middle of something, and comes out as LuaBroken.
   */
  entered<T>(run: () => T): T {
    try {
      return run();
    } catch (thrown) {
      if (thrown instanceof LuaBroken) throw thrown;
      if (thrown instanceof RangeError || thrown instanceof WebAssembly.RuntimeError)
        throw new LuaBroken(thrown.message, { cause: thrown });
      throw thrown;
    }
  }

  #imports(): WebAssembly.Imports {
    const imports: Record<string, Record<string, (...args: number[]) => unknown>> = {};
    for (const { module, name } of WebAssembly.Module.imports(compiledModule())) {
      imports[module] ??= {};
      imports[module][name] = () => {
        throw new LuaBroken(`Lua asked the system for ${name}`);
      };
    }
    Object.assign(imports.env!, {
      // A protected call: C's setjmp, then the function. After a longjmp the C stack is what it was before.
      invoke_vii: (place: number, first: number, second: number) => {
        const stack = this.#runtime.stackSave();
        try {
          this.#runtime.__indirect_function_table.get(place)(first, second);
        } catch (thrown) {
          this.#runtime.stackRestore(stack);
          if (thrown !== longjmp) throw thrown;
          this.#runtime.setThrew(1, 0);
        }
      },
      _emscripten_throw_longjmp: () => {
        throw longjmp;
      },
      emscripten_memcpy_js: (to: Pointer, from: Pointer, bytes: number) => {
        this.memory.copyWithin(to, from, from + bytes);
      },
      emscripten_resize_heap: (bytes: number) => (this.#grow(bytes >>> 0) ? 1 : 0),
    });
    Object.assign(imports.wasi_snapshot_preview1!, {
      environ_sizes_get: (count: Pointer, bytes: Pointer) => {
        this.memory.writeUInt32LE(0, count);
        this.memory.writeUInt32LE(0, bytes);
        return 0;
      },
      environ_get: () => 0,
      // What Lua says when it panics; the exit that follows tells it.
      fd_write: (_file: number, pieces: Pointer, count: number, written: Pointer) => {
        let bytes = 0;
        for (let at = 0; at < count; at++) bytes += this.memory.readUInt32LE(pieces + at * 8 + 4);
        this.memory.writeUInt32LE(bytes, written);
        return 0;
      },
    });
    return imports;
  }

  #grow(bytes: number): boolean {
    if (bytes > this.#memoryBytesMax) return false;
    const { memory } = this.#runtime;
    // Some more than is asked for, so that a growing table does not ask for each page.
    const generous = Math.min(this.#memoryBytesMax, Math.floor(memory.buffer.byteLength * 1.2));
    const pages = Math.ceil((Math.max(bytes, generous) - memory.buffer.byteLength) / pageBytes);
    try {
      memory.grow(pages);
    } catch {
      // The machine has no more; Lua says so to the script.
      return false;
    }
    this.memory = Buffer.from(memory.buffer);
    return true;
  }
}

/** A JavaScript function as WebAssembly's table takes it: passed through a module of its own, which gives it a type. */
function typed(type: readonly number[], run: unknown): unknown {
  const module = new WebAssembly.Module(Uint8Array.from([...moduleHead, ...type, ...passedThrough]));
  return new WebAssembly.Instance(module, { e: { f: run } }).exports.f;
}

const moduleHead = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** The type section: (i32) -> i32 */
const functionType = [1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f];
/** The type section: (i32, i32) -> nothing */
const hookType = [1, 6, 1, 0x60, 2, 0x7f, 0x7f, 0];
/** (import "e" "f") (export "f") */
const passedThrough = [2, 7, 1, 1, 0x65, 1, 0x66, 0, 0, 7, 5, 1, 1, 0x66, 0, 0];
