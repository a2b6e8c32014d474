/**
 * `npm run fuzz`: the differential tester, a million commands unless told otherwise.
 *
 *   npm run fuzz -- [--commands 1000000] [--seconds N] [--seed N] [--engine native|portable] [--only lists,sets] [--batch 400] [--all]
 *   npm run fuzz -- --rdb 100000 [--seconds N] [--seed N]        damaged RDBs for the toolkit's jobs instead
 *
 * Stops at the first difference of an engine unless --all; exits with 1 when there was one. The seed is printed, and
 * the same seed gives the same commands again.
 */
import { parseArgs } from 'node:util';
import { enginesUnderTest, missingEngines } from '../engines.ts';
import { startServer } from '../servers/server.ts';
import { differential } from './differential.ts';
import { Random } from './random.ts';
import { tryMutant } from './rdb-mutants.ts';

const { values: options } = parseArgs({
  options: {
    commands: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: 'Infinity' },
    seed: { type: 'string' },
    engine: { type: 'string' },
    only: { type: 'string' },
    batch: { type: 'string', default: '400' },
    all: { type: 'boolean', default: false },
    rdb: { type: 'string' },
  },
});
const seed = Number(options.seed ?? Math.floor(Math.random() * 1e9));
const engines = enginesUnderTest.filter(
  (engine) => options.engine === undefined || engine.name === options.engine,
);
for (const { name, reason } of missingEngines) console.log(`the ${name} engine is not tested: ${reason}`);
if (engines.length === 0) throw new Error(`no engine '${options.engine}' here`);

if (options.rdb !== undefined) {
  const [random, counts, until] = [
    new Random(seed),
    { sound: 0 },
    performance.now() + Number(options.seconds) * 1000,
  ];
  console.log(`seed ${seed}, at most ${options.rdb} damaged RDBs and ${options.seconds} s`);
  let tried = 0;
  for (; tried < Number(options.rdb) && performance.now() < until; tried++) {
    const finding = tryMutant(random, engines, counts);
    if (finding !== null) {
      console.log(finding);
      process.exit(1);
    }
    if (tried % 1000 === 999) console.log(`${tried + 1} so far, ${counts.sound} of them sound`);
  }
  console.log(`${tried} damaged RDBs, ${counts.sound} of them sound, no differences`);
  process.exit(0);
}

console.log(
  `seed ${seed}, ${engines.map((engine) => engine.name).join(' and ')}, at most ${options.commands} commands and ${options.seconds} s`,
);
const server = await startServer();
const { commands, batches, findings } = await differential({
  engines,
  server,
  seed,
  commandsMax: Number(options.commands),
  timeMsMax: Number(options.seconds) * 1000,
  batchLength: Number(options.batch),
  only: options.only?.split(',') ?? [],
  firstOnly: !options.all,
  onProgress: (commands) => console.log(`${commands} commands so far`),
}).finally(() => server.stop());
for (const finding of findings) console.log(`\n${finding}`);
console.log(`${commands} commands in ${batches} batches, ${findings.length} differences`);
process.exit(findings.length === 0 ? 0 : 1);
