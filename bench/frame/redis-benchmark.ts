/**
 * redis-benchmark (7.0.15's own, whatever server it talks to) as a load generator: 50 connections, so many requests at once on
 * each, random keys. It says requests per second; the server's CPU time per request is taken beside it, because where
 * redis-benchmark itself is the limit (-P 1), or the machine is busy, that is the fairer judge.
 */
import { execFileSync } from 'node:child_process';
import { obtain } from '../../test/servers/obtain.ts';
import type { RunningServer } from '../../test/servers/server.ts';
import { cpuMs } from './process.ts';

/** What to ask. */
export interface Asked {
  /** redis-benchmark puts a number below `keys` in the place of __rand_int__. */
  command: readonly string[];
  requests: number;
  pipeline: number;
  /** A million when left out. */
  keys?: number;
}

/** What came of it. */
export interface Answered {
  perSecond: number;
  cpuMicroseconds: number;
}

/** Runs it once. */
export function redisBenchmark(server: RunningServer, asked: Asked): Answered {
  const [file, ...words] = obtain('redis-7.0').program('benchmark');
  const before = cpuMs(server.pid);
  const output = execFileSync(
    file,
    [
      ...[...words, '-p', String(server.port), '-n', String(asked.requests), '-P', String(asked.pipeline)],
      ...['-c', '50', '-r', String(asked.keys ?? 1_000_000), '--csv', ...asked.command],
    ],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  const cpuMicroseconds = ((cpuMs(server.pid) - before) * 1000) / asked.requests;
  // The command itself is the first cell of the last line, in quotes.
  const perSecond = Number(output.trim().split('\n').at(-1)?.split('","')[1]);
  if (!(perSecond > 0)) throw new Error(`redis-benchmark gave no figure:\n${output}`);
  return { perSecond, cpuMicroseconds };
}
