/**
 * How a library of ours is given to Lua: a table of functions, each of which answers (true, results...) or (false, error).
 *
 * The prelude wraps them and raises the errors, so that they carry the script's line. In here an error is simply
 * thrown, as a `LibraryError` with the words Lua's own libraries would use.
 */
import type { Index, Thread } from '../../lua/instance.ts';
import type { Lua } from '../../lua/lua.ts';
import { textOrNumber } from './convert.ts';

/** A call that cannot be answered: what the script reads, without its place. */
export class LibraryError {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Arguments are on the thread's stack from 1 on. Pushes its results and tells how many. */
export type LibraryFunction = (thread: Thread) => number;

/** Pushes a table with the functions, and with constants that are text, onto a thread's stack. */
export function pushLibrary(
  lua: Lua,
  onto: Thread,
  functions: Readonly<Record<string, LibraryFunction>>,
  constants: Readonly<Record<string, string>> = {},
): void {
  const { api } = lua;
  api.lua_createtable(onto, 0, Object.keys(functions).length);
  const table = api.lua_gettop(onto);
  for (const [name, text] of Object.entries(constants)) {
    lua.pushText(onto, text);
    lua.setField(onto, table, name);
  }
  for (const [name, run] of Object.entries(functions)) {
    lua.pushCallback(onto, (thread) => answered(lua, thread, run));
    lua.setField(onto, table, name);
  }
}

function answered(lua: Lua, thread: Thread, run: LibraryFunction): number {
  try {
    const results = run(thread);
    lua.pushBoolean(thread, true);
    lua.api.lua_insert(thread, -results - 1);
    return results + 1;
  } catch (thrown) {
    // Anything else is Lua's own longjmp, or a bug of ours.
    if (!(thrown instanceof LibraryError)) throw thrown;
    lua.api.lua_settop(thread, 0);
    lua.pushBoolean(thread, false);
    lua.pushText(thread, thrown.text);
    return 2;
  }
}

/** Ends the call as Lua's argument checks do. */
export function wrongArgument(lua: Lua, thread: Thread, at: Index, name: string, wanted: string): never {
  const got = lua.typeName(thread, at);
  throw new LibraryError(`bad argument #${at} to '${name}' (${wanted} expected, got ${got})`);
}

/** An argument that must be a string (a number counts as its text). */
export const textArgument = (lua: Lua, thread: Thread, at: Index, name: string): string =>
  textOrNumber(lua, thread, at, 14) ?? wrongArgument(lua, thread, at, name, 'string');

/** An argument that must be a number; text that is one counts, as in Lua's own libraries. */
export function numberArgument(lua: Lua, thread: Thread, at: Index, name: string): number {
  if (lua.api.lua_isnumber(thread, at) === 0) wrongArgument(lua, thread, at, name, 'number');
  return lua.api.lua_tonumber(thread, at);
}
