/**
 * From samples to figures: median, smallest, largest, ratio to the first side, and the lines that show them.
 */
import type { Row } from './bench.ts';

/** A row as it is written down. */
export interface Figure extends Row {
  median: number;
  min: number;
  max: number;
  /** Median to that of the first side of the same `what`; null for that one itself. */
  ratio: number | null;
}

/** The middle sample, or the mean of the two in the middle. */
export const median = (samples: readonly number[]): number => {
  const sorted = [...samples].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** The sample that a part of all (0.99) does not exceed. Sorts in place. */
export const quantile = (samples: number[] | Float64Array, part: number): number => {
  samples.sort((one: number, other: number) => one - other);
  return samples[Math.min(samples.length - 1, Math.floor(samples.length * part))] ?? 0;
};

/** Three digits that matter. */
export const rounded = (value: number): string => {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
};

/** Rows with what follows from their samples, those of the same `what` together. */
export function figuresOf(rows: readonly Row[]): Figure[] {
  return [...new Set(rows.map((row) => row.what))].flatMap((what) => {
    const same = rows.filter((row) => row.what === what);
    const base = median(same[0]!.samples);
    return same.map((row, index) => ({
      ...row,
      median: median(row.samples),
      min: Math.min(...row.samples),
      max: Math.max(...row.samples),
      ratio: index === 0 || base === 0 ? null : median(row.samples) / base,
    }));
  });
}

/** One line per figure. */
export function printFigures(figures: readonly Figure[]): void {
  const width = Math.max(...figures.map(({ what }) => what.length), 10);
  let last = '';
  for (const { what, who, median: middle, min, max, ratio } of figures) {
    const name = (what === last ? '' : what).padEnd(width);
    const times = (ratio === null ? '' : `x${ratio.toFixed(2)}`).padStart(7);
    console.log(
      `  ${name}  ${who.padEnd(17)} ${rounded(middle).padStart(8)} ${times}  (${rounded(min)}..${rounded(max)})`,
    );
    last = what;
  }
}
