/**
 * What the prelude asks for: the table `native`, and Lua's own functions that would show on which kind of machine this is.
 *
 * Its one idea: no function of ours that Lua calls raises an error itself; it answers (true, results...) or (false, error), and the
 * prelude raises it, where it has the script's line and can be caught as Redis's can.
 */
import type { Thread } from '../../lua/instance.ts';
import { globalsIndex, type Lua, LuaType, upvalueIndex } from '../../lua/lua.ts';
import { openBit } from './bit.ts';
import { openJson } from './cjson.ts';
import { openMessagePack } from './cmsgpack.ts';
import { errorTable, wordsOf } from './convert.ts';
import { runFormat } from './format.ts';
import { runGuarded, runUnpack } from './guard.ts';
import { Lrand48 } from './lrand48.ts';
import { sha1Hex } from './sha1.ts';
import { flagNames } from './shebang.ts';
import { openStruct } from './struct.ts';

/** Who answers a script's questions. */
export interface Host {
  /** redis.call and redis.pcall: the arguments are on the thread's stack; true and one result are pushed, or false and an error. */
  call(thread: Thread): void;
  /** redis.acl_check_cmd: whether the caller may run a command; null when there is no such command. */
  mayRun(words: readonly Buffer[]): boolean | null;
}

/** What the functions here need of the script that runs. */
export interface Surroundings {
  /** redis.setresp(3). */
  resp3: boolean;
  /** redis.set_repl: bits 1 (AOF) and 2 (replicas). */
  replicate: number;
  /** Of the script that runs. */
  readonly host: Host | null;
  /** What redis.log writes. */
  log(level: number, text: Buffer): void;
  /** Is this thread the script itself, or what it called by pcall, and no coroutine of its own? */
  isOurs(thread: Thread): boolean;
  /** pcall and xpcall on a thread of their own (see threads.ts); null when that cannot be. */
  callApart(thread: Thread, hasHandler: boolean): number | null;
}

/** Puts functions of ours before those of Lua's that would show on which kind of machine it runs, or on which thread. */
export function amend(lua: Lua, around: Surroundings): void {
  const { main, api } = lua;
  /** `run` stands before a function of a library, which is its upvalue 1. */
  const before = (library: string, name: string, run: (thread: Thread) => number): void => {
    if (library === '') api.lua_pushvalue(main, globalsIndex);
    else lua.pushField(main, globalsIndex, library);
    lua.pushField(main, 1, name);
    lua.pushCallback(main, run, 1);
    lua.setField(main, 1, name);
    api.lua_settop(main, 0);
  };
  before('string', 'format', (thread) => runFormat(lua, thread));
  before('', 'tostring', (thread) => {
    if (lua.type(thread, 1) !== LuaType.lightUserdata) return lua.become(thread, upvalueIndex(1));
    // cjson.null, the only one there is: as glibc writes a NULL.
    lua.pushText(thread, 'userdata: (nil)');
    return 1;
  });
  // In Redis a script is no coroutine, nor is what it calls by pcall.
  before('coroutine', 'running', (thread) => {
    if (!around.isOurs(thread)) return lua.become(thread, upvalueIndex(1));
    api.lua_pushnil(thread);
    return 1;
  });
  before('coroutine', 'yield', (thread) => {
    if (!around.isOurs(thread)) return lua.become(thread, upvalueIndex(1));
    lua.pushText(thread, 'attempt to yield across metamethod/C-call boundary');
    return api.lua_error(thread);
  });
}

/** Pushes the table `native`. */
export function pushNative(lua: Lua, around: Surroundings): void {
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
  const apart = [false, true].map((hasHandler) =>
    lua.callback((thread) => around.callApart(thread, hasHandler) ?? callThrough(lua, thread)),
  );
  // The second argument says that there is a handler, as for xpcall.
  set('apart', (thread) => {
    const place = apart[api.lua_toboolean(thread, 2)]!;
    api.lua_settop(thread, 1);
    api.lua_pushcclosure(thread, place, 1);
    return 1;
  });
  set('where', (thread) => {
    const place = scriptPlace(lua, thread, 1);
    if (place === null) return 0;
    lua.pushText(thread, place.source);
    api.lua_pushnumber(thread, place.line);
    return 2;
  });
  set('sha1hex', (thread) => {
    lua.pushText(thread, sha1Hex(lua.bytes(thread, 1)!));
    return 1;
  });
  set('log', (thread) => {
    around.log(lua.number(thread, 1)!, Buffer.from(lua.bytes(thread, 2)!));
    return 0;
  });
  set('acl_check_cmd', (thread) => checkCommand(lua, thread, around.host!));
  set('setresp', (thread) => {
    around.resp3 = lua.number(thread, 1) === 3;
    return 0;
  });
  set('set_repl', (thread) => {
    around.replicate = Math.trunc(lua.number(thread, 1)!);
    return 0;
  });
  const random = new Lrand48();
  set('random', (thread) => {
    api.lua_pushnumber(thread, random.next());
    return 1;
  });
  set('seed', (thread) => {
    random.seed(lua.number(thread, 1)!);
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
    around.host!.call(thread);
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

/** Where a script is in its source. */
export interface Place {
  source: string;
  line: number;
}

/** Source and line of the innermost function of a script, from a level of a thread's stack on; null when there is none. */
export function scriptPlace(lua: Lua, thread: Thread, from: number): Place | null {
  for (let level = from; ; level++) {
    const place = lua.place(thread, level);
    if (place === null) return null;
    if (place.what !== 'C' && place.what !== 'tail' && place.source !== '=redtwin') return place;
  }
}

function checkCommand(lua: Lua, thread: Thread, host: Host): number {
  const words = wordsOf(lua, thread);
  const mayRun = words === null || words.length === 0 ? null : host.mayRun(words);
  lua.pushBoolean(thread, mayRun !== null);
  if (mayRun !== null) lua.pushBoolean(thread, mayRun);
  else if (words === null)
    errorTable(lua, thread, 'ERR Lua redis lib command arguments must be strings or integers');
  else if (words.length === 0)
    errorTable(lua, thread, 'ERR Please specify at least one argument for this redis lib call');
  else errorTable(lua, thread, 'ERR Invalid command passed to redis.acl_check_cmd()');
  return 2;
}

/** Calls upvalue 1 with the arguments and gives its results: a C function around a Lua function (see `expose` in the prelude). */
function callThrough({ api }: Lua, thread: Thread): number {
  api.lua_pushvalue(thread, upvalueIndex(1));
  api.lua_insert(thread, 1);
  api.lua_call(thread, api.lua_gettop(thread) - 1, -1);
  return api.lua_gettop(thread);
}
