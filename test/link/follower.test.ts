/**
 * The driver against a scripted primary: the ways a link works, on every store there is.
 *
 * The primary is a script of bytes, so that each moment can be hit.
 */
import test from 'ava';
import { until } from '../servers/wait.ts';
import { FakePrimary, type Peer } from './fake-primary.ts';
import { FakeStore } from './fake-store.ts';
import { Replica, stores } from './harness.ts';
import { byLength, byMark, dataOf, fed, idA, idB, newRdb, oldRdb, serve } from './scenes.ts';

for (const { name, open } of stores) {
  for (const [kind, snapshot] of [
    ['length', byLength(newRdb)],
    ['mark', byMark(newRdb)],
  ] as const)
    for (const disklessLoad of ['disabled', 'on-empty-db', 'swapdb'] as const)
      test(`${name}: a full resync by ${kind}, ${disklessLoad}, then the feed`, async (t) => {
        const primary = await FakePrimary.start(t, async (peer) => {
          await peer.greet();
          peer.write('\n\n');
          peer.write(`+FULLRESYNC ${idA} 100\r\n`);
          peer.write('\n');
          // What follows a snapshot by length comes in the same packet.
          const set = fed('SET', 'from', 'feed');
          peer.write(kind === 'length' ? Buffer.concat([snapshot, Buffer.from(set)]) : snapshot);
          if (kind === 'mark') {
            t.is(await peer.ack(), 100);
            peer.write(set);
          }
        });
        const replica = new Replica(t, open(), { disklessLoad });
        t.is(replica.follower.follow(primary.target), 'changed');
        t.is(replica.follower.follow(primary.target), 'unchanged');
        const bytes = fed('SET', 'from', 'feed').length;
        await replica.applied(100 + bytes);
        t.is(replica.history.current.id, idA);
        t.is(replica.historyChanges, 1);
        const status = replica.follower.status();
        t.like(status, {
          up: true,
          state: 'connected',
          roleState: 'connected',
          roleOffset: 100 + bytes,
          readOffset: 100 + bytes,
          lastIoSecondsAgo: 0,
          downSinceSeconds: -1,
          sync: null,
          loading: 'no',
          lastFullResync: 'first-sync',
          fullResyncs: 1,
          unexpected: 0,
        });
        t.is(status.lastLoad?.keys, 3);
        if (replica.store instanceof FakeStore) {
          t.is(replica.store.data.get(3)?.get('from'), 'feed', 'the database of repl-stream-db is selected');
          t.is(replica.store.feed.bytes.toString(), fed('SET', 'from', 'feed'));
        }
        t.deepEqual(replica.files(), disklessLoad === 'disabled' ? ['dump.rdb'] : []);
        replica.close();
        await primary.stop();
        t.deepEqual(primary.errors, []);
      });

  test(`${name}: everything byte by byte`, async (t) => {
    const unit =
      fed('MULTI') + fed('SET', 'a', '1') + fed('SELECT', '2') + fed('SET', 'b', '2') + fed('EXEC');
    const primary = await FakePrimary.start(t, async (peer) => {
      await peer.greet();
      await peer.drip(`\n+FULLRESYNC ${idA} 100\r\n\n`);
      await peer.drip(byMark(newRdb));
      await peer.drip(unit);
    });
    const replica = new Replica(t, open());
    replica.follower.follow(primary.target);
    await replica.applied(100 + unit.length);
    t.like(replica.follower.status(), { up: true, fullResyncs: 1, linksLost: 0, unexpected: 0 });
    replica.close();
    await primary.stop();
  });

  test(`${name}: the handshake says what is set, and PSYNC what we have`, async (t) => {
    const asked: string[][] = [];
    const primary = await FakePrimary.start(t, async (peer) => {
      asked.push(await peer.greet());
      peer.write(asked.length === 1 ? `+FULLRESYNC ${idA} 100\r\n` : '+CONTINUE\r\n');
      if (asked.length === 1) peer.write(byLength(newRdb));
      peer.write(fed('PING'));
    });
    const replica = new Replica(t, open(), {
      user: 'me',
      password: 'pw',
      announceIp: '10.0.0.1',
      listeningPort: 7777,
    });
    replica.follower.follow(primary.target);
    await replica.applied(114);
    t.deepEqual(primary.last?.commands, [
      ['PING'],
      ['AUTH', 'me', 'pw'],
      ['REPLCONF', 'listening-port', '7777'],
      ['REPLCONF', 'ip-address', '10.0.0.1'],
      ['REPLCONF', 'capa', 'eof', 'capa', 'psync2'],
      ['REPLCONF', 'version', '9.1.0'],
      ['PSYNC', '?', '-1'],
    ]);
    t.false(
      replica.log.some((line) => line.includes('pw')),
      'the password is in no log',
    );
    primary.last?.end();
    await replica.applied(128);
    t.deepEqual(asked[1], ['PSYNC', idA, '115']);
    t.like(replica.follower.status(), { partialResyncs: 1, fullResyncs: 1, linksLost: 1, downBecause: null });
    replica.close();
    await primary.stop();
  });

  test(`${name}: a cut in a command or a transaction loses nothing and repeats nothing`, async (t) => {
    const head = fed('SELECT', '5') + fed('SET', 'x', '0');
    const unit =
      fed('MULTI') + fed('SELECT', '7') + fed('SET', 'x', '1') + fed('SET', 'y', '2') + fed('EXEC');
    const tail = fed('SET', 'z', '3');
    const feed = head + unit + tail;
    let cut = 0;
    const asked: number[] = [];
    const primary = await FakePrimary.start(t, async (peer) => {
      const [, id, offset] = await peer.greet();
      if (id === '?') {
        peer.write(`+FULLRESYNC ${idA} 100\r\n`);
        peer.write(byLength(oldRdb));
        peer.write(feed.slice(0, cut));
      } else {
        asked.push(Number(offset));
        peer.write(`+CONTINUE ${idA}\r\n${feed.slice(Number(offset) - 101)}`);
        return;
      }
      peer.end();
    });
    // The digest of an uncut run is what every cut one must come to.
    let whole = '';
    for (cut = feed.length; cut >= 0; cut -= 1) {
      const replica = new Replica(t, open());
      replica.follower.follow(primary.target);
      // A link that carried nothing is made again by cron.
      if (cut === 0) {
        await replica.reach('connect');
        replica.pass(1000);
      }
      await until('the rest', () => replica.follower.status().partialResyncs === 1);
      await replica.applied(100 + feed.length);
      if (whole === '') whole = replica.store.digest();
      t.is(replica.store.digest(), whole, `cut at ${cut}`);
      const applied =
        cut === feed.length ? feed.length : cut >= (head + unit).length ? (head + unit).length : -1;
      if (applied >= 0) t.is(asked.at(-1), 101 + applied);
      replica.close();
    }
    await primary.stop();
  });

  test(`${name}: GETACK is answered with what came before it; PUBLISH reaches the host`, async (t) => {
    const acks: number[] = [];
    const ping = fed('PING');
    const getack = fed('REPLCONF', 'GETACK', '*');
    const primary = await FakePrimary.start(t, async (peer) => {
      await serve(byMark(oldRdb))(peer);
      acks.push(await peer.ack());
      peer.write(ping + getack + fed('PUBLISH', 'news', 'hello') + getack);
      acks.push(await peer.ack(), await peer.ack());
    });
    const replica = new Replica(t, open());
    replica.follower.follow(primary.target);
    await until('three ACKs', () => acks.length === 3);
    const publish = fed('PUBLISH', 'news', 'hello').length;
    t.deepEqual(acks, [100, 100 + ping.length, 100 + ping.length + getack.length + publish]);
    t.deepEqual(replica.published, ['PUBLISH news hello']);
    replica.close();
    await primary.stop();
  });

  test(`${name}: an ACK each second while connected, an empty line while a snapshot comes`, async (t) => {
    const primary = await FakePrimary.start(t, async (peer) => {
      await peer.greet();
      peer.write(`+FULLRESYNC ${idA} 100\r\n$EOF:${'d'.repeat(40)}\r\n`);
    });
    const replica = new Replica(t, open());
    replica.follower.follow(primary.target);
    await replica.reach('transfer');
    replica.pass(1000);
    replica.pass(500);
    replica.pass(500);
    primary.last?.write(byMark(oldRdb).subarray(47));
    t.is(await primary.last?.ack(), 100);
    for (let second = 0; second < 3; second++) {
      replica.pass(1000);
      t.is(await primary.last?.ack(), 100);
    }
    replica.close();
    await primary.stop();
  });

  test(`${name}: a primary without PSYNC is followed with SYNC, without ACKs, and inline commands apply`, async (t) => {
    let syncs = 0;
    const primary = await FakePrimary.start(t, async (peer) => {
      await peer.greet();
      peer.write("-ERR unknown command 'PSYNC'\r\n");
      t.deepEqual(await peer.command(), ['SYNC']);
      syncs++;
      peer.write('\n');
      peer.write(byLength(oldRdb));
      peer.write('PING\r\nselect 12\r\n');
      peer.write(fed('SET', 'k', 'v'));
      if (syncs === 1) {
        await until('the feed', () => replica.follower.status().appliedOffset > 40);
        peer.end();
      }
    });
    const replica = new Replica(t, open());
    replica.follower.follow(primary.target);
    await until('the second sync', () => syncs === 2);
    await replica.reach('connected');
    await until('the feed', () => replica.follower.status().appliedOffset > 40);
    replica.pass(1000);
    t.is(replica.follower.status().lastFullResync, 'no-psync');
    t.true(replica.log.some((line) => line.includes('[no-psync]')));
    t.false(primary.peers.some((peer) => peer.commands.some(([, word]) => word === 'ACK')));
    if (replica.store instanceof FakeStore) t.is(replica.store.data.get(12)?.get('k'), 'v');
    replica.close();
    await primary.stop();
    t.deepEqual(primary.errors, []);
  });

  test(`${name}: +CONTINUE with a new id renames the history`, async (t) => {
    const primary = await FakePrimary.start(t, serve(byLength(oldRdb)));
    const replica = new Replica(t, open());
    replica.follower.follow(primary.target);
    await replica.reach('connected');
    primary.script = async (peer) => {
      t.deepEqual(await peer.greet(), ['PSYNC', idA, '101']);
      peer.write(`+CONTINUE ${idB}\r\n`);
    };
    primary.last?.end();
    await replica.reach('connect');
    replica.pass(1000);
    await replica.reach('connected');
    t.deepEqual(replica.history.current, { id: idB, previous: { id: idA, limit: 101 } });
    t.is(replica.historyChanges, 2);
    replica.close();
    await primary.stop();
  });

  test(`${name}: NO ONE keeps the history as the previous one; following again asks for it`, async (t) => {
    const primary = await FakePrimary.start(t, serve(byLength(oldRdb)));
    const replica = new Replica(t, open());
    t.is(replica.follower.follow(null), 'unchanged');
    replica.follower.follow(primary.target);
    await replica.reach('connected');
    t.is(replica.follower.follow(null), 'changed');
    const { id, previous } = replica.history.current;
    t.not(id, idA);
    t.deepEqual(previous, { id: idA, limit: 101 });
    t.like(replica.follower.status(), {
      target: null,
      state: 'none',
      roleState: 'none',
      downSinceSeconds: -1,
    });
    let asked: string[] = [];
    primary.script = async (peer) => {
      asked = await peer.greet();
    };
    replica.follower.follow(primary.target);
    await until('PSYNC', () => asked.length > 0);
    t.deepEqual(asked, ['PSYNC', id, '101']);
    replica.close();
    await primary.stop();
  });

  test(`${name}: REPLICAOF another primary, at any stage`, async (t) => {
    const good = await FakePrimary.start(t, serve(byMark(newRdb), idB));
    const stages: ((peer: Peer) => Promise<void>)[] = [
      async () => {},
      async (peer) => peer.write('+PONG\r\n'),
      async (peer) => void (await peer.greet()),
      async (peer) => {
        await peer.greet();
        peer.write(`+FULLRESYNC ${idA} 5\r\n`);
      },
      async (peer) => {
        await peer.greet();
        peer.write(`+FULLRESYNC ${idA} 5\r\n$1000\r\nREDIS`);
      },
      serve(byLength(oldRdb)),
    ];
    for (const disklessLoad of ['disabled', 'swapdb'] as const)
      for (const stage of stages) {
        const primary = await FakePrimary.start(t, stage);
        const replica = new Replica(t, open(), { disklessLoad });
        replica.follower.follow(primary.target);
        await until('a connection', () => primary.peers.length === 1);
        await new Promise((resolve) => setTimeout(resolve, 20));
        replica.follower.follow(good.target);
        await until('the other history', () => replica.history.current.id === idB);
        await replica.reach('connected');
        t.like(replica.follower.status(), { up: true, unexpected: 0 });
        await until('a tidy folder', () => replica.files().every((file) => file === 'dump.rdb'));
        replica.close();
        await primary.stop();
      }
    await good.stop();
  });
}

