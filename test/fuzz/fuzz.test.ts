/**
 * The random testers' small run, with fixed seeds: both engines against a real redis-server, and the feed of an engine
 * replayed into an empty store of each engine. `npm run fuzz` is the long run.
 */
import test from 'ava';
import { Note, outcomeNotes, outcomeStop, Stop } from '../../src/engine/engine.ts';
import { openStore, Talk } from '../conformance/in-process.ts';
import { enginesUnderTest } from '../engines.ts';
import { pack } from '../servers/resp.ts';
import { type RunningServer, startServer } from '../servers/server.ts';
import { unsupportedBy } from '../support.ts';
import { drawBatch } from './batch.ts';
import { differential } from './differential.ts';
import { families } from './families.ts';
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
    test.serial(`the feed of ${engine.name} makes an empty ${follower.name} store equal`, (t) => {
      const without = new Set([...unsupportedBy(engine), ...unsupportedBy(follower)]);
      for (let seed = 1; seed <= 20; seed++) {
        const source = openStore(engine);
        const copy = openStore(follower);
        const talk = new Talk(source, 2, 'whole');
        const batch = drawBatch(new Random(seed), 150, [], without);
        talk.send('', Buffer.concat(batch.map(({ line }) => pack(line))));
        const feed = source.feed.read(source.feed.startOffset, 1 << 24);
        if (feed === null) throw new Error('the whole feed must still be kept');
        t.is(source.feed.startOffset + feed.length, source.feed.endOffset);
        const session = copy.openSession();
        const outcome = copy.apply(session, feed, feed.length, Date.now());
        t.is(outcomeStop(outcome), Stop.drained, `seed ${seed}: ${JSON.stringify(copy.failure(session))}`);
        if (feed.length > 0) t.truthy(outcomeNotes(outcome) & Note.feedGrew);
        t.is(copy.digest(), source.digest(), `seed ${seed}`);
        source.close();
        copy.close();
      }
    });
  }
}

test('the same seed gives the same batch', (t) => {
  const [one, other] = [drawBatch(new Random(5), 500), drawBatch(new Random(5), 500)];
  t.deepEqual(one, other);
  t.notDeepEqual(one, drawBatch(new Random(6), 500));
});
