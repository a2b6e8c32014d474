/**
 * Holds figures against bars, and says how far a missed one is.
 *
 *     bar: SET -P 16 at least 1.5 times     figures: redis-7.0 470k, redtwin native 940k     -> x2.00, holds
 */
import type { Bar } from './bench.ts';
import { type Figure, rounded } from './rows.ts';

/** What became of a bar. */
export interface Verdict {
  bar: Bar;
  /** 'at least 1.5 times', 'at most 80'. */
  wanted: string;
  /** The figure of the other side, where the bar compares; null where it does not. */
  theirs: Figure | null;
  ours: Figure;
  /** What is compared with the bound: the ratio, or the figure itself. */
  measured: number;
  holds: boolean;
  /** How far beyond the bound, in percent of it; 0 when it holds. */
  missedByPercent: number;
}

/** The verdict on one bar; null when its figures were not measured. */
export function judge(bar: Bar, figures: readonly Figure[]): Verdict | null {
  const same = figures.filter(({ what }) => what === bar.what);
  const ours = same.find(({ who }) => who === (bar.who ?? 'redtwin native'));
  if (ours === undefined) return null;
  const compares = bar.atLeastTimes !== undefined || bar.atMostTimes !== undefined;
  const theirs = compares
    ? bar.than === undefined
      ? same[0]
      : same.find(({ who }) => who === bar.than)
    : null;
  if (theirs === undefined || theirs === ours) return null;
  const measured = theirs === null ? ours.median : ours.median / theirs.median;
  const least = bar.atLeastTimes ?? bar.atLeast;
  const bound = least ?? bar.atMostTimes ?? bar.atMost;
  if (bound === undefined) throw new Error(`the bar of '${bar.what}' has no bound`);
  const beyond = least === undefined ? measured / bound - 1 : 1 - measured / bound;
  return {
    ...{ bar, theirs, ours, measured, holds: beyond <= 0 },
    wanted: `at ${least === undefined ? 'most' : 'least'} ${rounded(bound)}${compares ? ' times' : ''}`,
    missedByPercent: Math.max(0, beyond * 100),
  };
}

/** 'holds', or 'misses by 12 %'. */
export const verdictInWords = ({ holds, missedByPercent }: Verdict): string =>
  holds ? 'holds' : `misses by ${missedByPercent < 1 ? '<1' : missedByPercent.toFixed(0)} %`;
