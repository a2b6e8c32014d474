/**
 * Snapshots for replicas: who asks takes a seat, and is told when the snapshot's moment is and what its bytes are.
 *
 *     join(wish, sink) --> started(start)    the moment: the feed from `start.offset` on belongs to this replica
 *                          header(bytes)     $<length> or $EOF:<mark>, when the first bytes are there
 *                          chunk(bytes) ...  false: wait until the seat's `drained()` is called
 *                          finished()        or failed(why): nothing more comes
 *
 * Whether a snapshot goes through a file or not, whether several replicas share one and when it begins is decided by the
 * machine in replication/snapshot-job.ts; this is its dull driver. How bytes move is in snapshot-transfer.ts, which version
 * they have in replica-snapshot.ts. What a replica is, its socket and its place in the feed are the replica driver's (replicas.ts).
 */
import type { Snapshot } from '../engine/engine.ts';
import { step } from '../machine/machine.ts';
import type { Effect, Event, Job, State, Terms } from '../replication/snapshot-job.ts';
import { snapshotJob } from '../replication/snapshot-job.ts';
import { snapshotSent } from './replica-sentences.ts';
import { FileTransfer, Outlet, SocketTransfer } from './snapshot-transfer.ts';

/** What a replica can take and wants, as it said with REPLCONF. */
export interface SnapshotWish {
  /** `capa eof`: it can take a snapshot whose end is a mark. Without it the length must be said first. */
  readonly takesMark: boolean;
  /** `rdb-only`: it goes away after the snapshot. */
  readonly rdbOnly: boolean;
  /** `rdb-filter-only`: functions alone, nothing at all (an empty filter), or everything. */
  readonly filter: 'all' | 'functions' | 'none';
  /** `version`, as the replica said it; null: it said none. */
  readonly version: string | null;
  /** It comes from this machine or a private network, where compressing costs more time than it saves. */
  readonly isNear: boolean;
}

/** The moment of a snapshot. */
export interface SnapshotStart {
  /** Our history at the moment, 40 hex digits: what +FULLRESYNC says. */
  readonly historyId: string;
  /** End of the feed at the moment: what +FULLRESYNC says, and where the replica's own reading begins. */
  readonly offset: number;
}

/** Who gets a snapshot. All calls come in the order above; none comes after `failed`, `finished` or the seat's `leave`. */
export interface SnapshotSink {
  /** In the same turn as the moment itself: no command runs between them. May come before `join` returns. */
  started(start: SnapshotStart): void;
  /** `ends` says how the end is known. The bytes end with CRLF. */
  header(bytes: Buffer, ends: 'length' | 'mark'): void;
  /** The bytes belong to all who share the snapshot: read only. False: no more until `drained`. */
  chunk(bytes: Buffer): boolean;
  /** All bytes were handed over, the mark included. */
  finished(): void;
  /** The snapshot cannot be made. */
  failed(why: string): void;
}

/** A place in a snapshot. */
export interface SnapshotSeat {
  /** The replica is gone. Harmless after the end. */
  leave(): void;
  /** The replica has room again after `chunk` gave false. */
  drained(): void;
}

/** What the bytes of a snapshot are to be: those who share one agree in all of it. */
export interface SnapshotKind {
  readonly version: number;
  readonly filter: SnapshotWish['filter'];
  readonly compress: boolean;
}

export interface SnapshotParts {
  /** What this replica needs. */
  kind: (wish: SnapshotWish) => SnapshotKind;
  /** A snapshot of the data of now. Throws RedtwinError. */
  snapshot: (kind: SnapshotKind) => Snapshot;
  /** History and end of the feed of now. */
  now: () => SnapshotStart;
  terms: () => Terms;
  /** Folder for files of a moment. */
  folder: () => string;
  log: (level: 'notice' | 'warning', text: string) => void;
  monotonicMs: () => number;
  nowMs: () => number;
}

interface Place {
  readonly outlet: Outlet;
  readonly kind: SnapshotKind;
}

/** The snapshot that is being made. */
interface Running {
  readonly startedMs: number;
  readonly snapshot: Snapshot;
  readonly start: SnapshotStart;
  /** All who share it, the late ones too. */
  readonly outlets: Set<Outlet>;
}

export class Snapshots {
  readonly #parts: SnapshotParts;
  #state: State = { name: 'idle' };
  readonly #places = new Map<number, Place>();
  #nextSeat = 1;
  #running: Running | null = null;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  /** Whether a snapshot for replicas is being made. */
  get isSaving(): boolean {
    return this.#running !== null;
  }

  /** How far it is; null when there is none. */
  get status(): ReturnType<Snapshot['status']> | null {
    return this.#running?.snapshot.status() ?? null;
  }

  /** When the one under way began, Unix ms; 0 when there is none. */
  get startedMs(): number {
    return this.#running?.startedMs ?? 0;
  }

