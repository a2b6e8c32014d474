/**
 * PFADD, PFCOUNT, PFMERGE, PFDEBUG, PFSELFTEST: HyperLogLogs, which are string values (hyperloglog.ts).
 *
 * PFCOUNT may write: it caches its result in the value.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { addElement, estimate, registersOf, setRegister, toDense } from '../hyperloglog.ts';
import {
  cachedCount,
  dropCachedCount,
  emptyHyperLogLog,
  isHyperLogLog,
  isSparse,
  registerCount,
  setCachedCount,
} from '../hyperloglog-header.ts';
import { sparseRuns } from '../hyperloglog-sparse.ts';
import { refuse, refuseWith } from '../refusal.ts';
import { StringValue } from '../string.ts';

export const hyperLogLogs: HandlerTable = {
  pfadd,
  pfmerge,
  pfdebug,
  pfselftest,

  pfcount(call) {
    if (call.args.length === 2) countOne(call);
    else call.reply.integer(estimate(union(call, call.texts(1)).registers));
  },
};

/** Refuses a string that is no HyperLogLog. */
function checked(value: StringValue | null): StringValue | null {
  if (value !== null && !isHyperLogLog(value.bytes)) refuse('invalidHll');
  return value;
}

function pfadd(call: Call): void {
  const key = call.text(1);
  const known = checked(call.modify(key, 'string'));
  const value = known ?? new StringValue(emptyHyperLogLog(), 'raw');
  value.encoding = 'raw';
  if (known === null) call.create(key, value);
  let changes = known === null ? 1 : 0;
  for (const element of call.args.slice(2)) {
    const added =
      addElement(value.bytes, element, call.settings['hll-sparse-max-bytes']) ?? refuse('corruptHll');
    value.bytes = added.hll;
    if (added.changed) changes++;
  }
  if (changes > 0) {
    call.changed('$', 'pfadd', key, changes);
    dropCachedCount(value.bytes);
  }
  call.reply.flag(changes > 0);
}

/** Of one key: the cached count, or a new one that is cached, which is a change that replicas get. */
function countOne(call: Call): void {
  const key = call.text(1);
  const value = checked(call.read(key, 'string'));
  if (value === null) {
    call.reply.integer(0);
    return;
  }
  const cached = cachedCount(value.bytes);
  value.encoding = 'raw';
  if (cached !== null) {
    call.reply.integer(cached);
    return;
  }
  const count = estimate(registersOf(value.bytes) ?? refuse('corruptHll'));
  setCachedCount(value.bytes, count);
  call.touch(key);
  call.dirty++;
  call.reply.integer(count);
}

/** The greatest of each register, over all keys that exist. */
function union(call: Call, keys: readonly string[]): { registers: Uint8Array; isAnyDense: boolean } {
  const registers = new Uint8Array(registerCount);
  let isAnyDense = false;
  for (const key of keys) {
    const value = checked(call.read(key, 'string'));
    if (value === null) continue;
    if (!isSparse(value.bytes)) isAnyDense = true;
    (registersOf(value.bytes) ?? refuse('corruptHll')).forEach((register, index) => {
      if (register > registers[index]!) registers[index] = register;
    });
  }
  return { registers, isAnyDense };
}

function pfmerge(call: Call): void {
  const { registers, isAnyDense } = union(call, call.texts(1));
  const key = call.text(1);
  const known = call.modify(key, 'string');
  const value = known ?? new StringValue(emptyHyperLogLog(), 'raw');
  value.encoding = 'raw';
  if (known === null) call.create(key, value);
  if (isAnyDense) value.bytes = toDense(value.bytes) ?? refuse('corruptHll');
  registers.forEach((register, index) => {
    if (register === 0) return;
    const set = setRegister(value.bytes, index, register, call.settings['hll-sparse-max-bytes']);
    if (set !== null) value.bytes = set.hll;
  });
  dropCachedCount(value.bytes);
  call.changed('$', 'pfadd', key);
  call.reply.ok();
}

function pfdebug(call: Call): void {
  const { reply } = call;
  const value = checked(call.modify(call.text(2), 'string'));
  if (value === null) refuseWith('ERR The specified key does not exist');
  value.encoding = 'raw';
  switch (call.word(1)) {
    case 'GETREG': {
      densify(call, value);
      const registers = registersOf(value.bytes)!;
      reply.array(registers.length);
      for (const register of registers) reply.integer(register);
      break;
    }
    case 'DECODE':
      if (!isSparse(value.bytes)) refuseWith('ERR HLL encoding is not sparse');
      reply.bulk(decoded(value.bytes));
      break;
    case 'ENCODING':
      reply.simple(isSparse(value.bytes) ? 'sparse' : 'dense');
      break;
    case 'TODENSE':
      reply.flag(densify(call, value));
      break;
    default:
      refuseWith(`ERR Unknown PFDEBUG subcommand '${call.text(1).split('\0', 1)[0]}'`);
  }
}

/** Makes it dense; that counts as a change. False when it was already. */
function densify(call: Call, value: StringValue): boolean {
  if (!isSparse(value.bytes)) return false;
  value.bytes = toDense(value.bytes) ?? refuse('corruptHll');
  call.dirty++;
  return true;
}

/** Runs as Redis prints them: z and Z for zeros in one and two bytes, v for values. */
const decoded = (hll: Buffer): string =>
  Array.from(sparseRuns(hll), ({ length, value, size }) =>
    value > 0 ? `v:${value},${length}` : `${size === 1 ? 'z' : 'Z'}:${length}`,
  ).join(' ');

/**
 * Elements that the self-test adds; a tenth of a percent of Redis's, for the answer is the same and comes at once.
 */
const selfTestElements = 10_000;

/** Checks that both forms agree with each other, and the estimate with the truth, at powers of ten. */
function pfselftest(call: Call): void {
  const element = Buffer.alloc(8);
  let sparse = emptyHyperLogLog();
  let dense = toDense(emptyHyperLogLog())!;
  const salt = BigInt(call.keyspace.random.next());
  for (let count = 1, checkpoint = 1; count <= selfTestElements; count++) {
    element.writeBigUInt64LE(BigInt(count) ^ salt);
    sparse = addElement(sparse, element, call.settings['hll-sparse-max-bytes'])!.hll;
    dense = addElement(dense, element, 0)!.hll;
    if (count !== checkpoint) continue;
    checkpoint *= 10;
    const estimated = Number(estimate(registersOf(sparse)!));
    if (BigInt(estimated) !== estimate(registersOf(dense)!))
      refuseWith('ERR TESTFAILED dense/sparse disagree');
    const error = Math.abs(estimated - count);
    const errorMax = count === 10 ? 1 : Math.ceil((1.04 / Math.sqrt(registerCount)) * 6 * count);
    if (error > errorMax) refuseWith(`ERR TESTFAILED Too big error. card:${count} abserr:${error}`);
  }
  call.reply.ok();
}
