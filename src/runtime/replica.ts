/**
 * One replica of ours: the driver of its link's machine (replication/primary-link.ts), and its place in the feed.
 *
 *     PSYNC, ACK, timeouts, the snapshot --> dispatch --> step --> effects: lines, bulk, hang up
 *     feed pump (feed-pump.ts)           --> offer(bytes) at `cursor`
 *
 * It decides nothing by itself. Bytes of the feed are shared with other replicas and never kept here; `cursor` says what has
 * been handed to the socket.
 */
import { step } from '../machine/machine.ts';
import { tell } from '../observe/channels.ts';
import {
  deadlineMs,
  type Effect,
  type Event,
  type State,
  wireState,
} from '../replication/primary-link/states.ts';
import { primaryLink } from '../replication/primary-link.ts';
import type { PsyncDecision } from '../replication/psync.ts';
import type { PartialRefusal, ReplicaLossReason } from '../replication/reasons.ts';
import type { Client } from './client.ts';
import * as say from './replica-sentences.ts';
import type { SnapshotSeat, Snapshots } from './snapshots.ts';

/** A socket as a replica's link sees it. */
export interface ReplicaLine {
  /** Writes at once. The bytes are read only from then on: they may be others' too. */
  feed(bytes: Buffer): void;
  /** Bytes the socket has not taken yet. */
  readonly waitingBytes: number;
  /** Enough waits: the next bytes after `onDrain`. */
  readonly isFull: boolean;
  /** Called when the socket has taken everything. */
  onDrain: (() => void) | null;
  close(when: 'now' | 'after-writes'): void;
}

export interface ReplicaParts {
  readonly client: Client;
  readonly line: ReplicaLine;
  readonly isOld: boolean;
  readonly snapshots: Snapshots;
  readonly log: (level: 'debug' | 'verbose' | 'notice' | 'warning', text: string) => void;
  /** Our history's id of now, for +CONTINUE. */
  readonly historyId: () => string;
  /** End of our feed. */
  readonly feedEnd: () => number;
  readonly monotonicMs: () => number;
  /** It can take feed now, went online, acknowledged or is gone: counts and gates may have changed. */
  readonly onChange: (replica: Replica, what: 'feed' | 'state' | 'ack') => void;
}

/** Snapshot bytes the socket may owe before the snapshot waits for it. */
const bulkAheadBytes = 1024 * 1024;

const hostOf = (client: Client): string => client.announced.ip || client.peerHost;

/** A client that is a replica, or wants to be one, as log lines call it (Redis 7.0). */
export function titleOf(client: Client): string {
  const { port } = client.announced;
  return `${hostOf(client)}:${port > 0 ? port : '<unknown-replica-port>'}`;
}