test('a burst of feed is applied in slices, and the event loop turns between them', async (t) => {
  const commands = 2000;
  const burst = Array.from({ length: commands }, (_, at) => fed('SET', `key${at}`, 'x'.repeat(100))).join('');
  const primary = await FakePrimary.start(t, async (peer) => {
    await peer.greet();
    peer.write(`+FULLRESYNC ${idA} 0\r\n`);
    peer.write(byLength(newRdb));
    t.is(await peer.ack(), 0);
    peer.write(burst);
  });
  const store = new FakeStore();
  const replica = new Replica(t, store);
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  count();
  /** Slices of work by turn of the event loop. */
  const work: number[] = [];
  const apply = store.apply.bind(store);
  store.apply = (...args) => {
    // A slow engine: 3 ms for each piece, of which a turn has room for three.
    replica.nowMs += 3;
    work[turn] = (work[turn] ?? 0) + 1;
    return apply(...args);
  };
  replica.follower.follow(primary.target);
  await replica.applied(burst.length);
  isOver = true;
  const perTurn = work.filter((pieces) => pieces > 0);
  t.true(Math.max(...perTurn) <= 3, `${perTurn}`);
  t.true(perTurn.length >= burst.length / (16 * 1024) / 3, `${perTurn}`);
  t.is(store.data.get(3)?.get(`key${commands - 1}`)?.length, 100);
  replica.close();
  await primary.stop();
});

