/**
 * Hashes: fields with values, and for some fields a moment of expiry.
 *
 * Redis 7.0 keeps a hash as a listpack, in insertion order, until it has more than `hash-max-listpack-entries`
 * fields or a field or value longer than `hash-max-listpack-value` bytes; then as a hashtable. Expiry of fields
 * (Redis 7.4, Valkey 9) is kept beside the fields; Redis 7.4 calls such a small hash listpackex.
 *
 * Whether an expired field is visible is not decided here: callers know the time and their role.
 */
import { Dict } from './dict.ts';
import { itemsBytes } from './memory.ts';
import type { Random } from './random.ts';
import { ValueBase } from './value.ts';

/** When a hash outgrows its listpack. */
export interface HashLimits {
  'hash-max-listpack-entries': number;
  'hash-max-listpack-value': number;
}

export class HashValue extends ValueBase {
  readonly type = 'hash';
  /** True once the hash is a hashtable. */
  isTable = false;
  readonly #fields = new Dict<string>();
  /** Unix ms of expiry of the fields that have one; undefined while none has. */
  #expiries: Map<string, number> | undefined;

  get encoding(): string {
    if (this.isTable) return 'hashtable';
    return this.#expiries === undefined ? 'listpack' : 'listpackex';
  }

  /** Number of fields, expired ones that still wait for deletion included. */
  get size(): number {
    return this.#fields.size;
  }

  get(field: string): string | undefined {
    return this.#fields.get(field);
  }

  has(field: string): boolean {
    return this.#fields.has(field);
  }

  /** Sets a field and forgets its expiry. True when the field is new. */
  set(field: string, value: string, limits: HashLimits): boolean {
    this.#expiries?.delete(field);
    return this.update(field, value, limits);
  }

  /** Sets a field and keeps its expiry (HINCRBY, KEEPTTL). True when the field is new. */
  update(field: string, value: string, limits: HashLimits): boolean {
    const bytesMax = limits['hash-max-listpack-value'];
    const isNew = this.#fields.set(field, value);
    if (
      this.size > limits['hash-max-listpack-entries'] ||
      field.length > bytesMax ||
      value.length > bytesMax
    ) {
      this.isTable = true;
    }
    return isNew;
  }

  delete(field: string): boolean {
    this.#expiries?.delete(field);
    return this.#fields.delete(field);
  }

  /** Unix ms when the field expires, or null when it does not (or is not there). */
  expiry(field: string): number | null {
    return this.#expiries?.get(field) ?? null;
  }

  /** Gives a field that exists a moment of expiry; null takes it away. */
  setExpiry(field: string, expireAtMs: number | null): void {
    if (expireAtMs === null) {
      this.#expiries?.delete(field);
      return;
    }
    this.#expiries ??= new Map();
    this.#expiries.set(field, expireAtMs);
  }

  /** True when at least one field has an expiry. */
  get hasExpiries(): boolean {
    return this.#expiries !== undefined && this.#expiries.size > 0;
  }

  /** Fields whose moment lies in the past, in no particular order. */
  expiredFields(nowMs: number): string[] {
    const expired: string[] = [];
    for (const [field, at] of this.#expiries ?? []) if (nowMs > at) expired.push(field);
    return expired;
  }

  /** Fields and values in insertion order. */
  entries(): Iterable<[string, string]> {
    return this.#fields;
  }

  /** A uniformly random field; the hash must not be empty. */
  sample(random: Random): string {
    return this.#fields.sample(random)!;
  }

  /** As Dict.scan; a listpack is told as a whole. */
  scan(cursor: number, count: number, visit: (field: string, value: string) => void): number {
    if (this.isTable) return this.#fields.scan(cursor, count, visit);
    for (const [field, value] of this.#fields) visit(field, value);
    return 0;
  }

  copy(): HashValue {
    const copy = new HashValue();
    copy.isTable = this.isTable;
    for (const [field, value] of this.#fields) copy.#fields.set(field, value);
    if (this.#expiries !== undefined) copy.#expiries = new Map(this.#expiries);
    return copy;
  }

  sizeBytes(): number {
    const perField = this.isTable ? 64 : 4;
    return (
      80 + itemsBytes(this.#fields, this.size, ([field, value]) => field.length + value.length + perField)
    );
  }
}
