/**
 * Lua's C API as the engine wants to use it: strings as binary strings (one character per byte), numbers by name, and
 * the questions that are asked often.
 *
 *     lua.pushText(thread, 'abc')      thread's stack: ... 'abc'
 *     lua.text(thread, -1)             'abc'; null when there is no string
 *
 * Not here: what the values mean. Every method works on one thread's stack, as in C, and an index that is not there
 * reads as nil. Lua errors (out of memory, mostly) pass through as longjmps; see instance.ts.
 */
import { type Index, type LuaApi, LuaInstance, type Pointer, type Thread } from './instance.ts';

/** What lua_type answers. `none` is an index beyond the stack. */
export const LuaType = {
  none: -1,
  nil: 0,
  boolean: 1,
  lightUserdata: 2,
  number: 3,
  string: 4,
  table: 5,
  function: 6,
  userdata: 7,
  thread: 8,
} as const;

const typeNames = [
  'no value',
  'nil',
  'boolean',
  'userdata',
  'number',
  'string',
  'table',
  'function',
  'userdata',
  'thread',
];

/** What lua_pcall and lua_resume answer. */
export const LuaStatus = { ok: 0, yielded: 1, runtimeError: 2, syntaxError: 3, outOfMemory: 4 } as const;

/** Pseudo indexes. */
export const registryIndex: Index = -10_000;
export const globalsIndex: Index = -10_002;
/** Of a C closure's values, from 1. */
export const upvalueIndex = (number: number): Index => globalsIndex - number;

/** Short strings go through a piece of memory that is always there. */
const scratchBytes = 64 * 1024;
const countEvent = 3;
const maskCount = 1 << countEvent;

/** The fields of lua_Debug that are read, by their place in it, and its size. */
const record = { what: 12, source: 16, currentLine: 20, bytes: 100 };

/**
 * The fields of lua_State, CallInfo and a function that are read, by their place: what Lua's API does not tell. They are those of
 * the one build there is; test/portable/threads.test.ts would see them move.
 *
 *     lua_State: ... 20 ci ... 52 nCcalls, 54 baseCcalls ... 60 basehookcount, 64 hookcount
 *     CallInfo (24 bytes): base, func, top...      a stack slot: value, 8 type      a function: next, type, marked, 6 isC
 */
const state = { call: 20, depth: 52, baseDepth: 54, hookEvery: 60, hookLeft: 64 };
const callInfo = { function: 4, bytes: 24 };
const slotType = 8;
const isC = 6;

/** lua_gc's questions. */
const collectNow = 2;
const kilobytesInUse = 3;

/** Where a function on the stack is in its source. */
export interface Place {
  /** 'Lua', 'C', 'main' or 'tail'. */
  what: string;
  /** '@name' or the code itself, '' when unknown. */
  source: string;
  line: number;
}

export class Lua {
  readonly api: LuaApi;
  /** The main thread. */
  readonly main: Thread;
  readonly #instance: LuaInstance;
  readonly #scratch: Pointer;
  readonly #lengthAt: Pointer;
  readonly #record: Pointer;
  readonly #sourceAndLine: Pointer;

  /** A state with the libraries base (coroutines too), table, string and math. `memoryBytesMax` bounds all it may hold. */
  constructor(memoryBytesMax: number) {
    this.#instance = new LuaInstance(memoryBytesMax);
    const { api } = this.#instance;
    this.api = api;
    this.#scratch = api.malloc(scratchBytes);
    this.#lengthAt = api.malloc(4);
    this.#record = api.malloc(record.bytes);
    this.#sourceAndLine = api.malloc(3);
    this.memory.write('Sl\0', this.#sourceAndLine, 'latin1');
    this.main = api.luaL_newstate();
    for (const [name, open] of [
      ['', api.luaopen_base],
      ['table', api.luaopen_table],
      ['string', api.luaopen_string],
      ['math', api.luaopen_math],
    ] as const) {
      api.lua_pushcclosure(this.main, this.#instance.tabled(open), 0);
      this.pushText(this.main, name);
      api.lua_call(this.main, 1, 0);
    }
  }

  get memory(): Buffer {
    return this.#instance.memory;
  }

  /** Bytes that Lua's memory takes of the process; it never shrinks. */
  get memoryBytes(): number {
    return this.memory.length;
  }

  // --- Pushing ---

  pushText(thread: Thread, text: string): void {
    this.#lend(thread, text.length, (at) => {
      this.memory.write(text, at, 'latin1');
      this.api.lua_pushlstring(thread, at, text.length);
    });
  }

