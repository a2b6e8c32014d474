/**
 * Child processes that cannot outlive their test: each is started in our name, remembered by its process id, and
 * killed by that id when it is stopped or when this process ends, however it ends.
 *
 * Not a supervisor: nothing is restarted, and only what was started here is ever signalled.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

const alive = new Set<ChildProcess>();
// 'exit' also comes after an uncaught error and after process.exit; SIGKILL is the only signal that surely works then.
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(1));
}

/** A running child with the end of what it said, for messages. */
export interface Child {
  readonly pid: number;
  /** The last 16 KiB of its standard output and error, together, as they came. */
  said(): string;
  /** Resolves with the exit code (or the signal's name) once it has ended and all it said is here. */
  readonly ended: Promise<number | string>;
  /** Null while it runs. */
  endedAs(): number | string | null;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL when that did not help within `timeoutMs` (30 s, because machines are busy). Resolves when it is gone. */
  stop(timeoutMs?: number): Promise<void>;
}

/** Starts a program. A program that cannot be started ends as 'failed' with the reason in `said()`. */
export function start(program: readonly [string, ...string[]], options: SpawnOptions = {}): Child {
  const [file, ...args] = program;
  const process = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let said = '';
  let end: number | string | null = null;
  const keep = (text: string): void => {
    said = (said + text).slice(-16_384);
  };
  process.stdout?.setEncoding('utf8').on('data', keep);
  process.stderr?.setEncoding('utf8').on('data', keep);
  alive.add(process);
  const ended = new Promise<number | string>((resolve) => {
    const note = (how: number | string): number | string => {
      alive.delete(process);
      end ??= how;
      return end;
    };
    process.once('error', (error) => {
      keep(String(error));
      resolve(note('failed'));
    });
    process.once('exit', (code, signal) => note(code ?? signal ?? 'unknown'));
    // Its last words may come after its end.
    process.once('close', (code, signal) => resolve(note(code ?? signal ?? 'unknown')));
  });
  return {
    pid: process.pid ?? -1,
    said: () => said,
    ended,
    endedAs: () => end,
    kill: (signal) => void process.kill(signal),
    async stop(timeoutMs = 30_000) {
      if (end !== null) return;
      process.kill('SIGTERM');
      const hard = setTimeout(() => process.kill('SIGKILL'), timeoutMs);
      await ended;
      clearTimeout(hard);
    },
  };
}
