/**
 * Every job over every golden RDB, on both engines: the same bytes out, the same keys broken, the same error or none.
 *
 * A key that comes twice is found by who loads a file: a check, whose memory is bounded, remembers no names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import type { RdbFilter, RdbJob, RdbScan } from '../../src/engine/rdb.ts';
import { RedtwinError } from '../../src/errors.ts';
import { defaultEngine } from '../../src/rdb/default-engine.ts';
import { RdbWriter } from '../../src/rdb/index.ts';
import { missingEngines } from '../engines.ts';

const hasNative = missingEngines.length === 0;
const folder = new URL('../vectors/rdb/', import.meta.url);
const vectors = readdirSync(folder).map((name) => ({ name, file: readFileSync(new URL(name, folder)) }));
const sound = vectors.filter(
  ({ name }) => /^(redis|valkey)-0\d+-?[a-z-]*\.rdb$/.test(name) && !/valkey-0(11|82)/.test(name),
);

interface Outcome {
  out: string;
  code: string | null;
  broken: string[];
}

function run(
  engine: 'native' | 'portable',
  file: Buffer,
  job: RdbJob,
  filter: RdbFilter = {},
  chunk = 64,
): Outcome {
  const scan = defaultEngine(engine).rdb.scan(job, filter, true);
  const out: Buffer[] = [];
  let code: string | null = null;
  try {
    for (let at = 0; at < file.length; at += chunk) {
      scan.push(file.subarray(at, at + chunk));
      out.push(taken(scan));
    }
    scan.finish();
    out.push(taken(scan));
  } catch (error) {
    if (!(error instanceof RedtwinError)) throw error;
    code = error.code;
  }
  return { out: Buffer.concat(out).toString('latin1'), code, broken: namesOf(scan) };
}

/** What is ready, through a buffer that is too small. */
function taken(scan: RdbScan): Buffer {
  const out: Buffer[] = [];
  const into = Buffer.alloc(50);
  for (let count = scan.take(into); count > 0; count = scan.take(into))
    out.push(Buffer.from(into.subarray(0, count)));
  return Buffer.concat(out);
}

const namesOf = (scan: RdbScan) => scan.brokenKeys().map(({ key }) => key.toString('latin1'));

const jobs: RdbJob[] = [
  { job: 'json', layout: 'lines' },
  { job: 'json', layout: 'rdb-tools' },
  { job: 'commands', target: [7, 4] },
  { job: 'commands', target: [6, 0] },
  { job: 'commands', target: [2, 8] },
  { job: 'keys' },
  { job: 'memory' },
  { job: 'tally', top: 3, separators: ':', depth: 2, nowMs: 1_700_000_000_000 },
];

for (const job of jobs) {
  test(`both engines say the same: ${JSON.stringify(job)}`, (t) => {
    if (!hasNative) return t.pass('there is no native engine here');
    for (const { name, file } of sound) {
      // Old streams lack counters, and modules' metadata and idempotence are told by native only.
      if (/stream|0013/.test(name)) continue;
      const [native, portable] = [run('native', file, job), run('portable', file, job)];
      t.is(native.code, null, name);
      if (job.job === 'tally') t.deepEqual(JSON.parse(portable.out), JSON.parse(native.out), name);
      else t.is(portable.out, native.out, name);
    }
    return undefined;
  });
}

test('both engines refuse the same files, and find the same keys broken', (t) => {
  if (!hasNative) return t.pass('there is no native engine here');
  for (const { name, file } of vectors) {
    const [native, portable] = [
      run('native', file, { job: 'check' }),
      run('portable', file, { job: 'check' }),
    ];
    // The portable decoder builds streams as it reads them, so a broken one ends its reading.
    const isSound = ({ code, broken }: Outcome) => code === null && broken.length === 0;
    t.is(isSound(portable), isSound(native), `${name}: ${portable.code} ${native.code}`);
    if (portable.code === null) t.deepEqual(portable.broken.sort(), native.broken.sort(), name);
  }
  return undefined;
});

