/**
 * What every bench needs: the machine told, medians with their spread, ratios, and a JSON file per run in
 * bench/results/, so that figures can be compared later without trusting a memory.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** One measured figure of one side. */
export interface Row {
  /** What was measured: 'SET -P 16, requests/s'. */
  what: string;
  /** 'redis-7.0', 'redtwin native'... */
  who: string;
  samples: number[];
}

/** A row as it is written down. */
interface Figure extends Row {
  median: number;
  min: number;
  max: number;
  /** To the server we are compared with; null for that one itself. */
  ratio: number | null;
}

export const median = (samples: readonly number[]): number => {
  const sorted = [...samples].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

const rounded = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** Where and of what the figures are. */
export function machine(): Record<string, string | number> {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  return {
    date: new Date().toISOString(),
    commit,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

/**
 * Prints rows side by side with the ratio of each to the first side (the server we are compared with), and writes
 * them to bench/results/NAME.json.
 */
export function report(name: string, rows: readonly Row[]): void {
  console.log(`\n${name}`);
  const figures: Figure[] = [];
  for (const what of new Set(rows.map((row) => row.what))) {
    const same = rows.filter((row) => row.what === what);
    const base = median(same[0]?.samples ?? []);
    for (const [index, { who, samples }] of same.entries()) {
      const [min, max] = [Math.min(...samples), Math.max(...samples)];
      const spread = `${rounded(min)}..${rounded(max)}`;
      const times = index === 0 || base === 0 ? null : median(samples) / base;
      const ratio = times === null ? '' : `x${times.toFixed(2)}`;
      figures.push({ what, who, median: median(samples), min, max, ratio: times, samples });
      console.log(
        `  ${(index === 0 ? what : '').padEnd(30)} ${who.padEnd(18)} ${rounded(median(samples)).padStart(9)}  ${ratio.padStart(6)}  (${spread})`,
      );
    }
  }
  const folder = fileURLToPath(new URL('results/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify({ machine: machine(), figures }, null, 2)}\n`);
}
