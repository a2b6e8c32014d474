/**
 * BITFIELD and BITFIELD_RO: integers of any width up to 64 bits, at any bit of a string.
 *
 *     BITFIELD k OVERFLOW SAT INCRBY u4 #3 10         four bits, the fourth such integer, plus 10 but at most 15
 *
 * Everything is read and checked before anything is done. What is done is exact arithmetic on bigints; overflow is
 * what does not fit the width, and OVERFLOW says what then: WRAP around, SATurate at the limit, FAIL with a null.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { parseInt64 } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { bitOffset, stringWithBit } from './bitmaps.ts';

export const bitfields: HandlerTable = {
  bitfield(call) {
    bitfield(call, false);
  },

  bitfield_ro(call) {
    bitfield(call, true);
  },
};

type Overflow = 'WRAP' | 'SAT' | 'FAIL';

interface Field {
  offset: number;
  bits: number;
  isSigned: boolean;
}

type Operation =
  | { do: 'GET'; field: Field }
  | { do: 'SET' | 'INCRBY'; field: Field; amount: bigint; overflow: Overflow };

function parseOperations(call: Call): Operation[] {
  const operations: Operation[] = [];
  let overflow: Overflow = 'WRAP';
  let at = 2;
  while (at < call.args.length) {
    const word = call.word(at);
    const more = call.args.length - at - 1;
    if (word === 'OVERFLOW' && more >= 1) {
      const kind = call.word(at + 1);
      if (kind !== 'WRAP' && kind !== 'SAT' && kind !== 'FAIL') {
        refuseWith('ERR Invalid OVERFLOW type specified');
      }
      overflow = kind;
      at += 2;
    } else if (word === 'GET' && more >= 2) {
      operations.push({ do: 'GET', field: parseField(call, at + 1) });
      at += 3;
    } else if ((word === 'SET' || word === 'INCRBY') && more >= 3) {
      const field = parseField(call, at + 1);
      operations.push({ do: word, field, amount: call.bigint(at + 3), overflow });
      at += 4;
    } else {
      refuse('syntax');
    }
  }
  return operations;
}

/** A type such as i16 or u8, and an offset in bits, or in such integers when it is written #3. */
function parseField(call: Call, at: number): Field {
  const type = call.text(at).split('\0', 1)[0]!;
  const bits = parseInt64(type.slice(1));
  const isSigned = type[0] === 'i';
  if ((!isSigned && type[0] !== 'u') || bits === null || bits < 1n || bits > (isSigned ? 64n : 63n)) {
    refuseWith(
      'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
    );
  }
  const text = call.text(at + 1);
  const offset = text[0] === '#' ? bitOffset(call, text.slice(1), Number(bits)) : bitOffset(call, text);
  return { offset, bits: Number(bits), isSigned };
}

function bitfield(call: Call, isReadOnly: boolean): void {
  const { reply } = call;
  const operations = parseOperations(call);
  const writes = operations.filter((operation) => operation.do !== 'GET');
  if (writes.length === 0) {
    const bytes = call.read(call.text(1), 'string')?.bytes ?? Buffer.alloc(0);
    reply.array(operations.length);
    for (const { field } of operations) reply.integer(getField(bytes, field));
    return;
  }
  if (isReadOnly) refuseWith('ERR BITFIELD_RO only supports the GET subcommand');
  const lastBit = Math.max(...writes.map(({ field }) => field.offset + field.bits - 1));
  const { value, isLonger } = stringWithBit(call, lastBit);
  let changes = 0;
  reply.array(operations.length);
  for (const operation of operations) {
    const { field } = operation;
    const old = getField(value.bytes, field);
    if (operation.do === 'GET') {
      reply.integer(old);
      continue;
    }
    const isSet = operation.do === 'SET';
    const wanted = isSet ? given(field, operation.amount) : old + operation.amount;
    const fitting = fit(field, wanted, operation.overflow);
    if (fitting === null) {
      reply.nullBulk();
      continue;
    }
    reply.integer(isSet ? old : fitting);
    setField(value.bytes, field, fitting);
    if (isLonger || old !== fitting) changes++;
  }
  if (changes > 0) call.changed('$', 'setbit', call.text(1), changes);
  // OVERFLOW FAIL has made the string longer and nothing else. Redis 7.0.15 keeps that from its replicas.
  else if (isLonger) call.isForced = true;
}

/** SET's value; a negative one for an unsigned field is taken for the large number that has the same bits. */
const given = (field: Field, amount: bigint): bigint =>
  field.isSigned ? amount : BigInt.asUintN(64, amount);

/** The value that is kept for one that may not fit, or null to leave the field alone. */
function fit({ bits, isSigned }: Field, wanted: bigint, overflow: Overflow): bigint | null {
  const least = isSigned ? -(1n << BigInt(bits - 1)) : 0n;
  const greatest = (1n << BigInt(isSigned ? bits - 1 : bits)) - 1n;
  if (wanted >= least && wanted <= greatest) return wanted;
  if (overflow === 'FAIL') return null;
  if (overflow === 'SAT') return wanted < least ? least : greatest;
  return isSigned ? BigInt.asIntN(bits, wanted) : BigInt.asUintN(bits, wanted);
}

function getField(bytes: Buffer, { offset, bits, isSigned }: Field): bigint {
  let value = 0n;
  const last = Math.floor((offset + bits - 1) / 8);
  for (let at = Math.floor(offset / 8); at <= last; at++) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  value >>= BigInt(last * 8 + 8 - offset - bits);
  return isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

/** Writes the lowest bits of `value`; the string is long enough. */
function setField(bytes: Buffer, { offset, bits }: Field, value: bigint): void {
  const first = Math.floor(offset / 8);
  const last = Math.floor((offset + bits - 1) / 8);
  const shift = BigInt(last * 8 + 8 - offset - bits);
  const mask = ((1n << BigInt(bits)) - 1n) << shift;
  let rest = BigInt.asUintN(bits, value) << shift;
  let hole = mask;
  for (let at = last; at >= first; at--) {
    bytes[at] = (bytes[at]! & ~Number(hole & 255n)) | Number(rest & 255n);
    rest >>= 8n;
    hole >>= 8n;
  }
}
