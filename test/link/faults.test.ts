/**
 * A primary that misbehaves in every way we could think of. Each time: a clear reason, the old data still
 * served, memory bounded, no file left behind, and the link tries again and comes back when the primary is
 * well.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { LinkReason } from '../../src/replication/reasons.ts';
import type { StateName } from '../../src/replication/replica-link/states.ts';
import { until } from '../servers/wait.ts';
import { FakePrimary, type Peer } from './fake-primary.ts';
import { Replica, stores, type TestStore } from './harness.ts';
import { byLength, byMark, fed, idA, idB, newRdb, oldRdb, serve } from './scenes.ts';

/** A replica that holds the old data, and whose next link meets `script`. */
async function withOldData(
  t: ExecutionContext,
  open: () => TestStore,
  script: (peer: Peer) => Promise<void>,
  settings = {},
) {
  const primary = await FakePrimary.start(t, serve(byLength(oldRdb)));
  const replica = new Replica(t, open(), settings);
  replica.follower.follow(primary.target);
  await replica.reach('connected');
  const old = replica.store.digest();
  primary.script = script;
  primary.last?.end();
  await replica.reach('connect');
  return { primary, replica, old };
}

/** The next link ends for this reason, harms nothing, and the one after it works. */
async function endsWith(
  t: ExecutionContext,
  open: () => TestStore,
  reason: LinkReason,
  detail: RegExp,
  script: (peer: Peer) => Promise<void>,
  options: { settings?: object; reset?: boolean; silentIn?: StateName } = {},
): Promise<void> {
  const { primary, replica, old } = await withOldData(t, open, script, options.settings);
  const before = replica.log.length;
  replica.pass(1000);
  if (options.silentIn !== undefined) {
    await replica.reach(options.silentIn);
    if (options.reset) primary.last?.reset();
    else replica.pass(60_001);
  }
  await until('the end of the link', () => replica.log.slice(before).some((line) => line.includes('ended')));
  const line = replica.log.slice(before).find((entry) => entry.includes('ended'))!;
  t.true(line.includes(`[${reason}]`), `${line} should name ${reason}`);
  t.regex(line, detail);
  t.is(replica.store.digest(), old, 'the old data is served');
  t.is(replica.history.current.id, idA, 'under its old history');
  t.like(replica.follower.status(), { up: false, unexpected: 0 });
  await until('no temporary file', () => !replica.files().some((file) => file.startsWith('temp-')));
  // And it comes back.
  primary.script = async (peer) => {
    const [, id, offset] = await peer.greet();
    t.deepEqual([id, offset], [idA, '101'], 'it asks to go on');
    peer.write(`+CONTINUE\r\n${fed('PING')}`);
  };
  replica.pass(1000);
  await replica.applied(114);
  t.like(replica.follower.status(), { up: true, downBecause: null, unexpected: 0 });
  replica.close();
  await primary.stop();
  t.deepEqual(primary.errors, []);
}

/** Greets, begins a full resync to another history, and goes on as told. */
const resync = (then: (peer: Peer) => void | Promise<void>) => async (peer: Peer) => {
  await peer.greet();
  peer.write(`+FULLRESYNC ${idB} 500\r\n`);
  await then(peer);
};

const broken = Buffer.from(newRdb);
broken[broken.length - 1]! ^= 1;
const garbage = Buffer.from('GARBAGE'.repeat(100));
const unknownType = Buffer.concat([Buffer.from('REDIS0010'), Buffer.from([0xfe, 0, 200, 1, 65])]);