  pushBytes(thread: Thread, bytes: Uint8Array): void {
    this.#lend(thread, bytes.length, (at) => {
      this.memory.set(bytes, at);
      this.api.lua_pushlstring(thread, at, bytes.length);
    });
  }

  pushBoolean(thread: Thread, flag: boolean): void {
    this.api.lua_pushboolean(thread, flag ? 1 : 0);
  }

  /** A function of ours, with as many upvalues as are taken from the top of the stack. */
  pushCallback(thread: Thread, run: (thread: Thread) => number, upvalues = 0): void {
    this.api.lua_pushcclosure(thread, this.#instance.callback(run), upvalues);
  }

  /** A place in the table of C functions, to be given to `lua_pushcclosure`. */
  callback(run: (thread: Thread) => number): number {
    return this.#instance.callback(run);
  }

  /** Sets a field of the table at `table` (not a relative index) to the value on top of the stack, which goes. */
  setField(thread: Thread, table: Index, name: string): void {
    this.pushText(thread, name);
    this.api.lua_insert(thread, -2);
    this.api.lua_rawset(thread, table);
  }

  // --- Reading ---

  type(thread: Thread, index: Index): number {
    return this.api.lua_type(thread, index);
  }

  typeName(thread: Thread, index: Index): string {
    return typeNames[this.type(thread, index) + 1]!;
  }

  /** The string at an index; null when there is none. (A number is none, see `textOrNumber`.) */
  text(thread: Thread, index: Index): string | null {
    if (this.type(thread, index) !== LuaType.string) return null;
    const at = this.api.lua_tolstring(thread, index, this.#lengthAt);
    return this.memory.toString('latin1', at, at + this.memory.readUInt32LE(this.#lengthAt));
  }

  /** The bytes of a string, copied; null when there is none. */
  bytes(thread: Thread, index: Index): Buffer | null {
    if (this.type(thread, index) !== LuaType.string) return null;
    const at = this.api.lua_tolstring(thread, index, this.#lengthAt);
    return Buffer.from(this.memory.subarray(at, at + this.memory.readUInt32LE(this.#lengthAt)));
  }

  /** The number at an index; null when there is none. (A string is none, whatever it says.) */
  number(thread: Thread, index: Index): number | null {
    return this.type(thread, index) === LuaType.number ? this.api.lua_tonumber(thread, index) : null;
  }

  /** Pushes a field of the table at `table` (not a relative index) and tells its type. No metatable is asked. */
  pushField(thread: Thread, table: Index, name: string): number {
    this.pushText(thread, name);
    this.api.lua_rawget(thread, table);
    return this.type(thread, -1);
  }

  /** Room on the stack; false when there is none. A callback has 20 places without asking. */
  hasRoom(thread: Thread, places: number): boolean {
    return this.api.lua_checkstack(thread, places) !== 0;
  }

  pop(thread: Thread, count = 1): void {
    this.api.lua_settop(thread, -count - 1);
  }

  // --- Threads ---

  /** Could the thread yield now, and be gone on with? Not when C has called something on it, nor when it began with C. */
  mayYield(thread: Thread): boolean {
    const { memory } = this;
    if (memory.readUInt16LE(thread + state.depth) > memory.readUInt16LE(thread + state.baseDepth))
      return false;
    const call = memory.readUInt32LE(thread + state.call);
    // A hook has no call of its own; a callback has one above its caller's.
    return this.#isLua(call) || this.#isLua(call - callInfo.bytes);
  }

  #isLua(call: Pointer): boolean {
    const { memory } = this;
    const slot = memory.readUInt32LE(call + callInfo.function);
    if (memory.readUInt32LE(slot + slotType) !== LuaType.function) return false;
    return memory[memory.readUInt32LE(slot) + isC] === 0;
  }

  /** What C has called on a thread counts for another that goes on for it: recursion through both has an end. */
  inheritDepth(from: Thread, to: Thread): void {
    this.memory.writeUInt16LE(this.memory.readUInt16LE(from + state.depth), to + state.depth);
  }

  /** Instructions that a thread has run since its hook was set or called. */
  instructionsSinceHook(thread: Thread): number {
    return (
      this.memory.readInt32LE(thread + state.hookEvery) - this.memory.readInt32LE(thread + state.hookLeft)
    );
  }

  /** The number of instructions with which a thread's hook was set. */
  hookEvery(thread: Thread): number {
    return this.memory.readInt32LE(thread + state.hookEvery);
  }

  // --- Code ---

  /** Compiles source; pushes the function, or Lua's message. True for the function. */
  load(thread: Thread, code: Uint8Array, name: string): boolean {
    return this.#lend(thread, code.length + name.length + 1, (at) => {
      this.memory.set(code, at);
      this.memory.write(`${name}\0`, at + code.length, 'latin1');
      return this.api.luaL_loadbuffer(thread, at, code.length, at + code.length) === LuaStatus.ok;
    });
  }

  /** Goes on as the C function at an index, in the same frame: a callback that looked at the arguments becomes it. */
  become(thread: Thread, index: Index): number {
    return this.#instance.become(this.api.lua_tocfunction(thread, index), thread);
  }

  /** Runs something that enters Lua from outside; LuaBroken comes out when Lua cannot be used any more. */
  entered<T>(run: () => T): T {
    return this.#instance.entered(run);
  }

  /** A hook's place in the table of C functions, for `setHook`. */
  hook(run: (thread: Thread) => void): number {
    return this.#instance.hook(run);
  }

  /** Calls a hook on each `every` instructions of a thread, and of the coroutines that it makes from now on; 0: on none. */
  setHook(thread: Thread, hook: number, every: number): void {
    this.api.lua_sethook(thread, hook, every > 0 ? maskCount : 0, every);
  }

  /** The function at a level of the stack (0: the one that runs); null above the last. */
  place(thread: Thread, level: number): Place | null {
    const { memory } = this;
    if (this.api.lua_getstack(thread, level, this.#record) === 0) return null;
    this.api.lua_getinfo(thread, this.#sourceAndLine, this.#record);
    const cString = (at: Pointer): string =>
      at === 0 ? '' : memory.toString('latin1', at, memory.indexOf(0, at));
    return {
      what: cString(memory.readUInt32LE(this.#record + record.what)),
      source: cString(memory.readUInt32LE(this.#record + record.source)),
      line: memory.readInt32LE(this.#record + record.currentLine),
    };
  }

  /** Frees what nobody holds. O(memory). */
  collect(): void {
    this.api.lua_gc(this.main, collectNow, 0);
  }

  /** Bytes that Lua's values take. */
  get usedBytes(): number {
    return this.api.lua_gc(this.main, kilobytesInUse, 0) * 1024;
  }

  /** Lends memory for a call. When there is none, that is an error of the thread, as it is in C. */
  #lend<T>(thread: Thread, bytes: number, use: (at: Pointer) => T): T {
    if (bytes <= scratchBytes) return use(this.#scratch);
    const at = this.api.malloc(bytes);
    if (at === 0) this.#outOfMemory(thread);
    try {
      return use(at);
    } finally {
      this.api.free(at);
    }
  }

  #outOfMemory(thread: Thread): never {
    this.pushText(thread, 'not enough memory');
    this.api.lua_error(thread);
    throw new Error('lua_error came back');
  }
}
