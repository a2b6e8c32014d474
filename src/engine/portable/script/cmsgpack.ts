/**
 * The `cmsgpack` library (lua-cmsgpack 0.4.0 as Redis carries it): MessagePack without extensions and binaries.
 *
 * Numbers take the shortest form that holds them, as Redis's library chooses it; input is never trusted in its lengths.
 */
import type { Thread } from '../../lua/instance.ts';
import { type Lua, LuaType } from '../../lua/lua.ts';
import { textOrNumber } from './convert.ts';
import { LibraryError, numberArgument, pushLibrary, wrongArgument } from './library.ts';

/** Tables deeper than this are packed as nil. */
const packDepthMax = 16;
/** Deeper input is refused. */
const unpackDepthMax = 1000;

/** Whole numbers from its negative on and below it are packed as integers. */
const two63 = 2 ** 63;

class Packer {
  readonly #lua: Lua;
  readonly #thread: Thread;
  #pieces: Buffer[] = [];

  constructor(lua: Lua, thread: Thread) {
    this.#lua = lua;
    this.#thread = thread;
  }

  take(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Packs the value on top of the stack, which stays. */
  value(depth: number): void {
    const lua = this.#lua;
    const thread = this.#thread;
    switch (lua.type(thread, -1)) {
      case LuaType.string: {
        const text = lua.bytes(thread, -1)!;
        this.#head(text.length, { first: 0xa0, max: 31 }, [0xd9, 0xda, 0xdb]);
        this.#pieces.push(text);
        return;
      }
      case LuaType.boolean:
        this.#bytes(lua.api.lua_toboolean(thread, -1) !== 0 ? 0xc3 : 0xc2);
        return;
      case LuaType.number:
        this.#number(lua.number(thread, -1)!);
        return;
      case LuaType.table:
        if (depth < packDepthMax) this.#table(depth + 1);
        else this.#bytes(0xc0);
        return;
      default:
        this.#bytes(0xc0);
    }
  }

  #bytes(...bytes: number[]): void {
    this.#pieces.push(Buffer.from(bytes));
  }

  /** Head of text, an array or a map: short, or 8, 16 or 32 bits of length. 0 as a form is one that does not exist. */
  #head(
    length: number,
    short: { first: number; max: number },
    forms: readonly [number, number, number],
  ): void {
    if (length <= short.max) this.#bytes(short.first | length);
    else if (length <= 0xff && forms[0] !== 0) this.#bytes(forms[0], length);
    else if (length <= 0xffff) this.#bytes(forms[1], length >> 8, length & 0xff);
    else this.#big(forms[2], 4, BigInt(length));
  }

  /** A form and a number of 1, 2, 4 or 8 bytes, big end first. */
  #big(form: number, sizeBytes: number, value: bigint): void {
    const bytes = Buffer.alloc(9);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, value), 1);
    this.#pieces.push(Buffer.from([form]), bytes.subarray(9 - sizeBytes));
  }

  #number(number: number): void {
    if (Number.isInteger(number) && number >= -two63 && number < two63) {
      this.#integer(BigInt(number));
    } else if (Math.fround(number) === number) {
      const bytes = Buffer.alloc(5, 0xca);
      bytes.writeFloatBE(number, 1);
      this.#pieces.push(bytes);
    } else {
      const bytes = Buffer.alloc(9, 0xcb);
      bytes.writeDoubleBE(number, 1);
      this.#pieces.push(bytes);
    }
  }

  #integer(value: bigint): void {
    if (value >= -32n && value <= 127n) this.#bytes(Number(value) & 0xff);
    else if (value > 0n) {
      if (value <= 0xffn) this.#big(0xcc, 1, value);
      else if (value <= 0xffffn) this.#big(0xcd, 2, value);
      else if (value <= 0xffff_ffffn) this.#big(0xce, 4, value);
      else this.#big(0xcf, 8, value);
    } else if (value >= -0x80n) this.#big(0xd0, 1, value);
    else if (value >= -0x8000n) this.#big(0xd1, 2, value);
    else if (value >= -0x8000_0000n) this.#big(0xd2, 4, value);
    else this.#big(0xd3, 8, value);
  }

  #table(depth: number): void {
    const lua = this.#lua;
    const thread = this.#thread;
    if (!lua.hasRoom(thread, 8)) throw new LibraryError('stack overflow');
    const table = lua.api.lua_gettop(thread);
    const { count, isArray } = this.#shape(table);
    if (isArray) {
      this.#head(count, { first: 0x90, max: 15 }, [0, 0xdc, 0xdd]);
      for (let index = 1; index <= count; index++) {
        lua.api.lua_rawgeti(thread, table, index);
        this.value(depth);
        lua.pop(thread);
      }
      return;
    }
    this.#head(count, { first: 0x80, max: 15 }, [0, 0xde, 0xdf]);
    lua.api.lua_pushnil(thread);
    while (lua.api.lua_next(thread, table) !== 0) {
      lua.api.lua_pushvalue(thread, -2);
      this.value(depth);
      lua.pop(thread);
      this.value(depth);
      lua.pop(thread);
    }
  }

  /** How many entries a table has, and whether their keys are 1 to that number. */
  #shape(table: number): { count: number; isArray: boolean } {
    const lua = this.#lua;
    const thread = this.#thread;
    let count = 0;
    let max = 0;
    let isWhole = true;
    lua.api.lua_pushnil(thread);
    while (lua.api.lua_next(thread, table) !== 0) {
      count++;
      const key = lua.number(thread, -2);
      if (key !== null && key >= 1 && Number.isInteger(key)) max = Math.max(max, key);
      else isWhole = false;
      lua.pop(thread);
    }
    return { count, isArray: isWhole && max === count };
  }
}