const faults: [string, LinkReason, RegExp, (peer: Peer) => Promise<void>][] = [
  ['hangs up at once', 'closed', /closed/, async (peer) => peer.end()],
  [
    'resets after PING',
    'socket-error',
    /ECONNRESET/,
    async (peer) => {
      await peer.command();
      peer.reset();
    },
  ],
  [
    'refuses PING',
    'ping-refused',
    /max number/,
    async (peer) => peer.write('-ERR max number of clients reached\r\n'),
  ],
  ['is no Redis', 'garbled-reply', /HTTP/, async (peer) => peer.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['is a binary thing', 'garbled-reply', /\\x00\\xff/, async (peer) => peer.write(Buffer.from([0, 255, 10]))],
  [
    'sends a line without an end',
    'line-too-long',
    /4096/,
    async (peer) => peer.write(`+${'x'.repeat(100_000)}`),
  ],
  [
    'sends a PSYNC reply without an end',
    'line-too-long',
    /4096/,
    async (peer) => {
      await peer.greet();
      peer.write(`+FULLRESYNC ${'x'.repeat(100_000)}`);
    },
  ],
  [
    'says +FULLRESYNC wrongly',
    'garbled-reply',
    /FULLRESYNC/,
    async (peer) => {
      await peer.greet();
      peer.write('+FULLRESYNC abc def\r\n');
    },
  ],
  [
    'speaks a two-connection dialect unasked',
    'garbled-reply',
    /RDBCHANNELSYNC/,
    async (peer) => {
      await peer.greet();
      peer.write('+RDBCHANNELSYNC 6\r\n');
    },
  ],
  [
    'has no primary itself',
    'psync-deferred',
    /NOMASTERLINK/,
    async (peer) => {
      await peer.greet();
      peer.write("-NOMASTERLINK Can't SYNC while not connected with my master\r\n");
    },
  ],
  [
    'is loading',
    'psync-deferred',
    /LOADING/,
    async (peer) => {
      await peer.greet();
      peer.write('-LOADING Redis is loading the dataset in memory\r\n');
    },
  ],
  [
    'wants a password for everything',
    'snapshot-refused',
    /NOAUTH/,
    async (peer) => {
      await peer.greet();
      peer.write('-NOAUTH Authentication required.\r\n');
      await peer.command();
      peer.write('-NOAUTH Authentication required.\r\n');
    },
  ],
  [
    'fails to save',
    'snapshot-refused',
    /BGSAVE/,
    resync((peer) => peer.write("-ERR BGSAVE failed, replication can't continue\r\n")),
  ],
  [
    'announces 2^63 bytes',
    'snapshot-header',
    /9223372036854775808/,
    resync((peer) => peer.write('$9223372036854775808\r\n')),
  ],
  ['announces -1 bytes', 'snapshot-header', /\$-1/, resync((peer) => peer.write('$-1\r\n'))],
  ['announces a short mark', 'snapshot-header', /EOF:abc/, resync((peer) => peer.write('$EOF:abc\r\n'))],
  ['announces nothing', 'snapshot-header', /hello/, resync((peer) => peer.write('hello\r\n'))],
  ['announces no bytes at all', 'snapshot-broken', /rdb-truncated/, resync((peer) => peer.write('$0\r\n'))],
  [
    'sends a wrong checksum',
    'snapshot-broken',
    /rdb-checksum/,
    resync((peer) => peer.write(byLength(broken))),
  ],
  [
    'sends a wrong checksum, and a mark',
    'snapshot-broken',
    /rdb-checksum/,
    resync((peer) => peer.write(byMark(broken))),
  ],
  [
    'sends garbage for a snapshot',
    'snapshot-broken',
    /rdb-bad-magic/,
    resync((peer) => peer.write(byLength(garbage))),
  ],
  [
    'sends a type that is unknown',
    'snapshot-broken',
    /rdb-unknown-type/,
    resync((peer) => peer.write(byLength(unknownType))),
  ],
  [
    'sends a snapshot too short',
    'snapshot-broken',
    /rdb-truncated/,
    resync((peer) => peer.write(byLength(newRdb.subarray(0, 30)))),
  ],
  [
    'ends a snapshot by its mark too early',
    'snapshot-broken',
    /rdb-truncated/,
    resync((peer) => peer.write(byMark(newRdb.subarray(0, 30)))),
  ],
  [
    'sends a snapshot too long',
    'snapshot-broken',
    /rdb-trailing-bytes/,
    resync((peer) => peer.write(byLength(Buffer.concat([newRdb, newRdb])))),
  ],
  [
    'stops in mid-transfer',
    'closed',
    /closed/,
    resync((peer) => {
      peer.write(`$${newRdb.length}\r\n`);
      peer.write(newRdb.subarray(0, 40));
      peer.end();
    }),
  ],
];

for (const { name, open } of stores) {
  for (const [what, reason, detail, script] of faults)
    test(`${name}: the primary ${what}`, async (t) => {
      await endsWith(t, open, reason, detail, script);
    });
  for (const [what, reason, detail, script] of faults.filter(([, why]) => why.startsWith('snapshot')))
    test(`${name}, by a file: the primary ${what}`, async (t) => {
      await endsWith(t, open, reason, detail, script, { settings: { disklessLoad: 'disabled' } });
    });

  test(`${name}: the password is wrong`, async (t) => {
    const script = async (peer: Peer): Promise<void> => {
      await peer.command();
      peer.write('-NOAUTH Authentication required.\r\n');
      await peer.command();
      peer.write('-WRONGPASS invalid username-password pair or user is disabled.\r\n');
    };
    await endsWith(t, open, 'auth-refused', /WRONGPASS/, script, { settings: { password: 'wrong' } });
  });

  test(`${name}: the primary says nothing in the handshake`, async (t) => {
    await endsWith(t, open, 'handshake-timeout', /./, async () => {}, { silentIn: 'receive-ping-reply' });
  });
  test(`${name}: the primary never gets a snapshot ready`, async (t) => {
    await endsWith(
      t,
      open,
      'transfer-timeout',
      /./,
      resync(() => {}),
      { silentIn: 'await-snapshot' },
    );
  });
  test(`${name}: the primary falls silent in mid-transfer`, async (t) => {
    const script = resync((peer) => peer.write(`$${newRdb.length}\r\nREDIS0010`));
    await endsWith(t, open, 'transfer-timeout', /./, script, { silentIn: 'transfer' });
  });

  test(`${name}: the primary resets in mid-transfer`, async (t) => {
    const script = resync((peer) => peer.write(`$${newRdb.length}\r\nREDIS0010`));
    await endsWith(t, open, 'socket-error', /ECONNRESET/, script, { silentIn: 'transfer', reset: true });
  });

  test(`${name}: the primary closes at every single byte`, async (t) => {
    // Of everything it would say: handshake, header, snapshot, mark, and a feed.
    let limit = 0;
    let said = 0;
    const feed = fed('SET', 'a', 'b');
    const script = async (peer: Peer): Promise<void> => {
      peer.limitBytes = limit;
      if (limit === 0) peer.end();
      await peer.greet();
      peer.write(`\n+FULLRESYNC ${idB} 500\r\n\n`);
      peer.write(byMark(newRdb));
      peer.write(feed);
      said = limit - peer.limitBytes;
    };
    const { primary, replica, old } = await withOldData(t, open, script);
    const target = (): boolean => replica.history.current.id === idB;
    for (; !target(); limit++) {
      const before = primary.peers.length;
      replica.pass(1000);
      await until('a connection', () => primary.peers.length > before);
      await until('its end', () => replica.follower.status().state === 'connect' || target());
      const { downBecause, unexpected } = replica.follower.status();
      t.is(unexpected, 0);
      if (target()) break;
      t.is(downBecause, 'closed', `after ${limit} bytes`);
      t.is(replica.store.digest(), old, `after ${limit} bytes`);
      t.is(replica.history.current.id, idA);
      if (limit > 2000) return t.fail('it never came to an end');
    }
    t.true(limit > newRdb.length + 40, 'the whole snapshot was needed');
    t.true(said <= limit);
    replica.close();
    await primary.stop();
  });

  test(`${name}: a link that was up falls silent`, async (t) => {
    const primary = await FakePrimary.start(t, serve(byLength(oldRdb)));
    const replica = new Replica(t, open());
    replica.follower.follow(primary.target);
    await replica.reach('connected');
    replica.pass(59_999);
    t.is(replica.follower.status().state, 'connected');
    t.is(replica.follower.status().lastIoSecondsAgo, 59);
    replica.pass(2);
    t.like(replica.follower.status(), { state: 'connect', downBecause: 'link-timeout', downSinceSeconds: 0 });
    replica.pass(5000);
    t.is(replica.follower.status().downSinceSeconds, 5);
    replica.close();
    await primary.stop();
  });

  test(`${name}: a feed that is not in the protocol is asked for again`, async (t) => {
    const primary = await FakePrimary.start(t, async (peer) => {
      await serve(byLength(oldRdb))(peer);
      peer.write(`${fed('PING')}*1\r\nxx\r\n`);
    });
    const replica = new Replica(t, open());
    replica.follower.follow(primary.target);
    await until('the fault', () => replica.follower.status().downBecause === 'feed-broken');
    primary.script = async (peer) => {
      t.deepEqual(await peer.greet(), ['PSYNC', idA, '115']);
      peer.write(`+CONTINUE\r\n${fed('PING')}`);
    };
    replica.pass(1000);
    await replica.applied(128);
    replica.close();
    await primary.stop();
    t.deepEqual(primary.errors, []);
  });

  test(`${name}: a command that cannot be applied halts the link, until REPLICAOF is given again`, async (t) => {
    const ping = fed('PING');
    for (const bad of [fed('FROB', 'x'), fed('CONFIG', 'SET', 'maxmemory', '1')]) {
      const primary = await FakePrimary.start(t, async (peer) => {
        await serve(byLength(oldRdb))(peer);
        peer.write(ping + bad + fed('SET', 'never', 'applied'));
      });
      const replica = new Replica(t, open());
      replica.follower.follow(primary.target);
      await replica.reach('halted');
      const status = replica.follower.status();
      t.like(status, { up: false, downBecause: 'command-failed', appliedOffset: 114, roleState: 'connect' });
      t.regex(status.halted?.command ?? '', /^(FROB x|CONFIG SET maxmemory 1)/);
      t.truthy(status.halted?.error);
      t.true(replica.log.some((line) => line.startsWith('warning') && line.includes('[command-failed]')));
      const digest = replica.store.digest();
      for (let second = 0; second < 100; second++) replica.pass(1000);
      t.is(replica.follower.status().state, 'halted');
      t.is(primary.peers.length, 1, 'it does not try by itself');
      primary.script = async (peer) => {
        t.deepEqual(await peer.greet(), ['PSYNC', '?', '-1']);
        peer.write(`+FULLRESYNC ${idB} 500\r\n`);
        peer.write(byLength(newRdb));
      };
      t.is(replica.follower.follow(primary.target), 'changed');
      await replica.reach('connected');
      t.not(replica.store.digest(), digest);
      t.like(replica.follower.status(), { lastFullResync: 'after-halt', halted: null, downBecause: null });
      replica.close();
      await primary.stop();
      t.deepEqual(primary.errors, []);
    }
  });
}

/** What a healthy primary says to a replica that asks to go on, all of it at once. */
const transcript = Buffer.concat([
  Buffer.from(`+PONG\r\n+OK\r\n+OK\r\n+OK\r\n\n+FULLRESYNC ${idB} 500\r\n\n`),
  byMark(newRdb),
  Buffer.from(fed('PING') + fed('MULTI') + fed('SET', 'a', 'b') + fed('EXEC') + fed('SELECT', '3')),
]);

/** A few bytes of it changed, taken out, or put in. */
const damaged = fc
  .array(
    fc.record({ at: fc.nat(transcript.length - 1), take: fc.nat(3), put: fc.uint8Array({ maxLength: 3 }) }),
    { minLength: 1, maxLength: 4 },
  )
  .map((wounds) => {
    let bytes = transcript;
    for (const { at, take, put } of wounds)
      bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + take)]);
    return bytes;
  });

