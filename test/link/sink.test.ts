/**
 * Where a snapshot's bytes go: in order, in slices, with a full stop when they cannot keep up.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Loader, LoadReport } from '../../src/engine/engine.ts';
import { RedtwinError } from '../../src/errors.ts';
import { DirectSink } from '../../src/runtime/snapshot-sink.ts';
import { SpooledSink } from '../../src/runtime/spooled-sink.ts';
import { until } from '../servers/wait.ts';

const report = { keys: 1 } as LoadReport;

/**
 * A loader that keeps what it gets, holds the event loop for a while each time, and can be told to refuse.
 */
class SlowLoader implements Loader {
  readonly parts: Buffer[] = [];
  /** Turns of the event loop in which it was written to, and how often in each. */
  readonly writesPerTurn: number[] = [];
  /** As a loader with threads has it; `write` adds to it when `isThreaded`. */
  pendingBytes = 0;
  isThreaded = false;
  committed = 0;
  aborted = 0;
  refuseAt = Number.POSITIVE_INFINITY;
  readonly #holdMs: number;
  #turn = 0;

  constructor(holdMs: number) {
    this.#holdMs = holdMs;
    const count = (): void => {
      this.#turn++;
      setImmediate(count).unref();
    };
    count();
  }
  get bytes(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0);
  }
  write(chunk: Uint8Array): boolean {
    this.writesPerTurn[this.#turn] = (this.writesPerTurn[this.#turn] ?? 0) + 1;
    if (this.bytes + chunk.length > this.refuseAt)
      throw new RedtwinError('rdb-corrupt', 'no', { offset: this.refuseAt });
    this.parts.push(Buffer.from(chunk));
    if (this.isThreaded) this.pendingBytes += chunk.length;
    const until = performance.now() + this.#holdMs;
    while (performance.now() < until);
    return true;
  }
  settle(): boolean {
    return true;
  }
  countKeys(): number {
    return this.parts.length;
  }
  commit(): LoadReport {
    this.committed++;
    return report;
  }
  abort(): void {
    this.aborted++;
  }
}

class Listener {
  readies = 0;
  reports: LoadReport[] = [];
  faults: string[] = [];
  ready(): void {
    this.readies++;
  }
  loaded(got: LoadReport): void {
    this.reports.push(got);
  }
  spoiled(because: string, detail: string): void {
    this.faults.push(`${because} ${detail}`);
  }
}

const folder = (t: ExecutionContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'redtwin-sink-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
};
const numbered = (bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, index) => index % 251));

test('a chunk that takes long is loaded in several turns, in order', async (t) => {
  const loader = new SlowLoader(4);
  const listener = new Listener();
  const sink = new DirectSink(loader, listener);
  const chunk = numbered(160_000);
  t.false(sink.take(chunk), 'not all of it was loaded');
  t.true(loader.bytes < chunk.length);
  sink.finish();
  t.is(loader.committed, 0, 'not before all is loaded');
  await until('the end', () => listener.reports.length === 1);
  t.true(Buffer.concat(loader.parts).equals(chunk));
  t.is(listener.readies, 0);
  t.true(
    Math.max(...loader.writesPerTurn.filter(Boolean)) <= 3,
    'no turn is held for much longer than its slice',
  );
});

test('the socket may go on when what waited is loaded', async (t) => {
  const loader = new SlowLoader(4);
  const listener = new Listener();
  const sink = new DirectSink(loader, listener);
  t.false(sink.take(numbered(64_000)));
  await until('readiness', () => listener.readies === 1);
  t.is(loader.bytes, 64_000);
  // The slice of this turn is used in part; whether there is room for more is the clock's business.
  if (!sink.take(numbered(100))) await until('readiness', () => listener.readies === 2);
  t.is(loader.bytes, 64_100);
  sink.finish();
  t.deepEqual(listener.reports, [report]);
});

