/**
 * Redis's own Tcl test suite, as a folder: Debian's source package of redis 7.0.15, unpacked once into
 * test/.cache/redis-suite and kept there. The suite is run as it is; nothing of it is part of this project.
 *
 *   in the cache? --yes--> give the folder
 *       | no
 *   apt-get source into a scratch folder --> link the binaries it calls into src/ --> rename into place
 *
 * Its tests call redis-cli and redis-benchmark where Redis's build would leave them; those are a real server's,
 * obtained as test/servers does.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptGet } from '../servers/apt.ts';
import { type Installation, obtain } from '../servers/obtain.ts';

const cache = fileURLToPath(new URL('../.cache/', import.meta.url));
const version = '7.0.15';

const home = join(cache, 'redis-suite');

/** The folder that has `runtest`. Throws with a sentence that says what to install when it cannot be had, or cannot be run. */
export function obtainSuite(): string {
  if (spawnSync('tclsh', [], { input: 'exit 0' }).status !== 0)
    throw new Error("Redis's suite is written in Tcl: install tcl (8.5 or newer), so that tclsh runs.");
  return obtainTree();
}

/** The same for who wants to look at its files only. */
export function obtainTree(): string {
  if (!hasTree()) fetch(home);
  return home;
}

/** It was obtained before. */
export const hasTree = (): boolean => existsSync(join(home, 'runtest'));

/** Downloads and unpacks next to `home`, which appears only when all is there. */
function fetch(home: string): void {
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, 'fetch-'));
  try {
    const apt = aptGet('bookworm', 'deb-src', scratch);
    apt('update');
    apt('source', 'redis');
    const root = join(scratch, `redis-${version}`);
    if (!existsSync(join(root, 'runtest'))) throw new Error(`the source package is not version ${version}`);
    const redis = obtain('redis-7.0');
    for (const role of ['server', 'cli', 'benchmark'] as const) putProgram(root, redis, role);
    // Another process may have been faster; both folders are equal then, and either serves.
    if (!existsSync(home)) renameSync(root, home);
  } catch (cause) {
    throw new Error(
      `Redis's test suite comes with Debian's source package of redis ${version}, which could not be had ` +
        `(${(cause as Error).message.trim()}). It takes apt-get with a Debian mirror and dpkg-dev; or unpack the ` +
        `sources of Redis ${version} into ${home} by hand, with redis-cli and redis-benchmark in its src/.`,
      { cause },
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A script in place of a built program, because an unpacked one needs its own loader before its name. */
function putProgram(root: string, redis: Installation, role: 'server' | 'cli' | 'benchmark'): void {
  const path = join(root, 'src', `redis-${role}`);
  const words = redis.program(role).map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  writeFileSync(path, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(path, 0o755);
}
