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

test('every source file opens with what it is, in three lines or more', (t) => {
  const files = sources(folders, ['.ts', '.mjs', '.js', '.rs']).filter(
    // The loader that @napi-rs/cli writes next to the addon, and data of tests.
    (file) => !/^native\/index\.(js|d\.ts)$/.test(file.path),
  );
  t.true(files.length > 20);
  const short = files.filter((file) => headerWords(file.text) < headerWordsMin).map((file) => file.path);
  t.deepEqual(short, []);
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
