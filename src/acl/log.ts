/**
 * ACL LOG: what was refused, to whom and where, newest first. The same refusal within a minute only raises a count.
 */

/** A refusal: a command, key or channel that is not allowed, or a login that failed. */
export interface Refusal {
  readonly reason: 'command' | 'key' | 'channel' | 'auth';
  readonly context: 'toplevel' | 'multi' | 'lua';
  /** The command's name, the key, the channel; for a login the command that tried. A binary string. */
  readonly object: string;
  readonly user: string;
  /** A line of CLIENT LIST. */
  readonly client: string;
  readonly atMs: number;
}

export interface LogEntry extends Refusal {
  readonly count: number;
}

/** As in Redis: refusals that are alike count as one within this time, if they are among the latest few. */
const alikeWithinMs = 60_000;
const latest = 10;

const areAlike = (a: Refusal, b: Refusal): boolean =>
  a.reason === b.reason &&
  a.context === b.context &&
  Math.abs(a.atMs - b.atMs) <= alikeWithinMs &&
  a.object === b.object &&
  a.user === b.user;

export class AclLog {
  #entries: LogEntry[] = [];

  /** Newest first. */
  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  /** Adds a refusal; more than `lengthMax` entries are not kept. */
  add(refusal: Refusal, lengthMax: number): void {
    const at = this.#entries.slice(0, latest).findIndex((entry) => areAlike(entry, refusal));
    if (at >= 0) {
      const [known] = this.#entries.splice(at, 1);
      this.#entries.unshift({ ...refusal, count: known!.count + 1 });
      return;
    }
    this.#entries.unshift({ ...refusal, count: 1 });
    if (this.#entries.length > lengthMax) this.#entries.length = lengthMax;
  }

  clear(): void {
    this.#entries = [];
  }
}
