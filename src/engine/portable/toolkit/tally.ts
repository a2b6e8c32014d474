/** Sums over all keys: see crates/toolkit/src/tally.rs for what they are and how the table of prefixes is kept small. */
import type { RdbJob } from '../../rdb.ts';
import { rdbEncodings, rdbTypes } from '../../rdb.ts';
import type { ModuleAux } from '../rdb/decoder.ts';
import type { Dialect } from '../rdb/format.ts';
import type { Entry, Job } from './job.ts';
import { escapedText } from './text.ts';

interface Sum {
  keys: number;
  memoryBytes: number;
  encodedBytes: number;
  elements: number;
  expiring: number;
}

const ttlSeconds = [0, 60, 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400];
const prefixesMax = 128 * 1024;
const prefixesKept = prefixesMax / 4;

/** A key that may be among the biggest. Among equals, the one met first is. */
interface Big {
  entry: Omit<Entry, 'value'> & { type: string };
  met: number;
}

/** Sums by some label, in the order given. */
class Sums<Label> {
  readonly #sums = new Map<Label, Sum>();

  add(label: Label, { value, summary, encodedBytes, attributes }: Entry): void {
    const sum = this.#sums.get(label) ?? {
      keys: 0,
      memoryBytes: 0,
      encodedBytes: 0,
      elements: 0,
      expiring: 0,
    };
    this.#sums.set(label, sum);
    sum.keys++;
    sum.memoryBytes += summary.memoryBytes;
    sum.encodedBytes += encodedBytes;
    sum.elements += value.type === 'string' ? 1 : summary.elements;
    if (attributes.expireAtMs !== null) sum.expiring++;
  }

  list<Named extends object>(
    order: (a: Label, b: Label) => number,
    named: (label: Label) => Named,
  ): (Named & Sum)[] {
    return [...this.#sums]
      .sort(([a], [b]) => order(a, b))
      .map(([label, sum]) => ({ ...named(label), ...sum }));
  }
}

export class TallyJob implements Job {
  readonly #options: RdbJob & { job: 'tally' };
  #file = { magic: '', version: 0 };
  readonly #aux: [string, string][] = [];
  readonly #totals = new Sums<''>();
  readonly #types = new Sums<string>();
  readonly #encodings = new Sums<string>();
  readonly #dbs = new Sums<number>();
  readonly #sizes = new Sums<number>();
  readonly #ttls = new Sums<number>();
  readonly #prefixes = new Map<string, { keys: number; memoryBytes: number }>();
  readonly #modules = new Map<string, number>();
  #prefixesCut = false;
  #functions = 0;
  #moduleAux = 0;
  #slotHints = 0;
  #met = 0;
  #top: Big[] = [];

  constructor(options: RdbJob & { job: 'tally' }) {
    this.#options = options;
  }

  begin({ vendor, version }: Dialect): void {
    this.#file = { magic: vendor === 'redis' ? 'REDIS' : 'VALKEY', version };
  }
  aux(name: string, value: string): void {
    this.#aux.push([escapedText(name), escapedText(value)]);
  }
  library(): void {
    this.#functions++;
  }
  moduleAux({ module }: ModuleAux): void {
    this.#moduleAux++;
    this.#count(module);
  }
  slotImport(): void {
    this.#slotHints++;
  }
  slotHint(): void {
    this.#slotHints++;
  }

