/**
 * Consumer groups of a stream: who was given which entry, and has not acknowledged it yet.
 *
 *     group ---- pending: ID -> delivery ----+
 *       |                                    |   one delivery stands in two lists
 *       +-- consumer -- pending: ID -> ------+
 *
 * Both lists are in the order of IDs, because XPENDING, XAUTOCLAIM and reading one's history walk them from an ID
 * on.
 */
import { RankedList } from './ranked.ts';
import type { StreamId } from './stream-id.ts';

/** An entry that was given to a consumer and not acknowledged. */
export interface Delivery {
  readonly id: StreamId;
  consumer: StreamConsumer;
  /** Unix ms of the last time it was given to someone. */
  deliveredMs: number;
  /** How often it was. */
  count: number;
}

/** Deliveries by ID: found by key at once, and walked in order. */
export class PendingList {
  readonly #byId = new Map<StreamId, Delivery>();
  readonly #order = new RankedList<StreamId>((a, b) => (a < b ? -1 : a > b ? 1 : 0));

  get size(): number {
    return this.#byId.size;
  }

  get(id: StreamId): Delivery | undefined {
    return this.#byId.get(id);
  }

  /** Adds a delivery whose ID is not here, or replaces the one that is. */
  set(delivery: Delivery): void {
    if (!this.#byId.has(delivery.id)) this.#order.insert(delivery.id);
    this.#byId.set(delivery.id, delivery);
  }

  delete(id: StreamId): boolean {
    if (!this.#byId.delete(id)) return false;
    const rank = this.#order.rankOf(id);
    this.#order.removeRange(rank, rank + 1);
    return true;
  }

  /** Least and greatest ID, or undefined when there is none. */
  get firstId(): StreamId | undefined {
    return this.#order.at(0);
  }
  get lastId(): StreamId | undefined {
    return this.#order.at(this.size - 1);
  }

  /**
   * Deliveries from `start` on, ascending. The list may lose deliveries already told during the walk, but not gain
   * any.
   */
  *from(start: StreamId): Generator<Delivery> {
    let next = start;
    for (;;) {
      const rank = this.#order.rankOf(next);
      const ids = this.#order.slice(rank, rank + 64);
      if (ids.length === 0) return;
      for (const id of ids) {
        const delivery = this.#byId.get(id);
        if (delivery !== undefined) yield delivery;
      }
      next = ids[ids.length - 1]! + 1n;
    }
  }
}

export interface StreamConsumer {
  readonly name: string;
  /**
   * Unix ms of its last attempt at anything, and of its last success (Redis 7.2; the same as `seenMs` where a 7.0
   * wrote it).
   */
  seenMs: number;
  activeMs: number;
  readonly pending: PendingList;
}

export interface StreamGroup {
  readonly name: string;
  /** The last ID that was given to anyone. */
  lastId: StreamId;
  /** How many entries of the stream the group has read, as far as known; -1n when it is not. */
  entriesRead: bigint;
  readonly pending: PendingList;
  /** By name. */
  readonly consumers: Map<string, StreamConsumer>;
}

/** `entriesRead` of a group that does not know it. */
export const entriesReadUnknown = -1n;

export const newGroup = (name: string, lastId: StreamId, entriesRead: bigint): StreamGroup => ({
  name,
  lastId,
  entriesRead,
  pending: new PendingList(),
  consumers: new Map(),
});

/** The consumer of that name, made when it is new. */
export function addConsumer(group: StreamGroup, name: string, nowMs: number): StreamConsumer {
  const consumer = { name, seenMs: nowMs, activeMs: nowMs, pending: new PendingList() };
  group.consumers.set(name, consumer);
  return consumer;
}

/** Adds a delivery, or gives it to another consumer. */
export function deliver(group: StreamGroup, consumer: StreamConsumer, id: StreamId, nowMs: number): Delivery {
  const known = group.pending.get(id);
  if (known !== undefined) {
    known.consumer.pending.delete(id);
    known.consumer = consumer;
    known.deliveredMs = nowMs;
    known.count = 1;
    consumer.pending.set(known);
    return known;
  }
  const delivery = { id, consumer, deliveredMs: nowMs, count: 1 };
  group.pending.set(delivery);
  consumer.pending.set(delivery);
  return delivery;
}

/** Forgets a delivery. False when there is none. */
export function acknowledge(group: StreamGroup, id: StreamId): boolean {
  const delivery = group.pending.get(id);
  if (delivery === undefined) return false;
  group.pending.delete(id);
  delivery.consumer.pending.delete(id);
  return true;
}

/** Names in the order in which Redis's radix tree tells them: byte by byte. */
export const inNameOrder = <T>(named: Map<string, T>): T[] =>
  [...named].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);

/** An independent copy, deliveries included. */
export function copyGroups(groups: Map<string, StreamGroup>): Map<string, StreamGroup> {
  const copies = new Map<string, StreamGroup>();
  for (const [name, group] of groups) {
    const copy = newGroup(name, group.lastId, group.entriesRead);
    for (const consumer of group.consumers.values()) {
      const twin = addConsumer(copy, consumer.name, consumer.seenMs);
      twin.activeMs = consumer.activeMs;
      for (const delivery of consumer.pending.from(0n)) {
        const twinDelivery = { ...delivery, consumer: twin };
        twin.pending.set(twinDelivery);
        copy.pending.set(twinDelivery);
      }
    }
    copies.set(name, copy);
  }
  return copies;
}
