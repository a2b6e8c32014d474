/**
 * The tools that bench/rdb.ts compares with, fetched once into bench/.cache/ where a package registry is reached:
 *
 *     redis-check-rdb   of redis-server 7.0.15, as the tests obtain it: walks and checksums, and makes nothing
 *     rdbtools, rdb-py  with pip, into a virtual environment of its own (Python; Rust behind Python)
 *     hdt3213/rdb       with go install
 *
 * A peer that cannot be had is told with the reason, and the bench goes on without it. npm has no parser of RDB files any
 * more (rdb-parser, which stopped at format 2, is gone), so no Node peer stands here.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { obtain } from '../test/servers/obtain.ts';
import type { Context } from './frame/bench.ts';

const cache = fileURLToPath(new URL('.cache/', import.meta.url));

/** A program and the words before its own arguments. */
export type Program = readonly [string, ...string[]];

export interface Peers {
  checkRdb: Program;
  /** The `rdb` of redis-rdb-tools. */
  rdbTools: Program | null;
  /** A Python that has rdb-py. */
  rdbPython: Program | null;
  /** The `rdb` of HDT3213. */
  goRdb: Program | null;
}

/** Runs a step of an installation; null when it went well, or its last words. */
function trouble(file: string, args: string[], env: Record<string, string> = {}): string | null {
  const ran = spawnSync(file, args, {
    encoding: 'utf8',
    timeout: 180_000,
    env: { ...process.env, ...env },
  });
  if (ran.status === 0) return null;
  return ran.error?.message ?? (ran.stderr.trim().split('\n').at(-1)?.trim() || `exit code ${ran.status}`);
}

function python(context: Context): [Program | null, Program | null] {
  const folder = join(cache, 'python');
  const bin = (name: string) => join(folder, 'bin', name);
  const wrong =
    (existsSync(bin('pip')) ? null : trouble('python3', ['-m', 'venv', folder])) ??
    trouble(bin('pip'), ['install', '--quiet', 'rdbtools==0.1.15', 'python-lzf==0.2.6', 'rdb-py==0.4.0']);
  if (wrong !== null) context.note(`no redis-rdb-tools and no rdb-py: ${wrong}`);
  return wrong === null ? [[bin('rdb')], [bin('python')]] : [null, null];
}

function go(context: Context): Program | null {
  const program = join(cache, 'go', 'rdb');
  if (existsSync(program)) return [program];
  const wrong = trouble('go', ['install', 'github.com/hdt3213/rdb@latest'], { GOBIN: join(cache, 'go') });
  if (wrong !== null) context.note(`no HDT3213/rdb (go install github.com/hdt3213/rdb@latest): ${wrong}`);
  return wrong === null ? [program] : null;
}

/** All that can be had. */
export function peers(context: Context): Peers {
  const [rdbTools, rdbPython] = python(context);
  return { checkRdb: obtain('redis-7.0').program('check-rdb'), rdbTools, rdbPython, goRdb: go(context) };
}
