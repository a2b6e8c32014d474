/**
 * The log: lines like those of Redis, to a file or to standard output.
 *
 *     8503:M 21 Nov 2026 07:58:25.630 * Ready to accept connections
 *     ^pid ^role (M primary, S replica, C starting)    ^level: . debug  - verbose  * notice  # warning
 *
 * Lines are written at once, so that nothing is lost when the process ends. A log is given its clock and its
 * destination; it opens nothing but the file it is told to.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { RedtwinError } from '../errors.ts';

export const levels = ['debug', 'verbose', 'notice', 'warning'] as const;
export type Level = (typeof levels)[number];
const marks: Record<Level, string> = { debug: '.', verbose: '-', notice: '*', warning: '#' };
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Who speaks: a primary, a replica, or a process that is neither yet. */
export type LogRole = 'M' | 'S' | 'C';

const two = (n: number): string => String(n).padStart(2, '0');

/** One line, without its line break. Times are local, as Redis writes them. */
export function logLine(pid: number, role: LogRole, at: Date, level: Level, text: string): string {
  const day = `${two(at.getDate())} ${months[at.getMonth()]} ${at.getFullYear()}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${pid}:${role} ${day} ${time}.${String(at.getMilliseconds()).padStart(3, '0')} ${marks[level]} ${text}`;
}

export class Log {
  /** Lines below this level are dropped. */
  level: Level = 'notice';
  role: LogRole = 'C';
  #write: (line: string) => void;
  #file: number | null = null;

  /** `write` takes a line with its line break. */
  constructor(write: (line: string) => void = (line) => void process.stdout.write(line)) {
    this.#write = write;
  }

  /** Sends everything from here on to the end of a file. Throws RedtwinError 'config-file'. */
  toFile(path: string): void {
    try {
      this.#file = openSync(path, 'a');
    } catch (cause) {
      const why =
        (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'No such file or directory' : String(cause);
      throw new RedtwinError('config-file', `Can't open the log file: ${why}`, { cause });
    }
    const file = this.#file;
    this.#write = (line) => void writeSync(file, line);
  }

  debug = (text: string): void => this.line('debug', text);
  verbose = (text: string): void => this.line('verbose', text);
  notice = (text: string): void => this.line('notice', text);
  warning = (text: string): void => this.line('warning', text);

  line(level: Level, text: string): void {
    if (levels.indexOf(level) < levels.indexOf(this.level)) return;
    this.#write(`${logLine(process.pid, this.role, new Date(), level, text)}\n`);
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    this.#write = () => {};
  }
}
