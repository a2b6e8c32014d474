/**
 * `npm run bench [name...] [--quick] [--full] [--record] [--against redis-7.0,redis-8.0,valkey-9.1]`: runs the named benches
 * (all, when none is named), redtwin and real servers side by side in the same minutes.
 *
 *     machine, sides and settings --> each bench: pin, measure, print, judge the noise --> bench/results/
 *
 * --quick is for seeing that they work: small data, few rounds, all within two minutes. --full takes the largest sizes.
 * --record keeps the file for the repository and draws the chart and the tables anew from it.
 */
import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type ServerName, sourceOf } from '../test/servers/catalog.ts';
import { benches } from './benches.ts';
import { judge, verdictInWords } from './frame/bars.ts';
import type { Bench, Context } from './frame/bench.ts';
import { noiseInWords, watchNoise } from './frame/noise.ts';
import { canPin, setCores } from './frame/process.ts';
import { commit, machine, type Results, type Section, write } from './frame/results.ts';
import { figuresOf, printFigures, rounded } from './frame/rows.ts';
import { describe, sidesOf } from './frame/sides.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    against: { type: 'string', default: 'redis-7.0' },
    rounds: { type: 'string' },
  },
});
for (const name of positionals) {
  if (!benches.some((bench) => bench.name === name))
    throw new Error(`no bench '${name}': there are ${benches.map((bench) => bench.name).join(', ')}`);
}

if (values.record && values.quick) throw new Error('--quick is no measurement: leave out --record');

const notes: string[] = [];
const context: Context = {
  quick: values.quick,
  full: values.full,
  against: values.against.split(',').map((name) => sourceOf(name as ServerName).name) as [ServerName],
  rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
  note(text) {
    console.log(`  ${text}`);
    notes.push(text);
  },
};

const began = performance.now();
const described = machine(canPin);
console.log(
  `${described.cpu}, ${described.cores} cores, ${described.memoryGb} GB, kernel ${described.kernel}, ` +
    `Node ${described.node}, commit ${commit()}, load average ${loadavg()[0]?.toFixed(2)}`,
);
const record: Results = { sides: await describe(sidesOf(context)), benches: {} };
for (const side of record.sides) console.log(side);
if (!canPin) console.log('There is no taskset, or only one core: nothing is pinned.');

/** Runs one bench, shows what came of it, and gives what is written down. */
async function measure(bench: Bench): Promise<Section> {
  setCores(bench.cores);
  const pinned = bench.cores === 'apart' && canPin;
  console.log(`\n${bench.name}: ${bench.question}${pinned ? ' (server on a core of its own)' : ''}`);
  notes.length = 0;
  const [startedMs, noiseSince] = [performance.now(), watchNoise()];
  const figures = figuresOf(await bench.run(context));
  const noise = noiseSince(figures);
  printFigures(figures);
  const verdicts = context.quick ? [] : (bench.bars ?? []).map((bar) => judge(bar, figures));
  for (const verdict of verdicts.filter((each) => each !== null)) {
    const { bar, wanted, measured } = verdict;
    console.log(`  bar: ${bar.what} ${wanted}: ${rounded(measured)}, ${verdictInWords(verdict)}`);
  }
  console.log(`  ${noiseInWords(noise)}; it took ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
  return {
    ...{ date: new Date().toISOString(), commit: commit(), machine: { ...described, pinned } },
    ...{ quick: context.quick, full: context.full, rounds: context.rounds, noise },
    ...{ notes: [...notes], figures },
  };
}

const failed: string[] = [];
for (const bench of benches) {
  if (positionals.length > 0 ? !positionals.includes(bench.name) : bench.onlyWhenAsked && !values.full)
    continue;
  try {
    record.benches[bench.name] = await measure(bench);
    // After each bench, so that a run which is cut short leaves what it has.
    write(record, false);
  } catch (error) {
    // The others are worth having all the same; the run as a whole fails.
    console.error(`  ${bench.name} failed:`, error);
    failed.push(bench.name);
  }
}
console.log(`\n${write(record, values.record)}, after ${((performance.now() - began) / 1000).toFixed(0)} s`);
if (values.record)
  execFileSync(process.execPath, ['--import=tsx', 'scripts/generate.ts'], { stdio: 'inherit' });
if (failed.length > 0) console.error(`failed: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
