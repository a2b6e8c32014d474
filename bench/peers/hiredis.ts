/**
 * hiredis as a peer: Debian's libhiredis-dev, from the machine or unpacked into bench/.cache/, bound by hiredis.cc through
 * node-addon-api and compiled with g++. Nothing is installed; where a part is missing, the peer is left out and says why.
 *
 *     header and libhiredis.a + node_api.h + hiredis.cc --g++--> bench/.cache/hiredis-VERSION.node
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptGet } from '../../test/servers/apt.ts';

/** What hiredis.cc gives. */
export interface Hiredis {
  /** Parses `bytes` so many times; how many replies that were. */
  parse(bytes: Buffer, times: number): number;
}

const cache = fileURLToPath(new URL('../.cache/', import.meta.url));
const source = fileURLToPath(new URL('hiredis.cc', import.meta.url));

/** Where hiredis lies: a folder with usr/include and usr/lib, fetched when the machine has none. */
function library(): string {
  if (existsSync('/usr/include/hiredis/hiredis.h')) return '/';
  const home = join(cache, 'hiredis');
  if (existsSync(home)) return home;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, 'fetch-'));
  try {
    const apt = aptGet('bookworm', 'deb', scratch);
    apt('update');
    apt('download', 'libhiredis-dev/bookworm');
    for (const file of readdirSync(scratch).filter((entry) => entry.endsWith('.deb')))
      execFileSync('dpkg', ['-x', join(scratch, file), join(scratch, 'root')], { stdio: 'pipe' });
    renameSync(join(scratch, 'root'), home);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return home;
}

/** The folder with node_api.h of the Node that runs this. */
function nodeHeaders(): string {
  const folders = [join(dirname(process.execPath), '../include/node'), '/usr/include/node'];
  const found = folders.find((folder) => existsSync(join(folder, 'node_api.h')));
  if (found === undefined) throw new Error('the headers of Node (node_api.h) are not on this machine');
  return found;
}

/** The first file of that name below a folder. */
const find = (folder: string, name: string): string | undefined =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === name)
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))[0];

/** Builds what is missing and loads it. Throws with the reason when that cannot be done. */
export function hiredis(): Hiredis {
  const require = createRequire(import.meta.url);
  const addon = join(cache, 'hiredis.node');
  if (!existsSync(addon)) {
    const home = library();
    const archive = find(join(home, 'usr/lib'), 'libhiredis.a');
    if (archive === undefined) throw new Error('libhiredis-dev has no libhiredis.a');
    const include = (
      require('node-addon-api') as { include_dir: string; include: string }
    ).include.replaceAll('"', '');
    mkdirSync(cache, { recursive: true });
    execFileSync(
      'g++',
      [
        ...['-O3', '-fPIC', '-shared', '-DNAPI_DISABLE_CPP_EXCEPTIONS', '-o', `${addon}.new`, source],
        ...[`-I${nodeHeaders()}`, `-I${include}`, `-I${join(home, 'usr/include')}`, archive],
      ],
      { stdio: 'pipe' },
    );
    renameSync(`${addon}.new`, addon);
  }
  return require(addon) as Hiredis;
}
