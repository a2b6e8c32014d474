/** `redtwin/rdb` as a program uses it: what is written can be read, on either engine, from every kind of source. */
import { createReadStream, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import {
  decodeDump,
  encodeDump,
  type NewEntry,
  type RdbEntry,
  RdbReader,
  RdbWriter,
  RedtwinError,
  readRdb,
} from '../../src/rdb/index.ts';
import { enginesUnderTest } from '../engines.ts';

const entries: NewEntry[] = [
  { key: 'text', type: 'string', value: 'hello', expireAtMs: 4_000_000_000_000 },
  { key: Buffer.from([0xff, 0x00]), type: 'string', value: Buffer.from([1, 2, 255]) },
  { key: 'number', type: 'string', value: '12345' },
  { key: 'list', type: 'list', value: ['a', '1', 'x'.repeat(9000)] },
  { key: 'set', type: 'set', value: ['3', '1', '2'] },
  {
    key: 'zset',
    type: 'zset',
    value: [
      { member: 'm', score: 1.5 },
      { member: 'n', score: -Infinity },
    ],
  },
  {
    key: 'hash',
    type: 'hash',
    value: [
      { field: 'f', value: 'v' },
      { field: 'g', value: 'w', expireAtMs: 4_000_000_000_001 },
    ],
  },
  {
    key: 'stream',
    type: 'stream',
    value: {
      entries: [
        { id: '5-1', fields: [['f', 'v']] },
        {
          id: '6-0',
          fields: [
            ['f', 'w'],
            ['g', 'x'],
          ],
        },
      ],
      length: 2n,
      lastId: '6-0',
      firstId: '5-1',
      maxDeletedId: '0-0',
      entriesAdded: 2n,
      groups: [
        {
          name: 'group',
          lastId: '5-1',
          entriesRead: 1n,
          pending: [{ id: '5-1', deliveredMs: 7, deliveries: 2 }],
          consumers: [{ name: 'me', seenMs: 8, activeMs: 9, pending: ['5-1'] }],
        },
      ],
    },
  },
  { db: 3, key: 'other', type: 'string', value: 'database', idleSeconds: 77 },
];

/** A value without the order of what has none, so that it can be compared. */
function plain(value: unknown): unknown {
  return Array.isArray(value) ? value.map((one) => JSON.stringify(one)).sort() : value;
}

for (const { name: engine } of enginesUnderTest) {
  const file = () => {
    const writer = new RdbWriter({ version: 12, engine, aux: [['made-by', 'a test']] });
    for (const entry of entries) writer.write(entry);
    return writer.end();
  };

  test(`what is written can be read [${engine}]`, (t) => {
    for (const reading of enginesUnderTest) {
      const reader = new RdbReader({ as: 'string', engine: reading.name });
      const found = [...reader.push(file()), ...reader.end()];
      t.true(reader.done);
      t.deepEqual(reader.facts.at(-1), {
        fact: 'aux',
        name: Buffer.from('made-by'),
        value: Buffer.from('a test'),
      });
      t.is(found.length, entries.length);
      for (const [index, entry] of found.entries()) {
        const wanted = entries[index]!;
        t.is(entry.type, wanted.type);
        t.is(entry.db, wanted.db ?? 0);
        t.is(entry.expireAtMs, wanted.expireAtMs ?? null);
        if (wanted.type === 'hash')
          t.deepEqual(
            plain(entry.value),
            plain(wanted.value.map((f) => ({ ...f, expireAtMs: f.expireAtMs ?? null }))),
          );
        else if (Buffer.isBuffer(wanted.key)) t.is(entry.value, wanted.value.toString());
        else t.deepEqual(plain(entry.value), plain(wanted.value), String(wanted.key));
      }
      t.is(found.at(-1)?.idleSeconds, 77);
      t.deepEqual(
        found.slice(2, 5).map((entry) => entry.encoding),
        ['int', 'quicklist', 'intset'],
      );
    }
  });

  test(`a key without a name and without a value is written too [${engine}]`, (t) => {
    const writer = new RdbWriter({ engine });
    writer.write({ key: '', type: 'string', value: '' });
    const reader = new RdbReader({ as: 'string', engine });
    const found = [...reader.push(writer.end()), ...reader.end()];
    t.deepEqual(
      found.map(({ key, value }) => [key, value]),
      [['', '']],
    );
  });

  test(`every kind of source gives the same keys [${engine}]`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'redtwin-toolkit-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const [path, packed] = [join(folder, 'a.rdb'), join(folder, 'a.rdb.gz')];
    writeFileSync(path, file());
    writeFileSync(packed, gzipSync(file()));
    const web = new Response(file()).body!;
    for (const source of [file(), path, packed, createReadStream(path, { highWaterMark: 7 }), web]) {
      const keys: string[] = [];
      for await (const entry of readRdb(source, { values: false, engine }))
        keys.push(entry.key.toString('latin1'));
      t.deepEqual(
        keys,
        entries.map(({ key }) => Buffer.from(key as string).toString('latin1')),
      );
    }
    await t.throwsAsync(
      async () => void (await readRdb(join(folder, 'none'))[Symbol.asyncIterator]().next()),
      {
        instanceOf: RedtwinError,
        message: /cannot be read/,
      },
    );
  });

  test.serial(`who stops early closes the file [${engine}]`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'redtwin-toolkit-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const writer = new RdbWriter({ engine });
    for (let at = 0; at < 20_000; at++)
      writer.write({ key: `key ${at}`, type: 'string', value: `${at}`.repeat(20) });
    const path = join(folder, `early-${engine}.rdb`);
    writeFileSync(path, writer.end());
    const isOpen = () =>
      readdirSync('/proc/self/fd').some((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`) === path;
        } catch {
          // It was the folder itself.
          return false;
        }
      });
    // In the first chunk, and in one behind it.
    for (const last of [1, 15_000]) {
      let count = 0;
      for await (const entry of readRdb(path, { engine })) {
        if (count === 0 && process.platform === 'linux') t.true(isOpen(), entry.key.toString());
        if (++count === last) break;
      }
      if (process.platform === 'linux') t.false(isOpen(), `after ${count} keys`);
    }
  });

  test(`a long value comes in parts [${engine}]`, (t) => {
    const writer = new RdbWriter({ engine });
    const members = Array.from({ length: 5000 }, (_, index) => `member-${index}`);
    writer.write({ key: 'large', type: 'list', value: members });
    writer.write({ key: 'small', type: 'string', value: 'v' });
    const reader = new RdbReader({ as: 'string', partBytes: 4096, engine });
    const whole = writer.end();
    const parts: RdbEntry<'string'>[] = [];
    for (let at = 0; at < whole.length; at += 1000) parts.push(...reader.push(whole.subarray(at, at + 1000)));
    parts.push(...reader.end());
    const large = parts.filter(({ key }) => key === 'large');
    t.true(large.length > 10);
    t.deepEqual(
      large.flatMap(({ value }) => value as string[]),
      members,
    );
    t.deepEqual(
      large.map(({ isPartial }) => isPartial),
      large.map((_, index) => index < large.length - 1),
    );
    t.deepEqual(
      large.map(({ isContinued }) => isContinued),
      large.map((_, index) => index > 0),
    );
    t.is(large.at(-1)?.elements, 5000);
    t.is(parts.at(-1)?.value, 'v');
  });

  test(`DUMP payloads there and back [${engine}]`, (t) => {
    for (const entry of entries) {
      const payload = encodeDump(entry, { engine, version: 12 });
      for (const reading of enginesUnderTest) {
        const found = decodeDump(payload, { as: 'string', engine: reading.name });
        t.is(found.type, entry.type);
        const again = encodeDump(found, { version: 12, engine: reading.name });
        t.deepEqual(plain(decodeDump(again, { as: 'string', engine }).value), plain(found.value));
      }
    }
    const damaged = encodeDump(entries[0]!, { engine });
    damaged[1]! ^= 1;
    t.is(t.throws(() => decodeDump(damaged, { engine }), { instanceOf: RedtwinError })?.code, 'rdb-bad-dump');
  });

  test(`a file that ends too early is told, with the place [${engine}]`, (t) => {
    const reader = new RdbReader({ engine });
    const whole = file();
    reader.push(whole.subarray(0, whole.length - 20));
    const error = t.throws(() => reader.end(), { instanceOf: RedtwinError });
    t.is(error?.code, 'rdb-truncated');
    t.is(error?.offset, whole.length - 20);
  });

  test(`a regular expression keeps its flags [${engine}]`, (t) => {
    const writer = new RdbWriter({ engine });
    for (const key of ['User:1', 'user:2', 'other']) writer.write({ key, type: 'string', value: 'v' });
    const whole = writer.end();
    const found = (match: RegExp) => {
      const reader = new RdbReader({ as: 'string', engine, match });
      return [...reader.push(whole), ...reader.end()].map(({ key }) => key);
    };
    t.deepEqual(found(/^user:/), ['user:2']);
    t.deepEqual(found(/^user:/gi), ['User:1', 'user:2']);
  });
}

test('both engines say the same of a file that is none, at the same place', (t) => {
  const writer = new RdbWriter();
  for (const entry of entries) writer.write(entry);
  const whole = writer.end();
  const changed = (at: number, bytes: string) => {
    const copy = Buffer.from(whole);
    copy.write(bytes, at < 0 ? copy.length + at : at, 'latin1');
    return copy;
  };
  const damaged = {
    empty: Buffer.alloc(0),
    'cut off': whole.subarray(0, whole.length - 20),
    'another magic': changed(0, 'NOTRDB001'),
    'no version': changed(0, 'REDIS00x1'),
    'a version to come': changed(0, 'REDIS0099'),
    'an unknown type': changed(9, '\u006f'),
    'a type that is not read': changed(9, '\u0006'),
    'another sum': changed(-1, '\u0001'),
    'more behind its end': Buffer.concat([whole, Buffer.from('junk')]),
  };
  for (const [what, file] of Object.entries(damaged)) {
    const said = enginesUnderTest.map(({ name }) => {
      const reader = new RdbReader({ engine: name });
      const error = t.throws(() => [reader.push(file), reader.end()], { instanceOf: RedtwinError }, what);
      return [error?.code, error?.offset, error?.message];
    });
    t.deepEqual(said.at(-1), said[0], what);
  }
});
