/**
 * `redtwin commands`: what of the commands of Redis 7.0 and 8.0 is supported, made from the command table.
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
  command: 'partly: DOCS has no history',
  migrate: 'partly: not in transactions',
  module: 'no: modules of Redis cannot be loaded',
  readonly: 'no: there is no cluster mode',
  readwrite: 'no: there is no cluster mode',
  'restore-asking': 'no: there is no cluster mode',
  script: 'partly: there is no debugger',
};

/** What Redis 8.0 has beyond the table (its own COMMAND LIST says so), and why it is not here. */
const absent: Readonly<Record<string, string>> = {
  'client|no-touch': 'no: not yet',
  'client|setinfo': 'no: clients are told that it is unknown, as by 7.0',
  'cluster|myshardid': 'no: there is no cluster mode',
  'vadd, vcard, vdim, vemb, vgetattr, vinfo, vismember, vlinks, vrandmember, vrem, vsetattr, vsim':
    "no: a module's; vector sets are kept and passed on",
  waitaof: 'no: there is no append-only file yet',
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
  const missing = Object.entries(absent).map(([name, why]) => `  ${name.toUpperCase().padEnd(24)} ${why}`);
  lines.push('\nonly in Redis 8.0', ...missing);
  return `Commands of Redis 7.0: ${full(classic)} of ${classic.length} in full; of newer versions: ${full(newer)}\n${lines.join('\n')}\n`;
}

/** True for what Redis 7.0 had already. */
function isClassic({ since }: { since: string }): boolean {
  const [major, minor] = since.split('.').map(Number) as [number, number];
  return major < 7 || (major === 7 && minor === 0);
}
