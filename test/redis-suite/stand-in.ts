/**
 * Redis's suite with redtwin in redis-server's place, for the units whose tests start servers themselves.
 *
 *   redis-suite/            the suite as it is                  redis-suite-native/
 *     tests/integration/ ..  <-------- links ---------------      tests/integration/ ..
 *     src/redis-cli ..       <-------- links ---------------      src/redis-cli ..
 *     src/redis-server                                            src/redis-server   a script that becomes redtwin
 *                                                                 src/redis-sentinel a script that becomes Redis's Sentinel
 *                                                                 tests/tmp ..       where its servers leave their files
 *
 * Each subject has such a folder of its own, so that subjects can run side by side. Nothing is ever written through a link.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = fileURLToPath(new URL('../.cache/', import.meta.url));

/**
 * A fresh folder in which the suite finds `subject` as src/redis-server. `suite` is obtainSuite's folder. Redtwin is run as
 * users run it, from dist/, which is compiled first.
 */
export function standIn(suite: string, subject: 'native' | 'portable' | 'redis'): string {
  const home = join(cache, `redis-suite-${subject}`);
  rmSync(home, { recursive: true, force: true });
  linkAll(suite, home, ['src', 'tests']);
  linkAll(join(suite, 'tests'), join(home, 'tests'), ['tmp', 'sentinel']);
  linkAll(join(suite, 'tests/sentinel'), join(home, 'tests/sentinel'), ['tmp']);
  for (const folder of ['tests/tmp', 'tests/sentinel/tmp']) mkdirSync(join(home, folder));
  const own = subject === 'redis' ? ['redis-sentinel'] : ['redis-sentinel', 'redis-server'];
  linkAll(join(suite, 'src'), join(home, 'src'), own);
  writeScript(join(home, 'src/redis-sentinel'), `exec '${join(suite, 'src/redis-server')}' "$@" --sentinel`);
  if (subject === 'redis') return home;
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const built = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`redtwin does not compile:\n${built.stdout}`);
  writeScript(
    join(home, 'src/redis-server'),
    `REDTWIN_ENGINE=${subject} exec '${process.execPath}' '${join(root, 'dist/cli/main.js')}' serve "$@"`,
  );
  return home;
}

function writeScript(path: string, lines: string): void {
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
}

/** A new folder with a link to everything in `from` but these. */
function linkAll(from: string, to: string, but: readonly string[]): void {
  mkdirSync(to);
  for (const name of readdirSync(from))
    if (!but.includes(name)) symlinkSync(join(from, name), join(to, name));
}
