/**
 * Writing an RDB, and DUMP payloads.
 *
 *     const writer = new RdbWriter({ version: 11 });
 *     writer.write({ key: 'k', type: 'string', value: 'v' });
 *     await fs.writeFile('new.rdb', Buffer.concat([writer.take(), writer.end()]));
 *
 * Its one idea: entries that were read go straight from one engine's record to the next file, without being taken
 * apart; entries that a program makes are laid out once. What a version cannot hold is counted, never dropped in silence.
 */
import type { RdbLosses, RdbRecordWriter } from '../engine/rdb.ts';
import { RedtwinError } from '../errors.ts';
import { defaultEngine } from './default-engine.ts';
import { type As, RdbEntry } from './entry.ts';
import { type NewEntry, RecordHeap } from './records.ts';

export interface WriteOptions {
  /** 9, 10, 11 or 12 as Redis counts them, 80 for Valkey 9. Default 10, which Redis 7.0 and everything after it reads. */
  version?: number;
  /** LZF for strings above 20 bytes, where it saves something. Default true. */
  compress?: boolean;
  /** A CRC64 at the end. Default true. */
  checksum?: boolean;
  /** AUX fields at the head, in this order. */
  aux?: [name: string, value: string][];
  engine?: 'native' | 'portable';
}

/** Records are handed to the engine when they have grown to this. */
const batchBytes = 256 * 1024;

export class RdbWriter {
  readonly #writer: RdbRecordWriter;
  readonly #waiting = new RecordHeap();

  /** Throws RedtwinError 'rdb-unsupported-version'. */
  constructor(options: WriteOptions = {}) {
    const { version = 10, compress = true, checksum = true, aux = [] } = options;
    this.#writer = defaultEngine(options.engine).rdb.writer({ version, compress, checksum });
    for (const [name, value] of aux) this.#writer.aux(Buffer.from(name), Buffer.from(value));
  }

  /** The source of a function library (`#!lua name=...`). Before the first key. */
  function(code: string | Uint8Array): void {
    this.#writer.function(typeof code === 'string' ? Buffer.from(code) : code);
  }

  /**
   * A key, whole: one that was read, or one that a program made. Keys of one database must come together. Throws RedtwinError
   * 'rdb-corrupt' for a value that cannot be (a set with a member twice); that may come with a later call, because keys are
   * written in batches.
   */
  write(entry: NewEntry | RdbEntry<As>): void {
    if (!(entry instanceof RdbEntry)) {
      this.#waiting.add(entry);
      if (this.#waiting.bytes >= batchBytes) this.#flush();
      return;
    }
    if (entry.isPartial || entry.isContinued || !entry.hasValue) {
      throw new RedtwinError('rdb-corrupt', 'a part of a value, or a key without one, cannot be written');
    }
    this.#flush();
    const { records, heap } = entry.record;
    this.#writer.write(records, heap);
  }

  /** What is ready, which may be nothing. Ask often: until then it takes memory. */
  take(): Buffer {
    this.#flush();
    return this.#writer.take();
  }

  /** The rest, with the end mark and the checksum. Nothing may be written behind it. */
  end(): Buffer {
    this.#flush();
    this.#writer.finish();
    return this.#writer.take();
  }

  /** What the version could not hold so far, by name: 'field-expiries', 'stream-tails', 'empty-collections'. */
  get losses(): RdbLosses {
    return this.#writer.losses();
  }

  #flush(): void {
    if (this.#waiting.isEmpty) return;
    const { records, heap } = this.#waiting.take();
    this.#writer.write(records, heap);
  }
}

/**
 * The value of a DUMP payload, as an entry whose key is empty. Throws RedtwinError 'rdb-bad-dump' (version or checksum wrong) or
 * 'rdb-corrupt'.
 */
export function decodeDump<A extends As = 'buffer'>(
  payload: Uint8Array,
  options: { as?: A; engine?: 'native' | 'portable' } = {},
): RdbEntry<A> {
  const batch = defaultEngine(options.engine).rdb.decodeDump(payload);
  return new RdbEntry<A>(batch, 0, options.as ?? 'buffer');
}

/** A DUMP payload for RESTORE: of an entry that was read, or of a value. Default version 10 (Redis 7.0). */
export function encodeDump(
  entry: RdbEntry<As> | Omit<NewEntry, 'key'>,
  options: { version?: number; engine?: 'native' | 'portable' } = {},
): Buffer {
  const tools = defaultEngine(options.engine).rdb;
  const { records, heap } = entry instanceof RdbEntry ? entry.record : recordOf(entry);
  return tools.encodeDump(records, heap, options.version ?? 10);
}

function recordOf(entry: Omit<NewEntry, 'key'>): { records: Float64Array; heap: Buffer } {
  const one = new RecordHeap();
  one.add({ ...entry, key: '' } as NewEntry);
  return one.take();
}
