/**
 * How noisy a run was, so that a reader knows which differences mean something.
 *
 *     others     CPU time that the machine spent and that was not ours, in percent of all its cores' time
 *     yardstick  a fixed piece of arithmetic, done before and after each bench: how much longer than at its best
 *     spread     (largest - smallest) / median over the samples of a row, the middle one of all rows
 */
import { cores, familyCpuMs, machineBusyMs } from './process.ts';
import { type Figure, median } from './rows.ts';

/** What is written down about the noise of one bench. */
export interface Noise {
  othersPercent: number;
  yardstick: number;
  spreadPercent: number;
}

let yardstickBest = Number.POSITIVE_INFINITY;

/** Times a fixed piece of work (about 20 ms); how many times its best so far. */
function yardstick(): number {
  const began = performance.now();
  let state = 1;
  for (let step = 0; step < 20_000_000; step++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  if (state === 0) throw new Error('the yardstick is broken');
  const took = performance.now() - began;
  yardstickBest = Math.min(yardstickBest, took);
  return took / yardstickBest;
}

/** Starts watching; the function it gives tells what was seen since, and wants the figures of that time. */
export function watchNoise(): (figures: readonly Figure[]) => Noise {
  yardstick();
  const before = yardstick();
  const [beganMs, busyMs, ownMs] = [performance.now(), machineBusyMs(), familyCpuMs()];
  return (figures) => {
    const elapsedMs = (performance.now() - beganMs) * cores;
    const others = machineBusyMs() - busyMs - (familyCpuMs() - ownMs);
    const spreads = figures
      .filter(({ samples, median: middle }) => samples.length > 1 && middle > 0)
      .map(({ min, max, median: middle }) => (max - min) / middle);
    return {
      othersPercent: Math.max(0, Math.round((others / elapsedMs) * 100)),
      yardstick: Number(Math.max(before, yardstick()).toFixed(2)),
      spreadPercent: Math.round(median(spreads) * 100),
    };
  };
}

/** As one sentence. */
export const noiseInWords = ({ othersPercent, yardstick: slow, spreadPercent }: Noise): string =>
  `noise: others used ${othersPercent} % of the machine, fixed work took up to ${slow} times its best, ` +
  `samples of a row lie ${spreadPercent} % apart`;
