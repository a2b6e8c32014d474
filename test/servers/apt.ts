/**
 * apt-get with a world of its own: sources, lists and cache stand in a scratch folder, so that packages of any Debian
 * suite can be had without root and without a change to what the machine itself knows.
 *
 *   the machine's mirror and key ring --> one stanza for the wanted suite --> scratch/sources --> apt-get in scratch
 *
 * Not an installer: it downloads, and whoever called decides what is unpacked and where.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Gives a function that runs apt-get with these words, with `scratch` as its working folder. It throws what apt-get
 * said when that fails. `types` says what the suite is asked for: packages as they are installed, or their sources.
 */
export function aptGet(
  suite: string,
  types: 'deb' | 'deb-src',
  scratch: string,
): (...args: string[]) => void {
  const parts = join(scratch, 'sources');
  for (const path of [parts, join(scratch, 'lists/partial'), join(scratch, 'cache/archives/partial')]) {
    mkdirSync(path, { recursive: true });
  }
  writeFileSync(join(parts, 'redtwin.sources'), sourceStanza(suite, types));
  const settings = [
    'Dir::Etc::SourceList=/dev/null',
    `Dir::Etc::SourceParts=${parts}`,
    `Dir::State::Lists=${join(scratch, 'lists')}`,
    `Dir::Cache=${join(scratch, 'cache')}`,
    // The sandbox user may not be able to enter the checkout's folder.
    'APT::Sandbox::User=',
    'Acquire::Languages=none',
    'Acquire::Retries=3',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
  ].flatMap((setting) => ['-o', setting]);
  return (...args) => {
    const done = spawnSync('apt-get', [...settings, '-q', ...args], { cwd: scratch, encoding: 'utf8' });
    if (done.status !== 0) {
      throw new Error(`apt-get ${args[0]} failed: ${done.error?.message ?? done.stderr.trim().slice(-600)}`);
    }
  };
}

/** One source entry for `suite`, at the mirror and with the key ring this machine already uses for Debian. */
function sourceStanza(suite: string, types: string): string {
  const folder = '/etc/apt/sources.list.d';
  const files = existsSync(folder) ? readdirSync(folder).map((entry) => join(folder, entry)) : [];
  for (const file of files.filter((path) => path.endsWith('.sources'))) {
    for (const stanza of readFileSync(file, 'utf8').split(/\n\s*\n/)) {
      const mirror = /^URIs:\s*(\S+\/debian)\/?\s*$/m.exec(stanza)?.[1];
      if (mirror === undefined) continue;
      const key = /^Signed-By:\s*(\S+)\s*$/m.exec(stanza)?.[1];
      const signed = key === undefined ? '' : `Signed-By: ${key}\n`;
      return `Types: ${types}\nURIs: ${mirror}\nSuites: ${suite}\nComponents: main\n${signed}`;
    }
  }
  for (const file of ['/etc/apt/sources.list', ...files.filter((path) => path.endsWith('.list'))]) {
    if (!existsSync(file)) continue;
    const mirror = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+\/debian)\/?\s/m.exec(readFileSync(file, 'utf8'))?.[1];
    if (mirror !== undefined) return `Types: ${types}\nURIs: ${mirror}\nSuites: ${suite}\nComponents: main\n`;
  }
  throw new Error('this machine has no Debian mirror among its apt sources');
}
