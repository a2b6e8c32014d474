/**
 * Reading an RDB: `readRdb` pulls a source, `RdbReader` is pushed to.
 *
 *     for await (const entry of readRdb('dump.rdb')) console.log(entry.key, entry.memoryBytes)
 *
 *     source --> chunk --> scan.push (one crossing) --> batch --> entries, one by one or by the batch
 *
 * Its one idea: the next chunk is asked for when the entries of this one have been taken, so a slow reader slows the
 * file down and memory stays at a chunk and a batch, whatever the file's size.
 */

import type { RdbBatch, RdbFact, RdbScan, RdbTools } from '../engine/rdb.ts';
import { recordLength } from '../engine/rdb.ts';
import { defaultEngine } from './default-engine.ts';
import { type As, RdbEntry } from './entry.ts';
import { engineFilter, type KeyFilter } from './filter.ts';
import { openSource, type RdbSource } from './source.ts';

export interface ReadOptions<A extends As = 'buffer'> extends KeyFilter {
  /** Names and values as Buffers (default) or as UTF-8 strings. */
  as?: A;
  /** false: values are not kept. Default true. */
  values?: boolean;
  /** false: elements and memory are not counted, so values that nobody wants are not read. Default true. */
  sizes?: boolean;
  /**
   * Collections longer than about this many bytes come in parts, each an entry of its own (`isPartial`, `isContinued`).
   * 0 (default): always whole. A string is always whole.
   */
  partBytes?: number;
  /** false: the file's checksum is not compared. Default true. */
  checksum?: boolean;
  /** Ends the reading. */
  signal?: AbortSignal;
  /** Default: native where it can be used, as REDTWIN_ENGINE says. */
  engine?: 'native' | 'portable';
}

/** An RDB being read. It can be gone over once. */
export interface RdbFile<A extends As> extends AsyncIterable<RdbEntry<A>> {
  /** The keys of each chunk at once: fewer promises for who goes over millions. */
  batches(): AsyncIterable<RdbEntry<A>[]>;
  /** What was met so far that is no key: version, AUX fields, functions, data of modules. */
  readonly facts: readonly RdbFact[];
  /** Bytes of the RDB read so far. */
  readonly bytes: number;
}

function entriesScan(tools: RdbTools, options: ReadOptions<As>): RdbScan {
  const { values = true, sizes = true, partBytes = 0, checksum = true } = options;
  return tools.scan({ job: 'entries', values, sizes, partBytes }, engineFilter(options), checksum);
}

/**
 * Reads an RDB from a path ('-' is standard input), a Buffer, a stream or a `redis://` URL. Errors are RedtwinError with
 * code 'rdb-*' and, where it is the file that is wrong, `offset`; they come from the iteration.
 */
export function readRdb<A extends As = 'buffer'>(
  source: RdbSource,
  options: ReadOptions<A> = {},
): RdbFile<A> {
  const facts: RdbFact[] = [];
  const as = options.as ?? 'buffer';
  let bytes = 0;
  async function* read(): AsyncGenerator<RdbBatch> {
    const scan = entriesScan(defaultEngine(options.engine).rdb, options);
    const { chunks } = await openSource(source, options.signal);
    const take = (): RdbBatch => {
      const batch = scan.takeBatch();
      facts.push(...batch.facts);
      return batch;
    };
    for await (const chunk of chunks) {
      options.signal?.throwIfAborted();
      scan.push(chunk);
      bytes += chunk.length;
      const batch = take();
      if (batch.records.length > 0) yield batch;
    }
    scan.finish();
    const last = take();
    if (last.records.length > 0) yield last;
  }
  async function* batches(): AsyncGenerator<RdbEntry<A>[]> {
    for await (const batch of read()) yield entriesOf<A>(batch, as);
  }
  return {
    batches,
    facts,
    get bytes() {
      return bytes;
    },
    [Symbol.asyncIterator]: () => new OneByOne<A>(read(), as),
  };
}

function entriesOf<A extends As>(batch: RdbBatch, as: As): RdbEntry<A>[] {
  const entries = new Array<RdbEntry<A>>(batch.records.length / recordLength);
  for (let index = 0; index < entries.length; index++) entries[index] = new RdbEntry<A>(batch, index, as);
  return entries;
}

const noBatch: RdbBatch = { records: new Float64Array(0), heap: Buffer.alloc(0), facts: [] };

/**
 * Batches taken apart, each entry made when it is asked for, so that most die young. Written out because a generator would
 * cost several promises a key.
 */
class OneByOne<A extends As> implements AsyncIterator<RdbEntry<A>> {
  readonly #batches: AsyncIterator<RdbBatch>;
  readonly #as: As;
  #batch = noBatch;
  #count = 0;
  #at = 0;

  constructor(batches: AsyncIterator<RdbBatch>, as: As) {
    this.#batches = batches;
    this.#as = as;
  }

  next(): Promise<IteratorResult<RdbEntry<A>>> {
    if (this.#at === this.#count) return this.#more();
    return Promise.resolve({ done: false, value: new RdbEntry<A>(this.#batch, this.#at++, this.#as) });
  }

  async #more(): Promise<IteratorResult<RdbEntry<A>>> {
    const { done, value } = await this.#batches.next();
    if (done === true) return { done: true, value: undefined };
    this.#batch = value;
    this.#count = value.records.length / recordLength;
    this.#at = 0;
    return this.next();
  }

  async return(): Promise<IteratorResult<RdbEntry<A>>> {
    await this.#batches.return?.();
    return { done: true, value: undefined };
  }
}

/** The same for those who own their input: push chunks, get entries. Synchronous; memory is a batch. */
export class RdbReader<A extends As = 'buffer'> {
  readonly #scan: RdbScan;
  readonly #as: As;
  /** What was met so far that is no key. */
  readonly facts: RdbFact[] = [];

  constructor(options: ReadOptions<A> = {}) {
    this.#scan = entriesScan(defaultEngine(options.engine).rdb, options);
    this.#as = options.as ?? 'buffer';
  }

  /** The keys that this chunk completes. The chunk may be used again on return. Throws RedtwinError 'rdb-*'. */
  push(chunk: Uint8Array): RdbEntry<A>[] {
    this.#scan.push(chunk);
    return this.#take();
  }

  /** Says that no more will come. Throws 'rdb-truncated' when the end of the RDB was not seen. */
  end(): RdbEntry<A>[] {
    this.#scan.finish();
    return this.#take();
  }

  #take(): RdbEntry<A>[] {
    const batch = this.#scan.takeBatch();
    this.facts.push(...batch.facts);
    return entriesOf<A>(batch, this.#as);
  }

  /** The end of the RDB was seen, and its checksum was right. */
  get done(): boolean {
    return this.#scan.progress().done;
  }
}
