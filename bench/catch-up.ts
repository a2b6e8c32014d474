/**
 * How fast a replica takes in its primary's feed: a real primary is filled with SETs at -P 128 while the replica is
 * stopped in mid-air (paused by SIGSTOP), then the time until its offset equals the primary's. Real Redis as a replica
 * stands beside redtwin.
 */

import { infoOf, untilLinkUp } from '../test/interop/info.ts';
import { type RunningServer, startRedtwin, startServer } from '../test/servers/server.ts';
import { until } from '../test/servers/wait.ts';
import { chunksOf } from './data-sets.ts';
import type { Bench, Context, Row } from './frame/bench.ts';

/** Commands per second at which a replica caught up. */
async function measure(start: (args: string[]) => Promise<RunningServer>, scale: number): Promise<number> {
  const primary = await startServer({
    args: ['--repl-backlog-size', '1gb', '--client-output-buffer-limit', 'replica 0 0 0'],
  });
  const replica = await start(['--replicaof', '127.0.0.1', String(primary.port)]);
  try {
    await untilLinkUp(replica);
    replica.child.kill('SIGSTOP');
    const client = await primary.client();
    let commands = 0;
    for (const { bytes, count } of chunksOf('A', scale)) {
      client.write(bytes);
      for (let left = count; left > 0; left--) await client.frame();
      commands += count;
    }
    const target = Number((await infoOf(primary, 'replication')).get('master_repl_offset'));
    const began = performance.now();
    replica.child.kill('SIGCONT');
    await until(
      'the replica to catch up',
      async () => Number((await infoOf(replica, 'replication')).get('slave_repl_offset')) >= target,
      120_000,
    );
    client.close();
    return (commands * 1000) / (performance.now() - began);
  } finally {
    replica.child.kill('SIGCONT');
    await replica.stop();
    await primary.stop();
  }
}

async function run(options: Context): Promise<Row[]> {
  const sides: { who: string; start: (args: string[]) => Promise<RunningServer> }[] = [
    ...options.against.map((version) => ({
      who: version as string,
      start: (args: string[]) => startServer({ version, args }),
    })),
    { who: 'redtwin native', start: (args) => startRedtwin({ engine: 'native', built: true, args }) },
  ];
  const rows: Row[] = sides.map(({ who }) => ({ what: 'catch-up, commands/s', who, samples: [] }));
  for (let round = 0; round < (options.quick ? 1 : 3); round++) {
    for (const [index, { start }] of sides.entries()) {
      rows[index]?.samples.push(await measure(start, options.quick ? 0.02 : 0.2));
    }
  }
  return rows;
}

/** The bench. */
export const catchUp: Bench = {
  name: 'catch-up',
  question: 'how fast does a replica take in the feed it missed?',
  cores: 'apart',
  run,
};
