/**
 * kill -9 in the middle of everything: a redtwin primary with a real and a redtwin replica, under writes, saves and snapshots. Each round
 * one of the three is killed at a random moment and started again with what its folder holds.
 *
 *     round --> kill one at a random moment --> its file is whole --> it comes back --> links up, digests equal
 *
 * Three rounds in `npm test`, nine in `npm run test:interop`. The seed is fixed; moments are not, because machines differ.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { enginesUnderTest } from '../engines.ts';
import { commands, random } from '../link/writer.ts';
import { Client } from '../servers/client.ts';
import { type RunningServer, startRedtwin, startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { untilEqual, untilLinkUp } from './info.ts';

const rounds = process.env.REDTWIN_INTEROP === 'all' ? 9 : 3;

/** Writes to a port, whoever serves there, and saves again and again, until it is told to stop. */
function startWriter(port: number, seed: number): { written(): number; stop(): Promise<void> } {
  const n = random(seed);
  let [isOn, written] = [true, 0];
  const running = (async () => {
    while (isOn) {
      try {
        const client = await Client.open(port);
        while (isOn) {
          const lines = Array.from({ length: 20 }, () => commands(n)).flat();
          // Refused when one is under way.
          await client.batch([...lines, ['BGSAVE']]);
          written += lines.length;
        }
        client.close();
      } catch {
        // It was killed: it will be back.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  })();
  return {
    written: () => written,
    async stop() {
      isOn = false;
      await running;
    },
  };
}

for (const { name: engine } of enginesUnderTest) {
  test.serial(`kill -9 of primary and replicas, ${rounds} times [${engine}]`, async (t) => {
    t.timeout(60_000 + rounds * 60_000);
    // So that kills meet saves and snapshots under way, and not only what comes between them.
    const slowly = ['--rdb-key-save-delay', '300'];
    const primary = await startRedtwin({ engine, args: slowly });
    t.teardown(() => primary.stop());
    const follow = ['--replicaof', '127.0.0.1', String(primary.port), ...slowly];
    const folders: RunningServer[] = [primary];
    type Start = (port?: number, ...args: string[]) => Promise<RunningServer>;
    const redtwin: Start = (port, ...args) =>
      startRedtwin({ engine, args, ...(port === undefined ? {} : { port }) });
    const redis: Start = (port, ...args) => startServer({ args, ...(port === undefined ? {} : { port }) });
    const members: { server: RunningServer; start: Start; args: string[] }[] = [
      { server: primary, start: redtwin, args: slowly },
      { server: await redis(undefined, ...follow), start: redis, args: follow },
      { server: await redtwin(undefined, ...follow), start: redtwin, args: follow },
    ];
    for (const { server } of members.slice(1)) t.teardown(() => server.stop());
    primary.cli('DEBUG', 'POPULATE', '1000', 'ballast', '100');
    const n = random(99);
    for (let round = 0; round < rounds; round++) {
      const writer = startWriter(primary.port, round);
      await until('some writes', () => writer.written() > 200);
      const victim = members[round % members.length]!;
      await new Promise((resolve) => setTimeout(resolve, n(400)));
      victim.server.child.kill('SIGKILL');
      await until('its end', () => victim.server.child.endedAs() !== null);
      const home = folders[round % members.length]?.folder ?? victim.server.folder;
      folders[round % members.length] ??= victim.server;
      const file = join(home, 'dump.rdb');
      // What one redtwin sends another may be newer than redis-check-rdb knows.
      if (existsSync(file)) {
        const cli = ['--import=tsx', 'src/cli/main.ts', 'rdb', 'check', file];
        const checked = spawnSync(process.execPath, cli, { encoding: 'utf8' });
        t.is(checked.status, 0, checked.stdout + checked.stderr);
      }
      const { port } = victim.server;
      victim.server = await victim.start(port, '--dir', home, ...victim.args);
      const again = victim.server;
      t.teardown(() => again.stop());
      const before = writer.written();
      await until('writes to whoever is there', () => writer.written() > before + 200);
      await writer.stop();
      const [first, ...others] = members.map(({ server }) => server) as [RunningServer, ...RunningServer[]];
      for (const server of others) {
        await untilLinkUp(server);
        await untilEqual(first, server, true);
      }
      t.log(`round ${round + 1}: killed ${round % members.length === 0 ? 'the primary' : 'a replica'}`);
    }
  });
}
