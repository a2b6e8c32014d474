/**
 * The tests of Redis's suite that redtwin does not pass, each with its reason: what redtwin is not. A test that could
 * pass with more work does not belong here.
 *
 * Those of the integration units are in accepted-integration.ts. `npm run conformance` fails for a missed test that is not listed, and tells when a listed one passes.
 */

import { acceptedIntegrationMisses } from './accepted-integration.ts';

/** Tests of one unit that share a reason. */
export interface AcceptedMiss {
  unit: string;
  engines: readonly ('native' | 'portable')[];
  /** A sentence. */
  reason: string;
  /** Their names, as often as they are missed. */
  tests: readonly string[];
}

const both = ['native', 'portable'] as const;

const noAppendOnlyFile =
  'Redtwin has no append-only file: it keeps its data in snapshots and at its primary.';

export const acceptedMisses: readonly AcceptedMiss[] = [
  ...acceptedIntegrationMisses,
  {
    unit: 'unit/latency-monitor',
    engines: both,
    reason:
      'Deleting the set of a million members that expires does not take the 20 ms that the test waits for.',
    tests: ['LATENCY of expire events are correctly collected'],
  },
  {
    unit: 'unit/functions',
    engines: both,
    reason:
      'An RDB is loaded beside the data and takes its place as a whole: DEBUG RELOAD merges no file into it.',
    tests: ['FUNCTION - test debug reload with nosave and noflush'],
  },
  {
    unit: 'unit/type/stream',
    engines: both,
    reason: noAppendOnlyFile,
    tests: [
      'Empty stream can be rewrite into AOF correctly',
      'Stream can be rewrite into AOF correctly after XDEL lastid',
      'XADD with MAXLEN > xlen can propagate correctly',
      'XADD with MINID > lastid can propagate correctly',
      'XADD with ~ MAXLEN and LIMIT can propagate correctly',
      'XADD with ~ MAXLEN can propagate correctly',
      'XADD with ~ MINID and LIMIT can propagate correctly',
      'XADD with ~ MINID can propagate correctly',
      'XTRIM with ~ MAXLEN can propagate correctly',
    ],
  },
  {
    unit: 'unit/type/stream-cgroups',
    engines: both,
    reason: noAppendOnlyFile,
    tests: [
      'Consumer without PEL is present in AOF after AOFRW',
      'Empty stream with no lastid can be rewrite into AOF correctly',
      'XREADGROUP with NOACK creates consumer',
    ],
  },
  {
    unit: 'unit/type/string',
    engines: both,
    reason: 'It runs only against a server whose allocator is jemalloc.',
    tests: ['trim on SET with big value'],
  },
  {
    unit: 'unit/expire',
    engines: both,
    reason: noAppendOnlyFile,
    tests: [
      'SET - use KEEPTTL option, TTL should not be removed after loadaof',
      'GETEX use of PERSIST option should remove TTL after loadaof',
    ],
  },
  {
    unit: 'unit/other',
    engines: both,
    reason: noAppendOnlyFile,
    tests: [
      'Same dataset digest if saving/reloading as AOF?',
      'EXPIRES after a reload (snapshot + append only file rewrite)',
      'EXPIRES after AOF reload (without rewrite)',
    ],
  },
  {
    unit: 'unit/replybufsize',
    engines: both,
    reason:
      'Clients have no reply buffer of their own that grows and shrinks: replies are written into a page that all share.',
    tests: ['verify reply buffer limits'],
  },
];
