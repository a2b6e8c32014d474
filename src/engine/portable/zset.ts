/**
 * Sorted sets: a score per member, and all members in order of (score, member).
 *
 * Redis 7.0 keeps one as a listpack up to `zset-max-listpack-entries` members of at most `zset-max-listpack-value`
 * bytes, and as a skiplist from then on. Here both are a Dict for the scores and a RankedList for the order.
 */
import { compareBinary } from './bytes.ts';
import { Dict } from './dict.ts';
import { itemsBytes } from './memory.ts';
import type { Random } from './random.ts';
import { RankedList } from './ranked.ts';
import { ValueBase } from './value.ts';

export interface ScoredMember {
  readonly member: string;
  readonly score: number;
}

/** When a sorted set outgrows its listpack. */
export interface ZsetLimits {
  'zset-max-listpack-entries': number;
  'zset-max-listpack-value': number;
}

/** Order by score, then by the bytes of the member. Minus zero equals zero. */
export const compareScored = (a: ScoredMember, b: ScoredMember): number =>
  a.score < b.score ? -1 : a.score > b.score ? 1 : compareBinary(a.member, b.member);

export class ZsetValue extends ValueBase {
  readonly type = 'zset';
  encoding: 'listpack' | 'skiplist' = 'listpack';
  readonly #scores = new Dict<number>();
  #order = new RankedList<ScoredMember>(compareScored);

  /**
   * Builds a whole sorted set at once, O(n log n); of a member that comes twice the last score counts. `adopted`: the
   * scores come from a packed block that is taken over, so a minus zero stays one.
   */
  static of(items: Iterable<ScoredMember>, limits: ZsetLimits, adopted = false): ZsetValue {
    const zset = new ZsetValue();
    for (const { member, score } of items) {
      zset.#scores.set(member, score);
      if (member.length > limits['zset-max-listpack-value']) zset.encoding = 'skiplist';
    }
    if (zset.size > limits['zset-max-listpack-entries']) zset.encoding = 'skiplist';
    const scored = Array.from(zset.#scores, ([member, score]) => ({
      member,
      score: adopted ? score : zset.#kept(score),
    }));
    for (const { member, score } of scored) if (score === 0) zset.#scores.set(member, score);
    zset.#order = RankedList.from(scored, compareScored);
    return zset;
  }

  get size(): number {
    return this.#scores.size;
  }

  score(member: string): number | undefined {
    return this.#scores.get(member);
  }

  /** Adds a member or moves it to another score. True when it is new. The score is not NaN. */
  set(member: string, score: number, limits: ZsetLimits): boolean {
    const old = this.#scores.get(member);
    if (old !== undefined) {
      if (old === score) return false;
      this.#removeOrdered({ member, score: old });
    }
    const sizeAfter = this.size + (old === undefined ? 1 : 0);
    if (
      sizeAfter > limits['zset-max-listpack-entries'] ||
      member.length > limits['zset-max-listpack-value']
    ) {
      this.encoding = 'skiplist';
    }
    this.#scores.set(member, this.#kept(score));
    this.#order.insert({ member, score: this.#kept(score) });
    return old === undefined;
  }

  /** A listpack holds whole scores as integers, which have no minus zero; a skiplist keeps it. */
  #kept(score: number): number {
    return this.encoding === 'listpack' ? score + 0 : score;
  }

  delete(member: string): boolean {
    const score = this.#scores.get(member);
    if (score === undefined) return false;
    this.#scores.delete(member);
    this.#removeOrdered({ member, score });
    return true;
  }

  /** Removes ranks [start, end) and returns what was there. */
  removeRange(start: number, end: number): ScoredMember[] {
    const removed = this.#order.slice(start, end);
    for (const { member } of removed) this.#scores.delete(member);
    this.#order.removeRange(start, end);
    return removed;
  }

  /** 0-based rank of a member from the lowest score, or undefined. */
  rank(member: string): number | undefined {
    const score = this.#scores.get(member);
    return score === undefined ? undefined : this.#order.rankOf({ member, score });
  }

  /** Number of members for which `before` holds; it must hold for a prefix of the order only. */
  countBefore(before: (item: ScoredMember) => boolean): number {
    return this.#order.rank(before);
  }

  at(rank: number): ScoredMember | undefined {
    return this.#order.at(rank);
  }

  /** Members with ranks in [start, end), lowest score first. Copied. */
  slice(start: number, end: number): ScoredMember[] {
    return this.#order.slice(start, end);
  }

  /** All members, lowest score first. */
  items(): Iterable<ScoredMember> {
    return this.#order;
  }

  /** A uniformly random member; the set must not be empty. */
  sample(random: Random): string {
    return this.#scores.sample(random)!;
  }

  /** As Dict.scan; a listpack is told as a whole, in order. */
  scan(cursor: number, count: number, visit: (member: string, score: number) => void): number {
    if (this.encoding === 'skiplist') return this.#scores.scan(cursor, count, visit);
    for (const { member, score } of this.#order) visit(member, score);
    return 0;
  }

  copy(): ZsetValue {
    const copy = new ZsetValue();
    copy.encoding = this.encoding;
    for (const [member, score] of this.#scores) copy.#scores.set(member, score);
    copy.#order = RankedList.from([...this.#order], compareScored);
    return copy;
  }

  sizeBytes(): number {
    const perMember = this.encoding === 'skiplist' ? 96 : 8;
    return 80 + itemsBytes(this.#scores.keys(), this.size, (member) => member.length + perMember);
  }

  #removeOrdered(item: ScoredMember): void {
    const rank = this.#order.rankOf(item);
    this.#order.removeRange(rank, rank + 1);
  }
}
