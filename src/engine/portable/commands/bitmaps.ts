/**
 * SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP: strings as rows of bits. BITFIELD is in bitfields.ts.
 *
 * Bit 0 is the highest bit of the first byte; behind the end all bits are 0.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { parseInt64 } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { StringValue } from '../string.ts';

export const bitmaps: HandlerTable = {
  setbit,
  bitcount,
  bitpos,
  bitop,

  getbit(call) {
    const offset = bitOffset(call, call.text(2));
    const bytes = call.read(call.text(1), 'string')?.bytes;
    call.reply.integer(bytes === undefined ? 0 : bitAt(bytes, offset));
  },
};

/** An offset in bits. Refuses what lies beyond the longest string; our primary knows what it does. */
export function bitOffset(call: Call, text: string, unitBits = 1): number {
  const offset = parseInt64(text);
  if (offset === null || offset < 0n) refuse('bitOffset');
  const bits = Number(offset) * unitBits;
  if (!call.isFromPrimary && Math.floor(bits / 8) >= call.settings['proto-max-bulk-len']) refuse('bitOffset');
  return bits;
}

const bitAt = (bytes: Buffer, offset: number): number =>
  ((bytes[Math.floor(offset / 8)] ?? 0) >> (7 - (offset % 8))) & 1;

/** The string at the first key, made or lengthened to hold the bit at `lastOffset`. */
export function stringWithBit(call: Call, lastOffset: number): { value: StringValue; isLonger: boolean } {
  const key = call.text(1);
  const size = Math.floor(lastOffset / 8) + 1;
  const known = call.modify(key, 'string');
  if (known === null) {
    const value = new StringValue(Buffer.alloc(size), 'raw');
    call.create(key, value);
    return { value, isLonger: true };
  }
  known.encoding = 'raw';
  const isLonger = known.bytes.length < size;
  if (isLonger) known.bytes = Buffer.concat([known.bytes], size);
  return { value: known, isLonger };
}

function setbit(call: Call): void {
  const offset = bitOffset(call, call.text(2));
  const bit = parseInt64(call.text(3));
  if (bit !== 0n && bit !== 1n) refuse('bitValue');
  const { value, isLonger } = stringWithBit(call, offset);
  const old = bitAt(value.bytes, offset);
  if (isLonger || old !== Number(bit)) {
    const mask = 1 << (7 - (offset % 8));
    const at = Math.floor(offset / 8);
    value.bytes[at] = bit === 1n ? value.bytes[at]! | mask : value.bytes[at]! & ~mask;
    call.changed('$', 'setbit', call.text(1));
  }
  call.reply.integer(old);
}

/** First and last bit of a range given in bytes or bits, negative from the end; null when it is empty. */
function bitRange(bytes: Buffer, start: number, end: number, isBits: boolean): [number, number] | null {
  const total = isBits ? bytes.length * 8 : bytes.length;
  const first = Math.max(0, start < 0 ? total + start : start);
  const last = Math.min(Math.max(0, end < 0 ? total + end : end), total - 1);
  if (first > last) return null;
  return isBits ? [first, last] : [first * 8, last * 8 + 7];
}

function isBitUnit(call: Call, index: number): boolean {
  const unit = call.word(index);
  if (unit !== 'BIT' && unit !== 'BYTE') refuse('syntax');
  return unit === 'BIT';
}

/** Bits that are set in each byte. */
const bitsOf = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

function bitcount(call: Call): void {
  const bytes = call.read(call.text(1), 'string')?.bytes;
  if (bytes === undefined) {
    call.reply.integer(0);
    return;
  }
  const argc = call.args.length;
  if (argc === 3 || argc > 5) refuse('syntax');
  const start = argc > 2 ? call.integer(2) : 0;
  const end = argc > 2 ? call.integer(3) : -1;
  // Redis answers this before it looks at the unit.
  if (start < 0 && end < 0 && start > end) {
    call.reply.integer(0);
    return;
  }
  const range = bitRange(bytes, start, end, argc === 5 && isBitUnit(call, 4));
  call.reply.integer(range === null ? 0 : countBits(bytes, ...range));
}

function countBits(bytes: Buffer, first: number, last: number): number {
  const [from, to] = [Math.floor(first / 8), Math.floor(last / 8)];
  let count = 0;
  for (let at = from; at <= to; at++) count += bitsOf[bytes[at]!]!;
  // What the first and the last byte hold outside of the range was counted too.
  count -= bitsOf[bytes[from]! & ~(0xff >> (first % 8)) & 0xff]!;
  return count - bitsOf[bytes[to]! & (0x7f >> (last % 8))]!;
}

function bitpos(call: Call): void {
  const bit = call.integer(2);
  if (bit !== 0 && bit !== 1) refuseWith('ERR The bit argument must be 1 or 0.');
  const bytes = call.read(call.text(1), 'string')?.bytes;
  if (bytes === undefined) {
    call.reply.integer(bit === 1 ? -1 : 0);
    return;
  }
  const argc = call.args.length;
  if (argc > 6) refuse('syntax');
  const start = argc > 3 ? call.integer(3) : 0;
  const isBits = argc === 6 && isBitUnit(call, 5);
  const end = argc > 4 ? call.integer(4) : -1;
  const range = bitRange(bytes, start, end, isBits);
  if (range === null) {
    call.reply.integer(-1);
    return;
  }
  const found = findBit(bytes, bit, ...range);
  // Without an end the string goes on with zeros for ever, so a 0 is always found.
  const isEndless = bit === 0 && argc < 5;
  call.reply.integer(found ?? (isEndless ? bytes.length * 8 : -1));
}

function findBit(bytes: Buffer, bit: number, first: number, last: number): number | null {
  const dull = bit === 1 ? 0 : 0xff;
  for (let offset = first; offset <= last; ) {
    if (offset % 8 === 0 && bytes[offset / 8] === dull) {
      offset += 8;
      continue;
    }
    if (bitAt(bytes, offset) === bit) return offset;
    offset++;
  }
  return null;
}

const operations: Record<string, (a: number, b: number) => number> = {
  AND: (a, b) => a & b,
  OR: (a, b) => a | b,
  XOR: (a, b) => a ^ b,
};

function bitop(call: Call): void {
  const operation = call.word(1);
  const combine = Object.hasOwn(operations, operation) ? operations[operation]! : null;
  if (combine === null && operation !== 'NOT') refuse('syntax');
  if (combine === null && call.args.length !== 4) {
    refuseWith('ERR BITOP NOT must be called with a single source key.');
  }
  const sources = call.texts(3).map((key) => call.read(key, 'string')?.bytes ?? Buffer.alloc(0));
  const size = Math.max(...sources.map((source) => source.length));
  const target = call.text(2);
  if (size > 0) {
    const result = Buffer.concat([sources[0]!], size);
    if (combine === null) for (let at = 0; at < size; at++) result[at]! ^= 0xff;
    else for (const source of sources.slice(1)) apply(result, source, combine);
    call.put(target, new StringValue(result, 'raw'));
    call.changed('$', 'set', target);
  } else if (call.remove(target)) {
    call.changed('g', 'del', target);
  }
  call.reply.integer(size);
}

function apply(result: Buffer, source: Buffer, combine: (a: number, b: number) => number): void {
  for (let at = 0; at < result.length; at++) result[at] = combine(result[at]!, source[at] ?? 0);
}
