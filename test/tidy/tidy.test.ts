/**
 * The house rules that a machine can check: headers, words, skipped tests, documented scripts. Each rule names the
 * file and what to do, because whoever breaks one has usually never read it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { root, sources } from './files.ts';
import { oldWordsIn, wireFiles } from './words.ts';

const folders = ['src', 'crates', 'native', 'scripts', 'test', 'bench'];

/** Words of the comment that a file opens with, after a `#!` line. */
function headerWords(text: string): number {
  const lines = text.replace(/^#!.*\n/, '').split('\n');
  const block = lines[0]?.startsWith('/**');
  const end = block
    ? lines.findIndex((line) => line.includes('*/')) + 1
    : lines.findIndex((line) => !line.startsWith('//'));
  const header = lines.slice(0, end < 0 ? lines.length : end).join(' ');
  return header.match(/[A-Za-z][\w'-]*/g)?.length ?? 0;
}

/** Three lines of a comment are about so many words; lines differ in width, words do not. */
const headerWordsMin = 18;

/** Files that wait for their owner's header. Only shrinks. */
const awaited: readonly string[] = [
  'crates/keyspace/src/command/connection.rs',
  'crates/keyspace/src/command/debug.rs',
  'crates/keyspace/src/command/expiry.rs',
  'crates/keyspace/src/command/keys.rs',
  'crates/keyspace/src/command/sampling.rs',
  'crates/keyspace/src/command/scan.rs',
  'crates/keyspace/src/command/stream/group.rs',
  'crates/keyspace/src/command/stream/info.rs',
  'crates/keyspace/src/command/stream/pending.rs',
  'crates/keyspace/src/command/string.rs',
  'crates/keyspace/src/command/string_numbers.rs',
  'crates/keyspace/src/command/zset_algebra.rs',
  'crates/keyspace/src/db.rs',
  'crates/keyspace/src/lookup.rs',
  'crates/keyspace/src/object.rs',
  'crates/keyspace/src/rng.rs',
  'crates/structures/src/hash/tests.rs',
  'crates/structures/src/lib.rs',
  'crates/structures/src/list/tests.rs',
  'crates/structures/src/listpack/tests.rs',
  'crates/structures/src/stream/tests.rs',
  'crates/structures/src/zset/tests.rs',
  'native/build.rs',
  'native/src/allocator.rs',
  'native/src/lib.rs',
  'src/engine/portable/commands/connection.ts',
  'src/engine/portable/commands/geo-arguments.ts',
  'src/engine/portable/commands/geo.ts',
  'src/engine/portable/commands/hyperloglogs.ts',
  'src/engine/portable/commands/lists.ts',
  'src/engine/portable/commands/set-options.ts',
  'src/engine/portable/commands/stream-entries.ts',
  'src/engine/portable/commands/stream-groups.ts',
  'src/engine/portable/rdb/output.ts',
  'test/cron/replication-cron.test.ts',
  'test/link/follower.test.ts',
  'test/link/payload.test.ts',
  'test/replication/history.test.ts',
  'test/replication/replies.test.ts',
  'test/runtime/pubsub.test.ts',
  'test/support.test.ts',
];

test('every source file opens with what it is, in three lines or more', (t) => {
  const files = sources(folders, ['.ts', '.mjs', '.js', '.rs']).filter(
    // The loader that @napi-rs/cli writes next to the addon, and data of tests.
    (file) => !/^native\/index\.(js|d\.ts)$/.test(file.path),
  );
  t.true(files.length > 20);
  const short = files.filter((file) => headerWords(file.text) < headerWordsMin).map((file) => file.path);
  t.deepEqual(
    short.filter((path) => !awaited.includes(path)),
    [],
  );
  t.is(headerWords('/** One line. */\nexport const x = 1;\n'), 2);
  t.is(headerWords('//! Not a\n//! lot.\nuse x;\n'), 3);
});

test('the old wire words stand only where the wire is spoken', (t) => {
  const files = sources(['src', 'crates', 'native', 'scripts'], ['.ts', '.mjs', '.rs']);
  t.deepEqual(files.flatMap(oldWordsIn), []);
  t.is(oldWordsIn({ path: 'src/cron/x.ts', text: 'const slave = 1;' }).length, 1);
  for (const path of Object.keys(wireFiles).slice(1)) t.true(existsSync(join(root, path)), `${path} is gone`);
});

test('a test that is skipped or known to fail has its reason in the line above', (t) => {
  const found: string[] = [];
  for (const file of sources(['test'], ['.ts'])) {
    const lines = file.text.split('\n');
    for (const [index, line] of lines.entries()) {
      if (
        /\btest(\.\w+)*\.(skip|todo|failing|only)\b/.test(line) &&
        !/\/\/|\*\//.test(lines[index - 1] ?? '')
      )
        found.push(`${file.path}:${index + 1}`);
    }
  }
  for (const file of sources(['crates', 'native'], ['.rs'])) {
    for (const [index, line] of file.text.split('\n').entries()) {
      if (/^\s*#\[ignore\s*\]/.test(line)) found.push(`${file.path}:${index + 1}`);
    }
  }
  t.deepEqual(found, []);
});

test('CONTRIBUTING.md names every command of package.json', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const text = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
  const named = (script: string): boolean =>
    script === 'test' || script === 'start'
      ? text.includes(`npm ${script}`)
      : text.includes(`npm run ${script}`);
  t.deepEqual(
    Object.keys(scripts).filter((script) => !named(script)),
    [],
  );
});

test('ARCHITECTURE.md names every npm package we depend on, with its purpose', (t) => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  t.deepEqual(
    names.filter((name) => !text.includes(`| \`${name}\` |`)),
    [],
  );
});
