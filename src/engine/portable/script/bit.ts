/**
 * The `bit` library (Mike Pall's BitOp, as Redis carries it): operations on 32-bit integers.
 *
 * Operands are cut to 32 bits and results are signed, as LuaBitOp does, so that scripts written for Redis agree.
 */
import type { Thread } from '../../lua/instance.ts';
import type { Lua } from '../../lua/lua.ts';
import { type LibraryFunction, numberArgument, pushLibrary } from './library.ts';

const word = new DataView(new ArrayBuffer(8));
/** 2^52 + 2^51: added to a number it rounds it to the nearest even, and leaves the integer in the low bits. BitOp's own trick. */
const rounder = 6_755_399_441_055_744;

/** A number's lowest 32 bits. */
function bits(number: number): number {
  word.setFloat64(0, number + rounder);
  return word.getInt32(4);
}

const swapped = (n: number): number =>
  (n >>> 24) | ((n >>> 8) & 0xff00) | ((n << 8) & 0xff0000) | (n << 24) | 0;
const rolled = (a: number, n: number): number => (a << (n & 31)) | (a >>> (-n & 31));

/** Digits of a number: as many as asked for, at most 8; in capitals when their count is negative. */
function hexadecimal(number: number, count: number): string {
  const digits = (number >>> 0).toString(16).padStart(8, '0');
  const shown = digits.slice(8 - Math.min(Math.abs(count), 8));
  return count < 0 ? shown.toUpperCase() : shown;
}

/** Pushes the library onto a thread's stack. */
export function openBit(lua: Lua, onto: Thread): void {
  const argument = (thread: Thread, at: number, name: string): number =>
    bits(numberArgument(lua, thread, at, name));
  const answer = (thread: Thread, result: number): number => {
    lua.api.lua_pushnumber(thread, result);
    return 1;
  };
  const functions: Record<string, LibraryFunction> = {
    tohex(thread) {
      const digits = lua.api.lua_gettop(thread) < 2 ? 8 : argument(thread, 2, 'tohex');
      lua.pushText(thread, hexadecimal(argument(thread, 1, 'tohex'), digits));
      return 1;
    },
  };
  const unary: Record<string, (a: number) => number> = { tobit: (a) => a, bnot: (a) => ~a, bswap: swapped };
  for (const [name, run] of Object.entries(unary))
    functions[name] = (thread) => answer(thread, run(argument(thread, 1, name)));
  const folds: Record<string, (a: number, b: number) => number> = {
    band: (a, b) => a & b,
    bor: (a, b) => a | b,
    bxor: (a, b) => a ^ b,
  };
  for (const [name, run] of Object.entries(folds)) {
    functions[name] = (thread) => {
      const count = lua.api.lua_gettop(thread);
      let result = argument(thread, 1, name);
      for (let at = 2; at <= count; at++) result = run(result, argument(thread, at, name));
      return answer(thread, result);
    };
  }
  // Shifts take the low five bits of their count, in JavaScript as in BitOp.
  const shifts: Record<string, (a: number, n: number) => number> = {
    lshift: (a, n) => a << n,
    rshift: (a, n) => (a >>> n) | 0,
    arshift: (a, n) => a >> n,
    rol: rolled,
    ror: (a, n) => rolled(a, -n),
  };
  for (const [name, run] of Object.entries(shifts)) {
    functions[name] = (thread) => {
      const first = argument(thread, 1, name);
      return answer(thread, run(first, argument(thread, 2, name)));
    };
  }
  pushLibrary(lua, onto, functions);
}
