/**
 * What a store says of fields that expire (`mayHoldFieldExpiries`), on which the version of an RDB depends: yes behind
 * everything that brings some in, and no for a store that has none, whatever other stores of the process have.
 */
import test from 'ava';
import type { Store } from '../../src/engine/engine.ts';
import { enginesUnderTest } from '../engines.ts';
import { pack } from '../servers/resp.ts';
import { openStore, Talk } from './in-process.ts';

const nowMs = 1_800_000_000_000;
const later = `${nowMs + 100_000}`;

function run(store: Store, ...words: (string | Buffer)[]): Buffer {
  const talk = new Talk(store, 2, 'whole');
  talk.send('', pack(words), nowMs);
  return talk.heard('');
}

function rdbOf(store: Store): Buffer {
  const snapshot = store.snapshot({ version: 12, compress: false, checksum: true, nowMs, aux: [] });
  const chunks: Buffer[] = [];
  for (let chunk = snapshot.readNow(1 << 16); chunk; chunk = snapshot.readNow(1 << 16)) chunks.push(chunk);
  snapshot.release();
  return Buffer.concat(chunks);
}

function load(store: Store, rdb: Buffer): void {
  const loader = store.loader({ nowMs, dropExpired: false, checksum: true });
  loader.write(rdb);
  loader.commit();
}

for (const engine of enginesUnderTest) {
  test(`each store answers for itself [${engine.name}]`, (t) => {
    const fresh = (): Store => openStore(engine);
    const source = fresh();
    t.false(source.mayHoldFieldExpiries());
    run(source, 'HSET', 'h', 'f', 'v', 'g', 'w');
    t.false(source.mayHoldFieldExpiries());
    run(source, 'HPERSIST', 'h', 'FIELDS', '1', 'f');
    t.false(source.mayHoldFieldExpiries());
    const plain = rdbOf(source);
    run(source, 'HPEXPIREAT', 'h', later, 'FIELDS', '1', 'f');
    t.true(source.mayHoldFieldExpiries());
    const timed = rdbOf(source);
    const reply = run(source, 'DUMP', 'h');
    const dump = reply.subarray(reply.indexOf('\n') + 1, -2);

    const ways: [string, (store: Store) => void][] = [
      [
        'HGETEX',
        (store) => {
          run(store, 'HSET', 'h', 'f', 'v');
          run(store, 'HGETEX', 'h', 'PXAT', later, 'FIELDS', '1', 'f');
        },
      ],
      ['HSETEX', (store) => void run(store, 'HSETEX', 'h', 'PXAT', later, 'FIELDS', '1', 'f', 'v')],
      ['RESTORE', (store) => void run(store, 'RESTORE', 'h', '0', dump)],
      ['a load', (store) => load(store, timed)],
    ];
    for (const [way, bring] of ways) {
      const store = fresh();
      t.false(store.mayHoldFieldExpiries(), way);
      bring(store);
      t.true(store.mayHoldFieldExpiries(), way);
      // A load takes the place of everything.
      load(store, plain);
      t.false(store.mayHoldFieldExpiries(), way);
      store.close();
    }
    source.close();
  });
}
