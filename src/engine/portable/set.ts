/**
 * Sets: members in a Dict.
 *
 * Redis 7.0 keeps a set of at most `set-max-intset-entries` integers as an intset, whose members come in numerical
 * order, and everything else as a hashtable, in no particular order. An intset that gets too big or meets a member
 * that is no integer becomes a hashtable for good.
 */
import { Dict } from './dict.ts';
import { itemsBytes } from './memory.ts';
import { parseInt64 } from './numbers.ts';
import type { Random } from './random.ts';
import { ValueBase } from './value.ts';

export class SetValue extends ValueBase {
  readonly type = 'set';
  encoding: 'intset' | 'hashtable' = 'intset';
  readonly #members = new Dict<true>();

  /** A set of these members, in the encoding that SADD of them would give. */
  static of(members: Iterable<string>, intsetEntriesMax: number): SetValue {
    const set = new SetValue();
    for (const member of members) set.add(member, intsetEntriesMax);
    return set;
  }

  get size(): number {
    return this.#members.size;
  }

  has(member: string): boolean {
    return this.#members.has(member);
  }

  /** True when the member is new. */
  add(member: string, intsetEntriesMax: number): boolean {
    if (!this.#members.set(member, true)) return false;
    if (this.encoding === 'intset' && (this.size > intsetEntriesMax || parseInt64(member) === null)) {
      this.encoding = 'hashtable';
    }
    return true;
  }

  delete(member: string): boolean {
    return this.#members.delete(member);
  }

  /** A uniformly random member; the set must not be empty. */
  sample(random: Random): string {
    return this.#members.sample(random)!;
  }

  /** Members in the order SMEMBERS tells them: numerical for an intset, by insertion otherwise. Copied. */
  members(): string[] {
    const members = [...this.#members.keys()];
    if (this.encoding === 'hashtable') return members;
    return members.sort((a, b) => compareIntegers(BigInt(a), BigInt(b)));
  }

  /** As Dict.scan; an intset is told as a whole. */
  scan(cursor: number, count: number, visit: (member: string) => void): number {
    if (this.encoding === 'hashtable') return this.#members.scan(cursor, count, visit);
    for (const member of this.members()) visit(member);
    return 0;
  }

  copy(): SetValue {
    const copy = new SetValue();
    copy.encoding = this.encoding;
    for (const member of this.#members.keys()) copy.#members.set(member, true);
    return copy;
  }

  sizeBytes(): number {
    if (this.encoding === 'intset') return 24 + 8 * this.size;
    return 96 + itemsBytes(this.#members.keys(), this.size, (member) => member.length + 48);
  }
}

const compareIntegers = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