test('sessions of the engine do not pile up', async (t) => {
  const primary = await FakePrimary.start(t, async (peer) => peer.end());
  const store = new FakeStore();
  const replica = new Replica(t, store);
  replica.follower.follow(primary.target);
  for (let tries = 1; tries < 10; tries++) {
    await until('a try', () => primary.peers.length === tries);
    await replica.reach('connect');
    replica.pass(1000);
  }
  t.is(store.openSessions, 1);
  replica.close();
  t.is(store.openSessions, 0);
  await primary.stop();
});

test('what is served first is what was there: an empty server loads in the open, a full one beside', async (t) => {
  const start = async (peer: Peer): Promise<void> => {
    await peer.greet();
    peer.write(`+FULLRESYNC ${idA} 100\r\n$${newRdb.length}\r\n`);
    peer.write(newRdb.subarray(0, 20));
  };
  const primary = await FakePrimary.start(t, start);
  const store = new FakeStore();
  const replica = new Replica(t, store);
  replica.follower.follow(primary.target);
  await until('bytes', () => replica.follower.status().sync?.readBytes === 20);
  t.like(replica.follower.status(), {
    loading: 'blocking',
    sync: { totalBytes: newRdb.length, readBytes: 20, lastIoSecondsAgo: 0 },
    load: { totalBytes: newRdb.length, loadedBytes: 20 },
    roleState: 'sync',
  });
  primary.last?.write(newRdb.subarray(20));
  await replica.reach('connected');
  primary.last?.end();
  await replica.reach('connect');
  replica.pass(1000);
  await until('bytes', () => replica.follower.status().sync?.readBytes === 20);
  t.is(replica.follower.status().loading, 'beside');
  t.deepEqual(store.data, dataOf('new', 'values', 'here'));
  replica.close();
  await primary.stop();
});
