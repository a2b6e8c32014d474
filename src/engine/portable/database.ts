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
  values = new Dict<Value>();
  /** Unix ms at which a key expires, for the keys that do. Every key here is also in `values`. */
  expiries = new Dict<number>();
  /** Keys of hashes that had a field with an expiry when last looked at; active expiry visits them. */
  readonly hashesWithExpiries = new Set<string>();
  /** Called with a key before it may change: a snapshot under way writes it as it is. */
  readonly guards = new Set<(key: string) => void>();

  /** Keys that clients of a writable replica gave an expiry: nobody else will delete them. Some may be gone or live on by now. */
  readonly ownExpiries = new Set<string>();

  get size(): number {
    return this.values.size;
  }

  get(key: string): Value | undefined {
    return this.values.get(key);
  }

  /** Sets or replaces a value; an expiry stays. True when the key is new. */
  set(key: string, value: Value): boolean {
    this.beforeChange(key);
    if (value.type === 'hash' && value.hasExpiries) this.hashesWithExpiries.add(key);
    return this.values.set(key, value);
  }

  /** Sets a value in a database that is being built. False when the key is there twice, which makes the database useless. */
  build(key: string, value: Value): boolean {
    if (value.type === 'hash' && value.hasExpiries) this.hashesWithExpiries.add(key);
    return this.values.add(key, value);
  }

  /** Deletes a key and its expiry. True when it was there. */
  delete(key: string): boolean {
    this.beforeChange(key);
    this.expiries.delete(key);
    this.hashesWithExpiries.delete(key);
    return this.values.delete(key);
  }

  /** Unix ms, or null when the key does not expire (or is not there). */
  expiry(key: string): number | null {
    return this.expiries.get(key) ?? null;
  }

  setExpiry(key: string, expireAtMs: number | null): void {
    this.beforeChange(key);
    if (expireAtMs === null) this.expiries.delete(key);
    else this.expiries.set(key, Math.min(expireAtMs, expiryMaxMs));
  }

  /** A snapshot under way keeps the dictionaries that were there; nobody changes those any longer. */
  clear(): void {
    this.values = new Dict();
    this.expiries = new Dict();
    this.hashesWithExpiries.clear();
    this.ownExpiries.clear();
    this.guards.clear();
  }

  /** To be called before a value is changed in place; everything else here calls it itself. */
  beforeChange(key: string): void {
    if (this.guards.size > 0) for (const guard of this.guards) guard(key);
  }
}
