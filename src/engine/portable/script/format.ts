/**
 * string.format for integers that do not fit into 32 bits.
 *
 * Where Redis runs, C's long has 64 bits; in WebAssembly it has 32. So what %d, %u, %x and their kin make of greater
 * numbers is written here and put into the format; everything else, errors too, is left to Lua's own function (upvalue 1),
 * which the guard becomes.
 */
import type { Thread } from '../../lua/instance.ts';
import { type Lua, upvalueIndex } from '../../lua/lua.ts';

const conversion = /%(?:%|([-+ #0]{0,5})([0-9]{0,2})(?:\.([0-9]{0,2}))?([A-Za-z]))/g;
const radixes: Readonly<Record<string, number>> = { d: 10, i: 10, u: 10, o: 8, x: 16, X: 16 };

export function runFormat(lua: Lua, thread: Thread): number {
  const { api } = lua;
  const format = lua.text(thread, 1);
  if (format?.includes('%')) {
    let at = 1;
    let isChanged = false;
    const changed = format.replace(
      conversion,
      (all, flags: string, width: string, precision, letter?: string) => {
        if (letter === undefined) return all;
        at++;
        if (radixes[letter] === undefined || api.lua_isnumber(thread, at) === 0) return all;
        const number = api.lua_tonumber(thread, at);
        if (isShort(number, letter)) return all;
        api.lua_remove(thread, at--);
        isChanged = true;
        return integerText(number, { flags, width: Number(width), precision, letter });
      },
    );
    if (isChanged) {
      lua.pushText(thread, changed);
      api.lua_replace(thread, 1);
    }
  }
  return lua.become(thread, upvalueIndex(1));
}

/** What 32 bits hold as well as 64. */
const isShort = (number: number, letter: string): boolean =>
  number < 2 ** 31 && number >= (letter === 'd' || letter === 'i' ? -(2 ** 31) : 0);

interface Conversion {
  flags: string;
  width: number;
  precision: string | undefined;
  letter: string;
}

/** What C writes of a number cast to 64 bits. */
function integerText(number: number, { flags, width, precision, letter }: Conversion): string {
  const isSigned = letter === 'd' || letter === 'i';
  const isInside = number >= -(2 ** 63) && number < (isSigned ? 2 ** 63 : 2 ** 64);
  const whole = isInside ? BigInt(Math.trunc(number)) : isSigned ? -(2n ** 63n) : 0n;
  const value = isSigned ? whole : BigInt.asUintN(64, whole);
  const magnitude = value < 0n ? -value : value;
  let digits = magnitude.toString(radixes[letter]).padStart(Number(precision ?? 1), '0');
  if (letter === 'X') digits = digits.toUpperCase();
  const prefix =
    flags.includes('#') && letter !== 'u' && !isSigned ? (letter === 'o' ? '0' : `0${letter}`) : '';
  const plus = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  const sign = value < 0n ? '-' : isSigned ? plus : '';
  const head = sign + prefix;
  if (flags.includes('-')) return (head + digits).padEnd(width);
  const isZeroFilled = flags.includes('0') && precision === undefined;
  return isZeroFilled ? head + digits.padStart(width - head.length, '0') : (head + digits).padStart(width);
}
