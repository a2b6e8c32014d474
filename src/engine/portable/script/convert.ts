/**
 * Between RESP and Lua, in both directions, by Redis's tables.
 *
 *     RESP             Lua                                and back
 *     :1               number                             integer, fraction cut off
 *     $  +  -          string, {ok=}, {err=}              the same
 *     *                table 1..n                         up to the first nil
 *     null             false (RESP3: nil)                 nil, and false in RESP2
 *     %  ~             {map={}}, {set={member=true}}      map, set
 *     ,  (  =  #       {double=}, {big_number=}, {verbatim_string={format=,string=}}, boolean      the same
 *
 * Values live on a Lua thread's stack; text is a binary string.
 */
import type { Index, Thread } from '../../lua/instance.ts';
import { type Lua, LuaType } from '../../lua/lua.ts';
import { formatG } from '../numbers.ts';
import type { Reply } from '../reply.ts';

/** Tables within tables that are followed on their way into a reply. */
const depthMax = 1000;

/** A number as C's "%.{digits}g" writes it, those that are none included. */
export function formatNumber(number: number, digits: number): string {
  // What 0/0 gives on the machines that Redis runs on has its sign bit set.
  if (Number.isNaN(number)) return '-nan';
  if (!Number.isFinite(number)) return number > 0 ? 'inf' : '-inf';
  return formatG(number, digits);
}

/** The string or number at an index as text; null when it is neither. */
export function textOrNumber(lua: Lua, thread: Thread, index: Index, digits = 17): string | null {
  const number = lua.number(thread, index);
  return number === null ? lua.text(thread, index) : formatNumber(number, digits);
}

/** All values of a callback's stack as arguments of a command: strings and numbers; null when something is neither. */
export function wordsOf(lua: Lua, thread: Thread): Buffer[] | null {
  const count = lua.api.lua_gettop(thread);
  const words: Buffer[] = [];
  for (let index = 1; index <= count; index++) {
    const number = lua.number(thread, index);
    const word = number === null ? lua.bytes(thread, index) : Buffer.from(formatNumber(number, 17), 'latin1');
    if (word === null) return null;
    words.push(word);
  }
  return words;
}

/** A field of an error table: it was counted where it arose, and who passes it on does not count it again. */
const countedField = 'ignore_error_stats_update';

/** Pushes `{err = text}`, the text as it stands in a reply without its dash. */
export function errorTable(lua: Lua, thread: Thread, text: string, isCounted = false): void {
  lua.api.lua_createtable(thread, 0, 2);
  const table = lua.api.lua_gettop(thread);
  lua.pushText(thread, text);
  lua.setField(thread, table, 'err');
  if (!isCounted) return;
  lua.pushBoolean(thread, true);
  lua.setField(thread, table, countedField);
}

/** Whether the error table at an index (not a relative one) was counted already. */
export function isCounted(lua: Lua, thread: Thread, table: Index): boolean {
  lua.pushField(thread, table, countedField);
  const counted = lua.api.lua_toboolean(thread, -1) !== 0;
  lua.pop(thread);
  return counted;
}

/** Text of an error that a script ended with. */
export function errorText(lua: Lua, thread: Thread, index: Index): string {
  if (lua.type(thread, index) !== LuaType.table) return lua.text(thread, index) ?? 'execution failure';
  const table = absolute(lua, thread, index);
  lua.pushField(thread, table, 'err');
  const text = lua.text(thread, -1);
  lua.pop(thread);
  return text ?? 'ERR unknown error';
}

const absolute = (lua: Lua, thread: Thread, index: Index): Index =>
  index < 0 ? lua.api.lua_gettop(thread) + 1 + index : index;

/** What a client reads of an error that a script ended with: its text, and where it was. */
export function failure(lua: Lua, thread: Thread, name: string): string {
  const text = errorText(lua, thread, -1);
  if (lua.type(thread, -1) !== LuaType.table)
    return `ERR Error running script ${name}, ${text.slice(0, 100)}`;
  const table = lua.api.lua_gettop(thread);
  lua.pushField(thread, table, 'source');
  lua.pushField(thread, table, 'line');
  const [source, line] = [lua.text(thread, -2), lua.number(thread, -1)];
  lua.pop(thread, 2);
  return source === null || line === null ? text : `${text} script: ${name}, on ${source}:${line}.`;
}

// --- RESP to Lua ---

/** Pushes a reply of one of our own commands as Lua sees it. */
export function pushReply(lua: Lua, thread: Thread, reply: Buffer): void {
  new ReplyReader(lua, thread, reply).value();
}

