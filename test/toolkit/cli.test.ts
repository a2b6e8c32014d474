/**
 * `redtwin rdb` as a shell sees it: results, exit codes, files that are complete or not there.
 *
 * What the jobs find in a file is tested in jobs.test.ts; here it is what arrives on standard output, standard error and
 * the disk, in a process of its own.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RdbReader, RdbWriter } from '../../src/rdb/index.ts';
import { until } from '../servers/wait.ts';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'redtwin-cli-'));
test.after.always(() => rmSync(folder, { recursive: true }));

function file(name: string, keys: Record<string, string>, version = 10): string {
  const writer = new RdbWriter({ version });
  for (const [key, value] of Object.entries(keys)) writer.write({ key, type: 'string', value });
  const path = join(folder, name);
  writeFileSync(path, writer.end());
  return path;
}

const first = file('first.rdb', { 'user:1': 'a', 'user:2': 'b', other: 'c'.repeat(3000) });
const second = file('second.rdb', { 'user:1': 'a', 'user:2': 'changed', new: 'd' });
const damaged = join(folder, 'damaged.rdb');
writeFileSync(damaged, readFileSync(first).subarray(0, readFileSync(first).length - 15));

function rdb(args: string[], input?: Buffer) {
  const options = { encoding: 'utf8', ...(input === undefined ? {} : { input }) } as const;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import=tsx', main, 'rdb', ...args],
    options,
  );
  return { status, stdout, stderr };
}

test('json and keys print what is there, from a file and from standard input', (t) => {
  const json = rdb(['json', '--prefix', 'user:', first]);
  t.is(json.status, 0, json.stderr);
  t.is(
    json.stdout,
    '{"db":0,"key":"user:1","type":"string","value":"a"}\n{"db":0,"key":"user:2","type":"string","value":"b"}\n',
  );
  t.is(rdb(['keys', '--min-size', '1kb', '-'], readFileSync(first)).stdout, 'other\n');
});

test('diff says what differs, and so does its exit code', (t) => {
  const found = rdb(['diff', '--deep', first, second]);
  t.is(found.status, 1, found.stderr);
  const lines = found.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.deepEqual(lines.map(({ change, key }) => `${change} ${key}`).sort(), [
    'added new',
    'changed user:2',
    'removed other',
  ]);
  t.deepEqual(lines.find(({ change }) => change === 'changed')?.parts, { value: ['b', 'changed'] });
  t.deepEqual([rdb(['diff', first, first]).status, rdb(['diff', first, first]).stdout], [0, '']);
});

test('check tells a damaged file from a sound one, and repair saves what is complete', (t) => {
  t.is(rdb(['check', first]).status, 0);
  const found = rdb(['check', '--json', damaged]);
  t.is(found.status, 1);
  const said = JSON.parse(found.stdout) as { sound: boolean; keys: number; frame: { code: string } };
  t.like(said, { sound: false, keys: 2, frame: { code: 'rdb-truncated' } });
  const out = join(folder, 'repaired.rdb');
  t.is(rdb(['repair', '-o', out, damaged]).status, 1);
  const reader = new RdbReader({ as: 'string' });
  t.deepEqual(
    [...reader.push(readFileSync(out)), ...reader.end()].map(({ key }) => key),
    ['user:1', 'user:2'],
  );
});

test('a file that cannot be completed is not there, and trouble has its exit code', (t) => {
  const out = join(folder, 'never.json');
  const found = rdb(['json', '-o', out, damaged]);
  t.is(found.status, 2);
  t.regex(found.stderr, /^redtwin rdb: .*\[rdb-truncated\]\n$/);
  t.false(existsSync(out));
  t.deepEqual(
    readdirSync(folder).filter((name) => name.includes('.part')),
    [],
  );
  t.is(rdb(['json', join(folder, 'none.rdb')]).status, 2);
});

test('words that are not understood are trouble, and no answer', (t) => {
  for (const words of [
    ['nothing-of-this-name'],
    ['json'],
    ['diff', first, second, '--deeper'],
    ['json', '--db', 'x', first],
    ['convert', '-o', join(folder, 'o.rdb'), first],
    ['diff', '-', second],
  ]) {
    const { status, stderr } = rdb(words);
    t.is(status, 2, words.join(' '));
    t.regex(stderr, /^error: /);
  }
  const help = rdb(['diff', '--help']);
  t.is(help.status, 0);
  for (const option of ['--db', '--type', '--key', '--prefix', '--min-size', '--expiring'])
    t.true(help.stdout.includes(option));
});

test('of what does not begin as an RDB repair writes nothing', (t) => {
  const place = join(folder, 'not-one');
  mkdirSync(place);
  for (const bytes of ['', 'REDIS', 'not an RDB at all', 'REDIS0099\xff']) {
    writeFileSync(join(place, 'in'), bytes, 'latin1');
    const found = rdb(['repair', '-o', join(place, 'out'), join(place, 'in')]);
    t.is(found.status, 2, found.stderr);
    t.deepEqual(readdirSync(place), ['in']);
  }
});

test('packed files are read, and what is wrong with one is said', (t) => {
  const tools = { gz: ['gzip', '-c'], zst: ['zstd', '-qc'] } as const;
  for (const [ending, [tool, ...words]] of Object.entries(tools)) {
    const packed = spawnSync(tool, [...words, first]);
    if (packed.error !== undefined) {
      t.log(`there is no ${tool} on this machine`);
      continue;
    }
    const path = join(folder, `packed.${ending}`);
    writeFileSync(path, packed.stdout);
    const found = rdb(['keys', path]);
    t.is(found.stdout, 'user:1\nuser:2\nother\n', found.stderr);
    writeFileSync(path, packed.stdout.subarray(0, packed.stdout.length - 9));
    const cut = rdb(['keys', path]);
    t.is(cut.status, 2);
    t.regex(cut.stderr, /^redtwin rdb: .+\[rdb-(source|truncated)\]\n$/);
  }
});

test('a device stays what it is, a full one is trouble, and a link leads to the file', (t) => {
  t.is(rdb(['json', '-o', '/dev/null', first]).status, 0);
  t.true(statSync('/dev/null').isCharacterDevice());
  if (existsSync('/dev/full')) {
    const full = rdb(['json', '-o', '/dev/full', first]);
    t.is(full.status, 2);
    t.regex(full.stderr, /^redtwin rdb: ENOSPC.*\n$/);
  }
  const [link, target] = [join(folder, 'link'), join(folder, 'target')];
  writeFileSync(target, 'old');
  symlinkSync(target, link);
  t.is(rdb(['keys', '-o', link, first]).status, 0);
  t.true(lstatSync(link).isSymbolicLink());
  t.is(readFileSync(target, 'utf8'), 'user:1\nuser:2\nother\n');
});

test('a signal leaves neither the file nor a part of it', async (t) => {
  const place = join(folder, 'interrupted');
  mkdirSync(place);
  const args = ['--import=tsx', main, 'rdb', 'filter', '-o', join(place, 'out.rdb'), '-'];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(child, 'close');
  child.stdin.write(readFileSync(first).subarray(0, 40));
  await until('a part of it', () => readdirSync(place).length > 0);
  t.deepEqual(readdirSync(place), [`out.rdb.${child.pid}.part`]);
  child.kill('SIGTERM');
  t.deepEqual(await ended, [null, 'SIGTERM']);
  t.deepEqual(readdirSync(place), []);
});

test('convert changes the version, and report writes a page with the data in it', (t) => {
  const out = join(folder, 'older.rdb');
  t.is(rdb(['convert', '--to', 'redis-6.0', '-o', out, first]).status, 0);
  t.is(readFileSync(out, 'latin1').slice(0, 9), 'REDIS0009');
  const page = join(folder, 'report.html');
  t.is(rdb(['report', '-o', page, first]).status, 0);
  const html = readFileSync(page, 'utf8');
  t.true(html.includes('"prefix":"user:"') && html.includes('squarified'));
  t.notRegex(html, /(src|href)="|\/\*(DATA|STYLE|SCRIPT)\*\//);
});
