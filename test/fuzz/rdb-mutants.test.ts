/**
 * A bounded number of damaged RDBs for every job of the toolkit, on both engines, always the same ones; `npm run fuzz -- --rdb 100000`
 * tries as many more as there is time for.
 */
import test from 'ava';
import { enginesUnderTest } from '../engines.ts';
import { Random } from './random.ts';
import { tryMutant } from './rdb-mutants.ts';

test('no job panics, hangs or swells over a damaged file, and every error says where', (t) => {
  t.timeout(120_000);
  const random = new Random(20_261_121);
  const counts = { sound: 0 };
  for (let round = 0; round < 400; round++) t.is(tryMutant(random, enginesUnderTest, counts), null);
  // Some changes do no harm (a letter of a value), so that the jobs are also held against each other.
  t.true(counts.sound > 20, `${counts.sound} were sound`);
});
