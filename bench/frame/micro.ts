/**
 * Small pieces of work in this process, timed by `benchmark`: each in turns with the others, a sample per round, so that they
 * stand in the same minutes as process-level benches do.
 */
import Benchmark from 'benchmark';
import { median } from './rows.ts';

/** One piece of work. */
export interface Piece {
  who: string;
  run(): void;
}

/** Times each piece once per round; `take` gets the seconds of one `run`. */
export function timeInTurns(
  pieces: readonly Piece[],
  rounds: number,
  isQuick: boolean,
  take: (who: string, seconds: number) => void,
): void {
  // The first round only warms up: what the compiler of JavaScript makes of a function takes a while to settle.
  for (let round = isQuick ? 1 : 0; round <= rounds; round++) {
    for (const { who, run } of pieces) {
      const bench = new Benchmark(who, run, { maxTime: isQuick ? 0.05 : 0.4, minSamples: isQuick ? 2 : 5 });
      bench.run();
      const { error, stats } = bench as Benchmark & { error?: Error; stats: { sample: number[] } };
      if (error) throw new Error(`${who}: ${error.message}`, { cause: error });
      if (round > 0) take(who, median(stats.sample));
    }
  }
}
