/**
 * What the system says of a process: its CPU time and its resident size, and which cores it may use.
 *
 *     /proc/PID/stat     4242 (redtwin *:6379) S 1 ... utime stime cutime cstime     a name may hold spaces and parentheses,
 *                                             ^ fields are counted from here         so they are counted behind its end
 *
 * Pinning is by taskset; without it, or on one core, nothing is pinned and the run says so.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Linux counts CPU time in hundredths of a second for everybody (USER_HZ). */
const msPerTick = 10;

function statFields(pid: number | 'self'): number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
}

/** CPU time of a process and all its threads so far, in ms. Counted in steps of 10 ms. */
export function cpuMs(pid: number): number {
  const fields = statFields(pid);
  return (fields[11]! + fields[12]!) * msPerTick;
}

/** CPU time of this process and of all its children that have ended, in ms. */
export function familyCpuMs(): number {
  const [user, system, childrenUser, childrenSystem] = statFields('self').slice(11, 15) as [
    number,
    number,
    number,
    number,
  ];
  return (user + system + childrenUser + childrenSystem) * msPerTick;
}

/** CPU time that the whole machine has spent, what other guests of its host took from it included, in ms. */
export function machineBusyMs(): number {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)[0]!
    .split(/ +/)
    .map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) * msPerTick;
}

/** A size that /proc/PID/status gives in kB (of 2^10 bytes), in MB of 2^20 bytes; 0 when the process has no such line. */
function statusMb(pid: number, field: 'VmRSS' | 'RssAnon'): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'utf8'),
  )?.[1];
  return Number(kilobytes ?? 0) / 1024;
}

/** Resident size of a process in MB: everything that it holds, shared libraries included. */
export const residentMb = (pid: number): number => statusMb(pid, 'VmRSS');

/** Resident memory that is the process's own, in MB: without the pages of files, which come and go as code is run. */
export const anonymousMb = (pid: number): number => statusMb(pid, 'RssAnon');

/**
 * How long the main thread of a process has waited for a core, in ms since it began: it could have run, and something else did
 * (schedstat's second figure). The file stays open until `close`, because it is asked between requests; 0 where the system does not
 * say.
 */
export function coreWaits(pid: number): { ms(): number; close(): void } {
  const path = `/proc/${pid}/task/${pid}/schedstat`;
  if (!existsSync(path)) return { ms: () => 0, close: () => {} };
  const [file, text] = [openSync(path, 'r'), Buffer.alloc(128)];
  const ms = (): number =>
    Number(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0)).split(' ')[1]) / 1e6;
  return { ms, close: () => closeSync(file) };
}

/** Cores of this machine that we may use. Asked once, because a process that has pinned itself is told less. */
export const cores = availableParallelism();

/** Whether load generator and server can have a core each. */
export const canPin = cores >= 2 && spawnSync('taskset', ['--version']).status === 0;

/** The core of this process and of the load generators it starts, when cores are apart. */
const ownCore = '0';
/** The core of the server that is measured. */
const serverCore = '1';
let apart = false;

/** Moves this process to its own core, or lets it go anywhere; what it starts from now on is pinned likewise. */
export function setCores(how: 'apart' | 'all'): void {
  apart = how === 'apart' && canPin;
  if (!canPin) return;
  const list = apart ? ownCore : `0-${cores - 1}`;
  spawnSync('taskset', ['-a', '-c', '-p', list, String(process.pid)]);
}

/** The words before a program's own that put it on the server's core, where cores are apart; none otherwise. */
export const serverPin = (): readonly string[] => (apart ? ['taskset', '-c', serverCore] : []);
