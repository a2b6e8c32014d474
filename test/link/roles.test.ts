/**
 * Roles change and the feed goes on: what a server writes as a primary fits behind what it took as a replica,
 * on every engine.
 */
import test from 'ava';
import type { Store } from '../../src/engine/engine.ts';
import { enginesUnderTest } from '../engines.ts';
import { FakePrimary } from './fake-primary.ts';
import { Replica } from './harness.ts';
import { byLength, fed, idA, idB, oldRdb } from './scenes.ts';

/** A client's write, in database 0. */
function clientWrites(store: Store, key: string): void {
  const session = store.openSession();
  const input = Buffer.from(fed('SET', key, 'v'));
  const output = Buffer.alloc(100);
  store.execute(session, input, input.length, output, Date.now());
  store.closeSession(session);
}

for (const engine of enginesUnderTest) {
  test(`${engine.name}: after a promotion our own writes say which database they are for`, async (t) => {
    const store = engine.open({ databases: 16, seed: 1n, backlogBytes: 1 << 20 });
    clientWrites(store, 'own');
    const own = fed('SELECT', '0') + fed('SET', 'own', 'v');
    t.is(store.feed.endOffset, own.length);

    // The primary happens to go on from there, and selects another database.
    const theirs = fed('SELECT', '3') + fed('SET', 'theirs', 'v');
    const primary = await FakePrimary.start(t, async (peer) => {
      const [, id, offset] = await peer.greet();
      t.deepEqual([id, Number(offset)], [replica.history.current.id, own.length + 1]);
      peer.write(`+CONTINUE\r\n${theirs}`);
    });
    const replica = new Replica(t, store);
    replica.follower.follow(primary.target);
    await replica.applied(own.length + theirs.length);
    replica.follower.follow(null);
    clientWrites(store, 'after');

    const feed = store.feed.read(store.feed.startOffset, 1000)?.toString();
    t.is(feed, own + theirs + fed('SELECT', '0') + fed('SET', 'after', 'v'));
    t.deepEqual(primary.errors, []);
  });

  test(`${engine.name}: after a full resync the feed begins anew at the primary's offset`, async (t) => {
    const store = engine.open({ databases: 16, seed: 1n, backlogBytes: 1 << 20 });
    clientWrites(store, 'own');
    const set = fed('SET', 'k', 'v');
    const primary = await FakePrimary.start(t, async (peer) => {
      await peer.greet();
      peer.write(`+FULLRESYNC ${idA} 5000\r\n`);
      peer.write(byLength(oldRdb));
      peer.write(set);
    });
    const replica = new Replica(t, store);
    replica.follower.follow(primary.target);
    await replica.applied(5000 + set.length);
    t.is(store.feed.startOffset, 5000);
    t.is(store.feed.read(5000, 1000)?.toString(), set);
    t.is(store.feed.read(4999, 1000), null);
    t.like(replica.follower.status(), { lastFullResync: 'other-history' });
    t.not(replica.history.current.id, idB);
  });
}
