/**
 * Lua's own functions, made safe to be given a proxy of the prelude or a range that deceives them.
 *
 *     script: table.insert(redis, 1) --> guarded --> behind[redis]? refuse : the table behind --> Lua's insert
 *
 * Its one idea: the guard is a C function that looks at the arguments and then *becomes* Lua's function, in the same
 * frame. So errors keep the name and the line that Lua gives them, which a call through another function would lose.
 * The function is upvalue 1, the table from proxies to what is behind them upvalue 2.
 */
import type { Thread } from '../../lua/instance.ts';
import { type Lua, LuaType, upvalueIndex } from '../../lua/lua.ts';

const intMax = 0x7fff_ffff;

/** Replaces a proxy by the table behind it; true when there was one and `isRefused` would have it refused. */
function looksBehind({ api }: Lua, thread: Thread, isRefused: boolean): boolean {
  if (api.lua_type(thread, 1) !== LuaType.table) return false;
  api.lua_pushvalue(thread, 1);
  api.lua_rawget(thread, upvalueIndex(2));
  const isProxy = api.lua_type(thread, -1) === LuaType.table;
  if (isProxy && !isRefused) api.lua_replace(thread, 1);
  else api.lua_settop(thread, -2);
  return isProxy && isRefused;
}

/** With from upvalue 3 to upvalue 4 arguments the table would be changed: then a proxy is refused. */
export function runGuarded(lua: Lua, thread: Thread): number {
  const { api } = lua;
  const count = api.lua_gettop(thread);
  const isChange =
    count >= api.lua_tonumber(thread, upvalueIndex(3)) && count <= api.lua_tonumber(thread, upvalueIndex(4));
  if (looksBehind(lua, thread, isChange)) {
    lua.pushText(thread, 'Attempt to modify a readonly table');
    return api.lua_error(thread);
  }
  return lua.become(thread, upvalueIndex(1));
}

/** unpack, with an eye on the range: Lua 5.1's own is deceived by one that is longer than an int. */
export function runUnpack(lua: Lua, thread: Thread): number {
  const { api } = lua;
  looksBehind(lua, thread, false);
  const isOther = (index: number): boolean =>
    lua.type(thread, index) > LuaType.nil && api.lua_isnumber(thread, index) === 0;
  // Lua's own function says what is wrong with them.
  if (lua.type(thread, 1) !== LuaType.table || isOther(2) || isOther(3))
    return lua.become(thread, upvalueIndex(1));
  // As C makes ints of them.
  const int = (index: number): number => Math.trunc(api.lua_tonumber(thread, index)) | 0;
  const isBeyondInt = (index: number): boolean => Math.abs(api.lua_tonumber(thread, index)) > intMax;
  const first = api.lua_isnumber(thread, 2) !== 0 ? int(2) : 1;
  const last = api.lua_isnumber(thread, 3) !== 0 ? int(3) : api.lua_objlen(thread, 1);
  if (last - first < intMax) {
    if (!isBeyondInt(2) && !isBeyondInt(3)) return lua.become(thread, upvalueIndex(1));
    // Its own way to an int is another one where pointers have 32 bits.
    api.lua_settop(thread, 1);
    api.lua_pushnumber(thread, first);
    api.lua_pushnumber(thread, last);
  } else {
    const place = lua.place(thread, 1);
    const where =
      place !== null && place.line > 0 && place.source.startsWith('@')
        ? `${place.source.slice(1)}:${place.line}: `
        : '';
    lua.pushText(thread, `${where}too many results to unpack`);
    return api.lua_error(thread);
  }
  return lua.become(thread, upvalueIndex(1));
}