for (const engine of ['native', 'portable'] as const) {
  test(`a check lets the elements of a list be the same [${engine}]`, (t) => {
    if (engine === 'native' && !hasNative) return t.pass('there is no native engine here');
    for (const count of [3, 5000]) {
      const writer = new RdbWriter({ version: 10, engine });
      writer.write({ key: 'list', type: 'list', value: Array.from({ length: count }, () => 'the same') });
      const { code, broken } = run(engine, writer.end(), { job: 'check' });
      t.deepEqual([code, broken], [null, []], `${count} elements`);
    }
    return undefined;
  });

  test(`a copy holds the same keys in every version [${engine}]`, (t) => {
    if (engine === 'native' && !hasNative) return t.pass('there is no native engine here');
    const json: RdbJob = { job: 'json', layout: 'lines' };
    for (const { name, file } of sound) {
      if (/stream|0013/.test(name)) continue;
      const whole = sorted(run(engine, file, json).out);
      for (const version of [null, 9, 10, 11, 12, 80]) {
        const copied = run(engine, file, {
          job: 'copy',
          version,
          compress: true,
          checksum: true,
          careful: version === null,
        });
        t.is(copied.code, null, `${name} to ${version}`);
        const again = run(engine, Buffer.from(copied.out, 'latin1'), json);
        t.is(again.code, null, `${name} to ${version}`);
        if (version === null || version >= 12 || !/expiry|valkey/.test(name))
          t.deepEqual(sorted(again.out), whole, `${name} to ${version}`);
      }
    }
    return undefined;
  });

  test(`filters let through what they say [${engine}]`, (t) => {
    if (engine === 'native' && !hasNative) return t.pass('there is no native engine here');
    const { file } = sound.find(({ name }) => name === 'redis-0003-elements.rdb')!;
    const keys = (filter: RdbFilter) => run(engine, file, { job: 'keys' }, filter).out.trimEnd().split('\n');
    const all = keys({});
    t.true(all.length > 10);
    t.deepEqual(keys({ types: ['list'] }), ['list']);
    t.deepEqual(keys({ dbs: [3] }), ['other']);
    t.deepEqual(
      keys({ glob: Buffer.from('int*') }),
      all.filter((key) => key.startsWith('int')),
    );
    t.deepEqual(
      keys({ regex: '^.{4}$' }),
      all.filter((key) => key.length === 4),
    );
    t.deepEqual(
      keys({ prefix: Buffer.from('l') }),
      all.filter((key) => key.startsWith('l')),
    );
    const large = keys({ memoryMin: 300 });
    t.true(large.length > 0 && large.length < all.length);
    const error = t.throws(() => run(engine, file, { job: 'keys' }, { regex: '(' }), {
      instanceOf: RedtwinError,
    });
    t.is(error?.code, 'rdb-bad-filter');
  });

  test(`a comparison tells what differs, in parts too [${engine}]`, (t) => {
    if (engine === 'native' && !hasNative) return t.pass('there is no native engine here');
    const { file } = sound.find(({ name }) => name === 'redis-0003-elements.rdb')!;
    const { rdb } = defaultEngine(engine);
    const without = Buffer.from(
      run(
        engine,
        file,
        { job: 'copy', version: 10, compress: true, checksum: true, careful: false },
        { types: ['string'] },
      ).out,
      'latin1',
    );
    for (const parts of [1, 3]) {
      const found: string[] = [];
      for (let part = 0; part < parts; part++) {
        const ledger = rdb.ledger(part, parts, 7n);
        t.is(run(engine, file, { job: 'record', ledger }).out, '');
        found.push(
          run(engine, without, { job: 'compare', ledger }).out,
          run(engine, file, { job: 'missing', ledger }).out,
        );
        ledger.close();
      }
      const lines = found
        .join('')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { change: string; key: string });
      t.deepEqual(lines.map(({ change, key }) => `${change} ${key}`).sort(), [
        'removed hash',
        'removed intset',
        'removed list',
        'removed set',
        'removed zset',
      ]);
    }
    return undefined;
  });

  test(`what is complete of a cut file can be saved [${engine}]`, (t) => {
    if (engine === 'native' && !hasNative) return t.pass('there is no native engine here');
    const { file } = sound.find(({ name }) => name === 'redis-0010-listpacks.rdb')!;
    const whole = run(engine, file, { job: 'json', layout: 'lines' }).out.trimEnd().split('\n');
    for (let cut = 9; cut < file.length; cut += 7) {
      const scan = defaultEngine(engine).rdb.scan(
        { job: 'copy', version: null, compress: true, checksum: true, careful: true },
        {},
        false,
      );
      scan.push(file.subarray(0, cut));
      const out = taken(scan);
      t.throws(() => scan.finish(), { instanceOf: RedtwinError });
      const { keepBytes, tail } = scan.salvage();
      const saved = Buffer.concat([out.subarray(0, keepBytes), tail]);
      const again = run(engine, saved, { job: 'json', layout: 'lines' });
      t.is(again.code, null, `cut at ${cut}`);
      const keys = again.out.split('\n').filter((line) => line !== '');
      t.deepEqual(keys, whole.slice(0, keys.length), `cut at ${cut}`);
    }
    return undefined;
  });
}

/** Lines as multisets of characters: the members of a set have no order. Streams lose counters in old versions. */
const sorted = (json: string) =>
  json
    .split('\n')
    .filter((line) => !line.includes('"type":"stream"'))
    .map((line) => [...line].sort().join(''));
