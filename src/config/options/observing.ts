/**
 * Options of logs, statistics and notifications.
 *
 * A section of the option table, ../options.ts, which says what rows mean. What Redis does with syslog or CPU pinning is left
 * to the service manager here.
 */
import { integer, oneOf, text, yesOrNo } from '../kinds.ts';
import { option } from '../option.ts';
import { eventFlags, oomScores, percentiles } from '../special-kinds.ts';

const facilities = [
  'user',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;
const syslog = 'Use a service manager that forwards standard output.';
const pinning = 'Use taskset or a service manager.';

export const observing = {
  loglevel: option(oneOf('debug', 'verbose', 'notice', 'warning'), 'notice', 'Least important lines to log.'),
  logfile: option(text('path'), '', 'File to log to; empty for standard output.', { fixed: true }),
  'syslog-enabled': option(yesOrNo, 'no', syslog, { fixed: true, by: 'ignored' }),
  'syslog-ident': option(text(), 'redis', syslog, { fixed: true, by: 'ignored' }),
  'syslog-facility': option(oneOf(...facilities), 'local0', syslog, { fixed: true, by: 'ignored' }),
  'crash-log-enabled': option(yesOrNo, 'yes', 'Node reports crashes itself.', { by: 'ignored' }),
  'crash-memcheck-enabled': option(yesOrNo, 'yes', 'Node reports crashes itself.', { by: 'ignored' }),
  'slowlog-log-slower-than': option(
    integer(-1, null),
    '10000',
    'Microseconds from which a command enters the slow log; 0 for every one, -1 for none. Below 1000, commands are run one by one to be timed.',
  ),
  'slowlog-max-len': option(integer(0, null), '128', 'Entries of the slow log.'),
  'latency-monitor-threshold': option(
    integer(0, null),
    '0',
    'Milliseconds from which LATENCY remembers an event; 0 for never.',
  ),
  'latency-tracking': option(yesOrNo, 'yes', 'Per-command latency distributions.', { by: 'engine' }),
  'latency-tracking-info-percentiles': option(percentiles, '50 99 99.9', 'Percentiles of INFO latencystats.'),
  'notify-keyspace-events': option(eventFlags, '', 'Which keyspace events are published.', { by: 'engine' }),
  'ignore-warnings': option(text(), '', 'Warnings of Redis that can be silenced.', { by: 'ignored' }),
  'oom-score-adj': option(oneOf('no', 'yes', 'relative', 'absolute'), 'no', 'Use a service manager.', {
    by: 'ignored',
  }),
  'oom-score-adj-values': option(oomScores, '0 200 800', 'Use a service manager.', { by: 'ignored' }),
  server_cpulist: option(text(), '', pinning, { fixed: true, by: 'ignored' }),
  bio_cpulist: option(text(), '', pinning, { fixed: true, by: 'ignored' }),
  aof_rewrite_cpulist: option(text(), '', pinning, { fixed: true, by: 'ignored' }),
  bgsave_cpulist: option(text(), '', pinning, { fixed: true, by: 'ignored' }),
};
