/**
 * The RDB toolkit beside its peers, on data sets A (5 million small strings, 255 MB) and B (mixed, 211 MB).
 *
 *     read          every byte, by Node             the limits: no tool that looks at
 *     read and sum  and its CRC64                   the whole file can be faster
 *     check, stats, top, prefixes, json, resp      redtwin as a command, from its start to its end
 *     redis-check-rdb                               walks and checksums, and makes nothing: what ratios refer to
 *
 * Times are those of whole processes, start of Node included, because that is what a shell waits for. Beside each
 * stands its CPU time, which says more on a machine that has other work. Files are in the page cache: what is compared is
 * the tools, not the disk. Python's tools read a twentieth of the file, and are told in MB/s.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashRdb, rdbOf, scaleOf } from './data-files.ts';
import { type Bar, type Bench, type Context, Rows } from './frame/bench.ts';
import { familyCpuMs, residentMb } from './frame/process.ts';
import { type Peers, type Program, peers } from './rdb-peers.ts';

const redtwin: Program = [
  process.execPath,
  fileURLToPath(new URL('../dist/cli/main.js', import.meta.url)),
  'rdb',
];
const pass: Program = [process.execPath, fileURLToPath(new URL('rdb-pass.mjs', import.meta.url))];

/** What the bars ask of each command: at most so many times what redis-check-rdb takes. */
const commands = { check: 0.4, stats: 0.6, top: 0.6, prefixes: 0.6, json: 1, resp: 1 } as const;
const sets = ['A', 'B'] as const;

interface Ran {
  seconds: number;
  cpuSeconds: number;
  megabytes: number;
  said: string;
}

