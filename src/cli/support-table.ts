/**
 * `redtwin commands`: what of Redis 7.0's commands is supported, made from the command table.
 *
 * The table is data; the only thing said here is where redtwin falls short of it, and why. What is not named below is
 * supported in full, and the conformance cases hold it to that.
 */
import { commandTable } from '../protocol/generated/commands.ts';

/** What is not there yet, or only in part, and why. Everything else is supported. */
const gaps: Readonly<Record<string, string>> = {
  acl: 'partly: one user, default',
  asking: 'no: there is no cluster mode',
  bgrewriteaof: 'no: there is no append-only file yet',
  client: 'partly: no TRACKING and CACHING yet',
  cluster: 'no: there is no cluster mode',
  command: 'partly: DOCS has no texts',
  failover: 'no: it has no replicas of its own yet',
  migrate: 'partly: not in transactions',
  module: 'no: modules of Redis cannot be loaded',
  psync: 'no: it has no replicas of its own yet',
  readonly: 'no: there is no cluster mode',
  readwrite: 'no: there is no cluster mode',
  'restore-asking': 'no: there is no cluster mode',
  script: 'partly: there is no debugger',
  sync: 'no: it has no replicas of its own yet',
  wait: 'partly: there are no replicas to wait for',
};

/** The table as text: one line per command, in the order of groups. */
export function supportTable(): string {
  const groups = [...new Set(commandTable.map(({ group }) => group))].sort();
  const lines = groups.flatMap((group) => [
    `\n${group}`,
    ...commandTable
      .filter((command) => command.group === group)
      .map(({ name }) => `  ${name.toUpperCase().padEnd(24)} ${gaps[name] ?? 'yes'}`),
  ]);
  const [classic, newer] = [commandTable.filter(isClassic), commandTable.filter((row) => !isClassic(row))];
  const full = (rows: typeof commandTable): number =>
    rows.filter(({ name }) => gaps[name] === undefined).length;
  return `Commands of Redis 7.0: ${full(classic)} of ${classic.length} in full; of newer versions: ${full(newer)}\n${lines.join('\n')}\n`;
}

/** True for what Redis 7.0 had already. */
function isClassic({ since }: { since: string }): boolean {
  const [major, minor] = since.split('.').map(Number) as [number, number];
  return major < 7 || (major === 7 && minor === 0);
}
