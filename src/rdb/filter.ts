/**
 * Which keys of an RDB are wanted: as a program says it, and as an engine takes it.
 *
 * Its one idea: a filter is data that goes down into the decoder, so what is not wanted is stepped over by length and never
 * becomes an object. No function can be a filter: it would have to be called for every key, across the border.
 */
import type { RdbFilter, RdbType } from '../engine/rdb.ts';

/** Which keys are wanted; those that are not are stepped over by length, without being decoded. */
export interface KeyFilter {
  db?: number | number[];
  type?: RdbType | RdbType[];
  /** A glob over the name, as KEYS has it; or a regular expression, with the flags i, m and s. */
  match?: string | Buffer | RegExp;
  prefix?: string | Buffer;
  /** Bytes in Redis's memory, at least (an estimate). Such keys must be read to be measured. */
  minMemoryBytes?: number;
  /** true: only keys that expire; false: only those that do not. */
  expires?: boolean;
  /** true: only keys that are expired by `nowMs` (default: now); false: only those that are not. */
  expired?: boolean;
  nowMs?: number;
}

/** As text, its flags in front. Those that say where to begin or what to give (g, y, d) mean nothing here; u and v always hold. */
function withFlags({ source, flags }: RegExp): string {
  const kept = flags.replace(/[^ims]/g, '');
  return kept === '' ? source : `(?${kept})${source}`;
}

/** The filter as an engine takes it. */
export function engineFilter(filter: KeyFilter): RdbFilter {
  const { db, type, match, prefix, minMemoryBytes, expires, expired } = filter;
  const bytes = (text: string | Buffer) => (typeof text === 'string' ? Buffer.from(text) : text);
  return {
    ...(db === undefined ? {} : { dbs: [db].flat() }),
    ...(type === undefined ? {} : { types: [type].flat() }),
    ...(match === undefined
      ? {}
      : match instanceof RegExp
        ? { regex: withFlags(match) }
        : { glob: bytes(match) }),
    ...(prefix === undefined ? {} : { prefix: bytes(prefix) }),
    ...(minMemoryBytes === undefined ? {} : { memoryMin: minMemoryBytes }),
    ...(expires === undefined ? {} : { expires }),
    ...(expired === undefined ? {} : { expired, nowMs: filter.nowMs ?? Date.now() }),
  };
}
