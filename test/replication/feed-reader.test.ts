/**
 * For whom the feed is written while feed-compat is auto, by what replicas say they are. That the engines write it so is in
 * test/runtime/replicas.test.ts, and with a real Valkey 8.1 in test/interop/snapshots.test.ts.
 */
import test from 'ava';
import { olderReader } from '../../src/replication/feed-reader.ts';

test('the oldest that has said its version decides; who says nothing changes nothing', (t) => {
  t.is(olderReader('auto', null), 'auto');
  t.is(olderReader('auto', '9.1.0'), 'auto');
  t.is(olderReader('auto', 'new'), 'auto');
  t.is(olderReader('auto', '8.1.4'), '7.0');
  t.is(olderReader('auto', '7.2.5'), '7.0');
  t.is(olderReader('7.0', '9.1.0'), '7.0');
  t.is(olderReader('7.0', null), '7.0');
  t.is(olderReader('7.0', '6.2.14'), '6.2');
  t.is(olderReader('7.0', '6.0.16'), '5.0');
  t.is(olderReader('5.0', '8.0.0'), '5.0');
});
