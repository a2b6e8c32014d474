/**
 * `npm run bench [name...] [--quick] [--against redis-7.0,valkey-9.1]`: runs the named benches (all, when none is named)
 * and writes their figures to bench/results/. --quick is for seeing that they work: small data, few rounds.
 */
import { parseArgs } from 'node:util';
import { type ServerName, sourceOf } from '../test/servers/catalog.ts';
import { border } from './border.ts';
import { catchUp } from './catch-up.ts';
import { load } from './load.ts';
import { machine } from './report.ts';
import { snapshot } from './snapshot.ts';
import { throughput } from './throughput.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    against: { type: 'string', default: 'redis-7.0' },
  },
});
const against = values.against.split(',').map((name) => sourceOf(name as ServerName).name);
const options = { quick: values.quick, against };
const benches: Record<string, () => void | Promise<void>> = {
  border,
  throughput: () => throughput(options),
  load: () => load(options),
  'catch-up': () => catchUp(options),
  snapshot: () => snapshot(options),
};
for (const name of positionals) {
  if (!(name in benches)) throw new Error(`no bench '${name}': there are ${Object.keys(benches).join(', ')}`);
}
console.log(
  Object.entries(machine())
    .map(([key, value]) => `${key} ${value}`)
    .join(', '),
);
for (const [name, run] of Object.entries(benches)) {
  if (positionals.length === 0 || positionals.includes(name)) await run();
}