  get state(): State['name'] {
    return this.#state.name;
  }

  join(wish: SnapshotWish, sink: SnapshotSink): SnapshotSeat {
    const seat = this.#nextSeat++;
    const kind = this.#parts.kind(wish);
    // Who has everything, or is told of the failure, has no place any longer.
    const outlet = new Outlet({
      ...sink,
      finished: () => {
        this.#places.delete(seat);
        sink.finished();
      },
      failed: (why) => {
        this.#places.delete(seat);
        sink.failed(why);
      },
    });
    this.#places.set(seat, { outlet, kind });
    this.#dispatch({
      name: 'asked',
      seat,
      kind: JSON.stringify(kind),
      takesMark: wish.takesMark,
      ...this.#timed(),
    });
    return {
      leave: () => {
        outlet.leave();
        if (this.#places.delete(seat)) this.#dispatch({ name: 'left', seat, ...this.#timed() });
      },
      drained: () => outlet.drained(),
    };
  }

  /** Runs what is due. Call it about ten times a second. */
  tick(): void {
    if (this.#state.name === 'gathering') this.#dispatch({ name: 'ticked', ...this.#timed() });
  }

  #timed(): { terms: Terms; nowMs: number } {
    return { terms: this.#parts.terms(), nowMs: this.#parts.monotonicMs() };
  }

  #dispatch(event: Event): void {
    const next = step(snapshotJob, this.#state, event);
    if (next === null) {
      this.#parts.log('warning', `A bug: snapshots did not expect ${event.name} when ${this.#state.name}`);
      return;
    }
    this.#state = next.state;
    for (const effect of next.effects) this.#run(effect);
  }

  #run(effect: Effect): void {
    switch (effect.do) {
      case 'begin':
        this.#begin(effect.job);
        break;
      case 'share': {
        const place = this.#places.get(effect.seat);
        if (!place || !this.#running) return;
        this.#running.outlets.add(place.outlet);
        place.outlet.sink.started(this.#running.start);
        break;
      }
      case 'cancel':
        this.#parts.log('notice', 'The last replica that waited for the snapshot has left: it is dropped');
        this.#end();
        break;
    }
  }

  #begin(job: Job): void {
    const places = job.seats.flatMap((seat) => this.#places.get(seat) ?? []);
    const outlets = new Set(places.map((place) => place.outlet));
    let snapshot: Snapshot;
    try {
      snapshot = this.#parts.snapshot(places[0]!.kind);
    } catch (cause) {
      this.#failed(outlets, cause);
      return;
    }
    const running = { startedMs: this.#parts.nowMs(), snapshot, start: this.#parts.now(), outlets };
    this.#running = running;
    const { version } = places[0]!.kind;
    this.#parts.log(
      'notice',
      `A snapshot begins for ${outlets.size} replica${outlets.size === 1 ? '' : 's'}, ` +
        `RDB version ${version}, through ${job.through === 'file' ? 'a file' : 'their sockets'}`,
    );
    for (const outlet of outlets) outlet.sink.started(running.start);
    void this.#transfer(running, job.through);
  }

  async #transfer(running: Running, through: Job['through']): Promise<void> {
    const { snapshot, outlets } = running;
    const transfer =
      through === 'socket'
        ? new SocketTransfer(snapshot)
        : new FileTransfer(snapshot, this.#parts.folder(), (cause) =>
            this.#parts.log('warning', `A snapshot cannot be handed out: ${String(cause)}`),
          );
    try {
      await transfer.run(outlets);
    } catch (cause) {
      if (this.#running === running) this.#failed(outlets, cause);
      return;
    }
    if (this.#running !== running) return;
    if (through === 'socket')
      this.#parts.log('notice', snapshotSent([...outlets].filter((outlet) => !outlet.isGone).length));
    const { keys, fieldExpiries, functions, streamTails } = snapshot.status();
    this.#parts.log('notice', `The snapshot for replicas is complete: ${keys} keys`);
    if (fieldExpiries + functions + streamTails > 0)
      this.#parts.log(
        'warning',
        `The snapshot's RDB version could not hold everything: ${fieldExpiries} expiries of hash fields, ` +
          `${functions} function libraries and ${streamTails} streams' idempotence were left out (rdb-version-loss drop)`,
      );
    this.#end();
    this.#dispatch({ name: 'completed', ...this.#timed() });
  }

  #failed(outlets: Set<Outlet>, cause: unknown): void {
    this.#parts.log('warning', `The snapshot for replicas failed: ${String(cause)}`);
    this.#end();
    this.#dispatch({ name: 'failed', ...this.#timed() });
    for (const outlet of outlets) {
      if (outlet.isGone) continue;
      outlet.isGone = true;
      outlet.sink.failed(String(cause));
    }
  }

  #end(): void {
    this.#running?.snapshot.release();
    this.#running = null;
  }
}
