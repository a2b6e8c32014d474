/**
 * Imports follow the arrows, in TypeScript and in the Cargo workspace, and the rooms that are pure stay pure:
 * no clock, no randomness, no timer below src/runtime.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { forbidden, importsOf } from './arrows.ts';
import { root, sources } from './files.ts';

test('every import follows an arrow', (t) => {
  const files = sources(['src'], ['.ts']);
  t.true(files.length > 0);
  t.deepEqual(files.flatMap(forbidden), []);
});

test('an import against the arrows is seen', (t) => {
  const seen = (path: string, text: string): number => forbidden({ path, text }).length;
  t.is(seen('src/machine/step.ts', "import { x } from '../errors.ts';"), 1);
  t.is(seen('src/replication/link.ts', "import net from 'node:net';"), 1);
  t.is(seen('src/replication/link.ts', "import type { Store } from '../engine/engine.ts';"), 0);
  t.is(seen('src/runtime/server.ts', "import { open } from '../engine/portable/store.ts';"), 1);
  t.is(seen('src/runtime/server.ts', "import { loadEngine } from '../engine/load.ts';"), 0);
  t.is(seen('src/runtime/server.ts', "const addon = await import('../../native/index.js');"), 1);
  t.is(seen('src/engine/portable/store.ts', "export * from '../../runtime/server.ts';"), 1);
  t.is(seen('src/elsewhere/new.ts', ''), 1);
  t.deepEqual(importsOf("import {\n  a,\n  b,\n} from './x.ts';\n// import './y.ts';\nimport './z.ts';"), [
    './x.ts',
    './z.ts',
  ]);
});

/** Things that make an outcome depend on more than its inputs. */
const impure =
  /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval|setImmediate)\b/;

test('below src/runtime there is no clock, no randomness and no timer', (t) => {
  const pure = ['src/machine/', 'src/protocol/', 'src/replication/', 'src/cron/', 'src/engine/portable/'];
  const found = sources(['src'], ['.ts'])
    .filter((file) => pure.some((prefix) => file.path.startsWith(prefix)))
    .flatMap((file) =>
      file.text
        .split('\n')
        .map((line, index) => ({ line, at: `${file.path}:${index + 1}` }))
        .filter(({ line }) => impure.test(line.replace(/\/\/.*$|^\s*\*.*$/, '')))
        .map(({ at }) => at),
    );
  t.deepEqual(found, []);
});

/** Which crates a crate may depend on, by their names without `redtwin-`. */
const crateArrows: Record<string, readonly string[]> = {
  checksum: [],
  structures: [],
  // Numbers as Redis reads and writes them live with the structures.
  resp: ['structures'],
  backlog: [],
  rdb: ['checksum', 'structures'],
  keyspace: ['checksum', 'structures', 'resp', 'backlog', 'rdb'],
  toolkit: ['checksum', 'structures', 'rdb', 'keyspace'],
};

test('no crate knows N-API, and crates depend only on the ones below them', (t) => {
  for (const [crate, below] of Object.entries(crateArrows)) {
    const manifest = readFileSync(join(root, 'crates', crate, 'Cargo.toml'), 'utf8');
    t.notRegex(manifest, /^\s*napi/m, crate);
    const named = [...manifest.matchAll(/^\s*redtwin-([a-z]+)\b/gm)].map((match) => match[1] ?? '');
    t.deepEqual(
      named.filter((name) => !below.includes(name)),
      [],
      `crates/${crate}/Cargo.toml`,
    );
  }
  const members =
    /members = \[([^\]]*)\]/.exec(readFileSync(join(root, 'crates/Cargo.toml'), 'utf8'))?.[1] ?? '';
  const crates = [...members.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '');
  t.deepEqual(crates.filter((name) => name !== '../native').sort(), Object.keys(crateArrows).sort());
});
