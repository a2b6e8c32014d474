/**
 * Which PSYNC is granted: every reason for a refusal, the borders of what is kept, and agreement with a plain model.
 */
import test from 'ava';
import fc from 'fast-check';
import { decidePsync } from '../../src/replication/psync.ts';

const ours = 'a'.repeat(40);
const former = 'b'.repeat(40);
const history = { id: ours, previous: { id: former, limit: 301 } };
const feed = { isOn: true, startOffset: 100, endOffset: 500 };

const decided = (id: string, offset: number, range = feed): number | string => {
  const decision = decidePsync({ id, offset }, history, range);
  return decision.partial ? decision.at : decision.because;
};

test('reasons, and the order in which they are looked for', (t) => {
  t.is(decided('?', -1), 'full-wanted');
  t.is(decided('?', 200), 'full-wanted');
  t.is(decided('c'.repeat(40), 200), 'unknown-history');
  t.is(decided(former, 302), 'past-the-fork');
  t.is(decided(ours, 200, { ...feed, isOn: false }), 'no-backlog');
  t.is(decided(ours, 100), 'too-far-behind');
  t.is(decided(ours, 502), 'ahead-of-us');
  t.is(decided(ours, -1), 'too-far-behind');
});

test('borders: the first byte kept, the one behind the end, the fork', (t) => {
  t.is(decided(ours, 101), 100);
  t.is(decided(ours, 501), 500);
  t.is(decided(ours.toUpperCase(), 501), 500);
  t.is(decided(former, 301), 300);
  t.is(decided(former, 100), 'too-far-behind');
});

test('a history without a previous one does not take the id of zeros', (t) => {
  const decision = decidePsync({ id: '0'.repeat(40), offset: 200 }, { id: ours, previous: null }, feed);
  t.deepEqual(decision, { partial: false, because: 'unknown-history' });
});

test('granted exactly when all bytes behind the wish are kept, and the replica has only what we share', (t) => {
  fc.assert(
    fc.property(
      fc.record({
        id: fc.constantFrom(ours, former, 'c'.repeat(40)),
        has: fc.integer({ min: -2, max: 600 }),
        fork: fc.nat(600),
        start: fc.nat(300),
        length: fc.nat(300),
      }),
      ({ id, has, fork, start, length }) => {
        const end = start + length;
        const decision = decidePsync(
          { id, offset: has + 1 },
          { id: ours, previous: { id: former, limit: fork + 1 } },
          { isOn: true, startOffset: start, endOffset: end },
        );
        const shares = id === ours || (id === former && has <= fork);
        return decision.partial === (shares && has >= start && has <= end);
      },
    ),
  );
  t.pass();
});
