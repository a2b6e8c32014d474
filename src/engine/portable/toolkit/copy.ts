/**
 * An RDB written anew. Unlike the native one, which copies a value's bytes where the target knows their form, this one builds
 * each value and encodes it: the same keys, in the target's own forms.
 */
import { RedtwinError } from '../../../errors.ts';
import type { RdbJob, RdbLosses } from '../../rdb.ts';
import { buildValue } from '../build.ts';
import { bytes } from '../bytes.ts';
import type { ModuleAux } from '../rdb/decoder.ts';
import { Encoder } from '../rdb/encoder.ts';
import type { Dialect } from '../rdb/format.ts';
import { isEmptyCollection, type RdbValue } from '../rdb/value.ts';
import { defaultSettings } from '../settings.ts';
import { listLimits } from './dump.ts';
import type { Entry, Job } from './job.ts';

/** Writes keys with what a version has no place for left out and counted. */
export class CountingEncoder {
  readonly encoder: Encoder;
  readonly losses: RdbLosses = {};
  readonly #settings = defaultSettings();
  #db: number | null = null;

  constructor(options: { version: number; compress: boolean; checksum: boolean }) {
    this.encoder = new Encoder({ ...options, limits: listLimits });
  }

  lose(what: string, count = 1): void {
    if (count > 0) this.losses[what] = (this.losses[what] ?? 0) + count;
  }

  library(source: Buffer): void {
    if (this.encoder.dialect.version < 10) this.lose('functions');
    this.encoder.library(source);
  }

  entry({ db, key, value, attributes }: Pick<Entry, 'db' | 'key' | 'value' | 'attributes'>): void {
    if (attributes.keyMeta !== null) this.lose('key-metadata');
    if (isEmptyCollection(value)) {
      this.lose('empty-collections');
      return;
    }
    const built = buildValue(this.#fitting(value), this.#settings);
    if (db !== this.#db) {
      this.#db = db;
      this.encoder.selectOnly(db);
    }
    this.encoder.entry(key, built, attributes.expireAtMs, attributes);
  }

  #fitting(value: RdbValue): RdbValue {
    if (value.type !== 'hash' || value.expiresAtMs === null || this.encoder.dialect.version >= 12)
      return value;
    this.lose('field-expiries', value.expiresAtMs.filter((at) => at > 0).length);
    return { ...value, expiresAtMs: null };
  }
}

export class CopyJob implements Job {
  readonly #options: RdbJob & { job: 'copy' };
  #writer: CountingEncoder;
  #begun = false;
  #given = 0;
  readonly onBroken: (entry: Entry, why: string) => void;

  constructor(options: RdbJob & { job: 'copy' }, onBroken: (entry: Entry, why: string) => void) {
    this.#options = options;
    this.onBroken = onBroken;
    this.#writer = this.#make(options.version ?? 12);
  }

  #make(version: number): CountingEncoder {
    const { compress, checksum } = this.#options;
    return new CountingEncoder({ version, compress, checksum });
  }

  begin({ vendor, version }: Dialect): void {
    this.#begun = true;
    if (this.#options.version === null)
      this.#writer = this.#make(vendor === 'valkey' ? 80 : Math.min(Math.max(version, 9), 12));
  }
  aux(name: string, value: string): void {
    this.#writer.encoder.aux(name, value);
  }
  library(source: string): void {
    this.#writer.library(bytes(source));
  }
  moduleAux({ raw }: ModuleAux): void {
    this.#writer.encoder.moduleAux(raw);
  }
  slotImport(): void {
    this.#writer.lose('slot-imports');
  }

  entry(entry: Entry): void {
    try {
      this.#writer.entry(entry);
    } catch (error) {
      if (!this.#options.careful || !(error instanceof RedtwinError)) throw error;
      this.onBroken(entry, error.message);
    }
  }

  take(): Buffer {
    if (!this.#begun) return Buffer.alloc(0);
    const out = this.#writer.encoder.take();
    this.#given += out.length;
    return out;
  }

  finish(): Buffer {
    return this.#writer.encoder.finish();
  }

  losses(): RdbLosses {
    return this.#writer.losses;
  }

  /** Keys are written whole, so everything given out is kept. */
  salvage(): { keepBytes: number; tail: Buffer } {
    return { keepBytes: this.#given, tail: this.#writer.encoder.finish() };
  }
}
