/**
 * What a job of the portable toolkit is told, key by key, and the sieve that asks the filter before it is told.
 *
 * Unlike the native one, which sees parts, a portable job sees whole values: memory is that of the largest value.
 */
import type { RdbFilter, RdbLosses, RdbType } from '../../rdb.ts';
import { binary } from '../bytes.ts';
import { globMatches } from '../glob.ts';
import type { Attributes, ModuleAux } from '../rdb/decoder.ts';
import type { Dialect } from '../rdb/format.ts';
import type { RdbValue } from '../rdb/value.ts';
import type { Summary } from './measure.ts';

/** A wanted key. Texts are binary strings. */
export interface Entry {
  db: number;
  key: string;
  value: RdbValue;
  attributes: Attributes;
  summary: Summary;
  /** Bytes in the file, and where they begin. */
  encodedBytes: number;
  offset: number;
}

export interface Job {
  begin?(dialect: Dialect): void;
  aux?(name: string, value: string): void;
  library?(source: string): void;
  moduleAux?(aux: ModuleAux): void;
  slotImport?(): void;
  slotHint?(): void;
  entry(entry: Entry): void;
  /** What is ready. */
  take?(): Buffer;
  /** What is to be said behind the last key. */
  finish?(): Buffer;
  losses?(): RdbLosses;
  salvage?(): { keepBytes: number; tail: Buffer };
}

/** JavaScript has no flags within an expression yet. */
function expression(text: string): RegExp {
  const [head, flags] = /^\(\?([ims]+)\)/.exec(text) ?? ['', ''];
  return new RegExp(text.slice(head.length), `u${flags}`);
}

/** The filter as a question. Throws what JavaScript says of a regular expression that is none. */
export function wanted(filter: RdbFilter): (entry: Entry) => boolean {
  const { dbs, types, memoryMin, expires, expired, nowMs = 0 } = filter;
  const glob = filter.glob === undefined ? null : binary(filter.glob);
  const prefix = filter.prefix === undefined ? '' : binary(filter.prefix);
  const regex = filter.regex === undefined ? null : expression(filter.regex);
  const typeNames = types as readonly RdbType[] | undefined;
  return ({ db, key, value, attributes, summary }) =>
    (dbs === undefined || dbs.includes(db)) &&
    (typeNames === undefined || typeNames.includes(value.type)) &&
    (expires === undefined || (attributes.expireAtMs !== null) === expires) &&
    (expired === undefined ||
      (attributes.expireAtMs !== null && attributes.expireAtMs <= nowMs) === expired) &&
    key.startsWith(prefix) &&
    (glob === null || globMatches(glob, key)) &&
    (regex === null || regex.test(Buffer.from(key, 'latin1').toString())) &&
    (memoryMin === undefined || summary.memoryBytes >= memoryMin);
}
