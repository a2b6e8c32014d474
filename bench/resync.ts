/**
 * How long a full resync from a real primary takes, until the replica is in sync: with real Redis as the replica and with
 * redtwin, diskless on both ends and by way of files on both. From REPLICAOF to the link's being up.
 *
 *     diskless     primary: repl-diskless-sync yes     replica: repl-diskless-load on-empty-db
 *     disk-based   primary: repl-diskless-sync no      replica: repl-diskless-load disabled
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../test/servers/server.ts';
import { Hopeless, until } from '../test/servers/wait.ts';
import { rdbOf, scaleOf } from './data-files.ts';
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { type Side, sidesOf } from './frame/sides.ts';

/** Seconds until a new, empty replica is in sync. */
async function secondsToSync(side: Side, primaryPort: number, isDiskless: boolean): Promise<number> {
  const replica = await side.start(['--repl-diskless-load', isDiskless ? 'on-empty-db' : 'disabled']);
  try {
    const client = await replica.client();
    const began = performance.now();
    await client.ask(`REPLICAOF 127.0.0.1 ${primaryPort}`);
    const isUp = async (): Promise<boolean> => {
      if (replica.child.endedAs() !== null) throw new Hopeless(`the replica ended:\n${replica.child.said()}`);
      return String(await client.ask('INFO replication')).includes('master_link_status:up');
    };
    await until('the link to come up', isUp, 120_000, 10);
    const seconds = (performance.now() - began) / 1000;
    client.close();
    return seconds;
  } finally {
    await replica.stop();
  }
}

/** The bench. */
export const resync: Bench = {
  name: 'resync',
  question: 'how long does a full resync from a real primary take?',
  cores: 'all',
  // One and a half times as fast.
  bars: ['A', 'B'].flatMap((set) =>
    ['diskless', 'disk-based'].map((way) => ({ what: `${set} ${way}, s`, atMostTimes: 1 / 1.5 })),
  ),
  async run(context) {
    const rows = new Rows();
    const folder = mkdtempSync(join(tmpdir(), 'redtwin-bench-'));
    try {
      for (const set of ['A', 'B'] as const) {
        copyFileSync(await rdbOf(set, scaleOf(context)), join(folder, 'dump.rdb'));
        const primary = await startServer({
          version: context.against[0],
          args: ['--dir', folder],
        });
        try {
          for (const way of ['diskless', 'disk-based'] as const) {
            const isDiskless = way === 'diskless';
            primary.cli('CONFIG', 'SET', 'repl-diskless-sync', isDiskless ? 'yes' : 'no');
            await inTurns(context.rounds, sidesOf(context), async (side) =>
              rows.add(`${set} ${way}, s`, side.who, await secondsToSync(side, primary.port, isDiskless)),
            );
          }
        } finally {
          await primary.stop();
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return rows.all();
  },
};
