/**
 * What a fresh clone lacks, and how it is got: the npm packages of package-lock.json, and the native engine where
 * cargo is installed, and what was built before its sources changed. Used by the start, the test and the bench command, so plain JavaScript without a dependency: it runs
 * before anything is installed.
 *
 * It installs nothing on the machine itself, only into this folder.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** Stops with a sentence when Node is too old for the code that follows. */
export function requireNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) throw new Error(`redtwin needs Node 20 or newer; this is ${process.version}.`);
}

/** True when every package of package-lock.json lies in node_modules in that version. Optional ones may be missing. */
export function packagesInstalled() {
  const modules = join(root, 'node_modules');
  // A linked node_modules belongs to another checkout (git worktrees): it is not ours to change.
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return true;
  const record = join(modules, '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || present[path]?.version === entry.version,
  );
}

/**
 * Installs the versions of package-lock.json unless everything is there. Throws when npm fails.
 * `npm install --no-save` and not `npm ci`, because npm ci refuses a lock file that was made where the registry does
 * not carry every platform's optional package; this takes the same versions and leaves both files as they are.
 */
export function installPackages() {
  if (packagesInstalled()) return;
  console.log('Installing the npm packages of package-lock.json...');
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** Whether a Rust toolchain is at hand. */
export const hasCargo = () => spawnSync('cargo', ['--version'], { stdio: 'ignore' }).status === 0;

/** Builds the native engine with scripts/build-native.mjs, which does nothing when it is up to date. */
export function buildNative() {
  run(process.execPath, [join(root, 'scripts/build-native.mjs'), '--if-stale']);
}

/** What is run once TypeScript is compiled. */
export const entry = join(root, 'dist/cli/main.js');

/** The newest change under a folder, in ms. */
function newest(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).reduce(
    (latest, file) =>
      file.isFile()
        ? Math.max(latest, statSync(join(file.parentPath ?? file.path, file.name)).mtimeMs)
        : latest,
    0,
  );
}

/** Compiles src/ to dist/ unless that is newer. */
export function buildTypeScript() {
  const sources = Math.max(newest(join(root, 'src')), statSync(join(root, 'package.json')).mtimeMs);
  if (existsSync(entry) && statSync(entry).mtimeMs >= sources) return;
  console.error('Building TypeScript...');
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json']);
}

/** Runs a program in the project's folder, its output on ours. Throws when it does not end well. */
export function run(program, args, options = {}) {
  const done = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options });
  if (done.error)
    throw new Error(`${program} could not be started: ${done.error.message}`, { cause: done.error });
  if (done.status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${done.status ?? done.signal}`);
}
