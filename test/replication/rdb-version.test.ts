/**
 * Which RDB version a reader gets: by the setting, by what it says it is, by what the data needs.
 */
import test from 'ava';
import { type RdbVersion, type Reader, rdbVersionFor } from '../../src/replication/rdb-version.ts';

const silent: Reader = { version: null, setting: 'auto', compat: 'auto', hasFieldExpiries: false };

const cases: [string, Partial<Reader>, RdbVersion][] = [
  ['nothing is known', {}, 10],
  ['fields expire', { hasFieldExpiries: true }, 12],
  ['readers before 7.0', { compat: '6.2' }, 9],
  ['readers before 7.0, and fields expire', { compat: '5.0', hasFieldExpiries: true }, 9],
  ['readers from 7.0 on, and fields expire', { compat: '7.0', hasFieldExpiries: true }, 10],
  ['Valkey 9.1 says so', { version: '9.1.0' }, 80],
  ['Valkey 8.1 says so', { version: '8.1.4', hasFieldExpiries: true }, 11],
  ['Valkey 8.1 says so, whatever the others are', { version: '8.1.4', compat: '5.0' }, 11],
  ['7.2', { version: '7.2.0' }, 11],
  ['7.0', { version: '7.0.15' }, 10],
  ['6.2', { version: '6.2.1' }, 9],
  ['what is no version', { version: 'new' }, 10],
  ['the setting is stronger than what a reader says', { version: '9.1.0', setting: '11' }, 11],
  ['the setting is stronger than the data', { setting: '9', hasFieldExpiries: true }, 9],
];

for (const [title, change, expected] of cases) {
  test(title, (t) => t.is(rdbVersionFor({ ...silent, ...change }), expected));
}
