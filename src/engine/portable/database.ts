/**
 * One database: keys with values, and the moments at which some of them expire.
 *
 * It is a store of facts and decides nothing: whether an expired key is visible, deleted or told to replicas is
 * the business of call.ts, which knows the time and the role. Keys are binary strings (see bytes.ts).
 */
import { Dict } from './dict.ts';
import type { Value } from './value.ts';

/** Later moments are kept as this one: the greatest double below 2^63. It stands for Redis's greatest moment, 2^63 - 1. */
export const expiryMaxMs = 2 ** 63 - 1024;

export class Database {
  readonly values = new Dict<Value>();
  /** Unix ms at which a key expires, for the keys that do. Every key here is also in `values`. */
  readonly expiries = new Dict<number>();
  /** Keys of hashes that had a field with an expiry when last looked at; active expiry visits them. */
  readonly hashesWithExpiries = new Set<string>();

  get size(): number {
    return this.values.size;
  }

  get(key: string): Value | undefined {
    return this.values.get(key);
  }

  /** Sets or replaces a value; an expiry stays. True when the key is new. */
  set(key: string, value: Value): boolean {
    if (value.type === 'hash' && value.hasExpiries) this.hashesWithExpiries.add(key);
    return this.values.set(key, value);
  }

  /** Deletes a key and its expiry. True when it was there. */
  delete(key: string): boolean {
    this.expiries.delete(key);
    this.hashesWithExpiries.delete(key);
    return this.values.delete(key);
  }

  /** Unix ms, or null when the key does not expire (or is not there). */
  expiry(key: string): number | null {
    return this.expiries.get(key) ?? null;
  }

  setExpiry(key: string, expireAtMs: number | null): void {
    if (expireAtMs === null) this.expiries.delete(key);
    else this.expiries.set(key, Math.min(expireAtMs, expiryMaxMs));
  }

  clear(): void {
    this.values.clear();
    this.expiries.clear();
    this.hashesWithExpiries.clear();
  }
}
