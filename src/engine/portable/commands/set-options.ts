/**
 * The options that SET and GETEX share: conditions, and four ways to say when a key expires.
 *
 * Each is fed as a moment, never as a duration.
 */
import type { Call } from '../call.ts';
import { isInt64 } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';

/** An expiry among the arguments: where its number stands and what it counts. */
export interface ExpiryArgument {
  index: number;
  unit: 's' | 'ms';
  isAbsolute: boolean;
}

export interface SetOptions {
  condition: 'none' | 'nx' | 'xx' | 'ifeq' | 'ifne';
  /** What IFEQ and IFNE compare the old value with. */
  comparand: Buffer | null;
  isGet: boolean;
  keepsExpiry: boolean;
  expiry: ExpiryArgument | null;
}

const expiryWords: Record<string, Omit<ExpiryArgument, 'index'>> = {
  EX: { unit: 's', isAbsolute: false },
  PX: { unit: 'ms', isAbsolute: false },
  EXAT: { unit: 's', isAbsolute: true },
  PXAT: { unit: 'ms', isAbsolute: true },
};

/** Options of SET, from the argument at `start` on. IFEQ is Valkey 8.1's, IFNE Redis 8.4's. */
export function parseSetOptions(call: Call, start = 3): SetOptions {
  const options: SetOptions = {
    condition: 'none',
    comparand: null,
    isGet: false,
    keepsExpiry: false,
    expiry: null,
  };
  for (let i = start; i < call.args.length; i++) {
    const word = call.word(i);
    const hasNext = i + 1 < call.args.length;
    const expiry = expiryWords[word];
    if (word === 'NX' || word === 'XX') {
      const condition = word === 'NX' ? 'nx' : 'xx';
      if (options.condition !== 'none' && options.condition !== condition) refuse('syntax');
      options.condition = condition;
    } else if ((word === 'IFEQ' || word === 'IFNE') && hasNext && options.condition === 'none') {
      options.condition = word === 'IFEQ' ? 'ifeq' : 'ifne';
      options.comparand = call.args[++i]!;
    } else if (word === 'GET') {
      options.isGet = true;
    } else if (word === 'KEEPTTL' && options.expiry === null) {
      options.keepsExpiry = true;
    } else if (
      expiry !== undefined &&
      hasNext &&
      !options.keepsExpiry &&
      isSame(call, options.expiry, word)
    ) {
      options.expiry = { ...expiry, index: ++i };
    } else {
      refuse('syntax');
    }
  }
  return options;
}

/** Options of GETEX, from the third argument on. */
export function parseGetexOptions(call: Call): { expiry: ExpiryArgument | null; persists: boolean } {
  const options: { expiry: ExpiryArgument | null; persists: boolean } = { expiry: null, persists: false };
  for (let i = 2; i < call.args.length; i++) {
    const word = call.word(i);
    const expiry = expiryWords[word];
    if (word === 'PERSIST' && options.expiry === null) {
      options.persists = true;
    } else if (
      expiry !== undefined &&
      i + 1 < call.args.length &&
      !options.persists &&
      isSame(call, options.expiry, word)
    ) {
      options.expiry = { ...expiry, index: ++i };
    } else {
      refuse('syntax');
    }
  }
  return options;
}

/** The same way to say an expiry may come twice (the last one counts), two different ways may not. */
const isSame = (call: Call, earlier: ExpiryArgument | null, word: string): boolean =>
  earlier === null || call.word(earlier.index - 1) === word;

/** The moment of expiry in Unix ms, checked as Redis checks it. */
export function expiryOf(call: Call, { index, unit, isAbsolute }: ExpiryArgument): bigint {
  const given = call.bigint(index);
  const ms = unit === 's' ? given * 1000n : given;
  const at = isAbsolute ? ms : ms + BigInt(call.nowMs);
  if (given <= 0n || !isInt64(ms) || !isInt64(at) || at <= 0n) refuseInvalidExpiry(call);
  return at;
}

export function refuseInvalidExpiry(call: Call): never {
  return refuseWith(`ERR invalid expire time in '${call.name}' command`);
}