  #count(module: string): void {
    this.#modules.set(module, (this.#modules.get(module) ?? 0) + 1);
  }

  entry(entry: Entry): void {
    const { value, summary, attributes } = entry;
    if (value.type === 'module') this.#count(value.name);
    this.#totals.add('', entry);
    this.#types.add(value.type, entry);
    this.#encodings.add(summary.encoding, entry);
    this.#dbs.add(entry.db, entry);
    this.#sizes.add(2 ** Math.floor(Math.log2(Math.max(summary.memoryBytes, 1))), entry);
    if (attributes.expireAtMs !== null) {
      const left = Math.floor((attributes.expireAtMs - this.#options.nowMs) / 1000);
      const place = ttlSeconds.findIndex((end) => left < end);
      this.#ttls.add(place < 0 ? ttlSeconds.length : place, entry);
    }
    this.#offer(entry);
    this.#countPrefixes(entry);
  }

  #offer({ value, ...entry }: Entry): void {
    this.#met++;
    this.#top.push({ entry: { ...entry, type: value.type }, met: this.#met });
    if (this.#top.length > 2 * this.#options.top + 1000) this.#cutTop();
  }

  #cutTop(): void {
    const memory = (one: Big) => one.entry.summary.memoryBytes;
    this.#top.sort((a, b) => memory(b) - memory(a) || a.met - b.met);
    this.#top.length = Math.min(this.#top.length, this.#options.top);
  }

  #countPrefixes({ key, summary }: Entry): void {
    const { separators, depth } = this.#options;
    if (separators === '') return;
    let found = 0;
    for (let at = 0; at < key.length && found < depth; at++) {
      if (!separators.includes(key[at]!)) continue;
      found++;
      const prefix = key.slice(0, at + 1);
      const under = this.#prefixes.get(prefix) ?? { keys: 0, memoryBytes: 0 };
      under.keys++;
      under.memoryBytes += summary.memoryBytes;
      this.#prefixes.set(prefix, under);
      if (this.#prefixes.size > prefixesMax) this.#cutPrefixes();
    }
  }

  #cutPrefixes(): void {
    this.#prefixesCut = true;
    const sizes = Float64Array.from([...this.#prefixes.values()], (under) => under.memoryBytes).sort();
    const least = sizes[prefixesMax - prefixesKept]!;
    for (const [prefix, under] of this.#prefixes)
      if (under.memoryBytes <= least) this.#prefixes.delete(prefix);
  }

  finish(): Buffer {
    this.#cutTop();
    const none = { keys: 0, memoryBytes: 0, encodedBytes: 0, elements: 0, expiring: 0 };
    const among = (order: readonly string[]) => (a: string, b: string) => order.indexOf(a) - order.indexOf(b);
    const name = (label: string) => ({ name: label });
    const byNumber = (a: number, b: number) => a - b;
    const byText = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1);
    const report = {
      file: {
        ...this.#file,
        aux: this.#aux,
        functions: this.#functions,
        moduleAux: this.#moduleAux,
        slotHints: this.#slotHints,
        modules: Object.fromEntries([...this.#modules].sort(byText)),
      },
      totals:
        this.#totals.list(
          () => 0,
          () => ({}),
        )[0] ?? none,
      types: this.#types.list(among(rdbTypes), name),
      encodings: this.#encodings.list(among(rdbEncodings), name),
      dbs: this.#dbs.list(byNumber, (db) => ({ db })),
      sizes: this.#sizes.list(byNumber, (fromBytes) => ({ fromBytes })),
      ttls: this.#ttls.list(byNumber, (place) => ({ untilSeconds: ttlSeconds[place] ?? null })),
      top: this.#top.map(({ entry }) => ({
        db: entry.db,
        key: escapedText(entry.key),
        type: entry.type,
        encoding: entry.summary.encoding,
        memoryBytes: entry.summary.memoryBytes,
        encodedBytes: entry.encodedBytes,
        elements: entry.summary.elements,
        longestBytes: entry.summary.longestBytes,
        ...(entry.attributes.expireAtMs === null ? {} : { expireAtMs: entry.attributes.expireAtMs }),
      })),
      prefixes: [...this.#prefixes]
        .sort(byText)
        .map(([prefix, { keys, memoryBytes }]) => ({ prefix: escapedText(prefix), keys, memoryBytes })),
      prefixesCut: this.#prefixesCut,
    };
    return Buffer.from(`${JSON.stringify(report)}\n`);
  }
}
