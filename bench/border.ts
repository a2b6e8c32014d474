/**
 * What a crossing into the engine costs: the same 128 GETs as 128 calls of one command and as one call of 128, and a call that
 * does next to nothing. The difference is the border; it is why the interface takes whole chunks. The portable engine, which has
 * no border, stands beside it.
 */
import type { Engine } from '../src/engine/engine.ts';
import { openStore } from '../test/conformance/in-process.ts';
import { pack } from '../test/servers/resp.ts';
import { type Bench, type Context, Rows } from './frame/bench.ts';
import { built } from './frame/built.ts';
import { timeInTurns } from './frame/micro.ts';

const commands = 128;

/** The engines as users run them. */
async function enginesBuilt(): Promise<Engine[]> {
  const { loadNative } = await built<typeof import('../src/engine/native.ts')>('engine/native.js');
  const { portableEngine } =
    await built<typeof import('../src/engine/portable/index.ts')>('engine/portable/index.js');
  return [portableEngine, loadNative()];
}

function measure(engine: Engine, context: Context, rows: Rows): void {
  const store = openStore(engine);
  const session = store.openSession();
  const output = Buffer.alloc(1 << 16);
  const set = pack('SET key:000000000001 0123456789abcdef0123456789abcdef');
  store.execute(session, set, set.length, output, 0);
  const one = pack('GET key:000000000001');
  const many = Buffer.concat(Array.from({ length: commands }, () => one));
  const repeat = (call: () => void): (() => void) => {
    return () => {
      for (let turn = 0; turn < commands; turn++) call();
    };
  };
  const pieces = [
    { who: 'GET, one by one', run: repeat(() => store.execute(session, one, one.length, output, 0)) },
    {
      who: 'GET, 128 as one chunk',
      run: () => void store.execute(session, many, many.length, output, 0),
    },
    { who: 'a call that does next to nothing', run: repeat(() => store.selectDb(session, 0)) },
  ];
  timeInTurns(pieces, context.rounds, context.quick, (what, seconds) =>
    rows.add(`${what}, ns`, `redtwin ${engine.name}`, (seconds * 1e9) / commands),
  );
  store.close();
}

/** The bench. */
export const border: Bench = {
  name: 'border',
  question: 'what does a crossing into the engine cost?',
  cores: 'all',
  async run(context) {
    const rows = new Rows();
    for (const engine of await enginesBuilt()) measure(engine, context, rows);
    return rows.all();
  },
};
