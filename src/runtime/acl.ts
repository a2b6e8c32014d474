/**
 * The log of refused logins (ACL LOG), newest first, with repeated refusals counted in one entry.
 *
 * It is the first piece of access control; users with rules of their own come with part 2 and will live here too.
 */
import type { Client } from './client.ts';

export interface Refusal {
  count: number;
  atMs: number;
  command: string;
  user: string;
  client: string;
}

/** Refusals of the same user and command within this time count as one entry, as in Redis. */
const sameWithinMs = 60_000;

export class Acl {
  /** Newest first. */
  readonly refusals: Refusal[] = [];
  readonly #describe: (client: Client) => string;
  readonly #nowMs: () => number;
  readonly #lengthMax: () => number;

  constructor(describe: (client: Client) => string, nowMs: () => number, lengthMax: () => number) {
    this.#describe = describe;
    this.#nowMs = nowMs;
    this.#lengthMax = lengthMax;
  }

  logRefusal(client: Client, user: string, command = 'AUTH'): void {
    const atMs = this.#nowMs();
    const known = this.refusals.find(
      (entry) => entry.user === user && entry.command === command && atMs - entry.atMs < sameWithinMs,
    );
    if (known) {
      known.count++;
      known.atMs = atMs;
      return;
    }
    this.refusals.unshift({ count: 1, atMs, command, user, client: this.#describe(client) });
    if (this.refusals.length > this.#lengthMax()) this.refusals.length = this.#lengthMax();
  }
}
