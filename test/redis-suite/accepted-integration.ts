/**
 * The tests of Redis's integration units that redtwin does not pass, each with its reason. They belong to accepted-misses.ts,
 * which has the rules. Those of Sentinel all pass.
 */
import type { AcceptedMiss } from './accepted-misses.ts';

const both = ['native', 'portable'] as const;

const noAppendOnlyFile =
  'Redtwin has no append-only file: it keeps its data in snapshots and at its primary.';
const refusedAtOnce =
  'The test wants Redis to take a damaged value unseen (sanitize-dump-payload no) and to assert when it is used; here it is refused by RESTORE.';
const otherWords = 'The value is refused, and the log says why in other words than those the test looks for.';

export const acceptedIntegrationMisses: readonly AcceptedMiss[] = [
  {
    unit: 'integration/logging',
    engines: both,
    reason: 'A crash is reported by Node and the core dump, not by a stack trace in the log of Redis.',
    tests: ['Crash report generated on DEBUG SEGFAULT', 'Crash report generated on SIGABRT'],
  },
  {
    unit: 'integration/shutdown',
    engines: both,
    reason: noAppendOnlyFile,
    tests: ['Shutting down master waits for replica then fails'],
  },
  {
    unit: 'integration/dismiss-mem',
    engines: both,
    reason: noAppendOnlyFile,
    tests: ['dismiss all data types memory'],
  },
  {
    unit: 'integration/rdb',
    engines: both,
    reason: 'There is no fork: no child process to kill, and nothing copied on write that it could report.',
    tests: ['failed bgsave prevents writes', 'Test child sending info'],
  },
  {
    unit: 'integration/corrupt-dump',
    engines: both,
    reason: refusedAtOnce,
    tests: [
      'corrupt payload: fuzzer findings - NPD in streamIteratorGetID',
      'corrupt payload: fuzzer findings - gcc asan reports false leak on assert',
      'corrupt payload: fuzzer findings - infinite loop',
      'corrupt payload: fuzzer findings - listpack NPD on invalid stream',
      'corrupt payload: fuzzer findings - lpFind invalid access',
      'corrupt payload: fuzzer findings - negative reply length',
      'corrupt payload: fuzzer findings - stream bad lp_count - unsanitized',
      'corrupt payload: fuzzer findings - stream listpack lpPrev valgrind issue',
      'corrupt payload: fuzzer findings - stream listpack valgrind issue',
      'corrupt payload: fuzzer findings - stream with no records',
      'corrupt payload: hash listpack with duplicate records - convert',
      'corrupt payload: listpack too long entry len',
      'corrupt payload: listpack very long entry len',
    ],
  },
  {
    unit: 'integration/corrupt-dump',
    engines: both,
    reason: otherWords,
    tests: [
      'corrupt payload: fuzzer findings - zset ziplist entry lensize is 0',
      'corrupt payload: fuzzer findings - zset ziplist invalid tail offset',
      'corrupt payload: hash empty zipmap',
      'corrupt payload: listpack invalid size header',
      'corrupt payload: listpack too long entry prev len',
      'corrupt payload: stream with duplicate consumers',
    ],
  },
  {
    unit: 'integration/corrupt-dump',
    engines: both,
    reason: 'Empty keys of a file are left out, as in Redis; the log does not count them by name.',
    tests: [
      'corrupt payload: load corrupted rdb with empty keys',
      'corrupt payload: load corrupted rdb with empty keys',
    ],
  },
  {
    unit: 'integration/corrupt-dump',
    engines: both,
    reason:
      'A large element of a list that is empty is taken for an empty element here, and for damage by Redis.',
    tests: ['corrupt payload: quicklist encoded_len is 0'],
  },
  {
    unit: 'integration/replication',
    engines: both,
    reason:
      'While a snapshot is loaded the old data is served, whatever repl-diskless-load says: INFO has async_loading, not loading.',
    tests: ['Diskless load swapdb (different replid): replica enter loading'],
  },
  {
    unit: 'integration/replication',
    engines: both,
    reason: 'While a snapshot is loaded beside the old data, CONFIG SET and REPLICAOF stay possible here.',
    tests: ['Blocked commands and configs during async-loading'],
  },
  {
    unit: 'integration/replication',
    engines: both,
    reason:
      'There is no child that saves and no pipe to it: nothing to kill, nothing that the log could say of it.',
    tests: [
      'Kill rdb child process if its dumping RDB is not useful',
      'diskless all replicas drop during rdb pipe',
      'diskless replication child being killed is collected',
      'diskless replication read pipe cleanup',
      'replication child dies when parent is killed - diskless: no',
      'replication child dies when parent is killed - diskless: yes',
    ],
  },
  {
    unit: 'integration/replication',
    engines: both,
    reason: 'Node has no timer of processor time that interrupts system calls (watchdog-period).',
    tests: ['replica can handle EINTR if use diskless load'],
  },
];
