/**
 * The portable engine's `RdbTools`: scans over the decoder, one whole value at a time.
 *
 *     push(chunk) --> Decoder --> key, value --> measure --> filter --> job
 *
 * It is the twin of crates/toolkit: the same results, slower, and with the memory of the largest value.
 */
import { RedtwinError } from '../../../errors.ts';
import type {
  BrokenKey,
  RdbBatch,
  RdbFilter,
  RdbJob,
  RdbLosses,
  RdbProgress,
  RdbRecordWriter,
  RdbScan,
  RdbTools,
} from '../../rdb.ts';
import { recordLength } from '../../rdb.ts';
import { buildValue } from '../build.ts';
import { binary, bytes } from '../bytes.ts';
import { type Attributes, Decoder, type ModuleAux, type RdbSink, type Written } from '../rdb/decoder.ts';
import { type Dialect, dialectOf } from '../rdb/format.ts';
import { isWellFramed, undump } from '../rdb/payload.ts';
import { isEmptyCollection, type RdbValue } from '../rdb/value.ts';
import { defaultSettings } from '../settings.ts';
import { CommandsJob } from './commands.ts';
import { CopyJob, CountingEncoder } from './copy.ts';
import { DigestsJob, Ledger } from './digests.ts';
import { dumpValue } from './dump.ts';
import { type Entry, type Job, wanted } from './job.ts';
import { JsonJob } from './json.ts';
import { measure } from './measure.ts';
import { RecordsJob, readRecord } from './records.ts';
import { TableJob } from './table.ts';
import { TallyJob } from './tally.ts';

const brokenKeysMax = 1000;
const nothing = Buffer.alloc(0);

class Scan implements RdbScan, RdbSink {
  readonly #decoder: Decoder;
  readonly #job: Job;
  readonly #wants: (entry: Entry) => boolean;
  readonly #counts = { wanted: 0, refused: 0, broken: 0 };
  readonly #broken: BrokenKey[] = [];
  #dialect: Dialect = { vendor: 'redis', version: 0 };
  #db = 0;
  #last = { db: 0, key: nothing as Buffer };
  #failure: unknown = null;
  /** What was made and not yet taken. */
  #ready: Buffer[] = [];

  constructor(job: RdbJob, filter: RdbFilter, checksum: boolean) {
    const isTolerant = job.job === 'check' || (job.job === 'copy' && job.careful);
    this.#job = this.#jobOf(job);
    this.#wants = filterOf(filter);
    this.#decoder = new Decoder(this, checksum, isTolerant);
  }

  #jobOf(job: RdbJob): Job {
    switch (job.job) {
      case 'entries':
        return new RecordsJob(job);
      case 'json':
        return new JsonJob(job.layout);
      case 'commands':
        return new CommandsJob(job.target);
      case 'keys':
      case 'memory':
        return new TableJob(job.job);
      case 'tally':
        return new TallyJob(job);
      case 'copy':
        return new CopyJob(job, (entry, why) => this.#leaveOut(entry.key, entry.offset, why));
      case 'check':
        return { entry: (entry) => void this.#isSound(entry) };
      default:
        return new DigestsJob(job.job, job.ledger as Ledger);
    }
  }

  /** Building a value finds what only shows in the whole: a member twice, for one. */
  #isSound({ key, value, offset }: Entry): void {
    if (isEmptyCollection(value)) return;
    try {
      buildValue(value, defaultSettings());
    } catch (error) {
      if (!(error instanceof RedtwinError)) throw error;
      this.#leaveOut(key, offset, error.message);
    }
  }

  #leaveOut(key: string, offset: number, why: string): void {
    this.#counts.wanted--;
    this.#counts.broken++;
    if (this.#broken.length < brokenKeysMax)
      this.#broken.push({ db: this.#db, key: bytes(key), offset, why });
  }

  begin(dialect: Dialect): void {
    this.#dialect = dialect;
    this.#job.begin?.(dialect);
  }
  aux(name: string, value: string): void {
    this.#job.aux?.(name, value);
  }
  select(db: number): void {
    this.#db = db;
  }
  sizes(): void {
    // A hint that no job has a use for.
  }
  library(source: string): void {
    this.#job.library?.(source);
  }
  moduleAux(aux: ModuleAux): void {
    this.#job.moduleAux?.(aux);
  }
  slotImport(): void {
    this.#job.slotImport?.();
  }
  slotHint(): void {
    this.#job.slotHint?.();
  }
  keyBegins(key: string): void {
    this.#last = { db: this.#db, key: bytes(key) };
  }