test('a fault while a rest is loaded is told once, and nothing after it', async (t) => {
  const loader = new SlowLoader(4);
  const listener = new Listener();
  loader.refuseAt = 100_000;
  const sink = new DirectSink(loader, listener);
  t.false(sink.take(numbered(160_000)));
  sink.finish();
  await until('the fault', () => listener.faults.length > 0);
  t.deepEqual(listener.faults, ['snapshot-broken rdb-corrupt: no at byte 100000']);
  t.true(sink.take(numbered(10)));
  sink.drop();
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.deepEqual([loader.aborted, loader.committed, listener.reports.length, listener.readies], [1, 0, 0, 0]);
});

test('a loader with threads gets no more than it keeps up with, and is asked for the end when it is done', async (t) => {
  const loader = new SlowLoader(0);
  loader.isThreaded = true;
  const listener = new Listener();
  const sink = new DirectSink(loader, listener);
  t.false(sink.take(numbered(3 * 1024 * 1024)));
  // A busy machine takes more than one turn of the event loop for that.
  await until('enough', () => loader.bytes > 2 * 1024 * 1024);
  t.true(loader.bytes < 2.5 * 1024 * 1024, `${loader.bytes}`);
  loader.pendingBytes = 0;
  await until('readiness', () => listener.readies === 1);
  t.is(loader.bytes, 3 * 1024 * 1024);
  sink.finish();
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(loader.committed, 0, 'its threads are at work');
  loader.pendingBytes = 0;
  await until('the end', () => listener.reports.length === 1);
});

test('a fault that a thread meets is told although nothing more comes', async (t) => {
  const loader = new SlowLoader(0);
  loader.isThreaded = true;
  const listener = new Listener();
  const sink = new DirectSink(loader, listener);
  t.true(sink.take(numbered(1000)));
  Object.defineProperty(loader, 'pendingBytes', {
    get: () => {
      throw new RedtwinError('rdb-corrupt', 'no', { offset: 7 });
    },
  });
  await until('the fault', () => listener.faults.length > 0);
  t.deepEqual(listener.faults, ['snapshot-broken rdb-corrupt: no at byte 7']);
});

test('a sink that is dropped is silent', async (t) => {
  for (const make of [
    (loader: Loader, listener: Listener) => new DirectSink(loader, listener),
    (loader: Loader, listener: Listener) =>
      new SpooledSink({ dir: folder(t), fileName: 'x.rdb', nowMs: 1, loader }, listener),
  ]) {
    const loader = new SlowLoader(4);
    t.teardown(() => loader.abort());
    const listener = new Listener();
    const sink = make(loader, listener);
    sink.take(numbered(160_000));
    sink.finish();
    sink.drop();
    sink.drop();
    await new Promise((resolve) => setTimeout(resolve, 50));
    t.deepEqual(
      [listener.readies, listener.reports.length, listener.faults.length, loader.committed],
      [0, 0, 0, 0],
    );
  }
});

test('a file takes what comes faster than the disk, up to a limit', async (t) => {
  const dir = folder(t);
  const loader = new SlowLoader(0);
  const listener = new Listener();
  const sink = new SpooledSink({ dir, fileName: 'kept.rdb', nowMs: 7, loader }, listener);
  const chunk = numbered(1024 * 1024);
  t.teardown(() => sink.drop());
  let sent = 0;
  for (let turn = 0; turn < 5; turn++) {
    const before = listener.readies;
    let burst = 1;
    while (sink.take(chunk)) burst++;
    t.true(burst <= 4, 'no more than four chunks of 1 MiB wait');
    sent += burst * chunk.length;
    await until('readiness', () => listener.readies === before + 1);
  }
  t.deepEqual(readdirSync(dir), [`temp-7.${process.pid}.rdb`]);
  sink.finish();
  await until('the end', () => listener.reports.length === 1);
  t.is(loader.bytes, sent);
  t.deepEqual(readdirSync(dir), ['kept.rdb']);
  t.is(readFileSync(join(dir, 'kept.rdb')).length, sent);
});
