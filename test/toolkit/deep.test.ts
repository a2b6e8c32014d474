/**
 * `diff --deep`: what differs within changed keys, of every type, and the same when it takes many passes because memory is short.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { changesWithin } from '../../src/cli/rdb/deep.ts';
import type { ChangeLine } from '../../src/cli/rdb/diff.ts';
import { RdbWriter } from '../../src/rdb/index.ts';
import type { NewEntry } from '../../src/rdb/records.ts';

const folder = mkdtempSync(join(tmpdir(), 'redtwin-deep-'));
test.after.always(() => rmSync(folder, { recursive: true }));

function file(name: string, entries: NewEntry[]): string {
  const writer = new RdbWriter();
  for (const entry of entries) writer.write(entry);
  const path = join(folder, name);
  writeFileSync(path, writer.end());
  return path;
}

const many = 10_000;
const fields = (changed: number, extra: string[]) => [
  ...Array.from({ length: many }, (_, at) => ({
    field: `f${at}`,
    value: at % changed === 7 ? `new ${at}` : 'v'.repeat(100),
  })),
  ...extra.map((field) => ({ field, value: 'x' })),
];
const stream = (last: string) => ({
  entries: [
    { id: '1-0', fields: [['f', 'same']] as [string, string][] },
    { id: '2-0', fields: [['f', last]] as [string, string][] },
  ],
  ...{ length: 2n, lastId: '2-0', firstId: '1-0', maxDeletedId: '0-0', entriesAdded: 2n, groups: [] },
});

const first = file('first.rdb', [
  { key: 'string', type: 'string', value: Buffer.from([0x61, 0xff]) },
  { key: 'list', type: 'list', value: ['a', 'b', 'c'] },
  { key: 'set', type: 'set', value: ['a', 'b'] },
  { key: 'zset', type: 'zset', value: [{ member: 'm', score: 1.5 }] },
  { key: 'hash', type: 'hash', value: fields(1, ['gone']) },
  { key: 'stream', type: 'stream', value: stream('old') },
  { key: 'expires', type: 'string', value: 'same', expireAtMs: 1e13 },
]);
const second = file('second.rdb', [
  { key: 'string', type: 'string', value: 'b' },
  { key: 'list', type: 'list', value: ['a', 'x', 'c', 'd'] },
  { key: 'set', type: 'set', value: ['b', 'c'] },
  { key: 'zset', type: 'zset', value: [{ member: 'm', score: 2 }] },
  { key: 'hash', type: 'hash', value: fields(4000, ['come']) },
  { key: 'stream', type: 'stream', value: stream('new') },
  { key: 'expires', type: 'string', value: 'same' },
]);
const names = ['string', 'list', 'set', 'zset', 'hash', 'stream', 'expires', 'neither'];
const changes: ChangeLine[] = [
  { change: 'added', db: 0, key: 'added', type: 'string', line: '{"change":"added"}\n' },
  ...names.map((key): ChangeLine => ({ change: 'changed', db: 0, key, type: key, line: '' })),
];

interface Line {
  change: string;
  key?: string;
  parts?: Record<string, [unknown, unknown]>;
}

async function linesOf(bytesMax?: number): Promise<Line[]> {
  let text = '';
  for await (const part of changesWithin(
    first,
    second,
    changes,
    { progress: false, checksum: true },
    bytesMax,
  ))
    text += part;
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

const value = 'v'.repeat(100);
const expected: Record<string, Record<string, [unknown, unknown]>> = {
  string: { value: ['a\udcff', 'b'] },
  list: { 'element 1': ['b', 'x'], 'element 3': [null, 'd'] },
  set: { 'member a': ['a', null], 'member c': [null, 'c'] },
  zset: { 'member m': [1.5, 2] },
  hash: {
    'field f7': [value, 'new 7'],
    'field f4007': [value, 'new 4007'],
    'field f8007': [value, 'new 8007'],
    'field gone': ['x', null],
    'field come': [null, 'x'],
  },
  stream: { 'entry 2-0': [[['f', 'old']], [['f', 'new']]] },
  expires: { expireAtMs: [1e13, null] },
  neither: {},
};

test('every type says which of its elements differ, a line a key', async (t) => {
  const [added, ...lines] = await linesOf();
  t.deepEqual(added, { change: 'added' });
  t.deepEqual(
    lines.map(({ key }) => key),
    names,
  );
  for (const { key, parts } of lines) t.deepEqual(parts, expected[key!], key);
});

test('short of memory it takes more passes, and says the same', async (t) => {
  const lines = await linesOf(100_000);
  t.is(lines.filter(({ change }) => change === 'added').length, 1);
  // Some two megabytes, 64 shares: the differing fields of the hash are in several of them.
  t.true(lines.filter(({ key }) => key === 'hash').length > 1);
  for (const key of names) {
    const parts = lines.filter((line) => line.key === key).map((line) => line.parts);
    t.deepEqual(Object.assign({}, ...parts), expected[key], key);
  }
});
