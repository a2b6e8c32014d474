/**
 * Memory does not grow with a value: a hash of 160 MB comes through the native engine in parts, and through jobs that print it,
 * while the process stays as large as it was after the first eighth.
 *
 *     chunks made as they are asked for --> readRdb, partBytes     --> parts, dropped
 *                                       \-> a scan, json or resp   --> bytes, dropped
 *
 * The bars speak of 400 MB and of whole processes; those are measured by hand (docs/rdb.md). Here it is growth, which a test
 * can look at within a second. The portable engine holds the largest value; docs/rdb.md says so.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import type { RdbJob } from '../../src/engine/rdb.ts';
import { defaultEngine } from '../../src/rdb/default-engine.ts';
import { readRdb } from '../../src/rdb/index.ts';

const fields = 1_600_000;
const perChunk = 2000;
/** The table of nothing grows with it: what is allowed is what a collector leaves behind. */
const growthMax = 60e6;

/** An RDB with one hash, whose fields have 9 digits and whose values 84 letters; no checksum. */
function* bigHash(): Generator<Buffer> {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(fields);
  yield Buffer.concat([Buffer.from('REDIS0010\xfe\x00\x04\x04hash\x80', 'latin1'), count]);
  const value = `@T${'v'.repeat(84)}`;
  for (let at = 0; at < fields; at += perChunk) {
    let text = '';
    for (let field = at; field < at + perChunk; field++)
      text += `\x09${String(field).padStart(9, '0')}${value}`;
    yield Buffer.from(text, 'latin1');
  }
  yield Buffer.from('\xff\0\0\0\0\0\0\0\0', 'latin1');
}

/** Tells how much larger the process was at its largest than it is when this is made. */
class Growth {
  readonly #before = process.memoryUsage.rss();
  #most = this.#before;
  look(): void {
    this.#most = Math.max(this.#most, process.memoryUsage.rss());
  }
  get bytes(): number {
    return this.#most - this.#before;
  }
}

// Collected often, so that growth is what somebody still holds, and not what V8 has not come round to.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test.serial('a large hash comes in parts, and none of them stays', async (t) => {
  const file = readRdb(bigHash() as unknown as ReadableStream<Uint8Array>, {
    partBytes: 1_000_000,
    engine: 'native',
  });
  let [seen, parts] = [0, 0];
  let growth: Growth | null = null;
  for await (const entry of file) {
    seen += (entry.value as unknown[]).length;
    parts++;
    if (seen > fields / 8) growth ??= new Growth();
    if (parts % 8 === 0) collect();
    if (parts % 16 === 0) growth?.look();
  }
  t.is(seen, fields);
  t.true(parts > 100);
  t.true(growth!.bytes < growthMax, `${growth!.bytes}`);
});

for (const job of [
  { job: 'json', layout: 'lines' },
  { job: 'commands', target: [7, 0] },
] satisfies RdbJob[]) {
  test.serial(`a large hash is printed while it passes: ${job.job}`, (t) => {
    const scan = defaultEngine('native').rdb.scan(job, {}, true);
    const into = Buffer.alloc(1 << 20);
    let [bytes, chunks] = [0, 0];
    let growth: Growth | null = null;
    const take = () => {
      for (let count = scan.take(into); count > 0; count = scan.take(into)) bytes += count;
    };
    for (const chunk of bigHash()) {
      scan.push(chunk);
      take();
      // The chunks are this test's own garbage.
      if (++chunks % 16 === 0) collect();
      if (chunks > fields / perChunk / 8) growth ??= new Growth();
      if (chunks % 16 === 0) growth?.look();
    }
    scan.finish();
    take();
    t.true(bytes > fields * 95);
    t.true(growth!.bytes < growthMax, `${growth!.bytes}`);
  });
}