  entry(key: string, value: RdbValue, attributes: Attributes, written: Written): void {
    const summary = measure(key, value, attributes.expireAtMs !== null, written, this.#dialect);
    const entry = {
      db: this.#db,
      key,
      value,
      attributes,
      summary,
      encodedBytes: written.bytes,
      offset: written.offset,
    };
    if (!this.#wants(entry)) return void this.#counts.refused++;
    this.#counts.wanted++;
    if (written.broken !== null) return void this.#leaveOut(key, written.offset, written.broken);
    try {
      this.#job.entry(entry);
    } catch (cause) {
      // Who builds a value does not know where it lay.
      if (!(cause instanceof RedtwinError) || cause.offset !== undefined) throw cause;
      throw new RedtwinError(cause.code, cause.message, { cause, offset: written.offset });
    }
  }

  push(chunk: Uint8Array): void {
    if (this.#failure !== null) throw this.#failure;
    try {
      this.#decoder.write(chunk);
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#ready.push(this.#job.take?.() ?? nothing);
    }
  }

  take(into: Uint8Array): number {
    let count = 0;
    while (count < into.length && this.#ready.length > 0) {
      const [first, ...others] = this.#ready as [Buffer, ...Buffer[]];
      const part = first.subarray(0, into.length - count);
      into.set(part, count);
      count += part.length;
      this.#ready = part.length < first.length ? [first.subarray(part.length), ...others] : others;
    }
    return count;
  }

  takeBatch(): RdbBatch {
    if (this.#job instanceof RecordsJob) return this.#job.takeBatch();
    return { records: new Float64Array(0), heap: nothing, facts: [] };
  }

  finish(): void {
    if (this.#failure !== null) throw this.#failure;
    this.#decoder.end();
    this.#ready.push(this.#job.finish?.() ?? this.#job.take?.() ?? nothing);
  }

  progress(): RdbProgress {
    return { bytes: this.#decoder.offset, done: this.#decoder.done, ...this.#counts };
  }
  lastKey() {
    return this.#last;
  }
  brokenKeys(): BrokenKey[] {
    return this.#broken;
  }
  losses(): RdbLosses {
    return this.#job.losses?.() ?? {};
  }
  /** A key is held until it is complete. */
  retracted() {
    return null;
  }

  salvage() {
    return this.#job.salvage?.() ?? { keepBytes: 0, tail: nothing };
  }
}

function filterOf(filter: RdbFilter): (entry: Entry) => boolean {
  try {
    return wanted(filter);
  } catch (cause) {
    throw new RedtwinError('rdb-bad-filter', (cause as Error).message, { cause });
  }
}

class Writer implements RdbRecordWriter {
  readonly #writer: CountingEncoder;
  #end = nothing as Buffer;

  constructor(options: { version: number; compress: boolean; checksum: boolean }) {
    this.#writer = new CountingEncoder(options);
  }
  aux(name: Uint8Array, value: Uint8Array): void {
    this.#writer.encoder.aux(binary(name), binary(value));
  }
  function(code: Uint8Array): void {
    this.#writer.library(Buffer.from(code));
  }
  write(records: Float64Array, heap: Uint8Array): void {
    for (let index = 0; index < records.length / recordLength; index++)
      this.#writer.entry(readRecord(records, index, heap));
  }
  take(): Buffer {
    return this.#end.length > 0 ? this.#end : this.#writer.encoder.take();
  }
  finish(): void {
    this.#end = this.#writer.encoder.finish();
  }
  losses(): RdbLosses {
    return this.#writer.losses;
  }
}

export const portableRdbTools: RdbTools = {
  scan: (job, filter, checksum) => new Scan(job, filter, checksum),
  writer: (options) => new Writer(options),
  ledger: (part, parts, seed) => new Ledger(part, parts, seed),
  decodeDump(payload) {
    const whole = Buffer.from(payload);
    if (!isWellFramed(whole))
      throw new RedtwinError('rdb-bad-dump', 'DUMP payload version or checksum are wrong', { offset: 0 });
    const value = undump(whole);
    const job = new RecordsJob({ values: true, sizes: true, partBytes: 0 });
    const attributes = { expireAtMs: null, idleSeconds: null, frequency: null, keyMeta: null };
    const dialect = dialectOf(whole.readUInt16LE(whole.length - 10))!;
    const written = {
      type: whole[0]!,
      offset: 0,
      bytes: whole.length,
      blockBytes: [],
      plainBytes: [],
      broken: null,
    };
    const summary = measure('', value, false, written, dialect);
    job.entry({ db: 0, key: '', value, attributes, summary, encodedBytes: whole.length, offset: 0 });
    return job.takeBatch();
  },
  encodeDump(records, heap, version) {
    const { value } = readRecord(records, 0, heap);
    const dialect = new CountingEncoder({ version, compress: true, checksum: true }).encoder.dialect;
    if (isEmptyCollection(value))
      throw new RedtwinError('rdb-corrupt', 'a collection without elements', { offset: 0 });
    const fitting = value.type === 'hash' && dialect.version < 12 ? { ...value, expiresAtMs: null } : value;
    return dumpValue(buildValue(fitting, defaultSettings()), dialect);
  },
};
