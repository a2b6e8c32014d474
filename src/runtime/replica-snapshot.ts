/**
 * What an RDB of ours is like: for a replica, by what it said and by the configuration; for the file, by what the data needs.
 *
 *     replica's words, rdb-version, feed-compat --> version       near? repl-diskless-compression --> compress
 */
import { utf8 } from '../config/special-kinds.ts';
import type { Snapshot } from '../engine/engine.ts';
import { rdbVersionFor } from '../replication/rdb-version.ts';
import { paced } from './paced-snapshot.ts';
import type { Server } from './server.ts';
import { type SnapshotKind, type SnapshotStart, Snapshots, type SnapshotWish } from './snapshots.ts';
import { compatibleVersion } from './version.ts';

/** Snapshots for the replicas of this server. `now`: its history and the end of its feed. */
export function snapshotsOf(server: Server, now: () => SnapshotStart): Snapshots {
  const { config, log } = server;
  return new Snapshots({
    kind: (wish) => snapshotKind(server, wish),
    snapshot: (kind) => rdbSnapshot(server, kind),
    now,
    terms: () => ({
      isDiskless: config.value('repl-diskless-sync'),
      delayMs: config.value('repl-diskless-sync-delay') * 1000,
      replicasMax: config.value('repl-diskless-sync-max-replicas'),
    }),
    folder: () => utf8(config.value('dir')),
    log: (level, text) => log.line(level, text),
    monotonicMs: () => performance.now(),
    nowMs: () => server.nowMs(),
  });
}

/** The bytes that this replica needs. */
function snapshotKind(server: Server, wish: SnapshotWish): SnapshotKind {
  const { config, store } = server;
  return {
    version: rdbVersionFor({
      version: wish.version,
      setting: config.value('rdb-version'),
      compat: config.value('feed-compat'),
      hasFieldExpiries: store.mayHoldFieldExpiries(),
    }),
    filter: wish.filter,
    compress: compresses(server, wish),
  };
}

/** Compressing for a near reader costs a fifth to two fifths of the time that the whole transfer takes. */
function compresses({ config }: Server, wish: SnapshotWish): boolean {
  const choice = config.value('repl-diskless-compression');
  const isDiskless = config.value('repl-diskless-sync') && wish.takesMark;
  if (!isDiskless || choice === 'yes') return config.value('rdbcompression');
  return choice === 'auto' && !wish.isNear && config.value('rdbcompression');
}

/** The version of our own file: that of Redis 7.0, or the first that can hold what is there. */
export function fileVersion({ config, store }: Server): number {
  return rdbVersionFor({
    version: null,
    setting: config.value('rdb-version'),
    compat: 'auto',
    hasFieldExpiries: store.mayHoldFieldExpiries(),
  });
}

/** The moment of now. Throws RedtwinError. */
export function rdbSnapshot(server: Server, kind: SnapshotKind): Snapshot {
  const { store, config } = server;
  const nowMs = server.nowMs();
  const snapshot = store.snapshot({
    version: kind.version,
    compress: kind.compress,
    checksum: config.value('rdbchecksum'),
    content: kind.filter,
    lossy: config.value('rdb-version-loss') === 'drop',
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
  return paced(snapshot, () => config.value('rdb-key-save-delay'));
}
