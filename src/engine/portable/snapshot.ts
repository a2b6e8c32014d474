/**
 * The Snapshot of engine.ts: an RDB of everything, as of one moment.
 *
 * Its one idea is to be simple: the RDB is written at once, when the snapshot is taken, and kept in chunks until
 * it has been pulled. So it is consistent without any bookkeeping in the keyspace, at the price of a pause and of
 * memory for the whole RDB. The native engine pays neither; this one is for where clarity counts more.
 */
import type { Snapshot, SnapshotOptions } from '../engine.ts';
import type { Keyspace } from './keyspace.ts';
import { Encoder } from './rdb/encoder.ts';

/** The encoder's output is taken whenever it has grown to this. */
const chunkBytes = 256 * 1024;

export class RdbSnapshot implements Snapshot {
  /** What is still to be read, in order. */
  #chunks: Buffer[];
  /** Bytes of the first chunk already read. */
  #done = 0;

  /**
   * Throws 'rdb-unsupported-version' when the version cannot be written, or cannot hold what is there. O(data).
   */
  constructor(keyspace: Keyspace, options: SnapshotOptions) {
    this.#chunks = encode(keyspace, options);
  }

  read(bytes: number): Buffer | null {
    const first = this.#chunks[0];
    if (first === undefined) return null;
    const part = first.subarray(this.#done, this.#done + Math.max(1, bytes));
    this.#done += part.length;
    if (this.#done === first.length) {
      this.#chunks.shift();
      this.#done = 0;
    }
    return part;
  }

  release(): void {
    this.#chunks = [];
  }
}

function encode(keyspace: Keyspace, options: SnapshotOptions): Buffer[] {
  const { version, compress, checksum } = options;
  const encoder = new Encoder({ version, compress, checksum, limits: keyspace.settings });
  const chunks: Buffer[] = [];
  for (const [key, value] of options.aux) encoder.aux(key, value);
  for (const raw of keyspace.moduleAux) encoder.moduleAux(raw);
  for (const source of keyspace.functions.values()) encoder.library(source);
  keyspace.databases.forEach((database, db) => {
    if (database.size === 0) return;
    encoder.select(db, database.size, database.expiries.size);
    for (const [key, value] of database.values) {
      encoder.entry(key, value, database.expiry(key));
      if (encoder.length >= chunkBytes) chunks.push(encoder.take());
    }
  });
  chunks.push(encoder.finish());
  return chunks;
}
