/**
 * A command's file: whichever way its bytes take, past the page cache or through it, they are all there, in their places, and
 * nothing is there when the command gives up.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { FileOutput } from '../../src/cli/rdb/output.ts';
import { DirectFile, pageAligned, WayChoice } from '../../src/cli/rdb/way.ts';

const folder = mkdtempSync(join(tmpdir(), 'redtwin-output-'));
test.after.always(() => rmSync(folder, { recursive: true }));

const mega = 1024 * 1024;

/** `count` MB that differ from each other, handed to `write` in two buffers that take turns, as commands do. */
async function megabytes(
  count: number,
  buffers: [Uint8Array, Uint8Array],
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<Buffer> {
  const all: Buffer[] = [];
  for (let at = 0; at < count; at++) {
    const bytes = Buffer.alloc(mega, `${at} `);
    all.push(bytes);
    buffers[at % 2]!.set(bytes);
    await write(buffers[at % 2]!);
  }
  return Buffer.concat(all);
}

for (const [what, make] of [
  ['whole pages', pageAligned],
  // The system refuses such memory, and the command goes on without it.
  ['memory that begins anywhere', (bytes: number) => new Uint8Array(bytes + 1).subarray(1)],
] as const) {
  test(`a file of 20 MB and some bytes is complete: ${what}`, async (t) => {
    const path = join(folder, `${what}.out`);
    const output = await FileOutput.create(path, false);
    const all = await megabytes(20, [make(mega), make(mega)], (bytes) => output.write(bytes));
    await output.write(Buffer.from('and a tail'));
    await output.close();
    t.true(readFileSync(path).equals(Buffer.concat([all, Buffer.from('and a tail')])));
  });
}

test('what was cut back is gone, and what is written behind it is in its place', async (t) => {
  const path = join(folder, 'cut.out');
  const output = await FileOutput.create(path, true);
  const buffers: [Uint8Array, Uint8Array] = [pageAligned(mega), pageAligned(mega)];
  const before = await megabytes(12, buffers, (bytes) => output.write(bytes));
  const keep = 11 * mega + 4711;
  await output.cutBack(keep);
  const after = await megabytes(3, buffers, (bytes) => output.write(bytes));
  await output.close();
  t.true(readFileSync(path).equals(Buffer.concat([before.subarray(0, keep), after])));
});

test('an abandoned file leaves nothing', async (t) => {
  const output = await FileOutput.create(join(folder, 'never.out'), false);
  await megabytes(12, [pageAligned(mega), pageAligned(mega)], (bytes) => output.write(bytes));
  await output.abandon();
  t.false(readdirSync(folder).some((name) => name.startsWith('never')));
});

test('direct writes are of whole blocks at whole blocks', (t) => {
  t.true(DirectFile.takes(new Uint8Array(8192), 4096));
  t.false(DirectFile.takes(new Uint8Array(8192), 4097));
  t.false(DirectFile.takes(new Uint8Array(8191), 4096));
  t.false(DirectFile.takes(new Uint8Array(0), 0));
});

/** Which way each portion of 8 MB takes, where the ways take so many ms for one. */
function taken(portions: number, cached: (at: number) => number, direct: (at: number) => number): string {
  const choice = new WayChoice(0);
  let [nowMs, ways] = [0, ''];
  for (let at = 0; at < portions; at++) {
    ways += choice.way[0];
    nowMs += choice.way === 'cached' ? cached(at) : direct(at);
    for (let part = 0; part < 8; part++) choice.wrote(mega, nowMs);
  }
  return ways;
}

test('both ways are tried, and the faster one is taken, as long as it is that', (t) => {
  t.is(
    taken(
      6,
      () => 40,
      () => 10,
    ),
    'cddddd',
  );
  t.is(
    taken(
      6,
      () => 10,
      () => 40,
    ),
    'cdcccc',
  );
  // Pages at hand are used up.
  t.is(
    taken(
      8,
      (at) => (at < 4 ? 5 : 40),
      () => 10,
    ),
    'cdcccddd',
  );
  // The slower way is tried again when long enough has passed for things to have changed: two hundredths are double after 36 portions.
  const ways = taken(
    40,
    () => 10,
    () => 20,
  );
  t.is(ways.lastIndexOf('d'), 38);
  t.is(ways.replaceAll('c', '').length, 2);
});

test('a way that does not work is not taken again', (t) => {
  const choice = new WayChoice(0);
  choice.wrote(8 * mega, 10);
  t.is(choice.way, 'direct');
  choice.closeDirect();
  for (let at = 1; at < 1000; at++) {
    choice.wrote(8 * mega, at * 1000);
    if (choice.way !== 'cached') t.fail();
  }
  t.is(choice.way, 'cached');
});
