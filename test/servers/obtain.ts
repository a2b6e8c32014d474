/**
 * Gets a real server onto this machine without installing it: its Debian packages are downloaded with a source
 * list of our own, unpacked into test/.cache/servers/NAME and kept there between runs. Nothing outside the cache
 * is changed, no service is started, and no root is needed.
 *
 *   catalog row --> installed in the right version? --yes--> run that
 *                       | no
 *                   in the cache? --yes--> run it with its own C library
 *                       | no
 *                   apt-get download, dpkg -x, check every library, rename into place
 *
 * As a command, `tsx test/servers/obtain.ts [NAME...]` obtains the named servers (all, when none is named).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptGet } from './apt.ts';
import { catalog, type ServerName, type ServerSource, sourceOf } from './catalog.ts';

const cache = fileURLToPath(new URL('../.cache/', import.meta.url));

/** How to start the programs of one server. */
export interface Installation {
  name: ServerName;
  /** As the server itself tells it, e.g. '7.0.15'. */
  version: string;
  /** The words before a program's own arguments: `program('cli')` is [path, ...] of redis-cli or valkey-cli. */
  program(role: 'server' | 'cli' | 'benchmark' | 'check-rdb'): [string, ...string[]];
}

/** Finds or fetches a server. Throws with a sentence that says what to install when it cannot be had. */
export function obtain(name: ServerName): Installation {
  const source = sourceOf(name);
  return installed(source) ?? unpacked(source) ?? fetched(source);
}

/** The version a server tells, or null when it does not run. */
function versionOf(program: readonly [string, ...string[]]): string | null {
  const [file, ...args] = program;
  const told = spawnSync(file, [...args, '--version'], { encoding: 'utf8' });
  return /v=(\d+\.\d+\.\d+)/.exec(told.stdout ?? '')?.[1] ?? null;
}

/** The machine's own server counts only in exactly the version that is wanted. */
function installed(source: ServerSource): Installation | null {
  const version = versionOf([`${source.vendor}-server`]);
  if (version === null || !version.startsWith(source.version)) return null;
  const tools = spawnSync(`${source.vendor}-cli`, ['--version'], { encoding: 'utf8' });
  if (tools.status !== 0) return null;
  return { name: source.name, version, program: (role) => [`${source.vendor}-${role}`] };
}

/** A server unpacked by an earlier run. */
function unpacked(source: ServerSource, folder = join(cache, 'servers', source.name)): Installation | null {
  if (!existsSync(folder)) return null;
  const libraries = ['lib', 'usr/lib'].flatMap((lib) =>
    existsSync(join(folder, lib))
      ? readdirSync(join(folder, lib))
          .filter((entry) => entry.endsWith('-linux-gnu'))
          .map((entry) => join(folder, lib, entry))
      : [],
  );
  const loader = libraries.flatMap((path) =>
    readdirSync(path)
      .filter((entry) => /^ld-linux.*\.so\.\d+$/.test(entry))
      .map((entry) => join(path, entry)),
  )[0];
  if (loader === undefined) return null;
  const program: Installation['program'] = (role) => [
    loader,
    '--library-path',
    libraries.join(':'),
    join(folder, 'usr/bin', `${source.vendor}-${role}`),
  ];
  const version = versionOf(program('server'));
  return version?.startsWith(source.version) ? { name: source.name, version, program } : null;
}

/** Downloads, unpacks, proves, and only then moves the folder to where `unpacked` looks. */
function fetched(source: ServerSource): Installation {
  mkdirSync(join(cache, 'servers'), { recursive: true });
  const scratch = mkdtempSync(join(cache, 'fetch-'));
  const root = join(scratch, 'root');
  try {
    download(source, scratch);
    for (const file of readdirSync(scratch).filter((entry) => entry.endsWith('.deb'))) {
      execFileSync('dpkg', ['-x', join(scratch, file), root], { stdio: 'pipe' });
    }
    const trial = unpacked(source, root);
    if (trial === null) throw new Error(`what was unpacked is not version ${source.version}`);
    requireOwnLibraries(trial, root);
    const home = join(cache, 'servers', source.name);
    // Another process may have been faster; both folders are equal then, and either serves.
    if (!existsSync(home)) renameSync(root, home);
    const ready = unpacked(source);
    if (ready === null) throw new Error(`${home} does not run`);
    return ready;
  } catch (cause) {
    throw new Error(
      `${source.name} is needed as a test oracle and could not be fetched from Debian's suite '${source.suite}' ` +
        `(${(cause as Error).message.trim()}). On Debian or Ubuntu, install ${source.vendor}-server ${source.version.replace(/\.$/, '')} ` +
        `and ${source.vendor}-tools by hand, or make apt-get reach a Debian mirror, and run again.`,
      { cause },
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Every shared library of every program must come from the folder: mixing two suites' C libraries crashes late. */
function requireOwnLibraries(installation: Installation, root: string): void {
  for (const role of ['server', 'cli', 'benchmark'] as const) {
    const [file, ...args] = installation.program(role);
    const listed = execFileSync(file, ['--list', ...args], { encoding: 'utf8' });
    const strangers = listed
      .split('\n')
      .filter((line) => line.trim() && !line.includes(root) && !/vdso/.test(line));
    if (strangers.length > 0) throw new Error(`${role} would load ${strangers.join(', ').trim()}`);
  }
}

/** Fills `scratch` with the packages, by apt's own tools, with lists and sources inside `scratch`. */
function download(source: ServerSource, scratch: string): void {
  const apt = aptGet(source.suite, 'deb', scratch);
  apt('update');
  apt('download', ...source.packages.map((name) => `${name}/${source.suite}`));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  for (const name of names.length > 0 ? names : catalog.map((row) => row.name)) {
    const { version, program } = obtain(name as ServerName);
    console.log(`${name}: ${version} (${program('server').at(-1)})`);
  }
}
