/**
 * The `cjson` library (lua-cjson 2.1.0 as Redis carries it): its functions and its options. Writing is in
 * json-writer.ts, reading in json-reader.ts.
 *
 * The options are shared by all scripts, as in Redis: what one script sets, the next one finds.
 */
import type { Thread } from '../../lua/instance.ts';
import { type Lua, LuaType } from '../../lua/lua.ts';
import { readJson } from './json-reader.ts';
import { JsonWriter } from './json-writer.ts';
import { LibraryError, type LibraryFunction, numberArgument, pushLibrary, textArgument } from './library.ts';

/** What the cjson.encode_... and cjson.decode_... functions set. */
export interface JsonOptions {
  /** Tables within tables. */
  encodeDepthMax: number;
  decodeDepthMax: number;
  /** Significant digits of numbers. */
  precision: number;
  /** A table with numbers for keys is too sparse for an array when its greatest key is more than so many times their count (0: never)... */
  sparseRatio: number;
  /** ...and greater than this. */
  sparseSafe: number;
  /** Such a table becomes an object, rather than an error. */
  convertsSparse: boolean;
  /** NaN and the infinities when written: an error, themselves, or null. */
  encodesInvalid: 'off' | 'on' | 'null';
  /** They and hexadecimal numbers when read. */
  decodesInvalid: boolean;
  /** Kept to be told: here there is no buffer to keep. */
  keepsBuffer: boolean;
}

const usualOptions = (): JsonOptions => ({
  encodeDepthMax: 1000,
  decodeDepthMax: 1000,
  precision: 14,
  sparseRatio: 2,
  sparseSafe: 10,
  convertsSparse: false,
  encodesInvalid: 'off',
  decodesInvalid: true,
  keepsBuffer: true,
});

const intMax = 0x7fff_ffff;

/** Pushes the library onto a thread's stack. */
export function openJson(lua: Lua, onto: Thread): void {
  const { api } = lua;
  const options = usualOptions();
  const setters = new OptionSetters(lua, options);
  const single = (thread: Thread, name: string): void => {
    if (api.lua_gettop(thread) !== 1)
      throw new LibraryError(`bad argument #1 to '${name}' (expected 1 argument)`);
  };
  pushLibrary(
    lua,
    onto,
    {
      encode(thread) {
        single(thread, 'encode');
        const writer = new JsonWriter(lua, thread, options);
        writer.value(0);
        lua.pushText(thread, writer.text);
        return 1;
      },
      decode(thread) {
        single(thread, 'decode');
        readJson(lua, thread, textArgument(lua, thread, 1, 'decode'), options);
        return 1;
      },
      encode_max_depth: setters.integers('encode_max_depth', [['encodeDepthMax', 1, intMax]]),
      decode_max_depth: setters.integers('decode_max_depth', [['decodeDepthMax', 1, intMax]]),
      encode_number_precision: setters.integers('encode_number_precision', [['precision', 1, 14]]),
      encode_sparse_array: setters.sparse(),
      encode_keep_buffer: setters.flag('encode_keep_buffer', 'keepsBuffer'),
      decode_invalid_numbers: setters.flag('decode_invalid_numbers', 'decodesInvalid'),
      encode_invalid_numbers: setters.invalidNumbers(),
    },
    { _NAME: 'cjson', _VERSION: '2.1.0' },
  );
  api.lua_pushlightuserdata(onto, 0);
  lua.setField(onto, api.lua_gettop(onto) - 1, 'null');
}

type NumberOption = 'encodeDepthMax' | 'decodeDepthMax' | 'precision' | 'sparseRatio' | 'sparseSafe';
type FlagOption = 'keepsBuffer' | 'decodesInvalid' | 'convertsSparse';

/** The functions that set an option when they get an argument, and tell what it is. */
class OptionSetters {
  readonly #lua: Lua;
  readonly #options: JsonOptions;

  constructor(lua: Lua, options: JsonOptions) {
    this.#lua = lua;
    this.#options = options;
  }

  integers(name: string, wanted: readonly (readonly [NumberOption, number, number])[]): LibraryFunction {
    return (thread) => {
      this.#expectAtMost(thread, wanted.length, name);
      for (const [index, [option, min, max]] of wanted.entries())
        this.#integer(thread, index + 1, name, option, min, max);
      return wanted.length;
    };
  }

  flag(name: string, option: FlagOption): LibraryFunction {
    return (thread) => {
      this.#expectAtMost(thread, 1, name);
      this.#flag(thread, name, option);
      return 1;
    };
  }

  sparse(): LibraryFunction {
    const name = 'encode_sparse_array';
    return (thread) => {
      this.#expectAtMost(thread, 3, name);
      this.#flag(thread, name, 'convertsSparse');
      this.#integer(thread, 2, name, 'sparseRatio', 0, intMax);
      this.#integer(thread, 3, name, 'sparseSafe', 0, intMax);
      return 3;
    };
  }

  invalidNumbers(): LibraryFunction {
    const name = 'encode_invalid_numbers';
    return (thread) => {
      this.#expectAtMost(thread, 1, name);
      const chosen = this.#choice(thread, name, ['off', 'on', 'null']);
      if (chosen !== null) this.#options.encodesInvalid = chosen as JsonOptions['encodesInvalid'];
      const { encodesInvalid } = this.#options;
      if (encodesInvalid === 'null') this.#lua.pushText(thread, encodesInvalid);
      else this.#lua.pushBoolean(thread, encodesInvalid === 'on');
      return 1;
    };
  }

  /** Missing arguments become nil, so that results can be pushed above them. */
  #expectAtMost(thread: Thread, count: number, name: string): void {
    const { api } = this.#lua;
    if (api.lua_gettop(thread) > count)
      throw new LibraryError(`bad argument #${count + 1} to '${name}' (found too many arguments)`);
    api.lua_settop(thread, count);
  }

  #integer(thread: Thread, at: number, name: string, option: NumberOption, min: number, max: number): void {
    const lua = this.#lua;
    if (lua.type(thread, at) !== LuaType.nil) {
      const value = Math.trunc(numberArgument(lua, thread, at, name));
      if (!(value >= min && value <= max))
        throw new LibraryError(`bad argument #1 to '${name}' (expected integer between ${min} and ${max})`);
      this.#options[option] = value;
    }
    lua.api.lua_pushnumber(thread, this.#options[option]);
  }

  #flag(thread: Thread, name: string, option: FlagOption): void {
    const chosen = this.#choice(thread, name, ['off', 'on']);
    if (chosen !== null) this.#options[option] = chosen === 'on';
    this.#lua.pushBoolean(thread, this.#options[option]);
  }

  /** The first argument as one of some words, where false is 'off' and true is 'on'; null when it is nil. */
  #choice(thread: Thread, name: string, words: readonly string[]): string | null {
    const lua = this.#lua;
    const type = lua.type(thread, 1);
    if (type === LuaType.nil) return null;
    if (type === LuaType.boolean) return lua.api.lua_toboolean(thread, 1) !== 0 ? 'on' : 'off';
    const word = textArgument(lua, thread, 1, name);
    if (!words.includes(word))
      throw new LibraryError(`bad argument #1 to '${name}' (invalid option '${word}')`);
    return word;
  }
}
