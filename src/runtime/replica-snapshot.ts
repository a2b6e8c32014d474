/**
 * The RDB of now for a replica: which version, which AUX fields.
 *
 * A version that cannot hold what the data has (fields that expire) is replaced by the first that can.
 */
import type { Snapshot } from '../engine/engine.ts';
import type { Server } from './server.ts';
import type { SnapshotWish } from './snapshots.ts';
import { compatibleVersion } from './version.ts';

const versionUsual = 10;

export function rdbSnapshot(server: Server, _wish: SnapshotWish): Snapshot {
  const { store, config } = server;
  const nowMs = server.nowMs();
  return store.snapshot({
    version: versionUsual,
    compress: config.value('rdbcompression'),
    checksum: config.value('rdbchecksum'),
    nowMs,
    aux: [
      ['redis-ver', compatibleVersion],
      ['redis-bits', '64'],
      ['ctime', String(Math.floor(nowMs / 1000))],
      ['used-mem', String(store.stats().usedMemoryBytes)],
      ...server.replication.aux(),
      ['aof-base', '0'],
    ],
  });
}
