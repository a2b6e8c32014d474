/**
 * The `struct` library (Roberto Ierusalimschy's, as Redis carries it): numbers and text to packed bytes and back.
 *
 * Formats: `<` `>` byte order, `!n` alignment, `b B h H l L T i[n] I[n]` integers, `f d` floats, `s` text up to a zero
 * byte, `c[n]` n bytes (`c0`: all, or as many as the number read before says), `x` a padding byte.
 */
import type { Thread } from '../../lua/instance.ts';
import { type Lua, LuaType } from '../../lua/lua.ts';
import { LibraryError, numberArgument, pushLibrary, textArgument } from './library.ts';

const integerBytesMax = 32;
const int32Max = 0x7fff_ffff;
/** Sizes of the options whose size is fixed. */
const sizes: Readonly<Record<string, number>> = {
  b: 1,
  B: 1,
  x: 1,
  h: 2,
  H: 2,
  f: 4,
  l: 8,
  L: 8,
  T: 8,
  d: 8,
  s: 0,
};

/** An option that stands for data. */
interface Option {
  letter: string;
  sizeBytes: number;
  /** Bytes of padding before it. */
  padding: number;
}

/** Walks through a format. */
class Format {
  readonly #text: string;
  readonly #function: string;
  #at = 0;
  #align = 1;
  isBig = false;

  constructor(text: string, name: string) {
    this.#text = text;
    this.#function = name;
  }

  /** The next option that stands for data, when `length` bytes lie before it; null at the end. */
  next(length: number): Option | null {
    while (this.#at < this.#text.length) {
      const letter = this.#text[this.#at++]!;
      if (letter === ' ') continue;
      if (letter === '<' || letter === '>') this.isBig = letter === '>';
      else if (letter === '!') this.#align = this.#alignment();
      else return this.#option(letter, length);
    }
    return null;
  }

  #option(letter: string, length: number): Option {
    const sizeBytes = this.#size(letter);
    const align = letter === 'c' ? 0 : Math.min(sizeBytes, this.#align);
    const padding = align > 1 ? (align - (length & (align - 1))) & (align - 1) : 0;
    return { letter, sizeBytes, padding };
  }

  #size(letter: string): number {
    if (letter === 'c') return this.#count(1);
    if (letter !== 'i' && letter !== 'I') {
      const size = sizes[letter];
      if (size !== undefined) return size;
      // Nobody looks closely only to add sizes up.
      if (this.#function === 'size') return 0;
      fail(`bad argument #1 to '${this.#function}' (invalid format option '${letter}')`);
    }
    const size = this.#count(4);
    if (size > integerBytesMax) fail(`integral size ${size} is larger than limit of ${integerBytesMax}`);
    return size;
  }

  #alignment(): number {
    const align = this.#count(8);
    if (align === 0 || (align & (align - 1)) !== 0) fail(`alignment ${align} is not a power of 2`);
    return align;
  }

  #count(usual: number): number {
    const digits = /^[0-9]*/.exec(this.#text.slice(this.#at))![0];
    this.#at += digits.length;
    if (digits === '') return usual;
    return Number(digits) <= int32Max ? Number(digits) : fail('integral size overflow');
  }
}

function fail(text: string): never {
  throw new LibraryError(text);
}

const ordered = (little: Buffer, isBig: boolean): Buffer => (isBig ? little.reverse() : little);

/** A number as an integer of any size: the low 64 bits, and zeros above them. */
function integerBytes(value: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(Math.max(8, sizeBytes));
  bytes.writeBigUInt64LE(wrapped(value));
  return bytes.subarray(0, sizeBytes);
}

/** What C's casts of a double to 64 bits leave of it: signed below zero. */
function wrapped(value: number): bigint {
  if (Number.isNaN(value) || value >= 2 ** 64) return 0n;
  return BigInt.asUintN(64, value <= -(2 ** 63) ? -(2n ** 63n) : BigInt(Math.trunc(value)));
}

/** To pack, an argument that is missing is nil. */
function packNumber(lua: Lua, thread: Thread, at: number): number {
  if (lua.type(thread, at) === LuaType.none) fail(`bad argument #${at} to 'pack' (number expected, got nil)`);
  return numberArgument(lua, thread, at, 'pack');
}

function packText(lua: Lua, thread: Thread, at: number): string {
  if (lua.type(thread, at) === LuaType.none) fail(`bad argument #${at} to 'pack' (string expected, got nil)`);
  return textArgument(lua, thread, at, 'pack');
}

