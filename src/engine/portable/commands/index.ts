/**
 * All commands of the portable engine by name. A family is a file; a new family is a line here.
 */
import type { Handler, HandlerTable } from '../handler.ts';
import { bitfields } from './bitfields.ts';
import { bitmaps } from './bitmaps.ts';
import { blocking } from './blocking.ts';
import { connection } from './connection.ts';
import { debug } from './debug.ts';
import { dump } from './dump.ts';
import { evals } from './eval.ts';
import { expiry } from './expiry.ts';
import { functions } from './functions.ts';
import { geo } from './geo.ts';
import { geoSearches } from './geo-search.ts';
import { hashExpiry } from './hash-expiry.ts';
import { hashes } from './hashes.ts';
import { hyperLogLogs } from './hyperloglogs.ts';
import { keys } from './keys.ts';
import { lists } from './lists.ts';
import { scans } from './scan.ts';
import { scripts } from './scripts.ts';
import { sets } from './sets.ts';
import { sorts } from './sort.ts';
import { streamClaims } from './stream-claims.ts';
import { streamEntries } from './stream-entries.ts';
import { streamGroups } from './stream-groups.ts';
import { streamInfo } from './stream-info.ts';
import { streamReads } from './stream-reads.ts';
import { strings } from './strings.ts';
import { transactions } from './transactions.ts';
import { zsetAlgebra } from './zset-algebra.ts';
import { zsetRanges } from './zset-ranges.ts';
import { zsets } from './zsets.ts';

const families: HandlerTable[] = [
  connection,
  transactions,
  keys,
  scans,
  expiry,
  dump,
  strings,
  bitmaps,
  bitfields,
  lists,
  sets,
  hashes,
  hashExpiry,
  zsets,
  zsetRanges,
  zsetAlgebra,
  sorts,
  blocking,
  geoSearches,
  geo,
  hyperLogLogs,
  streamClaims,
  streamEntries,
  streamGroups,
  streamInfo,
  streamReads,
  evals,
  scripts,
  functions,
  debug,
];

export const handlers: ReadonlyMap<string, Handler> = new Map(
  families.flatMap((family) => Object.entries(family)),
);
