/**
 * `npm run costs [-- --write]`: what commands cost the native engine in figures that no busy machine changes, held against
 * the snapshot crates/keyspace/benches/costs.txt. A change that makes a command dearer says so by changing the snapshot.
 *
 *     cargo bench --bench costs --no-run --> costs -----------------> allocations and bytes: the same to the last one
 *                                              \-- valgrind, a row --> instructions: within 2 %, compilers differ a little
 *
 * Without valgrind the instructions are not compared, and that is said. Exit codes: 0 as in the snapshot (or written), 1 not.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

const snapshotPath = join(root, 'crates/keyspace/benches/costs.txt');
/** How far instructions may lie from the snapshot, as a share of it. */
const tolerance = 0.02;

/** What a program printed, `stream` of it. Throws with its words when it does not end well. */
function output(program, args, stream = 'stdout') {
  const done = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  if (done.error || done.status !== 0)
    throw new Error(`${program} ${args.join(' ')}: ${done.error?.message ?? done.stderr}`, {
      cause: done.error,
    });
  return done[stream];
}

/** Builds the bench; where its program is. */
function build() {
  const words = [
    'bench',
    '--manifest-path',
    'crates/Cargo.toml',
    '-p',
    'redtwin-keyspace',
    '--bench',
    'costs',
  ];
  const built = output('cargo', [...words, '--no-run', '--quiet', '--message-format=json']);
  const messages = built
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return messages.find(({ target, executable }) => executable && target.name === 'costs').executable;
}

const hasValgrind = spawnSync('valgrind', ['--version']).status === 0;

/** Instructions of all commands of a row. */
function instructions(program, name) {
  const words = ['--tool=callgrind', '--callgrind-out-file=/dev/null', '--toggle-collect=costs::measured'];
  const said = output('valgrind', [...words, program, name], 'stderr');
  return Number(/Collected : (\d+)/.exec(said)[1]);
}

/** The rows: name -> allocations and bytes per thousand commands, instructions per command (null: not counted). */
function measure() {
  const program = build();
  const rows = new Map();
  for (const line of output(program, []).trim().split('\n')) {
    const [name, allocations, bytes, commands] = line.split(' ');
    const counted = hasValgrind ? Math.round(instructions(program, name) / Number(commands)) : null;
    rows.set(name, [Number(allocations), Number(bytes), counted]);
  }
  return rows;
}

const heading = [
  '# What a command costs the native engine. Written by: npm run costs -- --write',
  '# row               allocations/1000    bytes/1000  instructions/1',
];

const write = (rows) =>
  [
    ...heading,
    ...[...rows].map(
      ([name, [allocations, bytes, counted]]) =>
        `${name.padEnd(20)}${String(allocations).padStart(16)}${String(bytes).padStart(14)}${String(counted ?? '-').padStart(16)}`,
    ),
    '',
  ].join('\n');

const read = (text) =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(/ +/))
      .map(([name, ...figures]) => [name, figures.map(Number)]),
  );

const isNear = (now, then) => now === null || Math.abs(now - then) <= then * tolerance;

/** One sentence per figure that is not what it was. */
function differences(now, then) {
  const said = [...then.keys()]
    .filter((name) => !now.has(name))
    .map((name) => `${name}: is no longer counted`);
  for (const [name, [allocations, bytes, counted]] of now) {
    const before = then.get(name);
    if (before === undefined) {
      said.push(`${name}: is not in the snapshot`);
      continue;
    }
    if (allocations !== before[0])
      said.push(`${name}: ${allocations} allocations per 1000, were ${before[0]}`);
    if (bytes !== before[1]) said.push(`${name}: ${bytes} bytes per 1000, were ${before[1]}`);
    if (!isNear(counted, before[2])) said.push(`${name}: ${counted} instructions, were ${before[2]}`);
  }
  return said;
}

const rows = measure();
if (!hasValgrind) console.log('there is no valgrind here: instructions are not counted');
if (process.argv.includes('--write')) {
  if (!hasValgrind) throw new Error('a snapshot needs valgrind');
  writeFileSync(snapshotPath, write(rows));
  console.log(write(rows));
} else {
  const said = differences(rows, read(readFileSync(snapshotPath, 'utf8')));
  for (const sentence of said) console.log(sentence);
  console.log(`${rows.size} rows, ${said.length} figures differ from ${snapshotPath.slice(root.length + 1)}`);
  if (said.length > 0) process.exitCode = 1;
}
