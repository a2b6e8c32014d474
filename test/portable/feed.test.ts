/**
 * The feed of the portable engine: what it keeps, what our own writes put into it, and a primary's feed applied in
 * pieces of any size with offsets exact to the byte.
 */
import test from 'ava';
import fc from 'fast-check';
import { Note, outcomeBytes, outcomeNotes, outcomeStop, Stop, type Store } from '../../src/engine/engine.ts';
import { encodeCommand, FeedLog } from '../../src/engine/portable/feed.ts';
import { portableEngine } from '../../src/engine/portable/index.ts';
import { RequestParser } from '../../src/engine/portable/resp.ts';

const nowMs = 1_800_000_000_000;
const open = (): Store => portableEngine.open({ databases: 16, seed: 1n, backlogBytes: 1 << 20 });
const encode = (...lines: string[]): Buffer =>
  Buffer.concat(lines.map((line) => encodeCommand(line.split(' ').map((word) => Buffer.from(word)))));

/** Runs inline commands on a session and returns the replies. */
function run(store: Store, session: number, ...lines: string[]): string {
  const input = Buffer.from(lines.map((line) => `${line}\r\n`).join(''));
  const output = Buffer.alloc(1 << 16);
  const outcome = store.execute(session, input, input.length, output, nowMs);
  return output.toString('latin1', 0, outcomeBytes(outcome));
}

/** The feed from an offset on, as lines of words. */
function told(store: Store, from = 0): string[] {
  const parser = new RequestParser();
  parser.feed(store.feed.read(from, 1 << 20)!);
  const lines: string[] = [];
  for (;;) {
    const parsed = parser.next({ bulkBytesMax: 1 << 20, authenticated: true });
    if (parsed.is !== 'request') return lines;
    lines.push(parsed.args.map((arg) => arg.toString('latin1')).join(' '));
  }
}

test('the backlog keeps what it must, by offset', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 20 }), (sizes) => {
      const feed = new FeedLog(50_000);
      feed.restart(1000);
      let all = Buffer.alloc(0);
      sizes.forEach((size, index) => {
        const bytes = Buffer.alloc(size, index);
        feed.append(bytes);
        all = Buffer.concat([all, bytes]);
      });
      t.is(feed.endOffset, 1000 + all.length);
      t.true(feed.endOffset - feed.startOffset >= Math.min(50_000, all.length));
      t.true(feed.endOffset - feed.startOffset < 50_000 + 16 * 1024 || all.length < 70_000);
      t.deepEqual(feed.read(feed.startOffset, 1 << 20), all.subarray(feed.startOffset - 1000));
      const middle = Math.floor((feed.startOffset + feed.endOffset) / 2);
      t.deepEqual(feed.read(middle, 100), all.subarray(middle - 1000, middle - 900));
      t.deepEqual(feed.read(feed.endOffset, 10), Buffer.alloc(0));
      t.is(feed.read(feed.endOffset + 1, 10), null);
      t.is(feed.read(feed.startOffset - 1, 10), null);
    }),
    { numRuns: 30 },
  );
});

test('writes go into the feed in a form that gives the same anywhere', (t) => {
  const store = open();
  const session = store.openSession();
  run(store, session, 'SET k v EX 10', 'GET k', 'EXPIRE k 100 GT', 'INCRBYFLOAT f 0.5', 'GETDEL k');
  run(
    store,
    session,
    'SELECT 2',
    'SADD s a',
    'SPOP s',
    'SADD s a b',
    'SPOP s 5',
    'SET x 1 NX GET',
    'SET x 2 NX',
  );
  t.deepEqual(told(store), [
    'SELECT 0',
    `SET k v PXAT ${nowMs + 10_000}`,
    `PEXPIREAT k ${nowMs + 100_000} GT`,
    'SET f 0.5 KEEPTTL',
    'DEL k',
    'SELECT 2',
    'SADD s a',
    'SREM s a',
    'SADD s a b',
    'DEL s',
    'SET x 1 NX',
  ]);
});

test('a transaction is one unit, and alone in it a write needs no MULTI', (t) => {
  const store = open();
  const session = store.openSession();
  run(
    store,
    session,
    'MULTI',
    'SET a 1',
    'SELECT 3',
    'SET b 2',
    'EXEC',
    'MULTI',
    'GET a',
    'EXEC',
    'MULTI',
    'SET c 1',
    'EXEC',
  );
  t.deepEqual(told(store), ['SELECT 0', 'MULTI', 'SET a 1', 'SELECT 3', 'SET b 2', 'EXEC', 'SET c 1']);
});

test('an expired key is told before the command that met it', (t) => {
  const store = open();
  const session = store.openSession();
  run(store, session, `SET k 1 PXAT ${nowMs - 1}`);
  const mark = store.feed.endOffset;
  t.is(run(store, session, 'INCR k'), ':1\r\n');
  t.deepEqual(told(store, mark), ['MULTI', 'DEL k', 'INCR k', 'EXEC']);
});

