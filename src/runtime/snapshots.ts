/**
 * Snapshots for replicas: who asks takes a seat, and is told when the snapshot's moment is and what its bytes are.
 *
 *     join(wish, sink) --> started(start)    the moment: the feed from `start.offset` on belongs to this replica
 *                          header(bytes)     $<length> or $EOF:<mark>, when the first bytes are there
 *                          chunk(bytes) ...  false: wait until the seat's `drained()` is called
 *                          finished()        or failed(why): nothing more comes
 *
 * Whether a snapshot goes through a file or not, whether several replicas share one, when it begins and which version it has is
 * decided here and nowhere else. What a replica is, its socket and its place in the feed are the replica driver's
 * (replicas.ts).
 */
import { randomBytes } from 'node:crypto';
import type { Snapshot } from '../engine/engine.ts';

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

export interface SnapshotParts {
  /** A snapshot of the data of now, for this wish. Throws RedtwinError. */
  snapshot: (wish: SnapshotWish) => Snapshot;
  /** History and end of the feed of now. */
  now: () => SnapshotStart;
}

const chunkBytes = 256 * 1024;

/** Simplest form: each replica has a snapshot of its own, at once, and what must be announced by length is gathered first. */
export class Snapshots {
  readonly #parts: SnapshotParts;
  readonly #seats = new Set<SnapshotSeat>();

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  /** Snapshots that are under way. */
  get active(): number {
    return this.#seats.size;
  }

  join(wish: SnapshotWish, sink: SnapshotSink): SnapshotSeat {
    let snapshot: Snapshot | null = null;
    let isWaiting = false;
    const mark = randomBytes(20).toString('hex');
    const end = (): void => {
      snapshot?.release();
      snapshot = null;
      this.#seats.delete(seat);
    };
    const turn = async (): Promise<void> => {
      if (snapshot === null) return;
      try {
        const chunk = await snapshot.read(chunkBytes);
        if (snapshot === null) return;
        if (chunk === null) {
          end();
          if (wish.takesMark) sink.chunk(Buffer.from(mark));
          sink.finished();
          return;
        }
        if (sink.chunk(chunk)) void turn();
        else isWaiting = true;
      } catch (cause) {
        end();
        sink.failed(String(cause));
      }
    };
    const seat: SnapshotSeat = {
      leave: end,
      drained: () => {
        if (!isWaiting) return;
        isWaiting = false;
        void turn();
      },
    };
    try {
      snapshot = this.#parts.snapshot(wish);
    } catch (cause) {
      sink.failed(String(cause));
      return seat;
    }
    this.#seats.add(seat);
    sink.started(this.#parts.now());
    if (wish.takesMark) {
      sink.header(Buffer.from(`$EOF:${mark}\r\n`), 'mark');
    } else {
      const whole = gathered(snapshot);
      snapshot = whole;
      sink.header(Buffer.from(`$${whole.bytes}\r\n`), 'length');
    }
    void turn();
    return seat;
  }

  /** Runs what is due. Call it about ten times a second. */
  tick(_nowMs: number): void {}
}

/** A snapshot whose length is known, because it is all there. */
function gathered(snapshot: Snapshot): Snapshot & { readonly bytes: number } {
  const chunks: Buffer[] = [];
  for (let chunk = snapshot.readNow(chunkBytes); chunk; chunk = snapshot.readNow(chunkBytes))
    chunks.push(chunk);
  return {
    bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    read: async () => chunks.shift() ?? null,
    readNow: () => chunks.shift() ?? null,
    status: () => snapshot.status(),
    release: () => chunks.splice(0),
  };
}
