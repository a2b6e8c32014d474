/**
 * What a redtwin costs before it does anything: time from its start to its first reply, memory when idle, and the size of the
 * addon that users download.
 */
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { settledMb } from './frame/settled.ts';
import { sidesOf } from './frame/sides.ts';

const addon = fileURLToPath(new URL('../native/redtwin.node', import.meta.url));

/** The bench. */
export const start: Bench = {
  name: 'start',
  question: 'how soon does it answer, and what does it hold when idle?',
  cores: 'all',
  bars: [
    { what: 'start to first reply, ms', atMost: 250 },
    { what: 'idle, MB', atMost: 80 },
    { what: 'addon, MB', atMost: 8 },
  ],
  async run(context) {
    const rows = new Rows();
    await inTurns(
      context.quick ? 2 : 2 * context.rounds,
      sidesOf(context, ['native', 'portable']),
      async (side) => {
        const server = await side.start();
        try {
          rows.add('start to first reply, ms', side.who, server.startedInMs);
          rows.add('idle, MB', side.who, await settledMb(server.pid));
        } finally {
          await server.stop();
        }
      },
    );
    rows.add('addon, MB', 'redtwin native', statSync(addon).size / 2 ** 20);
    return rows.all();
  },
};
