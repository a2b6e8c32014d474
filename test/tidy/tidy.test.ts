/**
 * The house rules that a machine can check: headers, words, skipped tests, documented scripts. Each rule names the
 * file and what to do, because whoever breaks one has usually never read it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { root, sources } from './files.ts';
import { oldWordsIn, wireFiles } from './words.ts';

const folders = ['src', 'crates', 'native', 'scripts', 'test', 'bench'].filter((folder) =>
  existsSync(join(root, folder)),
);

/** Number of comment lines a file opens with, a `#!` line and the comment's own delimiters included. */
function headerLines(text: string): number {
  const lines = text.replace(/^#!.*\n/, '').split('\n');
  if (lines[0]?.startsWith('/**')) return lines.findIndex((line) => line.includes('*/')) + 1;
  const end = lines.findIndex((line) => !/^\/\/|^#(?!\[)/.test(line));
  return end < 0 ? lines.length : end;
}

/** Files of the foundation that wait for their owner's header. Only shrinks. */
const awaited = [
  'crates/structures/src/stream/entries.rs',
  'crates/structures/src/stream/tests.rs',
  'src/config/options/data.ts',
  'src/config/options/elsewhere.ts',
  'src/config/options/network.ts',
  'src/config/options/observing.ts',
  'src/config/options/replication.ts',
  'test/config/config.test.ts',
  'crates/keyspace/src/lib.rs',
  'crates/rdb/src/lib.rs',
  'crates/resp/src/number.rs',
  'crates/structures/src/hyperloglog/murmur.rs',
  'crates/structures/src/lib.rs',
  'crates/structures/src/listpack/tests.rs',
  'native/build.rs',
  'native/src/lib.rs',
];

test('every source file opens with what it is: a comment of three lines or more', (t) => {
  const files = sources(folders, ['.ts', '.mjs', '.js', '.rs']).filter(
    // The loader that @napi-rs/cli writes next to the addon.
    (file) => !/^native\/index\.(js|d\.ts)$/.test(file.path),
  );
  t.true(files.length > 20);
  t.deepEqual(
    files
      .filter((file) => headerLines(file.text) < 3 && !awaited.includes(file.path))
      .map((file) => file.path),
    [],
  );
  t.is(headerLines('/** One line. */\nexport const x = 1;\n'), 1);
  t.is(headerLines('//! a\n//! b\n//! c\nuse x;\n'), 3);
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
