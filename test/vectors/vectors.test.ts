/**
 * The golden vectors against both engines: what loads must be what its commands make, however it is cut; what is
 * broken must be refused with its code; and nothing may ever be touched, or thrown, that should not.
 */
import test from 'ava';
import fc from 'fast-check';
import type { Engine, LoadReport, Snapshot, Store } from '../../src/engine/engine.ts';
import { RedtwinError } from '../../src/errors.ts';
import { wireErrors } from '../../src/protocol/generated/wire-errors.ts';
import { openStore, Talk } from '../conformance/in-process.ts';
import { enginesUnderTest } from '../engines.ts';
import { frames, pack } from '../servers/resp.ts';
import { badVectors, type GoodVector, goodVectors, vectorBytes } from './vectors.ts';

const options = { nowMs: 1_800_000_000_000, dropExpired: false, checksum: true };

/** Replies to commands, run on one connection. */
function replies(store: Store, commands: readonly string[][]): string[] {
  const talk = new Talk(store, 2, 'whole');
  const sent = commands.map((command) => command.map((word) => Buffer.from(word, 'latin1')));
  talk.send('', Buffer.concat([pack('SELECT 0'), ...sent.map((words) => pack(words))]), options.nowMs);
  return frames(talk.heard(''))
    .whole.slice(1)
    .map((frame) => frame.toString('latin1'));
}

/** Loads an RDB in chunks of `step` bytes, each of which is overwritten as soon as it has been taken. */
function load(store: Store, bytes: Buffer, step = bytes.length): LoadReport {
  const loader = store.loader(options);
  try {
    for (let at = 0; at < bytes.length; at += step) {
      const chunk = Buffer.from(bytes.subarray(at, at + step));
      loader.write(chunk);
      chunk.fill(0xee);
    }
    const keys = loader.countKeys();
    const report = loader.commit();
    if (keys !== report.keys + report.expiredSkipped + report.emptySkipped) throw new Error(`${keys} keys`);
    return report;
  } catch (error) {
    loader.abort();
    throw error;
  }
}

/** The data a vector's commands make, or null with the first command that this engine does not know yet. */
function made(engine: Engine, vector: GoodVector): { store: Store; unknown: string | null } {
  const store = openStore(engine);
  const said = replies(store, vector.commands);
  const at = said.findIndex((reply) => reply.startsWith('-'));
  const error = said[at] ?? '';
  if (error.includes(wireErrors.notSupportedYet)) return { store, unknown: vector.commands[at]![0]! };
  if (at >= 0) throw new Error(`${vector.commands[at]!.join(' ')}: ${error}`);
  return { store, unknown: null };
}

/** The digest without the values of modules, which commands cannot make. */
function digest(store: Store): string {
  const said = replies(store, [['DEL', 'json', 'bloom']]);
  if (!said[0]!.startsWith(':')) throw new Error(said[0]);
  return store.digest();
}

/** All of a snapshot. */
function pulled(snapshot: Snapshot): Buffer {
  const parts: Buffer[] = [];
  for (let part = snapshot.readNow(500); part !== null; part = snapshot.readNow(500)) parts.push(part);
  snapshot.release();
  return Buffer.concat(parts);
}

/** Takes whatever a broken RDB does, but nothing else than an error of ours that says where. */
const refused = (attempt: () => unknown): RedtwinError | null => {
  try {
    attempt();
    return null;
  } catch (error) {
    if (!(error instanceof RedtwinError) || !error.code.startsWith('rdb-')) throw error;
    if (typeof error.offset !== 'number') throw new Error(`no offset: ${error.message}`);
    return error;
  }
};

for (const engine of enginesUnderTest) {
  for (const vector of goodVectors) {
    const bytes = vectorBytes(vector);

    test(`${vector.file} holds what its commands make [${engine.name}]`, (t) => {
      const wanted = made(engine, vector);
      // Commands of newer servers come family by family; until then only the report is compared.
      if (wanted.unknown !== null) t.log(`the ${engine.name} engine does not know ${wanted.unknown} yet`);
      for (const step of [bytes.length, 1, 7]) {
        const store = openStore(engine);
        const report = load(store, bytes, step);
        t.is(report.magic, vector.magic);
        t.is(report.version, vector.version);
        t.is(report.keys, vector.keys);
        t.is(report.bytes, bytes.length);
        for (const [name, value] of Object.entries(vector.report)) {
          t.deepEqual(report[name as keyof LoadReport], value, name);
        }
        if (wanted.unknown !== null) continue;
        t.deepEqual(replies(store, vector.ask), replies(wanted.store, vector.ask));
        t.is(digest(store), digest(wanted.store));
      }
    });

    test(`${vector.file} cut anywhere is truncated [${engine.name}]`, (t) => {
      const store = openStore(engine);
      for (let size = 0; size < bytes.length; size += bytes.length > 2000 ? 13 : 1) {
        const error = refused(() => load(store, bytes.subarray(0, size)));
        if (error?.code !== 'rdb-truncated') t.fail(`${size} bytes: ${error?.code}`);
      }
      t.is(store.digest(), '0'.repeat(40));
    });

    test(`${vector.file} with damage is refused or loads, and nothing else [${engine.name}]`, (t) => {
      const store = openStore(engine);
      replies(store, [['SET', 'live', 'data']]);
      const before = store.digest();
      const damage = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
      fc.assert(
        fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (flips) => {
          const broken = Buffer.from(bytes);
          for (const [at, flip] of flips) broken[at]! ^= flip;
          const loader = store.loader({ ...options, checksum: false });
          refused(() => loader.write(broken));
          loader.abort();
          return store.digest() === before;
        }),
        { numRuns: 150 },
      );
      t.pass();
    });

    test(`${vector.file} survives being written and read again [${engine.name}]`, (t) => {
      const store = openStore(engine);
      load(store, bytes);
      const needsFieldExpiry = /field-expiry|valkey-080/.test(vector.file);
      for (const version of needsFieldExpiry ? [12, 80] : [9, 10, 11, 12, 80]) {
        for (const compress of [true, false]) {
          const snapshot = store.snapshot({
            version,
            compress,
            checksum: true,
            nowMs: options.nowMs,
            aux: [['k', 'v']],
          });
          const again = openStore(engine);
          const report = load(again, pulled(snapshot), 1000);
          t.is(report.version, version);
          t.deepEqual(report.aux, [['k', 'v']]);
          t.is(again.digest(), store.digest());
          t.is(report.opaqueModuleValues, (vector.report.opaqueModuleValues as number) ?? 0);
        }
      }
      if (!needsFieldExpiry) return;
      // What a version cannot hold is refused, at once or when its turn comes, and never left out in silence.
      const old = { version: 11, compress: true, checksum: true, nowMs: options.nowMs, aux: [] };
      t.throws(() => pulled(store.snapshot(old)), { code: 'rdb-unsupported-version' });
    });
  }

  for (const vector of badVectors) {
    test(`${vector.file} is refused: ${vector.about} [${engine.name}]`, (t) => {
      const bytes = vectorBytes(vector);
      for (const step of [bytes.length, 1]) {
        const store = openStore(engine);
        replies(store, [['SET', 'live', 'data']]);
        const before = store.digest();
        t.is(refused(() => load(store, bytes, step))?.code, vector.error as RedtwinError['code']);
        t.is(store.digest(), before);
      }
    });
  }
}