class ReplyReader {
  readonly #lua: Lua;
  readonly #thread: Thread;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(lua: Lua, thread: Thread, bytes: Buffer) {
    this.#lua = lua;
    this.#thread = thread;
    this.#bytes = bytes;
  }

  value(): void {
    const lua = this.#lua;
    const thread = this.#thread;
    const { api } = lua;
    const kind = String.fromCharCode(this.#bytes[this.#at]!);
    const line = this.#line();
    switch (kind) {
      case ':':
        api.lua_pushnumber(thread, Number(line));
        return;
      case '+':
        this.#tagged('ok', () => lua.pushText(thread, line));
        return;
      case '-':
        errorTable(lua, thread, line, true);
        return;
      case '$':
        if (line === '-1') lua.pushBoolean(thread, false);
        else lua.pushBytes(thread, this.#bulk(Number(line)));
        return;
      case '*':
        if (line === '-1') lua.pushBoolean(thread, false);
        else this.#array(Number(line));
        return;
      case '>':
        // Scripts get no pushes: DEBUG PROTOCOL alone has one for them.
        this.#array(Number(line));
        lua.pop(thread, 1);
        api.lua_pushnil(thread);
        return;
      case '%':
        this.#tagged('map', () => this.#keyed(Number(line), () => this.value()));
        return;
      case '~':
        this.#tagged('set', () => this.#keyed(Number(line), () => lua.pushBoolean(thread, true)));
        return;
      case '|':
        // Attributes stand before what they belong to, and scripts do not see them.
        for (let left = 2 * Number(line); left > 0; left--) {
          this.value();
          lua.pop(thread, 1);
        }
        this.value();
        return;
      case '_':
        api.lua_pushnil(thread);
        return;
      case '#':
        lua.pushBoolean(thread, line === 't');
        return;
      case ',':
        this.#tagged('double', () => api.lua_pushnumber(thread, doubleOf(line)));
        return;
      case '(':
        this.#tagged('big_number', () => lua.pushText(thread, line));
        return;
      case '=':
        this.#verbatim(this.#bulk(Number(line)).toString('latin1'));
        return;
      default:
        throw new Error(`a command's reply begins with ${JSON.stringify(kind)}`);
    }
  }

  /** The rest of a line behind its first byte. */
  #line(): string {
    const end = this.#bytes.indexOf('\r', this.#at, 'latin1');
    const line = this.#bytes.toString('latin1', this.#at + 1, end);
    this.#at = end + 2;
    return line;
  }

  #bulk(size: number): Buffer {
    const bulk = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size + 2;
    return bulk;
  }

  #tagged(tag: string, push: () => void): void {
    const { api } = this.#lua;
    this.#makeRoom();
    api.lua_createtable(this.#thread, 0, 1);
    const table = api.lua_gettop(this.#thread);
    push();
    this.#lua.setField(this.#thread, table, tag);
  }

  #array(length: number): void {
    const { api } = this.#lua;
    this.#makeRoom();
    api.lua_createtable(this.#thread, length, 0);
    for (let index = 1; index <= length; index++) {
      this.value();
      api.lua_rawseti(this.#thread, -2, index);
    }
  }

  #keyed(count: number, pushValue: () => void): void {
    const lua = this.#lua;
    this.#makeRoom();
    lua.api.lua_createtable(this.#thread, 0, count);
    for (let index = 0; index < count; index++) {
      this.value();
      pushValue();
      // A table has no place for a key that is nil.
      if (lua.type(this.#thread, -2) === LuaType.nil) lua.pop(this.#thread, 2);
      else lua.api.lua_rawset(this.#thread, -3);
    }
  }

  #verbatim(content: string): void {
    const lua = this.#lua;
    this.#tagged('verbatim_string', () => {
      lua.api.lua_createtable(this.#thread, 0, 2);
      const table = lua.api.lua_gettop(this.#thread);
      lua.pushText(this.#thread, content.slice(4));
      lua.setField(this.#thread, table, 'string');
      lua.pushText(this.#thread, content.slice(0, 3));
      lua.setField(this.#thread, table, 'format');
    });
  }

  /** For a table, a key and a value. The depth of our own commands' replies is small. */
  #makeRoom(): void {
    if (!this.#lua.hasRoom(this.#thread, 8))
      throw new Error("a command's reply is nested too deeply for Lua");
  }
}

const doubleOf = (text: string): number =>
  text === 'inf' ? Number.POSITIVE_INFINITY : text === '-inf' ? Number.NEGATIVE_INFINITY : Number(text);

// --- Lua to RESP ---

/** Writes the value on top of a thread's stack as a reply. `resp3` is what redis.setresp chose; the reply's own protocol decides the form. */
export function writeReply(lua: Lua, thread: Thread, reply: Reply, resp3: boolean, depth = 0): void {
  const { api } = lua;
  switch (lua.type(thread, -1)) {
    case LuaType.string:
      reply.bulk(lua.text(thread, -1)!);
      return;
    case LuaType.boolean: {
      const flag = api.lua_toboolean(thread, -1) !== 0;
      if (resp3) reply.boolean(flag);
      else if (flag) reply.integer(1);
      else reply.nullBulk();
      return;
    }
    case LuaType.number:
      reply.integer(wholeNumber(lua.number(thread, -1)!));
      return;
    case LuaType.table:
      if (depth >= depthMax || !lua.hasRoom(thread, 8)) reply.error('ERR reached lua stack limit');
      else new TableWriter(lua, thread, reply, resp3, depth).write();
      return;
    default:
      reply.nullBulk();
  }
}

/** What C's cast to a 64-bit integer gives on the machines Redis runs on. */
function wholeNumber(number: number): number | bigint {
  if (Number.isSafeInteger(number)) return Object.is(number, -0) ? 0 : number;
  return Math.abs(number) < 2 ** 63 ? BigInt(Math.trunc(number)) : -(2n ** 63n);
}

/** Up to the first zero byte, where C ends a text. */
const cText = (text: string): string => text.split('\0', 1)[0]!;

/** Text that ends at a line break must not: Redis writes spaces. */
const oneLine = (text: string): string => text.replace(/[\r\n]/g, ' ');

/** Writes the table on top of the stack, which is as it was afterwards. */
class TableWriter {
  readonly #lua: Lua;
  readonly #thread: Thread;
  readonly #reply: Reply;
  readonly #resp3: boolean;
  readonly #depth: number;
  readonly #table: Index;

  constructor(lua: Lua, thread: Thread, reply: Reply, resp3: boolean, depth: number) {
    this.#lua = lua;
    this.#thread = thread;
    this.#reply = reply;
    this.#resp3 = resp3;
    this.#depth = depth;
    this.#table = lua.api.lua_gettop(thread);
  }

  write(): void {
    const lua = this.#lua;
    const thread = this.#thread;
    const isWritten =
      this.#tag('err', LuaType.string, () => this.#error(cText(lua.text(thread, -1)!))) ||
      this.#tag('ok', LuaType.string, () => this.#reply.simple(oneLine(cText(lua.text(thread, -1)!)))) ||
      this.#tag('double', LuaType.number, () => this.#reply.double(lua.number(thread, -1)!)) ||
      this.#tag('map', LuaType.table, () => this.#map()) ||
      this.#tag('set', LuaType.table, () => this.#set()) ||
      this.#tag('big_number', LuaType.string, () => this.#reply.bigNumber(oneLine(lua.text(thread, -1)!))) ||
      this.#verbatim();
    if (!isWritten) this.#array();
  }

  #error(text: string): void {
    if (isCounted(this.#lua, this.#thread, this.#table)) this.#reply.toldError(text);
    else this.#reply.error(text);
  }

  /** Writes by a field when it has the right type. */
  #tag(name: string, type: number, write: () => void): boolean {
    const isThere = this.#lua.pushField(this.#thread, this.#table, name) === type;
    if (isThere) write();
    this.#lua.pop(this.#thread);
    return isThere;
  }

  #verbatim(): boolean {
    const lua = this.#lua;
    const thread = this.#thread;
    let isWritten = false;
    this.#tag('verbatim_string', LuaType.table, () => {
      const inner = lua.api.lua_gettop(thread);
      lua.pushField(thread, inner, 'string');
      lua.pushField(thread, inner, 'format');
      const [text, format] = [lua.text(thread, -2), lua.text(thread, -1)];
      lua.pop(thread, 2);
      if (text === null || format === null) return;
      this.#reply.verbatim(format.padEnd(3).slice(0, 3), text);
      isWritten = true;
    });
    return isWritten;
  }

  #value(): void {
    writeReply(this.#lua, this.#thread, this.#reply, this.#resp3, this.#depth + 1);
  }

  /** Walks the table on top of the stack; key and value are on top of it while `each` runs. Gives their number. */
  #walk(each: () => void): number {
    const { api } = this.#lua;
    const thread = this.#thread;
    const table = api.lua_gettop(thread);
    let count = 0;
    api.lua_pushnil(thread);
    while (api.lua_next(thread, table) !== 0) {
      count++;
      each();
      api.lua_settop(thread, table + 1);
    }
    return count;
  }

  #map(): void {
    this.#reply.map(this.#walk(() => {}));
    this.#walk(() => {
      this.#lua.api.lua_pushvalue(this.#thread, -2);
      this.#value();
      this.#lua.pop(this.#thread);
      this.#value();
    });
  }

  #set(): void {
    this.#reply.set(this.#walk(() => {}));
    this.#walk(() => {
      this.#lua.api.lua_pushvalue(this.#thread, -2);
      this.#value();
    });
  }

  #array(): void {
    const { api } = this.#lua;
    const thread = this.#thread;
    const at = (index: number): boolean => {
      api.lua_rawgeti(thread, this.#table, index);
      return this.#lua.type(thread, -1) !== LuaType.nil;
    };
    let length = 0;
    while (at(length + 1)) {
      length++;
      this.#lua.pop(thread);
    }
    this.#lua.pop(thread);
    this.#reply.array(length);
    for (let index = 1; index <= length; index++) {
      at(index);
      this.#value();
      this.#lua.pop(thread);
    }
  }
}
