/**
 * The random tester's small run, with fixed seeds: both engines against a real redis-server, and the feed of each batch
 * replayed into an empty store of each engine. `npm run fuzz` is the long run.
 */
import test from 'ava';
import type { Store } from '../../src/engine/engine.ts';
import { openStore, Talk } from '../conformance/in-process.ts';
import { enginesUnderTest } from '../engines.ts';
import { pack } from '../servers/resp.ts';
import { type RunningServer, startServer } from '../servers/server.ts';
import { unsupportedBy } from '../support.ts';
import { drawBatch, drawOf } from './batch.ts';
import { differential, replay } from './differential.ts';
import { families, unrepeatable } from './families.ts';
import { Random } from './random.ts';

let server: RunningServer;
test.before(async () => {
  server = await startServer();
});
test.after.always(() => server?.stop());

/** More than 100 000 commands in all; each is asked of redis-server once and of every engine. */
const [perFamily, ofAll] = [5000, 50_000];
/** Far more than a machine with two cores needs, so that what ends a run is the number of commands. */
const patienceMs = 300_000;

for (const family of Object.keys(families)) {
  test.serial(`random ${family} answer as redis does`, async (t) => {
    t.timeout(patienceMs * 2);
    const { commands, findings } = await differential({
      ...{ engines: enginesUnderTest, server, seed: 7015, only: [family, 'keys'] },
      ...{ commandsMax: perFamily, timeMsMax: patienceMs, batchLength: 100, firstOnly: true },
    });
    t.deepEqual(findings, []);
    t.true(commands >= perFamily);
  });
}

test.serial('random commands of all families answer as redis does', async (t) => {
  t.timeout(patienceMs * 2);
  const { commands, findings } = await differential({
    ...{ engines: enginesUnderTest, server, seed: 20_261_121 },
    ...{ commandsMax: ofAll, timeMsMax: patienceMs, batchLength: 250, firstOnly: true },
  });
  t.log(`${commands} commands`);
  t.deepEqual(findings, []);
  t.true(commands >= ofAll);
});

for (const engine of enginesUnderTest) {
  for (const follower of enginesUnderTest) {
    test.serial(`what ${engine.name} chose by itself is in the feed that ${follower.name} replays`, (t) => {
      const without = new Set([...unsupportedBy(engine), ...unsupportedBy(follower)]);
      for (let seed = 1; seed <= 50; seed++) {
        const random = new Random(seed);
        const lines = drawBatch(random, 100, [], without).flatMap((drawn) => [
          drawn.line,
          drawOf(random, unrepeatable).line,
        ]);
        const source = openStore(engine);
        new Talk(source, 2, 'whole').send('', Buffer.concat(lines.map(pack)));
        t.is(replay(source, follower), null, `seed ${seed}`);
        t.true(source.feed.endOffset > 1000);
        source.close();
      }
    });
  }

  test.serial(
    `a feed that lacks a command, or has an unknown one, is found out by the replay [${engine.name}]`,
    (t) => {
      const play = (line: string, then: (store: Store) => void): void => {
        const store = openStore(engine);
        new Talk(store, 2, 'whole').send('', pack(line));
        then(store);
        store.close();
      };
      play('SET a 1', (store) => {
        t.is(replay(store, engine), null);
        store.flush();
        t.regex(replay(store, engine) ?? '', /another digest/);
      });
      play('SET a 1', (store) => {
        store.feed.append(pack('NOSUCH x'));
        t.regex(replay(store, engine) ?? '', /stops an empty/);
      });
    },
  );
}

test('the same seed gives the same batch', (t) => {
  const [one, other] = [drawBatch(new Random(5), 500), drawBatch(new Random(5), 500)];
  t.deepEqual(one, other);
  t.notDeepEqual(one, drawBatch(new Random(6), 500));
});
