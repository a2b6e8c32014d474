/**
 * The link is cut at random bytes, hundreds of times, while a real primary is written to: every reconnect is
 * a partial resync, nothing is lost and nothing applied twice, so the digests are equal at the end.
 */
import test from 'ava';
import { enginesUnderTest } from '../engines.ts';
import { startServer } from '../servers/server.ts';
import { until } from '../servers/wait.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { Replica } from './harness.ts';
import { random, write } from './writer.ts';

const cutsWanted = 300;

for (const engine of enginesUnderTest)
  for (const [mode, diskless] of [
    ['diskless', 'yes'],
    ['disk-based', 'no'],
  ] as const)
    test.serial(
      `${engine.name}, ${mode}: ${cutsWanted} cuts under load are all partial resyncs`,
      async (t) => {
        const primary = await startServer({
          args: ['--repl-backlog-size', '64mb', '--repl-diskless-sync', diskless],
        });
        t.teardown(() => primary.stop());
        const writer = await primary.client();
        t.teardown(() => writer.close());
        let written = 0;
        await write(writer, 1, 50, () => ++written > 20);

        const proxy = await CuttingProxy.start(t, primary.port);
        const store = engine.open({ databases: 16, seed: 7n, backlogBytes: 1 << 20 });
        const replica = new Replica(t, store, {
          disklessLoad: diskless === 'yes' ? 'swapdb' : 'disabled',
          timeoutMs: 1e9,
        });
        replica.follower.follow(proxy.target);
        await replica.reach('connected');

        // From here on every connection is cut, early or late: some in the handshake, most in the feed.
        const n = random(2);
        proxy.lifeBytes = () => n(n(4) === 0 ? 300 : 30_000);
        proxy.cutAll();
        const clock = setInterval(() => replica.pass(100), 2);
        t.teardown(() => clearInterval(clock));
        await write(writer, 3, 20, () => {
          const { state, halted } = replica.follower.status();
          return proxy.cuts >= cutsWanted || state === 'halted' || halted !== null;
        });
        proxy.lifeBytes = () => Number.POSITIVE_INFINITY;
        proxy.cutAll();

        const { halted } = replica.follower.status();
        t.is(halted, null);
        // Keys go on to expire on the primary, so the last word is equality, not an offset.
        await until('equal digests', async () => store.digest() === String(await writer.ask('DEBUG DIGEST')));
        const end = replica.follower.status().appliedOffset;
        const status = replica.follower.status();
        t.like(status, { fullResyncs: 1, unexpected: 0 });
        t.true(proxy.cuts >= cutsWanted);
        t.true(status.partialResyncs > cutsWanted / 2, `${status.partialResyncs} partial resyncs`);
        t.log(`${proxy.cuts} cuts, ${status.partialResyncs} partial resyncs, ${end} bytes of feed`);
      },
    );
