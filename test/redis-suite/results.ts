/**
 * What a run of Redis's suite said, held against what a real redis-server 7.0.15 passes.
 *
 *   log of a unit --> names that passed --+
 *   baseline.txt --> names to pass -------+--> missing --> accepted (with a reason) or unexpected
 *                                         +--> accepted ones that passed: the list is too long
 *
 * Names are counted, because some tests of the suite share one. An exception in the harness ends a unit early, and
 * everything after it is missing: that is why names are compared and the suite's own totals are not.
 */
import { readFileSync } from 'node:fs';
import type { AcceptedMiss } from './accepted-misses.ts';

/** The names that must pass, per unit, in the order the units are run. */
export type Baseline = ReadonlyMap<string, readonly string[]>;

/** One unit's log, read. */
export interface UnitLog {
  /** Names of the passed tests, as often as they passed. */
  passed: string[];
  /** What the harness said of each failed test, by name: the first line of the reason. */
  failures: Map<string, string>;
  /** The harness gave up before the unit's end: its own words, or null. */
  stopped: string | null;
}

/** How one unit compares. All lists are names. */
export interface UnitResult {
  expected: number;
  unexpected: string[];
  accepted: string[];
  /** Accepted misses that passed. */
  recovered: string[];
}

/** Reads baseline.txt: a unit's name at the margin, its tests' names below it, two spaces in; # starts a comment. */
export function readBaseline(text: string): Baseline {
  const baseline = new Map<string, string[]>();
  let names: string[] | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('  ')) {
      if (names === undefined) throw new Error(`a test before the first unit: ${line.trim()}`);
      names.push(line.slice(2));
    } else if (line !== '' && !line.startsWith('#')) {
      names = [];
      baseline.set(line, names);
    }
  }
  return baseline;
}

/** The project's own copy. */
export function committedBaseline(): Baseline {
  return readBaseline(readFileSync(new URL('baseline.txt', import.meta.url), 'utf8'));
}

/** The text of a baseline, for `readBaseline`. Names are sorted, so that two runs differ only where they do. */
export function writeBaseline(baseline: Baseline): string {
  const lines = [
    '# Redis 7.0.15: the tests of its own suite that it passes, by unit: integration/ and sentinel with servers of their own, the others in external mode.',
  ];
  lines.push('# Written by: npm run conformance -- --engine redis --write-baseline');
  for (const [unit, names] of baseline) lines.push(unit, ...[...names].sort().map((name) => `  ${name}`));
  return `${lines.join('\n')}\n`;
}

/** Reads what the harness printed for one unit. */
export function readLog(text: string): UnitLog {
  const passed: string[] = [];
  const failures = new Map<string, string>();
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const name = /^\[ok\]: (.*) \(\d+ ms\)$/.exec(line)?.[1];
    if (name !== undefined) passed.push(name);
    const failed = /^\[err\]: (.*) in tests\/\S+\.tcl$/.exec(line)?.[1];
    if (failed !== undefined) failures.set(failed, lines[index + 1] ?? '');
  }
  const stop = lines.findIndex((line) => /^\[(?:exception|TIMEOUT)\]: /.test(line));
  return { passed, failures, stopped: stop < 0 ? null : lines.slice(stop, stop + 3).join(' ') };
}

/**
 * Reads what the harness of the Sentinel tests printed: a line per test, which may go on below when servers speak in it.
 *
 *     00:41:54> Kill a slave instance: OK
 *     00:41:58> Crash the master:                      PID: 3466
 *     OK
 *     00:43:07> Master reboot: FAILED: no failover
 */
export function readSentinelLog(text: string): UnitLog {
  const passed: string[] = [];
  const failures = new Map<string, string>();
  let name: string | null = null;
  for (const line of text.split('\n')) {
    const [, begun, rest = line] = /^\d\d:\d\d:\d\d> (.*?): ?(.*)$/.exec(line) ?? [];
    if (begun !== undefined) name = begun;
    if (name === null) continue;
    const failed = /FAILED: .*/.exec(rest)?.[0];
    if (failed !== undefined) failures.set(name, failed);
    if (/(?:^|\s)OK$/.test(rest)) passed.push(name);
    else if (failed === undefined) continue;
    name = null;
  }
  const isWhole = /^(?:GOOD! No errors|WARNING \d+ test)/m.test(text);
  return { passed, failures, stopped: isWhole ? null : text.trim().split('\n').slice(-3).join(' ') };
}

/** The names of `these` without those of `others`, each as often as it is left. */
export function without(these: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of others) counts.set(name, (counts.get(name) ?? 0) + 1);
  return these.filter((name) => {
    const count = counts.get(name) ?? 0;
    counts.set(name, count - 1);
    return count <= 0;
  });
}

/** Judges one unit of one engine. */
export function judge(
  unit: string,
  engine: string,
  expected: readonly string[],
  passed: readonly string[],
  misses: readonly AcceptedMiss[],
): UnitResult {
  const allowed = misses
    .filter((miss) => miss.unit === unit && (miss.engines as readonly string[]).includes(engine))
    .flatMap((miss) => miss.tests);
  const missing = without(expected, passed);
  const unexpected = without(missing, allowed);
  return {
    expected: expected.length,
    unexpected,
    accepted: without(missing, unexpected),
    recovered: without(allowed, missing),
  };
}