export class Replica {
  readonly client: Client;
  readonly line: ReplicaLine;
  readonly #parts: ReplicaParts;
  #state: State;
  #seat: SnapshotSeat | null = null;
  /** The snapshot's seat waits for the socket. */
  #bulkWaits = false;
  /** Bytes of the feed handed to the socket so far; null: it reads no feed yet. */
  cursor: number | null = null;
  /** First offset that must be kept for it; null: none. */
  held: number | null = null;
  /** It was given a snapshot, or some of it. */
  wasServed = false;
  /** It has acknowledged something. */
  hasAcked = false;
  /** Since when it is over the soft limit, monotonic ms; null: it is not. */
  overSoftSinceMs: number | null = null;
  /** Pairs of state and event that the table does not know: bugs, or a replica that does strange things. */
  unexpected = 0;

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
    this.client = parts.client;
    this.line = parts.line;
    this.#state = {
      name: 'asking',
      asker: { isOld: parts.isOld, rdbOnly: parts.client.announced.rdbOnly },
    };
    this.line.onDrain = () => this.#drained();
  }

  get state(): State {
    return this.#state;
  }

  get isOnline(): boolean {
    return this.#state.name === 'online' || this.#state.name === 'await-ack';
  }

  get isGone(): boolean {
    return this.#state.name === 'gone';
  }

  /** The offset it has acknowledged; 0 before the first. */
  get acked(): number {
    return this.#state.name === 'online' ? this.#state.acked : 0;
  }

  /** Seconds since it was heard of, as INFO's lag; 0 unless online. */
  get lagSeconds(): number {
    const state = this.#state;
    if (state.name !== 'online' && state.name !== 'await-ack') return 0;
    return Math.floor((this.#parts.monotonicMs() - state.lastIoMs) / 1000);
  }

  get wireState(): ReturnType<typeof wireState> {
    return wireState(this.#state);
  }

  /** Waits for a snapshot that has not begun to come: it wants empty lines. */
  get wantsEmptyLines(): boolean {
    return this.#state.name === 'wait-snapshot-start' || this.#state.name === 'wait-snapshot-end';
  }

  /** Where others find it: what it announced, or where it comes from. */
  get host(): string {
    return hostOf(this.client);
  }

  get port(): number {
    return this.client.announced.port;
  }

  /** As log lines call it (Redis 7.0). */
  get title(): string {
    return titleOf(this.client);
  }

  // --- What happens to it ---

  decided(decision: PsyncDecision): void {
    const nowMs = this.#parts.monotonicMs();
    if (decision.partial) this.#dispatch({ name: 'continued', at: decision.at, nowMs });
    else this.#dispatch({ name: 'refused', because: decision.because, nowMs });
  }

  acknowledged(offset: number): void {
    this.hasAcked = true;
    this.#dispatch({ name: 'acked', offset, end: this.#parts.feedEnd(), nowMs: this.#parts.monotonicMs() });
    this.#parts.onChange(this, 'ack');
  }

  /** It sent an empty line. */
  heard(): void {
    this.#dispatch({ name: 'heard', nowMs: this.#parts.monotonicMs() });
  }

  /** Its socket has closed. */
  lost(): void {
    this.#dispatch({ name: 'lost', nowMs: this.#parts.monotonicMs() });
  }

  dismiss(because: ReplicaLossReason): void {
    this.#dispatch({ name: 'dismissed', because, nowMs: this.#parts.monotonicMs() });
  }

  /** Ends it when its patience is over. */
  checkPatience(timeoutMs: number): void {
    const nowMs = this.#parts.monotonicMs();
    const deadline = deadlineMs(this.#state, timeoutMs);
    if (deadline !== null && nowMs > deadline) this.#dispatch({ name: 'expired', nowMs });
  }

  // --- Stepping ---

  #dispatch(event: Event): void {
    const before = this.#state;
    const next = step(primaryLink, before, event);
    if (next === null) {
      this.unexpected++;
      this.#say(say.unexpected(this, before.name, event.name));
      return;
    }
    this.#state = next.state;
    for (const effect of next.effects) this.#run(effect);
    if (before.name !== next.state.name) {
      this.#say(say.moved(this, before.name, event.name, next.state.name));
      tell('redtwin:replica:transition', {
        ...{ replica: this.title, from: before.name, event: event.name, to: next.state.name },
        atMs: event.nowMs,
      });
      this.#parts.onChange(this, 'state');
    }
  }

  #say([level, text]: say.Sentence): void {
    this.#parts.log(level, text);
  }

  #run(effect: Effect): void {
    switch (effect.do) {
      case 'sendContinue': {
        const id = this.client.announced.psync2 ? ` ${this.#parts.historyId()}` : '';
        this.line.feed(Buffer.from(`+CONTINUE${id}\r\n`));
        break;
      }
      case 'joinSnapshot':
        this.#joinSnapshot(effect.because);
        break;
      case 'sendFullResync':
        this.line.feed(Buffer.from(`+FULLRESYNC ${effect.historyId} ${effect.offset}\r\n`));
        this.held = effect.offset;
        break;
      case 'holdFeed':
        this.held = effect.offset;
        break;
      case 'leaveSnapshot':
        this.#seat?.leave();
        this.#seat = null;
        break;
      case 'startFeed':
        this.cursor = this.held = effect.offset;
        this.#say(say.online(this, effect.offset));
        this.#parts.onChange(this, 'feed');
        break;
      case 'hangUp':
        this.#hangUp(effect);
        break;
    }
  }

  #hangUp({ because, detail, politely }: Extract<Effect, { do: 'hangUp' }>): void {
    this.cursor = this.held = null;
    this.line.onDrain = null;
    const before = say.waitedTooLong(this, because);
    if (before) this.#say(before);
    this.#say(say.ended(this, because, detail));
    tell('redtwin:replica:ended', { replica: this.title, because, detail });
    if (because !== 'closed') this.line.close(politely ? 'after-writes' : 'now');
  }

  // --- The snapshot ---

  #joinSnapshot(because: PartialRefusal): void {
    const { snapshots, monotonicMs } = this.#parts;
    const { takesMark, rdbOnly, filter, version } = this.client.announced;
    this.#say(say.fullResync(this, because));
    tell('redtwin:replica:full-resync', { replica: this.title, because });
    const wish = { takesMark, rdbOnly, filter, version, isNear: this.client.isNear };
    let isOver = false;
    const seat = snapshots.join(wish, {
      started: ({ historyId, offset }) =>
        this.#dispatch({ name: 'started', historyId, offset, nowMs: monotonicMs() }),
      header: (bytes, ends) => {
        this.wasServed = true;
        this.line.feed(bytes);
        this.#dispatch({ name: 'announced', ends, nowMs: monotonicMs() });
      },
      chunk: (bytes) => {
        this.line.feed(bytes);
        this.#bulkWaits = this.line.waitingBytes > bulkAheadBytes;
        return !this.#bulkWaits;
      },
      finished: () => {
        isOver = true;
        this.#seat = null;
        this.#dispatch({ name: 'sent', nowMs: monotonicMs() });
      },
      failed: (detail) => {
        isOver = true;
        this.#seat = null;
        this.#dispatch({ name: 'failed', detail, nowMs: monotonicMs() });
      },
    });
    if (!isOver) this.#seat = seat;
  }

  #drained(): void {
    if (this.#state.name === 'send-bulk') {
      this.#dispatch({ name: 'took', nowMs: this.#parts.monotonicMs() });
      if (!this.#bulkWaits) return;
      this.#bulkWaits = false;
      this.#seat?.drained();
    } else {
      this.#parts.onChange(this, 'feed');
    }
  }
}
