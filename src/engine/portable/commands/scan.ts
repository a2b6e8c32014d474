/**
 * Walks over keys: KEYS, SCAN, RANDOMKEY; and the options that HSCAN, SSCAN and ZSCAN share with SCAN.
 *
 * How a cursor works is told in dict.ts.
 */

import { lower } from '../bytes.ts';
import type { Call } from '../call.ts';
import { globMatches } from '../glob.ts';
import type { HandlerTable } from '../handler.ts';
import { parseUnsigned } from '../numbers.ts';
import { refuse } from '../refusal.ts';

export interface ScanOptions {
  cursor: number;
  count: number;
  /** Null: everything. */
  pattern: string | null;
  /** Only for SCAN: a type name in lower case. */
  type: string | null;
}

/** The cursor at `index`. */
export function parseCursor(call: Call, index: number): number {
  const text = call.text(index);
  return text === '' ? 0 : (parseUnsigned(text) ?? refuse('invalidCursor'));
}

/** The options behind a cursor that stands at `index`. */
export function parseScanOptions(call: Call, index: number, cursor: number, allowsType = false): ScanOptions {
  const options: ScanOptions = { cursor, count: 10, pattern: null, type: null };
  for (let i = index + 1; i < call.args.length; i += 2) {
    const word = call.word(i);
    if (i + 1 === call.args.length) refuse('syntax');
    if (word === 'COUNT') {
      options.count = call.integer(i + 1);
      if (options.count < 1) refuse('syntax');
    } else if (word === 'MATCH') {
      options.pattern = call.text(i + 1);
    } else if (word === 'TYPE' && allowsType) {
      options.type = lower(call.text(i + 1));
    } else {
      refuse('syntax');
    }
  }
  return options;
}

export const isWanted = ({ pattern }: ScanOptions, name: string): boolean =>
  pattern === null || globMatches(pattern, name);

/** The reply of every SCAN: the next cursor, and what was found. */
export function replyScan(call: Call, cursor: number, found: readonly string[]): void {
  call.reply.array(2);
  call.reply.bulk(String(cursor));
  call.reply.bulks(found);
}

/** Tries of RANDOMKEY on a replica that may not delete the expired keys it meets. */
const randomTries = 100;

export const scans: HandlerTable = {
  keys(call) {
    const pattern = call.text(1);
    const found: string[] = [];
    for (const key of call.db.values.keys()) {
      if (globMatches(pattern, key) && !call.isHidden(key)) found.push(key);
    }
    call.reply.bulks(found);
  },

  scan(call) {
    const options = parseScanOptions(call, 1, parseCursor(call, 1), true);
    const found: string[] = [];
    const cursor = call.db.values.scan(options.cursor, options.count, (key, value) => {
      if (isWanted(options, key) && (options.type === null || options.type === value.type)) found.push(key);
    });
    replyScan(
      call,
      cursor,
      found.filter((key) => !call.expireForDelete(key)),
    );
    call.feedApart();
  },

  randomkey(call) {
    const { keyspace, reply } = call;
    for (let tries = 0; ; tries++) {
      const key = call.db.values.sample(keyspace.random);
      const isLastTry = tries === randomTries && keyspace.keepsExpired;
      if (key !== undefined && !isLastTry && call.expireForDelete(key)) continue;
      reply.bulkOrNull(key);
      call.feedApart();
      return;
    }
  },
};
