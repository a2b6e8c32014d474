/**
 * What a crossing into the engine costs: the same 128 GETs as 128 calls of one command and as one call of 128, for both
 * engines. The difference is the border; it is why the interface takes whole chunks.
 */
import Benchmark from 'benchmark';
import { openStore } from '../test/conformance/in-process.ts';
import { enginesUnderTest } from '../test/engines.ts';
import { pack } from '../test/servers/resp.ts';
import type { Bench, Row } from './frame/bench.ts';

function measure(): Row[] {
  const rows: Row[] = [];
  const commands = 128;
  for (const engine of enginesUnderTest) {
    const store = openStore(engine);
    const session = store.openSession();
    const output = Buffer.alloc(1 << 16);
    const set = pack('SET key:000000000001 0123456789abcdef0123456789abcdef');
    store.execute(session, set, set.length, output, 0);
    const one = pack('GET key:000000000001');
    const many = Buffer.concat(Array.from({ length: commands }, () => one));
    const suite = new Benchmark.Suite()
      .add('one by one', () => {
        for (let at = 0; at < commands; at++) store.execute(session, one, one.length, output, 0);
      })
      .add('as one chunk', () => {
        store.execute(session, many, many.length, output, 0);
      });
    suite.on('cycle', (event: Benchmark.Event) => {
      const bench = event.target as Benchmark.Target & { stats: { sample: number[] } };
      const nanoseconds = bench.stats.sample.map((seconds) => (seconds * 1e9) / commands);
      rows.push({ what: `GET, ${bench.name}, ns`, who: engine.name, samples: nanoseconds });
    });
    suite.run();
    store.close();
  }
  return rows;
}

/** The bench. */
export const border: Bench = {
  name: 'border',
  question: 'what does a crossing into the engine cost?',
  cores: 'apart',
  run: async () => measure(),
};
