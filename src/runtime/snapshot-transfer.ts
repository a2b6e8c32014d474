/**
 * How the bytes of one snapshot get to those who share it.
 *
 *     SocketTransfer   read --> chunk to every seat --> all have room? --> read ...      $EOF:<mark> ... <mark>
 *     FileTransfer     read --> file ... complete --> each seat reads it at its own pace  $<length> ...
 *
 * With sockets the slowest sets the pace (its patience is its link's matter), so nothing is kept. A file is written once and is
 * nameless from the moment it is opened, so that not even a killed process leaves one behind. Who leaves disturbs nobody.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshot } from '../engine/engine.ts';
import { writeNext } from './rdb-file.ts';
import type { SnapshotSink } from './snapshots.ts';

const chunkBytes = 256 * 1024;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One who is given chunks, and may ask for a pause. */
export class Outlet {
  readonly sink: SnapshotSink;
  isGone = false;
  #isFull = false;
  #wake: (() => void) | null = null;

  constructor(sink: SnapshotSink) {
    this.sink = sink;
  }

  give(bytes: Buffer): void {
    if (!this.isGone && !this.sink.chunk(bytes)) this.#isFull = true;
  }

  /** Resolves when there is room, or nobody there any longer. */
  async room(): Promise<void> {
    while (this.#isFull && !this.isGone)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  drained(): void {
    this.#isFull = false;
    this.#wake?.();
  }

  leave(): void {
    this.isGone = true;
    this.#wake?.();
  }
}

/** A snapshot on its way. `run` resolves when the snapshot itself is no longer needed; it rejects when it cannot be made. */
export interface Transfer {
  run(outlets: Set<Outlet>): Promise<void>;
}

const present = (outlets: Set<Outlet>): Outlet[] => [...outlets].filter((outlet) => !outlet.isGone);

export class SocketTransfer implements Transfer {
  readonly #snapshot: Snapshot;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  async run(outlets: Set<Outlet>): Promise<void> {
    const mark = randomBytes(20).toString('hex');
    let isFirst = true;
    for (;;) {
      const chunk = await this.#snapshot.read(chunkBytes);
      if (present(outlets).length === 0) return;
      if (isFirst)
        for (const { sink } of present(outlets)) sink.header(Buffer.from(`$EOF:${mark}\r\n`), 'mark');
      isFirst = false;
      if (chunk === null) break;
      for (const outlet of present(outlets)) outlet.give(chunk);
      for (const outlet of present(outlets)) await outlet.room();
      await turn();
    }
    for (const outlet of present(outlets)) {
      outlet.give(Buffer.from(mark));
      outlet.sink.finished();
    }
  }
}

export class FileTransfer implements Transfer {
  readonly #snapshot: Snapshot;
  readonly #folder: string;
  readonly #onTrouble: (cause: unknown) => void;

  /** `onTrouble`: the file could not be read back; those who were reading it have been told. */
  constructor(snapshot: Snapshot, folder: string, onTrouble: (cause: unknown) => void) {
    this.#snapshot = snapshot;
    this.#folder = folder;
    this.#onTrouble = onTrouble;
  }

  /** Resolves when the file is complete; handing it out goes on by itself. */
  async run(outlets: Set<Outlet>): Promise<void> {
    const path = join(this.#folder, `temp-repl-${process.pid}-${randomBytes(4).toString('hex')}.rdb`);
    const file = await open(path, 'wx+', 0o600);
    let length = 0;
    try {
      await unlink(path);
      while (present(outlets).length > 0) {
        const count = await writeNext(this.#snapshot, file, chunkBytes, false);
        if (count === 0) break;
        length += count;
      }
    } catch (cause) {
      await file.close();
      throw cause;
    }
    void Promise.all(present(outlets).map((outlet) => this.#send(file, length, outlet))).finally(() =>
      file.close(),
    );
  }

  async #send(file: FileHandle, length: number, outlet: Outlet): Promise<void> {
    try {
      outlet.sink.header(Buffer.from(`$${length}\r\n`), 'length');
      for (let at = 0; at < length && !outlet.isGone; ) {
        const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, length - at));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
        if (bytesRead === 0) throw new Error('the file of the snapshot is shorter than it was');
        at += bytesRead;
        outlet.give(chunk.subarray(0, bytesRead));
        await outlet.room();
      }
      if (!outlet.isGone) outlet.sink.finished();
    } catch (cause) {
      if (!outlet.isGone) outlet.sink.failed(String(cause));
      this.#onTrouble(cause);
    }
  }
}
