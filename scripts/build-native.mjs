/**
 * Builds the native engine: native/redtwin.node, for this machine, by @napi-rs/cli. Plain Node, no dependencies of
 * its own, so that `npm start` can call it in a fresh clone once the packages are installed.
 *
 * Exit codes: 0 built (or up to date with --if-stale), 1 the build failed, 3 there is no cargo here.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const addon = join(root, 'native', 'redtwin.node');

/** The newest change under a folder, in ms; build output does not count. */
function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'target' || entry.name.endsWith('.node')) continue;
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return latest;
}

if (process.argv.includes('--if-stale') && existsSync(addon)) {
  const sources = Math.max(newest(join(root, 'crates')), newest(join(root, 'native')));
  if (statSync(addon).mtimeMs >= sources) process.exit(0);
}

const cargo = spawnSync('cargo', ['--version'], { stdio: 'ignore' });
if (cargo.error || cargo.status !== 0) {
  console.error('build-native: there is no cargo on this machine (install Rust to get the native engine)');
  process.exit(3);
}

const napi = join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js');
const debug = process.argv.includes('--debug');
const built = spawnSync(
  process.execPath,
  [
    napi,
    'build',
    '--cwd',
    root,
    '--manifest-path',
    join(root, 'native', 'Cargo.toml'),
    '--package-json-path',
    'package.json',
    '--output-dir',
    'native',
    '--target-dir',
    join(root, 'crates', 'target'),
    '--no-js',
    ...(debug ? [] : ['--release']),
  ],
  { cwd: root, stdio: ['ignore', 2, 2] },
);
process.exit(built.status === 0 && existsSync(addon) ? 0 : 1);