for (const { name, open } of stores)
  test(`${name}: a primary whose bytes are damaged anywhere`, async (t) => {
    const { primary, replica, old } = await withOldData(t, open, async () => {});
    await fc.assert(
      fc.asyncProperty(damaged, async (bytes) => {
        const before = primary.peers.length;
        primary.script = async (peer) => {
          // A link that worked is made again at once.
          primary.script = async (next) => next.end();
          await peer.command();
          peer.write(bytes);
          peer.end();
        };
        replica.pass(1000);
        // Damage that leaves the snapshot whole may make it the data; then the old data comes back by a full resync.
        await until('a connection', () => primary.peers.length > before);
        await until('its end', () => ['connect', 'halted'].includes(replica.follower.status().state));
        t.is(replica.follower.status().unexpected, 0);
        if (replica.history.current.id === idA) {
          t.is(replica.store.digest(), old);
          return;
        }
        primary.script = serve(byLength(oldRdb));
        replica.follower.follow(null);
        replica.follower.follow(primary.target);
        await replica.reach('connected');
        primary.script = async (next) => next.end();
        primary.last?.end();
        await replica.reach('connect');
        t.is(replica.store.digest(), old);
      }),
      { numRuns: 150 },
    );
  });

test('a primary that is not there', async (t) => {
  const primary = await FakePrimary.start(t, async () => {});
  const { target } = primary;
  await primary.stop();
  const replica = new Replica(t, stores[0]!.open());
  replica.follower.follow(target);
  await replica.reach('connect');
  t.like(replica.follower.status(), { downBecause: 'dial-failed', downSinceSeconds: -1 });
  t.regex(replica.follower.status().downDetail, /ECONNREFUSED/);
  replica.close();
});

