/**
 * Three real Sentinels watch a redtwin primary with a redtwin and a real replica, while clients write. The primary is killed without
 * warning, again and again: each time a replica is promoted, the others follow it with a partial resync, the killed one comes back
 * empty and is demoted, and all have the same data in the end.
 *
 * Twice in `npm test`, ten times in `npm run test:interop`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { enginesUnderTest } from '../engines.ts';
import { commands, random } from '../link/writer.ts';
import { Client } from '../servers/client.ts';
import { obtain } from '../servers/obtain.ts';
import { launch, type RunningServer, startRedtwin, startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { infoOf, untilEqual, untilLinkUp } from './info.ts';

const rounds = process.env.REDTWIN_INTEROP === 'all' ? 10 : 2;
/** A Sentinel that was paused for two seconds trusts no clock and nobody for half a minute, and may then have to try again. */
const patienceMs = 300_000;

function startSentinel(primaryPort: number): Promise<RunningServer> {
  const redis = obtain('redis-7.0');
  return launch({
    name: 'sentinel',
    version: redis.version,
    cli: redis.program('cli'),
    command: (port, folder) => {
      const file = join(folder, 'sentinel.conf');
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder}`,
        `sentinel monitor it 127.0.0.1 ${primaryPort} 2`,
        // Long enough that a busy machine's pause of a server is not taken for its death.
        'sentinel down-after-milliseconds it 8000',
        'sentinel failover-timeout it 10000',
        'sentinel parallel-syncs it 2',
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return [...redis.program('server'), file, '--sentinel'];
    },
  });
}

/** Whom a Sentinel takes for the primary. */
async function primaryPort(sentinel: RunningServer): Promise<number> {
  const client = await sentinel.client();
  try {
    const address = await client.ask(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'it']);
    const port = Array.isArray(address) ? address[1] : null;
    return Number(String(port));
  } finally {
    client.close();
  }
}

/** A client that writes to whoever is the primary, and finds the next one when that is gone. */
class Load {
  readonly #sentinel: RunningServer;
  readonly #n: (below: number) => number;
  #isOn = true;
  readonly #running: Promise<void>;
  written = 0;

  constructor(sentinel: RunningServer, seed: number) {
    this.#sentinel = sentinel;
    this.#n = random(seed);
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (this.#isOn) {
      try {
        const client = await Client.open(await primaryPort(this.#sentinel));
        try {
          while (this.#isOn) {
            const lines = Array.from({ length: 10 }, () => commands(this.#n)).flat();
            await client.batch(lines);
            this.written += lines.length;
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        } finally {
          client.close();
        }
      } catch {
        // The primary is gone: the next try asks who has taken its place.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Ends the writing; twice does no harm. */
  stop(): Promise<void> {
    this.#isOn = false;
    return this.#running;
  }
}

/** What everybody said last, for a failure that must be understood from a log. */
function lastWords(servers: readonly RunningServer[]): string {
  return servers
    .map((server) => `--- ${server.version} at ${server.port}\n${server.child.said().slice(-3000)}`)
    .join('\n');
}

interface Member {
  server: RunningServer;
  /** Starts it anew, at the same port. */
  start: (port?: number, ...args: string[]) => Promise<RunningServer>;
}

const numberOf = async (server: RunningServer, name: string): Promise<number> =>
  Number((await infoOf(server, 'stats')).get(name));

async function gather(t: ExecutionContext): Promise<Member[]> {
  const starts: Member['start'][] = [
    ...enginesUnderTest.map(
      ({ name }): Member['start'] =>
        (port, ...args) =>
          startRedtwin({ engine: name, args, ...(port === undefined ? {} : { port }) }),
    ),
    (port, ...args) => startServer({ args, ...(port === undefined ? {} : { port }) }),
  ];
  const members: Member[] = [];
  for (const start of starts) {
    const first = members[0]?.server.port;
    const follow = first === undefined ? [] : ['--replicaof', '127.0.0.1', String(first)];
    members.push({ server: await start(undefined, ...follow), start });
  }
  t.teardown(() => Promise.all(members.map(({ server }) => server.stop())).then(() => {}));
  return members;
}

/** One failover: kills the primary under load, and sees everybody agree again. */
async function failOver(
  t: ExecutionContext,
  round: number,
  members: readonly Member[],
  sentinels: readonly RunningServer[],
): Promise<void> {
  const watch = sentinels[0]!;
  const seen = async (name: string): Promise<string> => {
    const client = await watch.client();
    const rows = await client.ask(['SENTINEL', 'MASTER', 'it']);
    client.close();
    const words = Array.isArray(rows) ? rows.map(String) : [];
    return words[words.indexOf(name) + 1] ?? '';
  };
  const portNow = await primaryPort(watch);
  const primary = members.find(({ server }) => server.port === portNow)!;
  const others = members.filter((member) => member !== primary);
  await until(
    'the Sentinels to know everybody',
    async () =>
      (await seen('num-slaves')) === String(others.length) &&
      (await seen('num-other-sentinels')) === '2' &&
      (await seen('flags')) === 'master',
    patienceMs,
  );
  const load = new Load(watch, round);
  // A failed test ends too.
  t.teardown(() => load.stop());
  await until('some load', () => load.written > 1000);
  const before = new Map<RunningServer, number>();
  for (const { server } of others) before.set(server, await numberOf(server, 'sync_full'));

  process.kill(primary.server.pid, 'SIGKILL');
  const another = async (): Promise<number | false | undefined> => {
    const ports = await Promise.all(sentinels.map(primaryPort));
    return ports.every((port) => port !== portNow && port === ports[0]) && ports[0];
  };
  const portNext = await until('another primary', another, patienceMs);
  const heir = others.find(({ server }) => server.port === portNext)!;
  const writtenThen = load.written;
  await until('writes to the heir', () => load.written > writtenThen + 500, patienceMs);

  // The others were only told where to go on: nobody needed everything.
  const brother = others.find((member) => member !== heir)!;
  await untilLinkUp(brother.server);
  t.is((await infoOf(brother.server, 'replication')).get('master_port'), String(portNext));
  t.is(
    await numberOf(heir.server, 'sync_full'),
    before.get(heir.server) ?? -1,
    `round ${round}: a full resync too many`,
  );

  // The killed one comes back, empty and believing that it leads; it is told otherwise, and gets everything.
  await primary.server.stop();
  primary.server = await primary.start(portNow);
  await until(
    'the returned one to follow',
    async () => (await infoOf(primary.server, 'replication')).get('master_port') === String(portNext),
    patienceMs,
  );
  await untilLinkUp(primary.server);
  await load.stop();
  for (const { server } of members) if (server !== heir.server) await untilEqual(heir.server, server, true);
  t.is(await numberOf(heir.server, 'sync_full'), before.get(heir.server)! + 1);
  t.log(`round ${round}: ${portNow} -> ${portNext}, ${load.written} writes`);
}

test.serial(`Sentinel fails over ${rounds} times under load`, async (t) => {
  t.timeout(rounds * patienceMs * 2);
  const members = await gather(t);
  for (const { server } of members.slice(1)) await untilLinkUp(server);
  const sentinels = await Promise.all([0, 1, 2].map(() => startSentinel(members[0]!.server.port)));
  t.teardown(() => Promise.all(sentinels.map((sentinel) => sentinel.stop())).then(() => {}));
  for (let round = 1; round <= rounds; round++) {
    try {
      await failOver(t, round, members, sentinels);
    } catch (error) {
      t.log(lastWords([...sentinels, ...members.map(({ server }) => server)]));
      throw error;
    }
  }
});
