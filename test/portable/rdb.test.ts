/**
 * The portable engine's RDBs and a real redis-server 7.0.15: what one writes the other reads, with equal digests;
 * what both DUMP is equal byte for byte.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Snapshot, Store } from '../../src/engine/engine.ts';
import { portableEngine } from '../../src/engine/portable/index.ts';
import { openStore, Talk } from '../conformance/in-process.ts';
import { frames, pack } from '../servers/resp.ts';
import { type RunningServer, startServer } from '../servers/server.ts';

const nowMs = 1_800_000_000_000;
const far = 4102444800000;

/** Every type in every encoding of Redis 7.0, in several databases, with what compresses and what does not. */
function dataSet(): string[][] {
  const lines: string[][] = [
    ['SET', 'int', '12345'],
    ['SET', 'int64', '-9223372036854775808'],
    ['SET', 'short', 'hello'],
    ['SET', 'empty', ''],
    ['SET', 'compressible', 'abcdefgh'.repeat(500)],
    ['SET', 'mixed', Array.from({ length: 300 }, (_, i) => `${i * 7919}:${i % 13}`).join(',')],
    ['SET', 'binary', Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')],
    ['SET', 'twenty', 'aaaaaaaaaaaaaaaaaaaa'],
    ['SET', 'twentyone', 'aaaaaaaaaaaaaaaaaaaaa'],
    ['SET', 'expires', 'v', 'PXAT', String(far)],
    [
      'RPUSH',
      'list',
      'a',
      'b',
      '1',
      '-1',
      '127',
      '128',
      '4095',
      '-4096',
      '40000',
      '70000',
      '3000000000',
      '007',
    ],
    ['SADD', 'intset', '1', '2', '70000', '-5', '5000000000'],
    ['SADD', 'set', 'only'],
    ['HSET', 'hash', 'f', 'v', 'n', '5', 'long', 'x'.repeat(60)],
    ['HSET', 'bigvalue', 'f', 'x'.repeat(65)],
    ['ZADD', 'zset', '1', 'a', '2.5', 'b', '-inf', 'c', 'inf', 'd', '0.1', 'e', '-0.0', 'f', '3e100', 'g'],
    ['ZADD', 'bigmember', '1', 'x'.repeat(65)],
    ['PFADD', 'hll', 'a', 'b', 'c'],
    ['SETBIT', 'bits', '100', '1'],
    ['GEOADD', 'geo', '13.361389', '38.115556', 'Palermo'],
  ];
  for (let i = 0; i < 40; i++)
    lines.push(['RPUSH', 'biglist', `${i}:${'y'.repeat(i * 37)}`, String(i * 1000)]);
  for (let i = 1; i <= 250; i++)
    lines.push(['XADD', 'stream', `${i}-${i % 3}`, 'field', `value ${i}`, 'n', String(i)]);
  lines.push(
    ['XADD', 'stream', '1000-0', 'other', 'fields', 'here', '1'],
    ['XDEL', 'stream', '5-2', '120-0'],
    ['XTRIM', 'stream', 'MAXLEN', '220'],
    ['XGROUP', 'CREATE', 'stream', 'g', '100-1'],
    ['XGROUP', 'CREATECONSUMER', 'stream', 'g', 'bob'],
    [
      'XCLAIM',
      'stream',
      'g',
      'alice',
      '0',
      '200-2',
      '201-0',
      'TIME',
      '1000',
      'RETRYCOUNT',
      '3',
      'FORCE',
      'JUSTID',
    ],
    ['SELECT', '9'],
    ['SET', 'other', 'database'],
    ['SELECT', '0'],
  );
  return lines;
}

const latin = (line: readonly string[]): Buffer[] => line.map((word) => Buffer.from(word, 'latin1'));

function runHere(store: Store, lines: readonly string[][]): Buffer[] {
  const talk = new Talk(store, 2, 'whole');
  talk.send('', Buffer.concat(lines.map((line) => pack(latin(line)))), nowMs);
  return frames(talk.heard('')).whole;
}

function pulled(snapshot: Snapshot): Buffer {
  const parts: Buffer[] = [];
  for (let part = snapshot.readNow(10_000); part !== null; part = snapshot.readNow(10_000)) parts.push(part);
  return Buffer.concat(parts);
}

function loaded(rdb: Buffer, step: number): Store {
  const store = openStore(portableEngine);
  const loader = store.loader({ nowMs, dropExpired: false, checksum: true });
  for (let at = 0; at < rdb.length; at += step) loader.write(rdb.subarray(at, at + step));
  loader.commit();
  return store;
}

let server: RunningServer;
test.before(async () => {
  server = await startServer();
  const client = await server.client();
  for (const reply of await client.batch(dataSet().map(latin)))
    if (reply[0] === 0x2d) throw new Error(String(reply));
  client.close();
});
test.after.always(() => server?.stop());

test('an RDB saved by a real server loads, in any chunks, with an equal digest', (t) => {
  server.cli('SAVE');
  const rdb = readFileSync(join(server.folder, 'dump.rdb'));
  const right = server.cli('DEBUG', 'DIGEST');
  for (const step of [rdb.length, 1, 4096]) t.is(loaded(rdb, step).digest(), right);
});

test('what our snapshots hold, a real server loads with an equal digest', async (t) => {
  const store = openStore(portableEngine);
  for (const reply of runHere(store, dataSet())) t.not(reply[0], 0x2d, String(reply));
  t.is(store.digest(), server.cli('DEBUG', 'DIGEST'));
  for (const version of [9, 10]) {
    const folder = mkdtempSync(join(tmpdir(), 'redtwin-rdb-'));
    const rdb = pulled(store.snapshot({ version, compress: version === 10, checksum: true, nowMs, aux: [] }));
    writeFileSync(join(folder, 'ours.rdb'), rdb);
    const other = await startServer({ args: ['--dir', folder, '--dbfilename', 'ours.rdb'] });
    try {
      t.is(other.cli('DEBUG', 'DIGEST'), store.digest());
      t.is(other.cli('XINFO', 'GROUPS', 'stream'), server.cli('XINFO', 'GROUPS', 'stream'));
    } finally {
      await other.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }
});

test('DUMP gives the bytes of a real server, and RESTORE takes them', async (t) => {
  const store = openStore(portableEngine);
  runHere(store, dataSet());
  const client = await server.client();
  try {
    // Hash tables have no order of their own, and seconds of a consumer's last sight are its own too.
    const keys = dataSet()
      .map((line) => line[1]!)
      .filter((key) => !['9', '0', 'stream', 'CREATE', 'CREATECONSUMER', 'other', 'bigvalue'].includes(key));
    for (const key of new Set(keys)) {
      const right = await client.raw(['DUMP', key]);
      t.deepEqual(runHere(store, [['DUMP', key]])[0], right, key);
    }
    for (const key of ['stream', 'bigvalue', 'list', 'zset', 'hash', 'intset', 'hll']) {
      const [dumped] = runHere(store, [['DUMP', key]]);
      const payload = dumped!.subarray(dumped!.indexOf('\r\n') + 2, -2);
      const restored = await client.raw(['RESTORE', `again:${key}`, '0', payload]);
      t.is(restored.toString(), '+OK\r\n', key);
      t.is(server.cli('DEBUG', 'DIGEST-VALUE', `again:${key}`), server.cli('DEBUG', 'DIGEST-VALUE', key));
      server.cli('DEL', `again:${key}`);
    }
  } finally {
    client.close();
  }
});

test('a version that cannot hold what is there is refused, not written without it', (t) => {
  const store = openStore(portableEngine);
  runHere(store, [
    ['HSET', 'h', 'f', 'v'],
    ['HPEXPIREAT', 'h', String(far), 'FIELDS', '1', 'f'],
  ]);
  const options = { compress: true, checksum: true, nowMs, aux: [] };
  for (const version of [9, 10, 11]) {
    t.throws(() => pulled(store.snapshot({ version, ...options })), { code: 'rdb-unsupported-version' });
  }
  for (const version of [12, 80]) {
    t.is(loaded(pulled(store.snapshot({ version, ...options })), 100).digest(), store.digest());
  }
  t.throws(() => store.snapshot({ version: 13, ...options }), {
    code: 'rdb-unsupported-version',
    message: /9 .*80/,
  });
});

test('keys that expired are dropped from a file of our own, and kept from a primary', (t) => {
  const store = openStore(portableEngine);
  runHere(store, [
    ['SET', 'k', 'v', 'PXAT', String(far)],
    ['SET', 'stays', 'v'],
  ]);
  const rdb = pulled(store.snapshot({ version: 10, compress: false, checksum: true, nowMs, aux: [] }));
  for (const dropExpired of [true, false]) {
    const other = openStore(portableEngine);
    const loader = other.loader({ nowMs: far + 1, dropExpired, checksum: true });
    t.true(loader.write(rdb));
    const report = loader.commit();
    t.is(report.expiredSkipped, dropExpired ? 1 : 0);
    t.is(report.keys, dropExpired ? 1 : 2);
  }
});
