/**
 * Puts an RDB in a file's place so that at any moment, a kill or a loss of power included, the name stands for a whole RDB:
 * the old one or the new one.
 *
 *     temp-<pid>.rdb  <-- chunks,  fsync,  rename to the name,  fsync of the folder
 *
 * A draft that could not be completed is removed.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Snapshot } from '../engine/engine.ts';

const chunkBytes = 1024 * 1024;

const draftOf = (path: string): string => join(dirname(path), `temp-${process.pid}.rdb`);

/**
 * The next bytes of a snapshot, at the end of what the file has; how many, 0 at the end. Rejects with what the file system or
 * the snapshot said.
 */
export async function writeNext(
  snapshot: Snapshot,
  file: FileHandle,
  bytes: number,
  gently: boolean,
): Promise<number> {
  if (snapshot.write !== null) return snapshot.write(file.fd, bytes, gently);
  const chunk = await snapshot.read(bytes);
  if (chunk === null) return 0;
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
  return chunk.length;
}

/** Rejects with what the file system, the snapshot or the signal said. Releases the snapshot in every case. */
export async function replaceFile(path: string, snapshot: Snapshot, signal: AbortSignal): Promise<void> {
  const draft = draftOf(path);
  try {
    const file = await open(draft, 'w');
    try {
      while ((await writeNext(snapshot, file, chunkBytes, true)) > 0) signal.throwIfAborted();
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
