/**
 * The Loader of engine.ts: an RDB becomes a fresh keyspace beside the live one, which takes its place when it is
 * complete.
 *
 *     write(chunk) --> Decoder --> records --> fresh databases --commit()--> live
 *                         \-- an error: nothing live was touched, abort() drops the rest
 *
 * What is kept for others to carry on (function libraries, values and fields of modules) goes along.
 */
import { RedtwinError } from '../../errors.ts';
import type { Loader, LoadOptions, LoadReport } from '../engine.ts';
import { buildValue } from './build.ts';
import { bytes } from './bytes.ts';
import { Database } from './database.ts';
import type { Keyspace } from './keyspace.ts';
import { type Attributes, Decoder, type ModuleAux, type RdbSink } from './rdb/decoder.ts';
import type { Dialect } from './rdb/format.ts';
import { isEmptyCollection, type RdbValue } from './rdb/value.ts';

export class RdbLoader implements Loader, RdbSink {
  readonly #keyspace: Keyspace;
  readonly #options: LoadOptions;
  readonly #decoder: Decoder;
  #databases: Database[];
  #selected: Database;
  #ended = false;
  readonly #libraries = new Map<string, Buffer>();
  readonly #moduleAux: Buffer[] = [];
  readonly #dropped: { db: number; key: string }[] = [];
  readonly #modules = new Set<string>();
  readonly #report: LoadReport = {
    magic: '',
    version: 0,
    aux: [],
    keys: 0,
    expiredSkipped: 0,
    emptySkipped: 0,
    functions: 0,
    opaqueModuleValues: 0,
    opaqueModuleAux: 0,
    modules: [],
    bytes: 0,
  };

  constructor(keyspace: Keyspace, options: LoadOptions) {
    this.#keyspace = keyspace;
    this.#options = options;
    this.#databases = keyspace.databases.map(() => new Database());
    this.#selected = this.#databases[0]!;
    this.#decoder = new Decoder(this, options.checksum);
  }

  get bytes(): number {
    return this.#decoder.offset;
  }

  /** Nothing ever is: there are no threads here. */
  readonly pendingBytes = 0;

  write(chunk: Uint8Array): boolean {
    this.#ended = this.#decoder.write(chunk);
    return this.#ended;
  }

  settle(): boolean {
    return this.#ended;
  }

  countKeys(): number {
    const { keys, expiredSkipped, emptySkipped } = this.#report;
    return keys + expiredSkipped + emptySkipped;
  }

  commit(): LoadReport {
    this.#decoder.end();
    const keyspace = this.#keyspace;
    keyspace.traces.add('flushed');
    // Keys that go and keys that come are changes to those who watch them.
    keyspace.databases.forEach((_, db) => {
      keyspace.touchAll(db);
    });
    keyspace.databases = this.#databases;
    keyspace.databases.forEach((_, db) => {
      keyspace.touchAll(db);
    });
    keyspace.functions.clear();
    for (const [name, source] of this.#libraries) keyspace.functions.set(name, source);
    keyspace.scripts.forgetFunctions();
    keyspace.moduleAux = this.#moduleAux;
    keyspace.dropped = this.#dropped;
    keyspace.mayHoldModules = this.#report.opaqueModuleValues > 0;
    return { ...this.#report, modules: [...this.#modules], bytes: this.#decoder.offset };
  }

  abort(): void {
    this.#databases = [];
    this.#selected = new Database();
  }

  // --- What the decoder tells ---

  begin({ vendor, version }: Dialect): void {
    this.#report.magic = vendor === 'redis' ? 'REDIS' : 'VALKEY';
    this.#report.version = version;
  }

  aux(key: string, value: string): void {
    this.#report.aux.push([key, value]);
  }

  select(db: number): void {
    const database = this.#databases[db];
    if (database === undefined) {
      throw this.#corrupt(`keys of database ${db}, but only ${this.#databases.length} are configured`);
    }
    this.#selected = database;
  }

  sizes(): void {
    // Maps grow by themselves; a number in a file is no reason to allocate.
  }

  entry(key: string, rdb: RdbValue, attributes: Attributes): void {
    const { nowMs, dropExpired, tellExpired } = this.#options;
    if (attributes.keyMeta !== null) this.#report.opaqueModuleAux++;
    if (isEmptyCollection(rdb)) {
      this.#report.emptySkipped++;
      return;
    }
    const { expireAtMs } = attributes;
    if (dropExpired && expireAtMs !== null && expireAtMs < nowMs) {
      this.#report.expiredSkipped++;
      if (tellExpired) this.#dropped.push({ db: this.#databases.indexOf(this.#selected), key });
      return;
    }
    if (rdb.type === 'module') {
      this.#modules.add(rdb.name);
      this.#report.opaqueModuleValues++;
    }
    const value = this.#built(rdb);
    value.accessedMs = nowMs - (attributes.idleSeconds ?? 0) * 1000;
    if (attributes.frequency !== null) value.frequency = attributes.frequency;
    if (!this.#selected.build(key, value)) throw this.#corrupt('a key twice');
    if (expireAtMs !== null) this.#selected.setExpiry(key, expireAtMs);
    this.#report.keys++;
  }

  library(source: string): void {
    // The first line says the name: #!lua name=mylib
    const name = /^#![^\n]*?\bname=([^\s]+)/.exec(source)?.[1];
    if (name === undefined) throw this.#corrupt('a function library without a name');
    if (this.#libraries.has(name)) throw this.#corrupt('a function library twice');
    this.#libraries.set(name, bytes(source));
    this.#report.functions++;
  }

  moduleAux({ module, raw }: ModuleAux): void {
    this.#modules.add(module);
    this.#moduleAux.push(raw);
    this.#report.opaqueModuleAux++;
  }

  slotImport(): void {
    // Only a member of a cluster can go on with an import; the keys themselves are loaded like all others.
  }

  /** The value, with the place in the file added to its errors. */
  #built(rdb: RdbValue): ReturnType<typeof buildValue> {
    try {
      return buildValue(rdb, this.#keyspace.settings);
    } catch (cause) {
      if (!(cause instanceof RedtwinError)) throw cause;
      throw new RedtwinError(cause.code, cause.message, { cause, offset: this.#decoder.offset });
    }
  }

  #corrupt(what: string): RedtwinError {
    return new RedtwinError('rdb-corrupt', `the RDB holds ${what}`, { offset: this.#decoder.offset });
  }
}