test('a replica hides an expired key and deletes nothing', (t) => {
  const store = open();
  const session = store.openSession();
  store.gate({ replica: true, readOnly: true });
  const link = store.openSession();
  const feed = encode('SELECT 0', `SET k 1 PXAT ${nowMs - 1}`, 'SET l 1');
  store.apply(link, feed, feed.length, nowMs);
  t.is(run(store, session, 'GET k', 'EXISTS k', 'DBSIZE', 'KEYS *'), '$-1\r\n:0\r\n:2\r\n*1\r\n$1\r\nl\r\n');
  t.is(store.cron(nowMs, 100) & Note.feedGrew, 0);
  t.is(run(store, session, 'SET k 1'), "-READONLY You can't write against a read only replica.\r\n");
  const more = encode('INCR k');
  store.apply(link, more, more.length, nowMs);
  t.is(store.feed.endOffset, feed.length + more.length);
  t.is(run(store, session, 'DBSIZE'), ':2\r\n');
});

test('active expiry deletes, each key a unit of its own', (t) => {
  const store = open();
  const session = store.openSession();
  run(store, session, `SET a 1 PXAT ${nowMs - 1}`, `SET b 1 PXAT ${nowMs - 1}`, 'SET c 1');
  const mark = store.feed.endOffset;
  t.truthy(store.cron(nowMs, 100) & Note.feedGrew);
  t.deepEqual(told(store, mark).sort(), ['DEL a', 'DEL b']);
  t.is(store.stats().expiredKeys, 2);
});

test('when memory is full keys are evicted, or writes refused', (t) => {
  for (const policy of ['noeviction', 'allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-ttl']) {
    const store = open();
    const session = store.openSession();
    const emptyBytes = store.stats().usedMemoryBytes;
    const lines = Array.from({ length: 200 }, (_, i) => `SET k${i} ${'x'.repeat(100)} EX ${1000 + i}`);
    run(store, session, ...lines);
    store.configure('maxmemory', Math.floor((emptyBytes + store.stats().usedMemoryBytes) / 2));
    store.configure('maxmemory-policy', policy);
    const reply = run(store, session, 'SET new 1');
    const { evictedKeys, databases } = store.stats();
    if (policy === 'noeviction') {
      t.regex(reply, /^-OOM command not allowed/);
      t.is(evictedKeys, 0);
      t.is(run(store, session, 'GET k0').length, 108);
    } else {
      t.is(reply, '+OK\r\n', policy);
      t.true(evictedKeys > 50 && evictedKeys < 150, policy);
      t.is(databases[0]?.keys, 201 - evictedKeys);
      t.is(told(store).filter((line) => line.startsWith('DEL ')).length, evictedKeys);
      t.false(told(store).includes('MULTI'));
    }
    store.configure('maxmemory', 1);
    store.gate({ replica: true });
    t.is(run(store, session, 'SET new 2'), '+OK\r\n');
  }
});

/** A primary's feed with everything the wire may hold, and the offsets at which a unit ends. */
const parts = [
  Buffer.from('\n'),
  encode('SELECT 3'),
  encode('SET a 1'),
  encode('MULTI', 'SET b 2', 'INCR a', 'EXEC'),
  Buffer.from('PING\r\n'),
  Buffer.from('select 4\r\n'),
  Buffer.from('\r\n\r\n'),
  encode('RPUSH l x y z', 'LPOP l'),
  encode('MULTI', 'EXEC'),
  encode('PING'),
];

test('a feed may be cut anywhere: offsets count whole units, and the rest can be applied again', (t) => {
  const bytes = Buffer.concat(parts);
  const whole = open();
  const session = whole.openSession();
  whole.gate({ replica: true });
  t.is(outcomeStop(whole.apply(session, bytes, bytes.length, nowMs)), Stop.drained);
  t.is(whole.feed.endOffset, bytes.length);
  t.deepEqual(whole.feed.read(0, bytes.length), bytes);
  t.is(whole.sessionInfo(session).db, 4);
  const commands = ['a', 'b'].map((key) => run(whole, whole.openSession(), 'SELECT 3', `GET ${key}`));
  t.deepEqual(commands, ['+OK\r\n$1\r\n2\r\n', '+OK\r\n$1\r\n2\r\n']);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const store = open();
    store.gate({ replica: true });
    const first = store.openSession();
    // Byte by byte up to the cut, then a new link that goes on at the applied offset.
    for (const byte of bytes.subarray(0, cut)) store.apply(first, Uint8Array.of(byte), 1, nowMs);
    const { db } = store.sessionInfo(first);
    const applied = store.feed.endOffset;
    t.true(applied <= cut);
    t.deepEqual(store.feed.read(0, applied), bytes.subarray(0, applied));
    store.closeSession(first);
    const second = store.openSession();
    store.selectDb(second, db);
    const rest = bytes.subarray(applied);
    t.is(outcomeStop(store.apply(second, rest, rest.length, nowMs)), Stop.drained);
    t.is(store.feed.endOffset, bytes.length);
    t.is(store.digest(), whole.digest());
  }
});

