/**
 * Lua values to JSON, as lua-cjson writes them.
 *
 * A table is an array when all its keys are whole numbers from 1 on (holes become null), otherwise an object; an empty table is an
 * object. Text goes through byte by byte: nobody checks that it is UTF-8.
 */
import type { Index, Thread } from '../../lua/instance.ts';
import { type Lua, LuaType } from '../../lua/lua.ts';
import type { JsonOptions } from './cjson.ts';
import { formatNumber } from './convert.ts';
import { LibraryError } from './library.ts';

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are the ones that must be escaped.
const special = /[\u0000-\u001f"\\/\u007f]/g;

const quoted = (text: string): string =>
  `"${text.replace(special, (c) => escapes[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

export class JsonWriter {
  readonly #lua: Lua;
  readonly #thread: Thread;
  readonly #options: JsonOptions;
  text = '';

  constructor(lua: Lua, thread: Thread, options: JsonOptions) {
    this.#lua = lua;
    this.#thread = thread;
    this.#options = options;
  }

  /** Writes the value on top of the stack, which stays. `depth` is the number of tables around it. */
  value(depth: number): void {
    const lua = this.#lua;
    const thread = this.#thread;
    switch (lua.type(thread, -1)) {
      case LuaType.string:
        this.text += quoted(lua.text(thread, -1)!);
        return;
      case LuaType.number:
        this.text += this.#number(lua.number(thread, -1)!);
        return;
      case LuaType.boolean:
        this.text += lua.api.lua_toboolean(thread, -1) !== 0 ? 'true' : 'false';
        return;
      case LuaType.table:
        this.#table(depth + 1);
        return;
      case LuaType.nil:
      case LuaType.lightUserdata:
        this.text += 'null';
        return;
      default:
        this.#refuse(-1, 'type not supported');
    }
  }

  #refuse(index: Index, why: string): never {
    throw new LibraryError(`Cannot serialise ${this.#lua.typeName(this.#thread, index)}: ${why}`);
  }

  #number(number: number): string {
    const { encodesInvalid, precision } = this.#options;
    if (!Number.isFinite(number)) {
      if (encodesInvalid === 'null') return 'null';
      if (encodesInvalid === 'off') this.#refuse(-1, 'must not be NaN or Inf');
      if (Number.isNaN(number)) return 'nan';
    }
    return formatNumber(number, precision);
  }

  #table(depth: number): void {
    const lua = this.#lua;
    const thread = this.#thread;
    if (depth > this.#options.encodeDepthMax || !lua.hasRoom(thread, 8))
      throw new LibraryError(`Cannot serialise, excessive nesting (${depth})`);
    const table = lua.api.lua_gettop(thread);
    const length = this.#arrayLength(table);
    if (length > 0) this.#array(table, length, depth);
    else this.#object(table, depth);
  }

  /** The greatest key of a table that is an array; 0 for one that is not. */
  #arrayLength(table: Index): number {
    const lua = this.#lua;
    const thread = this.#thread;
    let max = 0;
    let items = 0;
    lua.api.lua_pushnil(thread);
    while (lua.api.lua_next(thread, table) !== 0) {
      const key = lua.number(thread, -2);
      if (key === null || key < 1 || Math.floor(key) !== key) {
        lua.pop(thread, 2);
        return 0;
      }
      max = Math.max(max, key);
      items++;
      lua.pop(thread);
    }
    const { sparseRatio, sparseSafe, convertsSparse } = this.#options;
    if (sparseRatio === 0 || max <= items * sparseRatio || max <= sparseSafe) return max;
    if (!convertsSparse) this.#refuse(-1, 'excessively sparse array');
    return 0;
  }

  #array(table: Index, length: number, depth: number): void {
    const lua = this.#lua;
    this.text += '[';
    for (let index = 1; index <= length; index++) {
      if (index > 1) this.text += ',';
      lua.api.lua_rawgeti(this.#thread, table, index);
      this.value(depth);
      lua.pop(this.#thread);
    }
    this.text += ']';
  }

  #object(table: Index, depth: number): void {
    const lua = this.#lua;
    const thread = this.#thread;
    let separator = '{';
    lua.api.lua_pushnil(thread);
    while (lua.api.lua_next(thread, table) !== 0) {
      this.text += separator;
      separator = ',';
      const name = lua.text(thread, -2);
      const number = lua.number(thread, -2);
      if (name !== null) this.text += `${quoted(name)}:`;
      else if (number !== null) this.text += `"${this.#number(number)}":`;
      else this.#refuse(-2, 'table key must be a number or string');
      this.value(depth);
      lua.pop(thread);
    }
    this.text += separator === '{' ? '{}' : '}';
  }
}