function pack(lua: Lua, thread: Thread): Buffer {
  const format = new Format(textArgument(lua, thread, 1, 'pack'), 'pack');
  const pieces: Buffer[] = [];
  let length = 0;
  const add = (piece: Buffer): void => {
    pieces.push(piece);
    length += piece.length;
  };
  let at = 1;
  for (let option = format.next(length); option !== null; option = format.next(length)) {
    const { letter, sizeBytes } = option;
    add(Buffer.alloc(option.padding));
    if (letter === 'x') {
      add(Buffer.alloc(1));
    } else if (letter === 's' || letter === 'c') {
      const text = Buffer.from(packText(lua, thread, ++at), 'latin1');
      const take = letter === 's' || sizeBytes === 0 ? text.length : sizeBytes;
      if (text.length < take) fail(`bad argument #${at + 1} to 'pack' (string too short)`);
      add(text.subarray(0, take));
      if (letter === 's') add(Buffer.alloc(1));
    } else {
      const value = packNumber(lua, thread, ++at);
      const bytes = Buffer.alloc(8);
      if (letter === 'f') bytes.writeFloatLE(value);
      else if (letter === 'd') bytes.writeDoubleLE(value);
      const isFloat = letter === 'f' || letter === 'd';
      add(ordered(isFloat ? bytes.subarray(0, sizeBytes) : integerBytes(value, sizeBytes), format.isBig));
    }
  }
  return Buffer.concat(pieces);
}

/** An integer of any size: its low 64 bits. */
function integerOf(little: Buffer, isSigned: boolean): number {
  const low = little.subarray(0, 8);
  let value = 0n;
  for (let at = low.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(low[at]!);
  return Number(isSigned ? BigInt.asIntN(8 * low.length, value) : value);
}

/** Pushes what the data holds, and the position behind it. */
function unpack(lua: Lua, thread: Thread): number {
  const { api } = lua;
  const format = new Format(textArgument(lua, thread, 1, 'unpack'), 'unpack');
  const data = Buffer.from(textArgument(lua, thread, 2, 'unpack'), 'latin1');
  const isGiven = api.lua_gettop(thread) >= 3 && lua.type(thread, 3) !== LuaType.nil;
  const from = isGiven ? Math.trunc(numberArgument(lua, thread, 3, 'unpack')) : 1;
  if (from === 0) fail("bad argument #3 to 'unpack' (offset must be 1 or greater)");
  const tooShort = (): never => fail("bad argument #2 to 'unpack' (data string too short)");
  // Below 0 it is a size_t beyond every end.
  let at = from > 0 ? from - 1 : Number.MAX_SAFE_INTEGER;
  let results = 0;
  for (let option = format.next(at); option !== null; option = format.next(at)) {
    const { letter } = option;
    at += option.padding;
    let size = option.sizeBytes;
    if (at > data.length || size > data.length - at) tooShort();
    if (!lua.hasRoom(thread, 4)) fail('too many results');
    if (letter === 's') {
      const end = data.indexOf(0, at);
      if (end < 0) fail('unfinished string in data');
      lua.pushBytes(thread, data.subarray(at, end));
      results++;
      at = end + 1;
      continue;
    }
    if (letter === 'c' && size === 0) {
      const length = results > 0 ? lua.number(thread, -1) : null;
      if (length === null) fail("format 'c0' needs a previous size");
      lua.pop(thread);
      results--;
      size = Math.trunc(length);
      if (!(size >= 0 && size <= data.length - at)) tooShort();
    }
    const bytes = data.subarray(at, at + size);
    at += size;
    if (letter === 'x') continue;
    if (letter === 'c') lua.pushBytes(thread, bytes);
    else api.lua_pushnumber(thread, numberOf(letter, ordered(Buffer.from(bytes), format.isBig)));
    results++;
  }
  api.lua_pushnumber(thread, at + 1);
  return results + 1;
}

function numberOf(letter: string, little: Buffer): number {
  if (letter === 'f') return little.readFloatLE();
  if (letter === 'd') return little.readDoubleLE();
  return integerOf(little, letter >= 'a');
}

function packedSize(text: string): number {
  const format = new Format(text, 'size');
  let total = 0;
  for (let option = format.next(total); option !== null; option = format.next(total)) {
    if (option.letter === 's' || (option.letter === 'c' && option.sizeBytes === 0)) {
      const name = option.letter === 's' ? 's' : 'c0';
      fail(`bad argument #1 to 'size' (option '${name}' has no fixed size)`);
    }
    total += option.padding + option.sizeBytes;
  }
  return total;
}

/** Pushes the library onto a thread's stack. */
export function openStruct(lua: Lua, onto: Thread): void {
  pushLibrary(lua, onto, {
    pack(thread) {
      lua.pushBytes(thread, pack(lua, thread));
      return 1;
    },
    unpack: (thread) => unpack(lua, thread),
    size(thread) {
      lua.api.lua_pushnumber(thread, packedSize(textArgument(lua, thread, 1, 'size')));
      return 1;
    },
  });
}
