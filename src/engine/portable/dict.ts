/**
 * The dictionary of the portable engine: a Map that can also be scanned and sampled.
 *
 * Its one idea: every entry gets a serial number when it is inserted and keeps it until it is deleted.
 * A SCAN walks from the newest serial to the oldest, and its cursor is the last serial it told. So every entry
 * that was there during the whole scan is told exactly once, entries added meanwhile are never met, and the
 * scan always ends; Redis's guarantees without a hash table to rehash.
 *
 *     order:  [ 3:a ][ 5:(gone) ][ 6:b ][ 9:c ]        scan(0) --> c, cursor 9 --> b, cursor 6 --> a, cursor 0
 *
 * The Map comes with the ninth entry: most collections have a member or two, and a Map for each would be most of their memory,
 * and of the garbage collector's work.
 *
 * Keys are binary strings: one character per byte (latin-1), which compare like memcmp and hash fast.
 * Not here: expiry, types, order by anything but insertion.
 */
import type { Random } from './random.ts';

/** An entry as it stands: what it says of the value may change. */
export interface Entry<V> {
  readonly key: string;
  readonly value: V;
  /** Grows with every insertion; unique within its dictionary. */
  readonly serial: number;
}

interface Slot<V> extends Entry<V> {
  value: V;
  /** False once deleted; the slot then waits in `order` to be swept. */
  live: boolean;
}

/** Deleted slots that may wait in `order` before it is swept, beyond as many as there are live ones. */
const sweepSlack = 32;

/** As many slots are searched one by one. */
const searchedMax = 8;

export class Dict<V> implements Iterable<[string, V]> {
  /** Live slots by their keys; null while `order` is so short that it is searched. */
  #slots: Map<string, Slot<V>> | null = null;
  /** Every live slot and some deleted ones, by ascending serial. */
  #order: Slot<V>[] = [];
  #size = 0;
  #nextSerial = 1;

  get size(): number {
    return this.#size;
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  get(key: string): V | undefined {
    return this.#find(key)?.value;
  }

  entry(key: string): Entry<V> | undefined {
    return this.#find(key);
  }

  /** Serial number of the next entry to come. */
  get nextSerial(): number {
    return this.#nextSerial;
  }

  /** Entries by ascending serial. Those deleted during the walk are not met, those inserted are. */
  entries(): IterableIterator<Entry<V>> {
    return this.#live();
  }

  /** Sets a value; an existing entry keeps its place. True when the key is new. O(1). */
  set(key: string, value: V): boolean {
    const slot = this.#find(key);
    if (slot === undefined) {
      this.#append(key, value);
      return true;
    }
    slot.value = value;
    return false;
  }

  /**
   * Sets a value whose key is not there, with one look-up where `set` has two. False when it was there all the same: then
   * the dictionary is not to be used any longer. O(1).
   */
  add(key: string, value: V): boolean {
    const isThere = this.#slots === null && this.#find(key) !== undefined;
    this.#append(key, value);
    return !isThere && (this.#slots === null || this.#slots.size === this.#size);
  }

  #append(key: string, value: V): void {
    const fresh = { key, value, serial: this.#nextSerial++, live: true };
    if (this.#slots === null && this.#order.length === searchedMax) {
      this.#slots = new Map();
      for (const slot of this.#order) if (slot.live) this.#slots.set(slot.key, slot);
    }
    this.#slots?.set(key, fresh);
    this.#order.push(fresh);
    this.#size++;
  }

  /** True when there was such a key. O(1) amortized. */
  delete(key: string): boolean {
    const slot = this.#find(key);
    if (slot === undefined) return false;
    slot.live = false;
    this.#slots?.delete(key);
    this.#size--;
    if (this.#order.length > this.#size * 2 + sweepSlack) this.#order = this.#order.filter((s) => s.live);
    return true;
  }

  clear(): void {
    this.#slots?.clear();
    this.#order = [];
    this.#size = 0;
  }

  /** Entries in the order of their insertion. Entries deleted during the walk are not met. */
  *[Symbol.iterator](): Generator<[string, V]> {
    for (const slot of this.#live()) yield [slot.key, slot.value];
  }

  keys(): IterableIterator<string> {
    return this.#slots?.keys() ?? this.#searchedKeys();
  }

  *values(): Generator<V> {
    for (const slot of this.#live()) yield slot.value;
  }

  /** The oldest key, or undefined when empty. */
  first(): string | undefined {
    return this.keys().next().value;
  }

  /** A uniformly random key, or undefined when empty. O(1) expected: at most about half the slots are deleted ones. */
  sample(random: Random): string | undefined {
    if (this.#size === 0) return undefined;
    for (;;) {
      const slot = this.#order[random.below(this.#order.length)]!;
      if (slot.live) return slot.key;
    }
  }

  /**
   * Tells up to `count` entries that are older than `cursor` (0: all), newest first.
   * Returns the cursor to go on with, 0 at the end. O(log n + count).
   */
  scan(cursor: number, count: number, visit: (key: string, value: V) => void): number {
    const order = this.#order;
    let at = cursor === 0 ? order.length : this.#olderThan(cursor);
    let told = 0;
    let last = 0;
    while (at > 0) {
      const slot = order[--at]!;
      if (!slot.live) continue;
      if (told === count) return last;
      visit(slot.key, slot.value);
      last = slot.serial;
      told++;
    }
    return 0;
  }

  #find(key: string): Slot<V> | undefined {
    if (this.#slots !== null) return this.#slots.get(key);
    const order = this.#order;
    for (let at = 0; at < order.length; at++) {
      const slot = order[at]!;
      if (slot.key === key && slot.live) return slot;
    }
    return undefined;
  }

  /** Live slots by ascending serial, whatever happens to the dictionary meanwhile. */
  #live(): IterableIterator<Slot<V>> {
    return this.#slots?.values() ?? this.#searched();
  }

  /** The same without a Map. Another order has been swept, or begun anew: the walk goes on behind the last serial. */
  *#searched(): Generator<Slot<V>> {
    let order = this.#order;
    let last = 0;
    for (let at = 0; ; at++) {
      if (order !== this.#order) {
        order = this.#order;
        at = this.#olderThan(last + 1);
      }
      const slot = order[at];
      if (slot === undefined) return;
      last = slot.serial;
      if (slot.live) yield slot;
    }
  }

  *#searchedKeys(): Generator<string> {
    for (const slot of this.#searched()) yield slot.key;
  }

  /** Index in `order` of the first slot whose serial is not below `cursor`. */
  #olderThan(cursor: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#order[middle]!.serial < cursor) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
