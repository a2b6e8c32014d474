/**
 * A sorted sequence that knows ranks: what Redis uses a skiplist for.
 *
 * Its one idea: items stand in order in blocks of a few hundred. To find an item, look at the first item of each
 * block, then search one block by halves; to insert one, move the items of one block. A rank is the length of
 * the blocks before plus a position. Everything costs O(n / 256 + 256), which is little for any size that fits here.
 *
 *     blocks:  [ a b c ] [ d e ] [ f g h i ]        rank of g = 3 + 2 + 1
 *
 * Items are compared with the function given; equal items must not be inserted twice.
 */
const blockItemsMax = 512;

export class RankedList<T> {
  #blocks: T[][] = [];
  #length = 0;
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** Builds from items in any order. O(n log n). */
  static from<T>(items: T[], compare: (a: T, b: T) => number): RankedList<T> {
    const list = new RankedList<T>(compare);
    const sorted = [...items].sort(compare);
    const step = blockItemsMax / 2;
    for (let at = 0; at < sorted.length; at += step) list.#blocks.push(sorted.slice(at, at + step));
    list.#length = sorted.length;
    return list;
  }

  get length(): number {
    return this.#length;
  }

  insert(item: T): void {
    this.#length++;
    if (this.#blocks.length === 0) {
      this.#blocks.push([item]);
      return;
    }
    const index = this.#blockOf((other) => this.#compare(other, item) <= 0);
    const block = this.#blocks[index]!;
    block.splice(
      firstFailing(block, (other) => this.#compare(other, item) < 0),
      0,
      item,
    );
    if (block.length > blockItemsMax) this.#blocks.splice(index + 1, 0, block.splice(blockItemsMax / 2));
  }

  /** Removes the items with ranks in [start, end). */
  removeRange(start: number, end: number): void {
    let [index, position] = this.#locate(start);
    let left = Math.min(end, this.#length) - start;
    while (left > 0) {
      const block = this.#blocks[index]!;
      const removed = block.splice(position, left).length;
      left -= removed;
      this.#length -= removed;
      if (block.length === 0) this.#blocks.splice(index, 1);
      else index++;
      position = 0;
    }
  }

  /** Rank (0-based) of the first item for which `before` is false; `before` must be true for a prefix only. */
  rank(before: (item: T) => boolean): number {
    if (this.#blocks.length === 0) return 0;
    const index = this.#blockOf(before);
    let rank = 0;
    for (let i = 0; i < index; i++) rank += this.#blocks[i]!.length;
    return rank + firstFailing(this.#blocks[index]!, before);
  }

  /** Rank of an item that compares equal to `item`; the number of smaller items when there is none. */
  rankOf(item: T): number {
    return this.rank((other) => this.#compare(other, item) < 0);
  }

  at(rank: number): T | undefined {
    if (rank < 0 || rank >= this.#length) return undefined;
    const [index, position] = this.#locate(rank);
    return this.#blocks[index]![position];
  }

  /** Items with ranks in [start, end), copied. */
  slice(start: number, end: number): T[] {
    const items: T[] = [];
    const stop = Math.min(end, this.#length);
    if (start >= stop) return items;
    let [index, position] = this.#locate(start);
    while (items.length < stop - start) {
      const block = this.#blocks[index++]!;
      for (const item of block.slice(position, position + stop - start - items.length)) items.push(item);
      position = 0;
    }
    return items;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const block of this.#blocks) yield* block;
  }

  /** The last block whose first item still satisfies `before`, or the first block. */
  #blockOf(before: (item: T) => boolean): number {
    return Math.max(0, firstFailing(this.#blocks, (block) => before(block[0]!)) - 1);
  }

  /** Block and position of a rank within the sequence (or just behind it). */
  #locate(rank: number): [number, number] {
    let index = 0;
    let position = rank;
    while (index < this.#blocks.length && position >= this.#blocks[index]!.length) {
      position -= this.#blocks[index++]!.length;
    }
    return [index, position];
  }
}

/** Index of the first item for which `holds` is false, given that it is true for a prefix. O(log n). */
function firstFailing<T>(items: T[], holds: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
