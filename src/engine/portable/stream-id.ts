/**
 * Stream IDs: two unsigned 64-bit numbers, written ms-seq.
 *
 * An ID is kept as one bigint of 128 bits, ms in the upper half: then IDs compare, count up and find their place
 * in a Map by themselves. The least is 0-0, the greatest 18446744073709551615-18446744073709551615.
 */

/** ms * 2^64 + seq. */
export type StreamId = bigint;

const half = 64n;
export const partMax = 0xffffffffffffffffn;
export const streamIdMax: StreamId = (partMax << half) | partMax;

export const makeStreamId = (ms: bigint, seq: bigint): StreamId => (ms << half) | seq;
/** The upper half: Unix ms, when the server chose it. */
export const streamIdMs = (id: StreamId): bigint => id >> half;
/** The lower half: counts IDs of the same ms. */
export const streamIdSeq = (id: StreamId): bigint => id & partMax;
export const formatStreamId = (id: StreamId): string => `${streamIdMs(id)}-${streamIdSeq(id)}`;

/** An ID as a client gave it. */
export interface GivenStreamId {
  ms: bigint;
  /** Null when it was not given. */
  seq: bigint | null;
  /** It was written ms-*: the server shall choose the sequence number. */
  wantsSeq: boolean;
}

/** Longest text that Redis looks at. */
const idTextMax = 127;

/** Reads "ms", "ms-seq" or "ms-*". Null when it is none of them, as Redis 7.0 sees it: see `parsePart`. */
export function parseStreamId(text: string): GivenStreamId | null {
  if (text.length > idTextMax) return null;
  const cut = text.indexOf('\0');
  const known = cut === -1 ? text : text.slice(0, cut);
  const dash = known.indexOf('-');
  const ms = parsePart(dash === -1 ? known : known.slice(0, dash));
  if (ms === null) return null;
  if (dash === -1) return { ms, seq: null, wantsSeq: false };
  const rest = known.slice(dash + 1);
  if (rest === '*') return { ms, seq: null, wantsSeq: true };
  const seq = parsePart(rest);
  return seq === null ? null : { ms, seq, wantsSeq: false };
}

/**
 * One of the two numbers. Redis reads it with strtoull when it is not canonical, so spaces, signs and zeros in
 * front are taken, and "-05" means 2^64 - 5; only the canonical "-5" is refused.
 */
function parsePart(text: string): bigint | null {
  const parts = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)$/.exec(text);
  if (parts === null || /^-[1-9]/.test(text)) return null;
  const part = BigInt(parts[2]!);
  if (part > partMax) return null;
  return parts[1] === '-' ? BigInt.asUintN(64, -part) : part;
}