test('a command that cannot be applied stops the feed before it', (t) => {
  for (const bad of ['NONSENSE x', 'LPUSH a x', 'SET a', 'SELECT 99', 'EVAL x 0']) {
    const store = open();
    const session = store.openSession();
    const good = encode('SELECT 0', 'SET a 1');
    const bytes = Buffer.concat([good, encode(bad), encode('SET b 1')]);
    t.is(outcomeStop(store.apply(session, bytes, bytes.length, nowMs)), Stop.failed, bad);
    t.is(store.feed.endOffset, good.length);
    t.is(store.failure(session)?.command, bad);
    t.regex(store.failure(session)?.error ?? '', /^(ERR|WRONGTYPE) /);
    t.is(outcomeStop(store.apply(session, encode('PING'), 14, nowMs)), Stop.failed);
    t.is(run(store, store.openSession(), 'EXISTS b'), ':0\r\n');
  }
});

test('function libraries of the primary are kept as they are, and run when a client asks', (t) => {
  const store = open();
  const link = store.openSession();
  const source = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
  const words = (...args: string[]): Buffer => encodeCommand(args.map((arg) => Buffer.from(arg)));
  const apply = (bytes: Buffer): number => outcomeStop(store.apply(link, bytes, bytes.length, nowMs));
  t.is(apply(words('FUNCTION', 'LOAD', source)), Stop.drained);
  t.is(apply(words('FUNCTION', 'LOAD', 'REPLACE', source)), Stop.drained);
  const options = { version: 10, compress: false, checksum: false, nowMs, aux: [] };
  const rdb = (): string =>
    store
      .snapshot(options)
      .readNow(1 << 20)
      ?.toString('latin1') ?? '';
  t.true(rdb().includes(source));
  t.is(run(store, store.openSession(), 'FCALL f 0'), ':1\r\n');
  const broken = '#!lua name=broken\nnothing that Lua knows';
  t.is(apply(words('FUNCTION', 'LOAD', broken)), Stop.drained);
  t.true(rdb().includes(broken));
  t.is(run(store, store.openSession(), 'FCALL f 0'), ':1\r\n');
  t.is(apply(words('FUNCTION', 'DELETE', 'lib')), Stop.drained);
  t.false(rdb().includes(source));
  t.is(run(store, store.openSession(), 'FCALL f 0'), '-ERR Function not found\r\n');
  t.is(apply(words('FUNCTION', 'DELETE', 'lib')), Stop.failed);
});

test('a host command of the feed is counted when it is answered', (t) => {
  const store = open();
  const session = store.openSession();
  const before = encode('SET a 1');
  const ask = encode('REPLCONF GETACK *');
  const bytes = Buffer.concat([before, ask, encode('SET b 1')]);
  t.is(outcomeStop(store.apply(session, bytes, bytes.length, nowMs)), Stop.host);
  t.deepEqual(store.command(session).map(String), ['REPLCONF', 'GETACK', '*']);
  t.is(store.feed.endOffset, before.length);
  const outcome = store.resumeApply(session, nowMs);
  t.is(outcomeStop(outcome), Stop.drained);
  t.truthy(outcomeNotes(outcome) & Note.feedGrew);
  t.is(store.feed.endOffset, bytes.length);
});

test('a host command inside a transaction keeps its place', (t) => {
  const store = open();
  const session = store.openSession();
  const input = Buffer.from('MULTI\r\nSET a 1\r\nPUBLISH c m\r\nSET b 1\r\nEXEC\r\nPING\r\n');
  const output = Buffer.alloc(1000);
  const first = store.execute(session, input, input.length, output, nowMs);
  t.is(outcomeStop(first), Stop.host);
  t.is(
    output.toString('latin1', 0, outcomeBytes(first)),
    '+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n',
  );
  store.propagate(session, ['PUBLISH', 'c', 'm'].map(Buffer.from));
  const second = store.resume(session, output, nowMs);
  t.is(outcomeStop(second), Stop.drained);
  t.is(output.toString('latin1', 0, outcomeBytes(second)), '+OK\r\n+PONG\r\n');
  t.deepEqual(told(store), ['SELECT 0', 'MULTI', 'SET a 1', 'PUBLISH c m', 'SET b 1', 'EXEC']);
});

test('output that does not fit is kept, and a wait ends at its deadline', (t) => {
  const store = open();
  const session = store.openSession();
  const input = Buffer.from(`ECHO ${'x'.repeat(100)}\r\nBLPOP no 0.5\r\nPING\r\n`);
  const output = Buffer.alloc(10);
  const outcome = store.execute(session, input, input.length, output, nowMs);
  t.is(outcomeStop(outcome), Stop.blocked);
  t.truthy(outcomeNotes(outcome) & Note.overflow);
  t.is(`${output}${store.takeOverflow()}`, `$100\r\n${'x'.repeat(100)}\r\n`);
  t.is(store.cron(nowMs + 499, 10) & Note.pushes, 0);
  t.truthy(store.cron(nowMs + 500, 10) & Note.pushes);
  t.deepEqual(store.takePushes(), [{ session, bytes: Buffer.from('*-1\r\n') }]);
  const after = store.resume(session, output, nowMs + 500);
  t.is(output.toString('latin1', 0, outcomeBytes(after)), '+PONG\r\n');
});
