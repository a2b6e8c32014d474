/**
 * JSON to Lua values, as lua-cjson reads it, with its error texts.
 *
 *     text --#token()--> T_OBJ_BEGIN, T_STRING, T_COLON... --#value()--> Lua's stack
 *
 * It is more lenient than JSON: numbers are what strtod reads, and a zero byte ends the text.
 */
import type { Thread } from '../../lua/instance.ts';
import type { Lua } from '../../lua/lua.ts';
import type { JsonOptions } from './cjson.ts';
import { LibraryError } from './library.ts';

type Token =
  | { readonly is: 'mark'; readonly name: string }
  | { readonly is: 'text'; readonly text: string; readonly name: 'T_STRING' }
  | { readonly is: 'number'; readonly number: number; readonly name: 'T_NUMBER' }
  | { readonly is: 'boolean'; readonly flag: boolean; readonly name: 'T_BOOLEAN' }
  | { readonly is: 'null'; readonly name: 'T_NULL' }
  /** No token: `name` says what is wrong. */
  | { readonly is: 'wrong'; readonly name: string };

const marks: Readonly<Record<string, string>> = {
  '{': 'T_OBJ_BEGIN',
  '}': 'T_OBJ_END',
  '[': 'T_ARR_BEGIN',
  ']': 'T_ARR_END',
  ',': 'T_COMMA',
  ':': 'T_COLON',
};

const plainEscapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
  '/': '/',
};

/** Pushes the value that a text holds. */
export function readJson(lua: Lua, thread: Thread, text: string, options: JsonOptions): void {
  new JsonReader(lua, thread, text, options).whole();
}

class JsonReader {
  readonly #lua: Lua;
  readonly #thread: Thread;
  readonly #text: string;
  readonly #options: JsonOptions;
  #at = 0;
  /** Where the last token began. */
  #tokenAt = 0;
  #depth = 0;

  constructor(lua: Lua, thread: Thread, text: string, options: JsonOptions) {
    this.#lua = lua;
    this.#thread = thread;
    this.#text = text;
    this.#options = options;
  }

  whole(): void {
    if (this.#text.length >= 2 && (this.#text[0] === '\0' || this.#text[1] === '\0'))
      throw new LibraryError('JSON parser does not support UTF-16 or UTF-32');
    this.#value(this.#token());
    const token = this.#token();
    if (token.name !== 'T_END') this.#expected('the end', token);
  }

  #expected(what: string, found: Token): never {
    throw new LibraryError(`Expected ${what} but found ${found.name} at character ${this.#tokenAt + 1}`);
  }

  #value(token: Token): void {
    const { api } = this.#lua;
    switch (token.is) {
      case 'text':
        this.#lua.pushText(this.#thread, token.text);
        return;
      case 'number':
        api.lua_pushnumber(this.#thread, token.number);
        return;
      case 'boolean':
        this.#lua.pushBoolean(this.#thread, token.flag);
        return;
      case 'null':
        api.lua_pushlightuserdata(this.#thread, 0);
        return;
      default:
        if (token.name === 'T_OBJ_BEGIN') this.#object();
        else if (token.name === 'T_ARR_BEGIN') this.#array();
        else this.#expected('value', token);
    }
  }

  #descend(): void {
    this.#depth++;
    if (this.#depth > this.#options.decodeDepthMax || !this.#lua.hasRoom(this.#thread, 8)) {
      throw new LibraryError(
        `Found too many nested data structures (${this.#depth}) at character ${this.#at}`,
      );
    }
    this.#lua.api.lua_createtable(this.#thread, 0, 0);
  }

