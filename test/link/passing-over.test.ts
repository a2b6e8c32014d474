/**
 * Commands of the primary that fail, passed over: what comes after them is applied, they count as applied, and our own feed
 * is the primary's to the byte, wherever it was cut into chunks. Nothing is passed over in silence.
 */
import test from 'ava';
import { outcomeStop, Stop, type Store } from '../../src/engine/engine.ts';
import { enginesUnderTest } from '../engines.ts';
import { FakePrimary } from './fake-primary.ts';
import { Replica } from './harness.ts';
import { byLength, fed, oldRdb, serve } from './scenes.ts';

const wholesome = [fed('SELECT', '0'), fed('SET', 'number', '1'), fed('RPUSH', 'list', 'x')];
/** What the primary sends, and which of it fails here with what. */
const units: [bytes: string, fails: [string, RegExp][]][] = [
  ...wholesome.map((bytes): [string, []] => [bytes, []]),
  [fed('FROB', 'x'), [['FROB x', /^ERR unknown command 'FROB'/]]],
  [fed('LPUSH', 'number', '1'), [['LPUSH number 1', /^WRONGTYPE/]]],
  [fed('SET', 'a'), [['SET a', /^ERR wrong number of arguments for 'set' command/]]],
  // One that fails in the middle: what stands around it runs.
  [
    fed('MULTI') + fed('INCR', 'number') + fed('INCR', 'list') + fed('SET', 'b', '2') + fed('EXEC'),
    [['INCR list', /^WRONGTYPE/]],
  ],
  // One that is not even queued: EXEC is refused, as to a client.
  [
    fed('MULTI') + fed('SET', 'never', '1') + fed('FROB', 'y') + fed('EXEC'),
    [
      ['FROB y', /^ERR unknown command/],
      ['EXEC', /^EXECABORT/],
    ],
  ],
  ['FROB z\r\n', [['FROB z', /^ERR unknown command/]]],
  [fed('MULTI') + fed('SET', 'c', '3') + fed('EXEC'), []],
  [fed('SET', 'last', '4'), []],
];
const feed = Buffer.from(units.map(([bytes]) => bytes).join(''), 'latin1');
const failing = units.flatMap(([, fails]) => fails);

for (const engine of enginesUnderTest) {
  const open = () => engine.open({ databases: 16, seed: 1n, backlogBytes: 1 << 20 });

  /** Applies, going on behind whatever fails; the commands that did. */
  const applied = (store: Store, session: number, chunk: Buffer): [string, string][] => {
    const failures: [string, string][] = [];
    let outcome = store.apply(session, chunk, chunk.length, 0);
    while (outcomeStop(outcome) === Stop.failed) {
      const { command, error, isBroken } = store.failure(session)!;
      if (isBroken) break;
      failures.push([command, error]);
      outcome = store.resumeApply(session, 0);
    }
    return failures;
  };

  test(`${engine.name}: what fails is passed over, wherever the feed is cut`, (t) => {
    const sound = open();
    const good = Buffer.from(
      [
        ...wholesome,
        ...['INCR number', 'SET b 2', 'SET c 3', 'SET last 4'].map((line) => `${line}\r\n`),
      ].join(''),
    );
    t.deepEqual(applied(sound, sound.openSession(), good), []);
    for (let cut = 0; cut <= feed.length; cut++) {
      const store = open();
      const session = store.openSession();
      const failures = [
        ...applied(store, session, feed.subarray(0, cut)),
        ...applied(store, session, feed.subarray(cut)),
      ];
      t.deepEqual(
        failures.map(([command]) => command),
        failing.map(([command]) => command),
        `cut at ${cut}`,
      );
      failures.forEach(([, error], index) => {
        t.regex(error, failing[index]![1]);
      });
      t.is(store.feed.endOffset, feed.length);
      t.deepEqual(store.feed.read(0, feed.length), feed);
      t.is(store.digest(), sound.digest());
      t.is(store.sessionInfo(session).multi, -1);
    }
  });

  test(`${engine.name}: bytes that are no command are not passed over`, (t) => {
    const store = open();
    const session = store.openSession();
    const bytes = Buffer.from(`${fed('SET', 'a', '1')}*1\r\n!nonsense\r\n${fed('SET', 'b', '1')}`);
    applied(store, session, bytes);
    t.true(store.failure(session)?.isBroken);
    t.is(outcomeStop(store.resumeApply(session, 0)), Stop.failed);
    t.is(store.feed.endOffset, fed('SET', 'a', '1').length);
  });

  test(`${engine.name}: a link goes on behind what fails when it is told to, and says so`, async (t) => {
    const primary = await FakePrimary.start(t, async (peer) => {
      await serve(byLength(oldRdb))(peer);
      peer.write(feed + fed('CONFIG', 'SET', 'maxmemory', '1') + fed('PING'));
    });
    const replica = new Replica(t, open(), { passesOverFailures: true });
    replica.follower.follow(primary.target);
    await replica.applied(
      100 + feed.length + fed('CONFIG', 'SET', 'maxmemory', '1').length + fed('PING').length,
    );
    const status = replica.follower.status();
    t.like(status, { up: true, state: 'connected', failedCommands: failing.length + 1, halted: null });
    const told = replica.log.filter((line) => line.includes('== CRITICAL =='));
    t.is(told.length, failing.length + 1);
    for (const [index, [command, error]] of failing.entries()) {
      t.true(told[index]!.endsWith(`after processing the command '${command}'`), told[index]);
      t.regex(told[index]!.split("sending an error to its master: '")[1] ?? '', error);
    }
    replica.follower.resetCounts();
    t.is(replica.follower.status().failedCommands, 0);
    // CONFIG RESETSTAT is no reason to forget what the link is told: it still goes on, until it is told otherwise.
    replica.settings.passesOverFailures = false;
    primary.last!.write(fed('FROB', 'again'));
    await replica.reach('halted');
    t.is(replica.follower.status().failedCommands, 1);
    replica.close();
    await primary.stop();
    t.deepEqual(primary.errors, []);
  });
}
