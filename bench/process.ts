/**
 * What the system says of a process: its CPU time and its resident size.
 *
 *     /proc/PID/stat     4242 (redtwin *:6379) S 1 ... utime stime ...       a name may hold spaces and parentheses,
 *                                             ^ fields are counted from here     so they are counted behind its end
 */
import { readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second for everybody (USER_HZ). */
const msPerTick = 10;

/** CPU time of a process and all its threads so far, in ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * msPerTick;
}

/** Resident size of a process in MB. */
export function residentMb(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 0) / 1024;
}