class Unpacker {
  readonly #lua: Lua;
  readonly #thread: Thread;
  readonly #data: Buffer;
  at: number;

  constructor(lua: Lua, thread: Thread, data: Buffer, at: number) {
    this.#lua = lua;
    this.#thread = thread;
    this.#data = data;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at === this.#data.length;
  }

  /** Pushes the next value. */
  value(depth: number): void {
    const { api } = this.#lua;
    const thread = this.#thread;
    const first = this.#take(1)[0]!;
    const number = (value: number): void => api.lua_pushnumber(thread, value);
    if (first <= 0x7f) number(first);
    else if (first <= 0x8f) this.#map(first & 15, depth);
    else if (first <= 0x9f) this.#array(first & 15, depth);
    else if (first <= 0xbf) this.#lua.pushBytes(thread, this.#take(first & 31));
    else if (first >= 0xe0) number(first - 256);
    else if (first === 0xc0) api.lua_pushnil(thread);
    else if (first === 0xc2 || first === 0xc3) this.#lua.pushBoolean(thread, first === 0xc3);
    else if (first === 0xca) number(this.#take(4).readFloatBE());
    else if (first === 0xcb) number(this.#take(8).readDoubleBE());
    // Numbers beyond 2^63 come out negative, as Redis's library makes them.
    else if (first >= 0xcc && first <= 0xcf)
      number(Number(BigInt.asIntN(64, this.#unsigned(1 << (first - 0xcc)))));
    else if (first >= 0xd0 && first <= 0xd3) number(this.#signed(1 << (first - 0xd0)));
    else if (first >= 0xd9 && first <= 0xdb)
      this.#lua.pushBytes(thread, this.#take(Number(this.#unsigned(1 << (first - 0xd9)))));
    else if (first === 0xdc || first === 0xdd)
      this.#array(Number(this.#unsigned(2 << (first - 0xdc))), depth);
    else if (first === 0xde || first === 0xdf) this.#map(Number(this.#unsigned(2 << (first - 0xde))), depth);
    else throw new LibraryError('Bad data format in input.');
  }

  #take(size: number): Buffer {
    if (size > this.#data.length - this.at) throw new LibraryError('Missing bytes in input.');
    const part = this.#data.subarray(this.at, this.at + size);
    this.at += size;
    return part;
  }

  #unsigned(size: number): bigint {
    let value = 0n;
    for (const byte of this.#take(size)) value = (value << 8n) | BigInt(byte);
    return value;
  }

  #signed(size: number): number {
    return Number(BigInt.asIntN(size * 8, this.#unsigned(size)));
  }

  #deeper(depth: number): number {
    if (depth >= unpackDepthMax || !this.#lua.hasRoom(this.#thread, 8))
      throw new LibraryError('Bad data format in input.');
    this.#lua.api.lua_createtable(this.#thread, 0, 0);
    return depth + 1;
  }

  #array(length: number, depth: number): void {
    const below = this.#deeper(depth);
    for (let index = 1; index <= length; index++) {
      this.value(below);
      this.#lua.api.lua_rawseti(this.#thread, -2, index);
    }
  }

  #map(pairs: number, depth: number): void {
    const below = this.#deeper(depth);
    const lua = this.#lua;
    for (let index = 0; index < pairs; index++) {
      this.value(below);
      this.value(below);
      // No table of Lua has such keys.
      const key = lua.number(this.#thread, -2);
      if (lua.type(this.#thread, -2) === LuaType.nil || (key !== null && Number.isNaN(key)))
        throw new LibraryError('Bad data format in input.');
      lua.api.lua_rawset(this.#thread, -3);
    }
  }
}

/** `limit` values from `offset`; 0 and 0 for all of them, and then the offset behind them is not told. */
function unpack(lua: Lua, thread: Thread, name: string, limit: number, offset: number): number {
  const text = textOrNumber(lua, thread, 1, 14) ?? wrongArgument(lua, thread, 1, name, 'string');
  const data = Buffer.from(text, 'latin1');
  const { length } = data;
  if (offset < 0 || limit < 0)
    throw new LibraryError(`Invalid request to unpack with offset of ${offset} and limit of ${length}.`);
  if (offset > length) throw new LibraryError(`Start offset ${offset} greater than input length ${length}.`);
  const wantsAll = limit === 0 && offset === 0;
  const unpacker = new Unpacker(lua, thread, data, offset);
  const { api } = lua;
  api.lua_settop(thread, 0);
  let count = 0;
  while (!unpacker.isAtEnd && (wantsAll || count < limit)) {
    if (!lua.hasRoom(thread, 8)) throw new LibraryError('too many results to unpack');
    unpacker.value(0);
    count++;
  }
  if (wantsAll) return count;
  api.lua_pushnumber(thread, unpacker.isAtEnd ? -1 : unpacker.at);
  api.lua_insert(thread, 1);
  return count + 1;
}

/** Pushes the library onto a thread's stack. */
export function openMessagePack(lua: Lua, onto: Thread): void {
  const { api } = lua;
  const whole = (thread: Thread, at: number, name: string): number =>
    api.lua_gettop(thread) < at ? 0 : Math.trunc(numberArgument(lua, thread, at, name));
  pushLibrary(
    lua,
    onto,
    {
      pack(thread) {
        const count = api.lua_gettop(thread);
        if (count === 0) throw new LibraryError("bad argument #0 to 'pack' (MessagePack pack needs input.)");
        const packer = new Packer(lua, thread);
        for (let at = 1; at <= count; at++) {
          api.lua_pushvalue(thread, at);
          packer.value(0);
          lua.pop(thread);
        }
        lua.pushBytes(thread, packer.take());
        return 1;
      },
      unpack: (thread) => unpack(lua, thread, 'unpack', 0, 0),
      unpack_one: (thread) => unpack(lua, thread, 'unpack_one', 1, whole(thread, 2, 'unpack_one')),
      unpack_limit(thread) {
        const limit = Math.trunc(numberArgument(lua, thread, 2, 'unpack_limit'));
        return unpack(lua, thread, 'unpack_limit', limit, whole(thread, 3, 'unpack_limit'));
      },
    },
    {
      _NAME: 'cmsgpack',
      _VERSION: 'lua-cmsgpack 0.4.0',
      _COPYRIGHT: 'Copyright (C) 2012, Salvatore Sanfilippo',
      _DESCRIPTION: 'MessagePack C implementation for Lua',
    },
  );
}