  #object(): void {
    this.#descend();
    let token = this.#token();
    if (token.name !== 'T_OBJ_END') {
      for (;;) {
        if (token.is !== 'text') this.#expected('object key string', token);
        this.#lua.pushText(this.#thread, token.text);
        const colon = this.#token();
        if (colon.name !== 'T_COLON') this.#expected('colon', colon);
        this.#value(this.#token());
        this.#lua.api.lua_rawset(this.#thread, -3);
        const next = this.#token();
        if (next.name === 'T_OBJ_END') break;
        if (next.name !== 'T_COMMA') this.#expected('comma or object end', next);
        token = this.#token();
      }
    }
    this.#depth--;
  }

  #array(): void {
    this.#descend();
    let token = this.#token();
    if (token.name !== 'T_ARR_END') {
      for (let index = 1; ; index++) {
        this.#value(token);
        this.#lua.api.lua_rawseti(this.#thread, -2, index);
        const next = this.#token();
        if (next.name === 'T_ARR_END') break;
        if (next.name !== 'T_COMMA') this.#expected('comma or array end', next);
        token = this.#token();
      }
    }
    this.#depth--;
  }

  // --- Tokens ---

  #token(): Token {
    const text = this.#text;
    while (' \t\n\r'.includes(text[this.#at] ?? 'x')) this.#at++;
    this.#tokenAt = this.#at;
    const first = text[this.#at];
    if (first === undefined || first === '\0') return { is: 'mark', name: 'T_END' };
    const mark = marks[first];
    if (mark !== undefined) {
      this.#at++;
      return { is: 'mark', name: mark };
    }
    if (first === '"') return this.#string();
    if (first === '-' || (first >= '0' && first <= '9')) {
      if (!this.#options.decodesInvalid && this.#isInvalidNumber()) return this.#wrong('invalid number');
      return this.#number();
    }
    if (this.#skip('true')) return { is: 'boolean', flag: true, name: 'T_BOOLEAN' };
    if (this.#skip('false')) return { is: 'boolean', flag: false, name: 'T_BOOLEAN' };
    if (this.#skip('null')) return { is: 'null', name: 'T_NULL' };
    if (this.#options.decodesInvalid && this.#isInvalidNumber()) return this.#number();
    return this.#wrong('invalid token');
  }

  #skip(word: string): boolean {
    const isThere = this.#text.startsWith(word, this.#at);
    if (isThere) this.#at += word.length;
    return isThere;
  }

  #wrong(name: string): Token {
    this.#tokenAt = this.#at;
    return { is: 'wrong', name };
  }

  /** A number that JSON does not know: +1, 0x1, 01, Infinity, NaN. */
  #isInvalidNumber(): boolean {
    return /^(?:\+|-?(?:0[xX0-9]|inf|nan))/i.test(this.#text.slice(this.#at, this.#at + 4));
  }

  #number(): Token {
    const read = strtod(this.#text, this.#at);
    if (read === null) return this.#wrong('invalid number');
    this.#at = read.end;
    return { is: 'number', number: read.number, name: 'T_NUMBER' };
  }

  #string(): Token {
    const text = this.#text;
    let out = '';
    this.#at++;
    for (;;) {
      const c = text[this.#at];
      if (c === undefined || c === '\0') return this.#wrong('unexpected end of string');
      if (c === '"') {
        this.#at++;
        return { is: 'text', text: out, name: 'T_STRING' };
      }
      if (c !== '\\') {
        out += c;
        this.#at++;
        continue;
      }
      const escaped = text[this.#at + 1] ?? '';
      if (escaped === 'u') {
        const letter = this.#unicode();
        if (letter === null) return this.#wrong('invalid unicode escape code');
        out += Buffer.from(letter.text, 'utf8').toString('latin1');
        this.#at += letter.size;
        continue;
      }
      const plain = plainEscapes[escaped];
      if (plain === undefined) return this.#wrong('invalid escape code');
      out += plain;
      this.#at += 2;
    }
  }

  /** The letter of one or two \u escapes, and their length; null when they make none. */
  #unicode(): { text: string; size: number } | null {
    const code = (at: number): number | null => {
      const digits = /^\\u([0-9a-fA-F]{4})/.exec(this.#text.slice(at, at + 6));
      return digits === null ? null : Number.parseInt(digits[1]!, 16);
    };
    const high = code(this.#at);
    if (high === null) return null;
    if ((high & 0xf800) !== 0xd800) return { text: String.fromCharCode(high), size: 6 };
    const low = code(this.#at + 6);
    if ((high & 0x400) !== 0 || low === null || (low & 0xfc00) !== 0xdc00) return null;
    return { text: String.fromCharCode(high, low), size: 12 };
  }
}

/** What C's strtod reads at a place: decimal and hexadecimal numbers, infinities and NaN. Null when there is none of them. */
function strtod(text: string, at: number): { number: number; end: number } | null {
  const number =
    /[+-]?(?:(inf(?:inity)?)|(nan(?:\([a-z0-9_]*\))?)|0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?[0-9]+))?|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)/iy;
  number.lastIndex = at;
  const found = number.exec(text);
  if (found === null) return null;
  const [all, infinity, nan, whole, fraction = '', power = '0'] = found;
  const sign = all.startsWith('-') ? -1 : 1;
  const end = at + all.length;
  if (infinity !== undefined) return { number: sign * Number.POSITIVE_INFINITY, end };
  if (nan !== undefined) return { number: Number.NaN, end };
  if (whole === undefined) return { number: Number(all), end };
  // No digit behind 0x: the zero alone is the number.
  if (whole + fraction === '') return { number: sign * 0, end: at + all.toLowerCase().indexOf('x') };
  const mantissa = Number(BigInt(`0x${whole}${fraction}`));
  return { number: sign * mantissa * 2 ** (Number(power) - 4 * fraction.length), end };
}
