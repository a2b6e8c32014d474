/**
 * What the host must know for CLIENT TRACKING: which keys tracked sessions read, which keys changed, in order.
 *
 *     GET k  of a tracked session --> read k        SET k of anybody --> changed k
 *     k expires or is evicted     --> gone k        FLUSHALL, a load --> flushed
 *
 * Who must hear of what is the host's table (src/runtime/tracking.ts). Changes are noted only while somebody tracks.
 */
import { keysOf } from '../../protocol/command-lookup.ts';
import type { CommandSpec } from '../../protocol/generated/commands.ts';
import type { Trace } from '../engine.ts';
import { bytes } from './bytes.ts';
import type { Session } from './session.ts';

/** Scripts that only read note the keys of each command inside them. */
const readingScripts = new Set(['eval_ro', 'evalsha_ro', 'fcall_ro']);

export class Traces {
  /** Somebody tracks. */
  isWanted = false;
  /** Whose command is running; -1 in the background. */
  session = -1;
  #list: Trace[] = [];

  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  take(): Trace[] {
    const list = this.#list;
    this.#list = [];
    return list;
  }

  /** Something happened to a key (a binary string), or to all of them. */
  add(kind: 'changed' | 'gone' | 'flushed', key = ''): void {
    if (this.isWanted) this.#list.push({ kind, session: this.session, key: bytes(key) });
  }

  /** Notes the keys that a command of a tracked session has read. */
  read(session: Session, command: CommandSpec, args: readonly Buffer[]): void {
    if (!session.remembersReads || !command.flags.includes('readonly') || readingScripts.has(command.name))
      return;
    const keys = session.declaredKeys ?? (keysOf(command, args) ?? []).map(({ key }) => key);
    for (const key of keys) this.#list.push({ kind: 'read', session: session.id, key: Buffer.from(key) });
  }
}
