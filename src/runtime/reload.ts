/**
 * DEBUG RELOAD: the data through an RDB and back, in one go, for tests of what an RDB keeps.
 *
 *     RELOAD                  memory --> RDB --> fresh keyspace --> swap
 *     RELOAD NOSAVE           dbfilename -------> fresh keyspace --> swap
 *     RELOAD NOFLUSH          onto what is there: refused, as in Redis, when there is anything to collide with
 *     RELOAD NOFLUSH MERGE    onto what is there, and equal to it: the same as RELOAD
 *
 * Unlike Redis's it writes no file: what is reloaded is what a file would hold.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Loader, LoadReport } from '../engine/engine.ts';
import { error, ok, type Reply } from '../protocol/reply.ts';
import type { Server } from './server.ts';

const chunkBytes = 1 << 20;
const failed = error('ERR Error trying to load the RDB dump, check server logs.');

/** `options` are the words behind RELOAD. */
export function reload(server: Server, options: readonly string[]): Reply {
  const unknown = options.find((word) => !['MERGE', 'NOFLUSH', 'NOSAVE'].includes(word.toUpperCase()));
  if (unknown !== undefined)
    return error('ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.');
  const has = (name: string): boolean => options.some((word) => word.toUpperCase() === name);
  if (has('NOSAVE') && has('NOFLUSH')) return error('ERR redtwin loads a file only into an empty data set');
  try {
    const report = has('NOSAVE') ? fromFile(server) : fromMemory(server);
    // What was written is what is there, so anything in it collides with itself.
    const collides = has('NOFLUSH') && !has('MERGE') && report.keys + report.functions > 0;
    return collides ? failed : ok;
  } catch (cause) {
    server.log.warning(`DEBUG RELOAD failed, the data is as it was: ${String(cause)}`);
    return failed;
  }
}

function fromMemory({ store, isReplica, nowMs }: Server): LoadReport {
  const now = nowMs();
  // 12 and not 10: fields that expire must come back, and nobody else reads this RDB.
  const snapshot = store.snapshot({ version: 12, compress: true, checksum: true, nowMs: now, aux: [] });
  try {
    return load(store.loader({ nowMs: now, dropExpired: !isReplica, checksum: true }), () =>
      snapshot.readNow(chunkBytes),
    );
  } finally {
    snapshot.release();
  }
}

function fromFile({ store, saver, config, isReplica, nowMs }: Server): LoadReport {
  const file = openSync(saver.path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const options = { nowMs: nowMs(), dropExpired: !isReplica, checksum: config.value('rdbchecksum') };
    return load(store.loader(options), () => {
      const count = readSync(file, chunk);
      return count === 0 ? null : chunk.subarray(0, count);
    });
  } finally {
    closeSync(file);
  }
}

function load(loader: Loader, next: () => Buffer | null): LoadReport {
  try {
    for (let chunk = next(); chunk; chunk = next()) loader.write(chunk);
    return loader.commit();
  } catch (cause) {
    loader.abort();
    throw cause;
  }
}
