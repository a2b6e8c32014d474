/**
 * Puts an RDB in a file's place so that at any moment, a kill or a loss of power included, the name stands for a whole RDB:
 * the old one or the new one.
 *
 *     temp-<pid>.rdb  <-- chunks,  fsync,  rename to the name,  fsync of the folder
 *
 * While a chunk is written the next is encoded. A draft that could not be completed is removed.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Snapshot } from '../engine/engine.ts';

const chunkBytes = 1024 * 1024;

const draftOf = (path: string): string => join(dirname(path), `temp-${process.pid}.rdb`);

/** Rejects with what the file system, the snapshot or the signal said. Releases the snapshot in every case. */
export async function replaceFile(path: string, snapshot: Snapshot, signal: AbortSignal): Promise<void> {
  const draft = draftOf(path);
  try {
    const file = await open(draft, 'w');
    try {
      let next = snapshot.read(chunkBytes);
      for (let chunk = await next; chunk; chunk = await next) {
        next = snapshot.read(chunkBytes);
        // When the write fails nobody waits for what was being encoded.
        next.catch(() => {});
        signal.throwIfAborted();
        for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    signal.throwIfAborted();
    await rename(draft, path);
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (cause) {
    await rm(draft, { force: true });
    throw cause;
  } finally {
    snapshot.release();
  }
}

/** The same while everything waits: nothing can change between the snapshot and the end of the process. Throws. */
export function replaceFileNow(path: string, snapshot: Snapshot): void {
  const draft = draftOf(path);
  try {
    const file = openSync(draft, 'w');
    try {
      for (let chunk = snapshot.readNow(chunkBytes); chunk; chunk = snapshot.readNow(chunkBytes))
        for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (cause) {
    rmSync(draft, { force: true });
    throw cause;
  } finally {
    snapshot.release();
  }
}
