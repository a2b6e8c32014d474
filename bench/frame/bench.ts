/**
 * What a bench is to the frame: a name, the question it answers, and a function that measures and gives rows. The frame
 * (run.ts) pins, times, watches the noise, prints, and writes the file; a bench only measures.
 *
 *     context --> bench.run() --> rows: what was measured, of whom, every sample
 *
 * The first row of each `what` is the one that the others are compared with: the real server first, then redtwin.
 */
import type { ServerName } from '../../test/servers/catalog.ts';

/** One measured figure of one side. */
export interface Row {
  /** What was measured, and its unit behind the last comma: 'SET -P 16, requests/s'. */
  what: string;
  /** Whose figure it is: 'redis-7.0', 'redtwin native', 'hiredis'... */
  who: string;
  samples: number[];
}

/** How a run was asked for. */
export interface Context {
  /** Small data and few rounds, to see that everything works: all benches together within two minutes. */
  quick: boolean;
  /** The sizes that the bars speak of where the usual ones are smaller (growth: 10 million keys). */
  full: boolean;
  /** The real servers to compare with; the first is the one that ratios refer to. */
  against: readonly [ServerName, ...ServerName[]];
  /** How often each side is measured, in turns. */
  rounds: number;
  /** Tells the reader what a row cannot: a peer that is missing and why, a setting. Printed and written down. */
  note(text: string): void;
}

/**
 * What a figure of redtwin's should be, as issue 6 and its forerunners set it. Exactly one of the four bounds is given.
 * Judged by medians, and only in runs of full size (never --quick).
 */
export interface Bar {
  /** The row's `what`. */
  what: string;
  /** 'redtwin native' when left out. */
  who?: string;
  /** The side that `...Times` refers to; the first of the same `what` when left out. */
  than?: string;
  /** So many times the other side's figure, or more. */
  atLeastTimes?: number;
  atMostTimes?: number;
  /** So much in the row's own unit. */
  atLeast?: number;
  atMost?: number;
}

/** One question, with its answer. */
export interface Bench {
  name: string;
  /** The question, as a sentence. */
  question: string;
  /**
   * 'apart': load generator and server each have a core of their own (servers are started on `serverCore`).
   * 'all': nothing is pinned, because a side may use every core it can get.
   */
  cores: 'apart' | 'all';
  /** Left out of a run that names no bench, unless it is `--full` (long ones). */
  onlyWhenAsked?: boolean;
  /** What the answer should be. */
  bars?: readonly Bar[];
  run(context: Context): Promise<Row[]>;
}

/** Gathers samples into rows, in the order of their first one. */
export class Rows {
  readonly #rows = new Map<string, Row>();

  /** Adds a sample. */
  add(what: string, who: string, sample: number): void {
    const row = this.#rows.get(`${what}|${who}`) ?? { what, who, samples: [] };
    row.samples.push(sample);
    this.#rows.set(`${what}|${who}`, row);
  }

  /** What was gathered. */
  all(): Row[] {
    return [...this.#rows.values()];
  }
}

/**
 * Asks each side once per round, in turns: A B A B..., so that a busy minute hits all of them. A round is a function of
 * a side; the order within a round changes with each round, so that no side always comes behind the same one.
 */
export async function inTurns<S>(
  rounds: number,
  sides: readonly S[],
  measure: (side: S, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? sides : [...sides].reverse();
    for (const side of order) await measure(side, round);
  }
}
