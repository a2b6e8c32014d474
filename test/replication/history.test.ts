/**
 * Histories: how they begin, are renamed, and what is kept of the previous one.
 *
 * Offsets at the border between two histories are where a partial resync goes wrong.
 */
import test from 'ava';
import { begun, isHistoryId, noHistoryId, renamed } from '../../src/replication/history.ts';
import { idA, idB } from './samples.ts';

test('a promotion keeps the old id up to the offset it shares', (t) => {
  t.deepEqual(renamed(begun(idA), idB, 77), { id: idB, previous: { id: idA, limit: 78 } });
});

test('the same id changes nothing, not even the previous history', (t) => {
  const history = renamed(begun(idA), idB, 77);
  t.is(renamed(history, idB, 500), history);
});

test('only one previous history is kept', (t) => {
  const idC = 'c'.repeat(40);
  t.deepEqual(renamed(renamed(begun(idA), idB, 10), idC, 20).previous, { id: idB, limit: 21 });
});

test('ids are 40 hex digits', (t) => {
  t.true(isHistoryId(idA));
  t.true(isHistoryId(noHistoryId));
  t.false(isHistoryId('a'.repeat(39)));
  t.false(isHistoryId('g'.repeat(40)));
  t.false(isHistoryId(`${idA}\n`));
});
