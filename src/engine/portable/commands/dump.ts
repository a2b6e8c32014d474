/**
 * DUMP and RESTORE: one value as bytes, and back.
 *
 * RESTORE takes payloads of every version that the decoder knows, Valkey's included, because newer primaries send
 * them. Every payload is checked to its last element (Redis's `sanitize-dump-payload yes`), whatever that option
 * says.
 */
import { RedtwinError } from '../../../errors.ts';
import { buildValue } from '../build.ts';
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { dump as dumpValue, isWellFramed, undump } from '../rdb/payload.ts';
import { isEmptyCollection } from '../rdb/value.ts';
import { refuse, refuseWith } from '../refusal.ts';
import type { Value } from '../value.ts';

export const dump: HandlerTable = {
  dump(call) {
    const value = call.lookup(call.text(1));
    if (value === null) call.reply.nullBulk();
    else call.reply.bulk(dumpValue(value, call.settings, call.settings.rdbcompression));
  },

  restore,
  'restore-asking': restore,
};

interface RestoreOptions {
  replace: boolean;
  absolute: boolean;
  idleSeconds: number | null;
  frequency: number | null;
}

function parseRestore(call: Call): RestoreOptions {
  const options: RestoreOptions = { replace: false, absolute: false, idleSeconds: null, frequency: null };
  for (let at = 4; at < call.args.length; at++) {
    const word = call.word(at);
    const hasMore = at + 1 < call.args.length;
    if (word === 'REPLACE') {
      options.replace = true;
    } else if (word === 'ABSTTL') {
      options.absolute = true;
    } else if (word === 'IDLETIME' && hasMore && options.frequency === null) {
      options.idleSeconds = call.integer(++at);
      if (options.idleSeconds < 0) refuseWith('ERR Invalid IDLETIME value, must be >= 0');
    } else if (word === 'FREQ' && hasMore && options.idleSeconds === null) {
      options.frequency = call.integer(++at);
      if (options.frequency < 0 || options.frequency > 255) {
        refuseWith('ERR Invalid FREQ value, must be >= 0 and <= 255');
      }
    } else {
      refuse('syntax');
    }
  }
  return options;
}

function restore(call: Call): void {
  const options = parseRestore(call);
  const key = call.text(1);
  if (!options.replace && call.lookupForWrite(key) !== null) refuse('busyKey');
  const ttl = call.integer(2);
  if (ttl < 0) refuseWith('ERR Invalid TTL value, must be >= 0');
  const payload = call.args[3]!;
  if (!isWellFramed(payload, !call.keyspace.skipsDumpChecksums)) refuse('badDumpPayload');
  const value = restored(call, payload);

  const isReplaced = options.replace && call.remove(key);
  const expireAtMs = ttl === 0 ? null : options.absolute ? ttl : ttl + call.nowMs;
  if (expireAtMs !== null && expireAtMs <= call.nowMs && mayExpire(call)) {
    // Restored too late: what is left of it is the deletion of what it replaced.
    if (isReplaced) {
      call.changed('g', 'del', key);
      call.feedAs('DEL', key);
    }
    call.reply.ok();
    return;
  }
  call.create(key, value);
  call.expireAt(key, expireAtMs);
  if (value.type === 'module') call.keyspace.mayHoldModules = true;
  if (options.idleSeconds !== null) value.accessedMs = call.nowMs - options.idleSeconds * 1000;
  if (options.frequency !== null) value.frequency = options.frequency;
  if (expireAtMs !== null && !options.absolute) {
    const args = [...call.args];
    args[2] = Buffer.from(String(expireAtMs));
    call.feedAs(...args, 'ABSTTL');
  }
  call.changed('g', 'restore', key);
  call.reply.ok();
}

/** Only a primary may decide that a key is expired. */
const mayExpire = (call: Call): boolean => !call.isFromPrimary && !call.keyspace.gates.replica;

function restored(call: Call, payload: Buffer): Value {
  try {
    const rdb = undump(payload);
    if (isEmptyCollection(rdb)) corrupt(call, 'it has no elements');
    return buildValue(rdb, call.settings);
  } catch (error) {
    if (error instanceof RedtwinError) corrupt(call, error.message);
    throw error;
  }
}

/** The client is told no more than Redis tells; the log has why. */
function corrupt(call: Call, why: string): never {
  call.keyspace.scripts.log(3, `RESTORE refused a value, its integrity check failed: ${why}`);
  refuse('badDataFormat');
}
