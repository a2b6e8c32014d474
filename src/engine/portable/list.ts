/**
 * Lists: a double-ended array.
 *
 * Elements sit in one array with free room before the first, so that both ends push and pop in amortized O(1),
 * and an index is an addition away. Redis 7.0 reports every list as a quicklist.
 *
 *     slots:  [ . . . a b c d ]     head = 3
 */
import { itemSamples, itemsBytes } from './memory.ts';
import { ValueBase } from './value.ts';

export class ListValue extends ValueBase {
  readonly type = 'list';
  readonly encoding = 'quicklist';
  /** Slots below `head` are free. */
  #slots: string[];
  #head = 0;

  /** Takes ownership of `elements` (binary strings). */
  constructor(elements: string[] = []) {
    super();
    this.#slots = elements;
  }

  get length(): number {
    return this.#slots.length - this.#head;
  }

  /** The element at `index` (0 is the first), or undefined outside the list. */
  at(index: number): string | undefined {
    return index < 0 ? undefined : this.#slots[this.#head + index];
  }

  /** Replaces the element at an index that exists. */
  set(index: number, element: string): void {
    this.#slots[this.#head + index] = element;
  }

  pushBack(element: string): void {
    this.#slots.push(element);
  }

  pushFront(element: string): void {
    if (this.#head === 0) this.#makeRoom();
    this.#slots[--this.#head] = element;
  }

  popBack(): string | undefined {
    return this.length === 0 ? undefined : this.#slots.pop();
  }

  popFront(): string | undefined {
    if (this.length === 0) return undefined;
    const element = this.#slots[this.#head]!;
    this.#slots[this.#head++] = '';
    if (this.#head > 16 && this.#head > this.#slots.length / 2) this.#dropRoom();
    return element;
  }

  /** Inserts before the element at `index`; `index` may equal `length`. O(n). */
  insert(index: number, element: string): void {
    this.#slots.splice(this.#head + index, 0, element);
  }

  /** Puts other elements in place of all; takes ownership of them. */
  replace(elements: string[]): void {
    this.#slots = elements;
    this.#head = 0;
  }

  /** The elements in [start, end), copied. */
  slice(start: number, end: number): string[] {
    return this.#slots.slice(this.#head + start, this.#head + end);
  }

  /** All elements from the first to the last, copied. */
  elements(): string[] {
    return this.#slots.slice(this.#head);
  }

  copy(): ListValue {
    return new ListValue(this.elements());
  }

  sizeBytes(): number {
    const first = this.slice(0, Math.min(this.length, itemSamples));
    return 128 + itemsBytes(first, this.length, (element) => element.length + 11);
  }

  /** Moves the elements up by as much as there are (at least 16), so that the cost of moving is shared by that many pushes. */
  #makeRoom(): void {
    const room = Math.max(16, this.#slots.length);
    this.#slots = new Array<string>(room).fill('').concat(this.#slots);
    this.#head = room;
  }

  #dropRoom(): void {
    this.#slots = this.elements();
    this.#head = 0;
  }
}
