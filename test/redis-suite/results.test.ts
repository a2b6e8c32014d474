/**
 * The judge of `npm run conformance`, without Redis's suite: what counts as passed, missed, accepted and recovered,
 * and that the two committed lists (what must pass, what may be missed) fit each other. Not the run itself: that takes
 * minutes and is a command of its own.
 */
import test from 'ava';
import { acceptedMisses } from './accepted-misses.ts';
import {
  committedBaseline,
  judge,
  readBaseline,
  readLog,
  readSentinelLog,
  without,
  writeBaseline,
} from './results.ts';

const log = `[ready]: 12
Testing unit/x
[ok]: SET and GET (in 2 ways) (3 ms)
[ok]: SET and GET (in 2 ways) (4 ms)
[err]: DEL in tests/unit/x.tcl
Expected '1' to be equal to '0'
[ignore]: large: not accepted
[exception]: Executing test client: closed.
somewhere
`;

test('a log gives names with their counts, reasons, and where the harness stopped', (t) => {
  const { passed, failures, stopped } = readLog(log);
  t.deepEqual(passed, ['SET and GET (in 2 ways)', 'SET and GET (in 2 ways)']);
  t.deepEqual([...failures], [['DEL', "Expected '1' to be equal to '0'"]]);
  t.regex(stopped ?? '', /closed.*somewhere/);
  t.is(readLog('[ok]: a (1 ms)\n').stopped, null);
});

const sentinelLog = `Starting sentinel #0 at port 20000
00:41:54> Kill a slave instance: OK
00:41:58> Crash the master:                      PID: 3466
OK
00:42:10> Failover at OK time: waiting for 127.0.0.1
00:43:07> Master reboot: FAILED: no failover
(Jumping to next unit after error)
00:43:20> Kill a slave instance: OK
`;

test("a log of Sentinel's tests: a verdict may stand below what servers said, a test without one has not passed", (t) => {
  const { passed, failures, stopped } = readSentinelLog(`${sentinelLog}WARNING 1 test(s) failed.\n`);
  t.deepEqual(passed, ['Kill a slave instance', 'Crash the master', 'Kill a slave instance']);
  t.deepEqual([...failures], [['Master reboot', 'FAILED: no failover']]);
  t.is(stopped, null);
});

test("a log of Sentinel's tests that ends before the harness's last word was broken off", (t) => {
  t.regex(readSentinelLog(sentinelLog).stopped ?? '', /Kill a slave instance: OK$/);
  t.is(readSentinelLog(`${sentinelLog}GOOD! No errors.\n`).stopped, null);
});

test('a name that is expected twice must pass twice', (t) => {
  t.deepEqual(without(['a', 'b', 'a', 'a'], ['a', 'c']), ['b', 'a', 'a']);
});

test('misses are accepted per unit and engine, and an accepted one that passes is told', (t) => {
  const misses = [
    { unit: 'unit/x', engines: ['native'], reason: 'A reason.', tests: ['a', 'b'] },
    { unit: 'unit/y', engines: ['native'], reason: 'A reason.', tests: ['c'] },
  ] as const;
  t.deepEqual(judge('unit/x', 'native', ['a', 'b', 'c', 'd'], ['b', 'd'], misses), {
    expected: 4,
    unexpected: ['c'],
    accepted: ['a'],
    recovered: ['b'],
  });
  t.deepEqual(judge('unit/x', 'portable', ['a'], [], misses).unexpected, ['a']);
});

test('the baseline survives writing and reading', (t) => {
  const baseline = committedBaseline();
  t.deepEqual(readBaseline(writeBaseline(baseline)), baseline);
  t.true([...baseline.values()].flat().length > 1900);
});

test('every accepted miss is a test of the baseline and says why', (t) => {
  const baseline = committedBaseline();
  for (const { unit, tests, reason } of acceptedMisses) {
    t.deepEqual(without(tests, baseline.get(unit) ?? []), [], unit);
    t.regex(reason, /^[A-Z].*\.$/s);
  }
});
