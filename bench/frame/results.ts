/**
 * The files of figures in bench/results/: what was measured, when, of which commit, on what machine, how noisy it was.
 *
 *     last.json             every run; git does not keep it
 *     2026-11-21-1640.json  a run with --record: committed; chart and tables are drawn from the newest
 *
 * Benches have their date and commit each, so that a record in which a few were measured again says so: the others are
 * taken over from the record before. No host names and no paths go in.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Noise } from './noise.ts';
import type { Figure } from './rows.ts';

/** What was measured on. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  node: string;
  /** Load generator and server had a core each. */
  pinned: boolean;
}

/** One bench's part of a record. */
export interface Section {
  date: string;
  commit: string;
  machine: Machine;
  quick: boolean;
  full: boolean;
  rounds: number;
  noise: Noise;
  notes: string[];
  figures: Figure[];
}

/** A whole file. */
export interface Results {
  /** Versions and settings of the sides of the latest run. */
  sides: string[];
  benches: { [name: string]: Section };
}

const folder = fileURLToPath(new URL('../results/', import.meta.url));

/** Where and of what figures are. */
export function machine(pinned: boolean): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    pinned,
  };
}

/** The commit that is measured; with a plus sign when files differ from it. */
export function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'crates', 'native');
  return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '+'}`;
}

/** The newest committed record and its name, or null when there is none yet. */
export function newestRecord(): { name: string; record: Results } | null {
  const names = existsSync(folder)
    ? readdirSync(folder).filter((name) => /^\d{4}-\d\d-\d\d-\d{4}\.json$/.test(name))
    : [];
  const name = names.sort().at(-1);
  return name === undefined
    ? null
    : { name, record: JSON.parse(readFileSync(join(folder, name), 'utf8')) as Results };
}

/** Writes a run's file. A record takes over the benches that were not run from the one before. */
export function write(run: Results, isRecord: boolean): string {
  mkdirSync(folder, { recursive: true });
  const previous = isRecord ? newestRecord()?.record.benches : undefined;
  const name = isRecord
    ? `${new Date().toISOString().slice(0, 16).replace('T', '-').replace(':', '')}.json`
    : 'last.json';
  const text = JSON.stringify(
    { sides: run.sides, benches: { ...previous, ...run.benches } },
    (_, value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value),
    1,
  );
  // Samples on one line: a file that can be read, and whose differences can be.
  const short = text.replace(/\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]/g, (list) =>
    list.replace(/\s+/g, ' '),
  );
  writeFileSync(join(folder, name), `${short}\n`);
  return `bench/results/${name}`;
}
