/**
 * The native engine's `RdbTools`: the classes of the addon, given the interface's shape. Errors become ours in native.ts,
 * which gives the translation.
 */
import type { NativeRdbLedger, NativeRdbScan, NativeRdbWriter } from '../../native/index.d.ts';
import type { RedtwinError } from '../errors.ts';
import {
  type RdbBatch,
  type RdbFact,
  type RdbFilter,
  type RdbJob,
  type RdbLedger,
  type RdbLosses,
  type RdbRecordWriter,
  type RdbScan,
  type RdbTools,
  rdbTypes,
} from './rdb.ts';

type Addon = typeof import('../../native/index.d.ts');
type Translate = (error: unknown) => RedtwinError;

export function nativeRdbTools(addon: Addon, translated: Translate): RdbTools {
  const run = <T>(call: () => T): T => {
    try {
      return call();
    } catch (error) {
      throw translated(error);
    }
  };
  return {
    scan: (job, filter, checksum) => run(() => new Scan(addon, job, filter, checksum, run)),
    writer: ({ version, compress, checksum }) =>
      run(() => new Writer(new addon.NativeRdbWriter(version, compress, checksum), run)),
    ledger: (part, parts, seed) => new Ledger(new addon.NativeRdbLedger(part, parts, seed)),
    decodeDump: (payload) => run(() => batchOf(addon.NativeDump.decode(payload))),
    encodeDump: (records, heap, version) => run(() => addon.NativeDump.encode(records, heap, version)),
  };
}

type Run = <T>(call: () => T) => T;

class Ledger implements RdbLedger {
  readonly native: NativeRdbLedger;
  constructor(native: NativeRdbLedger) {
    this.native = native;
  }
  close(): void {
    this.native.close();
  }
}

class Scan implements RdbScan {
  readonly #scan: NativeRdbScan;
  readonly #run: Run;

  constructor(addon: Addon, job: RdbJob, filter: RdbFilter, checksum: boolean, run: Run) {
    const ledger = 'ledger' in job && job.ledger instanceof Ledger ? job.ledger.native : undefined;
    // Only what is there is given: an undefined property is not the same as none for the addon.
    const { types, ...others } = filter;
    const named = types === undefined ? {} : { types: types.map((type) => numberOfType(type)) };
    const plain = Object.fromEntries(
      Object.entries(job).filter(([name, value]) => name !== 'ledger' && value !== null),
    );
    const given = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
    this.#scan = new addon.NativeRdbScan(
      plain as unknown as ConstructorParameters<Addon['NativeRdbScan']>[0],
      { ...given, ...named },
      checksum,
      ledger,
    );
    this.#run = run;
  }

  push(chunk: Uint8Array): void {
    this.#run(() => this.#scan.push(chunk));
  }
  take(into: Uint8Array): number {
    return this.#run(() => this.#scan.take(into));
  }
  takeBatch(): RdbBatch {
    return this.#run(() => {
      const { records: length, heapBytes } = this.#scan.batchSize();
      const records = new Float64Array(length);
      const heap = Buffer.allocUnsafeSlow(heapBytes);
      return { records, heap, facts: this.#scan.takeBatch(records, heap).map(factOf) };
    });
  }
  finish(): void {
    this.#run(() => this.#scan.finish());
  }
  progress() {
    return this.#run(() => this.#scan.progress());
  }
  lastKey() {
    return this.#run(() => this.#scan.lastKey());
  }
  brokenKeys() {
    return this.#run(() => this.#scan.brokenKeys());
  }
  losses(): RdbLosses {
    return lossesOf(this.#run(() => this.#scan.losses()));
  }
  retracted() {
    return this.#run(() => this.#scan.retracted());
  }
  salvage() {
    return this.#run(() => this.#scan.salvage());
  }
}

class Writer implements RdbRecordWriter {
  readonly #writer: NativeRdbWriter;
  readonly #run: Run;

  constructor(writer: NativeRdbWriter, run: Run) {
    this.#writer = writer;
    this.#run = run;
  }
  aux(name: Uint8Array, value: Uint8Array): void {
    this.#run(() => this.#writer.aux(name, value));
  }
  function(code: Uint8Array): void {
    this.#run(() => this.#writer.function(code));
  }
  write(records: Float64Array, heap: Uint8Array): void {
    this.#run(() => this.#writer.write(records, heap));
  }
  take(): Buffer {
    return this.#run(() => this.#writer.take());
  }
  finish(): void {
    this.#run(() => this.#writer.finish());
  }
  losses(): RdbLosses {
    return lossesOf(this.#run(() => this.#writer.losses()));
  }
}

function numberOfType(type: string): number {
  const number = (rdbTypes as readonly string[]).indexOf(type);
  // Beyond all types: such a filter lets nothing through.
  return number < 0 ? rdbTypes.length : number;
}

function lossesOf(losses: { what: string; count: number }[]): RdbLosses {
  return Object.fromEntries(losses.map(({ what, count }) => [what, count]));
}

type NativeBatch = ReturnType<Addon['NativeDump']['decode']>;

function batchOf({ records, heap, facts }: NativeBatch): RdbBatch {
  return { records, heap, facts: facts.map(factOf) };
}

function factOf(fact: NativeBatch['facts'][number]): RdbFact {
  const bytes = fact.bytes ?? Buffer.alloc(0);
  switch (fact.fact) {
    case 'version':
      return { fact: 'version', magic: fact.text ?? '', version: fact.number ?? 0 };
    case 'aux':
      return { fact: 'aux', name: fact.name ?? Buffer.alloc(0), value: bytes };
    case 'function':
      return { fact: 'function', code: bytes };
    default:
      return { fact: 'module-aux', module: fact.text ?? '', raw: bytes };
  }
}