/** Runs a program to its end; its largest resident size is looked at every few milliseconds. */
async function run(program: Program, ...args: string[]): Promise<Ran> {
  const [file, ...first] = program;
  const cpuBefore = familyCpuMs();
  const began = performance.now();
  const child = spawn(file, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [said, wrong, megabytes] = ['', '', 0];
  // Only the last words are of interest; a peer may print a file's worth of them.
  child.stdout.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString('latin1')).slice(-4096);
  });
  child.stderr.on('data', (bytes: Buffer) => {
    wrong = (wrong + bytes.toString()).slice(-4096);
  });
  const watch = setInterval(() => {
    try {
      megabytes = Math.max(megabytes, residentMb(child.pid!));
    } catch {
      // It has ended in between.
    }
  }, 10);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${[...program, ...args].join(' ')} failed: ${wrong || said}`);
  const seconds = (performance.now() - began) / 1000;
  return { seconds, cpuSeconds: (familyCpuMs() - cpuBefore) / 1000, megabytes, said };
}

/** One round over one data set. The walk of redis-check-rdb counts for every command: all are held against it. */
async function commandsRound(
  rows: Rows,
  most: Most,
  { checkRdb }: Peers,
  set: string,
  file: string,
  out: string,
): Promise<void> {
  const walk = await run(checkRdb, file);
  for (const name of Object.keys(commands) as (keyof typeof commands)[]) {
    const writes = name === 'json' || name === 'resp';
    const ours = await run(redtwin, name, file, ...(writes ? ['-o', out] : []));
    for (const [who, ran] of [
      ['redis-check-rdb', walk],
      ['redtwin native', ours],
    ] as const) {
      rows.add(`${name} ${set}, s`, who, ran.seconds);
      rows.add(`${name} ${set}, CPU s`, who, ran.cpuSeconds);
    }
    most.note(`most resident ${set}, MB`, ours.megabytes);
  }
}

/** The largest of what was seen, for a bar that holds for every run and not for half of them. */
class Most {
  readonly #seen = new Map<string, number>();

  note(what: string, megabytes: number): void {
    this.#seen.set(what, Math.max(this.#seen.get(what) ?? 0, megabytes));
  }
  into(rows: Rows): void {
    for (const [what, megabytes] of this.#seen) rows.add(what, 'redtwin native', megabytes);
  }
}

/** Memory must not grow with a value: every command, and the library in parts, over one hash of 400 MB. */
async function largeHash(most: Most, context: Context, out: string): Promise<void> {
  const file = hashRdb(scaleOf(context));
  const programs: [Program, ...string[]][] = [
    ...['check', 'stats', 'top', 'prefixes', 'keys', 'memory'].map((name): [Program, string] => [
      redtwin,
      name,
    ]),
    ...['json', 'resp', 'filter', 'repair', 'report'].map((name): [Program, ...string[]] => [
      redtwin,
      name,
      '-o',
      out,
    ]),
    [redtwin, 'convert', '--to', '9', '-o', out],
    [pass, 'parts'],
  ];
  for (const [program, ...words] of programs) {
    const { megabytes } = await run(program, ...words, file);
    most.note('most resident, one hash of 400 MB, MB', megabytes);
  }
}

async function libraryRound(rows: Rows, most: Most, set: string, file: string): Promise<void> {
  for (const [what, mode] of [
    ['read', 'read'],
    ['read and sum', 'sum'],
  ] as const) {
    const { seconds } = JSON.parse((await run(pass, mode, file)).said) as { seconds: number };
    rows.add(`limit ${set}, s`, what, seconds);
  }
  for (const mode of ['keys', 'values'] as const) {
    const told = JSON.parse((await run(pass, mode, file)).said) as Record<string, number>;
    rows.add(`${mode} in JavaScript ${set}, entries/s`, 'redtwin native', told.entries! / told.seconds!);
    most.note(`most resident in JavaScript ${set}, MB`, told.megabytes!);
  }
}

const megabytesPerSecond = (file: string, seconds: number): number => statSync(file).size / 1e6 / seconds;

/** Peers that make something of a file: how many MB of it they read in a second. */
async function peersRound(
  context: Context,
  rows: Rows,
  tools: Peers,
  file: string,
  out: string,
): Promise<void> {
  // Redis-rdb-tools 0.1.15 stopped at version 9 of the format.
  const small = `${out}.small`;
  const twentieth = await rdbOf('A', scaleOf(context) / 20);
  await run(redtwin, 'convert', '--to', '9', '-o', small, twentieth);
  const add = (what: string, who: string, path: string, { seconds }: Ran) =>
    rows.add(what, who, megabytesPerSecond(path, seconds));
  if (tools.goRdb !== null) {
    add('json of A, MB/s', 'HDT3213/rdb', file, await run(tools.goRdb, '-c', 'json', '-o', out, file));
    add('biggest of A, MB/s', 'HDT3213/rdb', file, await run(tools.goRdb, '-c', 'bigkey', '-n', '20', file));
  }
  if (tools.rdbTools !== null) {
    add(
      'json of A, MB/s',
      'redis-rdb-tools',
      small,
      await run(tools.rdbTools, '-c', 'json', '-f', out, small),
    );
  }
  add('json of A, MB/s', 'redtwin native', file, await run(redtwin, 'json', '-o', out, file));
  add('biggest of A, MB/s', 'redtwin native', file, await run(redtwin, 'top', file));
  if (tools.rdbPython !== null) {
    const count = 'import rdb, sys\nfor item in rdb.RdbDecoder(sys.argv[1]): pass';
    add('entries of A, MB/s', 'rdb-py', file, await run(tools.rdbPython, '-c', count, file));
    add('entries of A, MB/s', 'redtwin native', file, await run(pass, 'values', file));
  }
}

/** The bench. */
export const rdb: Bench = {
  name: 'rdb',
  question: 'how fast are RDB files checked, summed up and printed, and in how much memory?',
  cores: 'all',
  bars: [
    ...sets.flatMap((set): Bar[] => [
      ...Object.entries(commands).map(([name, atMostTimes]) => ({ what: `${name} ${set}, s`, atMostTimes })),
      { what: `most resident ${set}, MB`, atMost: 150 },
      { what: `most resident in JavaScript ${set}, MB`, atMost: 150 },
    ]),
    { what: 'most resident, one hash of 400 MB, MB', atMost: 150 },
    { what: 'keys in JavaScript A, entries/s', atLeast: 2e6 },
    { what: 'values in JavaScript A, entries/s', atLeast: 1e6 },
    { what: 'json of A, MB/s', than: 'HDT3213/rdb', atLeastTimes: 3 },
    { what: 'biggest of A, MB/s', than: 'HDT3213/rdb', atLeastTimes: 5 },
  ],
  async run(context) {
    const [rows, most] = [new Rows(), new Most()];
    const tools = peers(context);
    const folder = mkdtempSync(join(tmpdir(), 'redtwin-rdb-'));
    const out = join(folder, 'out');
    try {
      for (const set of sets) {
        const file = await rdbOf(set, scaleOf(context));
        for (let round = 0; round < context.rounds; round++) {
          await commandsRound(rows, most, tools, set, file, out);
          await libraryRound(rows, most, set, file);
        }
      }
      await largeHash(most, context, out);
      most.into(rows);
      await peersRound(context, rows, tools, await rdbOf('A', scaleOf(context)), out);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return rows.all();
  },
};