test('a folder that cannot be written to', async (t) => {
  const nowhere = { disklessLoad: 'disabled', dir: join('/', 'no', 'such', 'folder') };
  const { primary, replica, old } = await withOldData(
    t,
    stores[0]!.open,
    resync((peer) => peer.write(byLength(newRdb))),
  );
  Object.assign(replica.settings, nowhere);
  replica.pass(1000);
  await until('the reason', () => replica.follower.status().downBecause === 'snapshot-disk');
  t.regex(replica.follower.status().downDetail, /ENOENT/);
  t.is(replica.store.digest(), old);
  replica.close();
  await primary.stop();
});

test('a name that the file cannot take', async (t) => {
  const { primary, replica, old } = await withOldData(
    t,
    stores[0]!.open,
    resync((peer) => peer.write(byLength(newRdb))),
  );
  mkdirSync(join(replica.folder, 'taken', 'inside'), { recursive: true });
  chmodSync(replica.folder, 0o755);
  Object.assign(replica.settings, { disklessLoad: 'disabled', dbFilename: 'taken' });
  replica.pass(1000);
  await until('the reason', () => replica.follower.status().downBecause === 'snapshot-disk');
  t.is(replica.store.digest(), old);
  await until('no temporary file', () => !replica.files().some((file) => file.startsWith('temp-')));
  replica.close();
  await primary.stop();
});
