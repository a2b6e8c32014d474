/**
 * The RDB decoder: bytes go in, in chunks of any size; records come out, through the functions of a sink.
 *
 *     write(chunk) --> Input --> records() --> sink.aux, sink.select, sink.entry ...
 *                        ^          |
 *                        +- yield --+   "more bytes, please"
 *
 * Its one idea: the format is read by a generator that is written as if all bytes were there, and that yields
 * where they are not. So there is no second copy of the grammar in the form of states, and a chunk may end
 * anywhere. What becomes of the records is not decided here.
 *
 * Every error is a RedtwinError with a code 'rdb-*' and the offset at which it was noticed; after one, the decoder
 * is of no use.
 */
import { RedtwinError } from '../../../errors.ts';
import {
  type Dialect,
  moduleTypeName,
  Opcode,
  redisFileVersionMax,
  valkeyFileVersionMax,
  valkeyVersionMin,
} from './format.ts';
import { Input, more, type Step } from './input.ts';
import { skipModuleData } from './module-reader.ts';
import { isReadable, readValue, unknown } from './reader.ts';
import type { RdbValue } from './value.ts';

/** What may stand in front of a key. */
export interface Attributes {
  /** Unix ms; null when the key does not expire. */
  expireAtMs: number | null;
  /** Seconds since the key was used when it was saved (LRU policies), or null. */
  idleSeconds: number | null;
  /** Logarithmic access counter, 0 to 255 (LFU policies), or null. */
  frequency: number | null;
  /** Redis 8.6: what modules attached to the key; the bytes behind the opcode, or null. */
  keyMeta: Buffer | null;
}

/** How a key lies in the file. */
export interface Written {
  /** The type byte. */
  type: number;
  /** Position of the type byte. */
  offset: number;
  /** Type, name and value. */
  bytes: number;
  /** Sizes of its packed blocks, unpacked; valid during the call. */
  blockBytes: readonly number[];
  /** Sizes of the elements of a list that are nodes of their own; likewise. */
  plainBytes: readonly number[];
  /** Why the value cannot be what it says; null when it can. Only of a tolerant decoder. */
  broken: string | null;
}

/** Something that only a module understands, outside of any key. */
export interface ModuleAux {
  /** Nine letters. */
  module: string;
  /** Everything behind the opcode. */
  raw: Buffer;
}

/** Takes the records in file order. Texts are binary strings. */
export interface RdbSink {
  /** First of all: whose RDB it is. */
  begin(dialect: Dialect): void;
  aux(key: string, value: string): void;
  /** The keys that follow belong to this database. */
  select(db: number): void;
  /** How many keys and expiries the database will have: a hint, not to be trusted. */
  sizes(keys: number, expires: number): void;
  entry(key: string, value: RdbValue, attributes: Attributes, written: Written): void;
  /** What a cluster's server wrote of a slot: of no use elsewhere. */
  slotHint?(): void;
  /** A key begins; its value follows with `entry`. */
  keyBegins?(key: string, offset: number): void;
  /** Source of a function library. */
  library(source: string): void;
  moduleAux(aux: ModuleAux): void;
  /** Valkey 9: slots that were being imported when it was saved. Their keys follow like all others. */
  slotImport(job: string, ranges: [number, number][]): void;
}

const noAttributes: Attributes = { expireAtMs: null, idleSeconds: null, frequency: null, keyMeta: null };

export class Decoder {
  readonly #input: Input;
  readonly #sink: RdbSink;
  readonly #checksum: boolean;
  readonly #run: Step<void>;
  #done = false;

  /**
   * With `checksum` false the checksum at the end is read and not compared. When `tolerant`, a packed block that is none spoils its
   * key and not the file.
   */
  constructor(sink: RdbSink, checksum = true, tolerant = false) {
    this.#sink = sink;
    this.#checksum = checksum;
    this.#input = new Input(checksum);
    this.#input.tolerant = tolerant;
    this.#run = this.#rdb();
  }

  /** Bytes understood so far: the position in the RDB. */
  get offset(): number {
    return this.#input.offset;
  }

  /** The end of the RDB has been seen. */
  get done(): boolean {
    return this.#done;
  }

  /**
   * Takes a chunk, which belongs to the caller again on return. True once the end has been seen; bytes behind it
   * are an error.
   */
  write(chunk: Uint8Array): boolean {
    this.#input.feed(chunk);
    if (!this.#done) this.#done = this.#run.next().done === true;
    if (this.#done && this.#input.waiting > 0) {
      throw new RedtwinError('rdb-trailing-bytes', 'bytes after the end of the RDB', {
        offset: this.#input.offset,
      });
    }
    this.#input.settle();
    return this.#done;
  }

  /** Says that no more bytes will come. Throws 'rdb-truncated' when the end has not been seen. */
  end(): void {
    if (this.#done) return;
    const offset = this.#input.offset + this.#input.waiting;
    throw new RedtwinError('rdb-truncated', 'the RDB ends too early', { offset });
  }

  *#rdb(): Step<void> {
    const dialect = yield* readMagic(this.#input);
    this.#sink.begin(dialect);
    yield* this.#records(dialect);
    // Checksums came with version 5.
    if (dialect.version < 5) return;
    const computed = this.#input.checksum();
    const offset = this.#input.offset;
    const said = this.#input.uint64() ?? (yield* more(() => this.#input.uint64()));
    if (!this.#checksum || said === 0n || said === computed) return;
    const [written, given] = [said, computed ?? 0n].map((sum) => sum.toString(16).padStart(16, '0'));
    const message = `wrong RDB checksum: ${written} is written, the bytes give ${given}`;
    throw new RedtwinError('rdb-checksum', message, { offset });
  }

  /** Everything between the magic and the end marker. */
  *#records(dialect: Dialect): Step<void> {
    const input = this.#input;
    const sink = this.#sink;
    let attributes = noAttributes;
    for (;;) {
      const opcode = input.byte() ?? (yield* more(() => input.byte()));
      switch (opcode) {
        case Opcode.end:
          return;
        case Opcode.expireMs:
          attributes = { ...attributes, expireAtMs: input.int64() ?? (yield* more(() => input.int64())) };
          continue;
        case Opcode.expireSeconds: {
          const seconds = input.int32() ?? (yield* more(() => input.int32()));
          attributes = { ...attributes, expireAtMs: seconds * 1000 };
          continue;
        }
        case Opcode.idle:
          attributes = { ...attributes, idleSeconds: yield* length(input) };
          continue;
        case Opcode.frequency:
          attributes = { ...attributes, frequency: input.byte() ?? (yield* more(() => input.byte())) };
          continue;
        case Opcode.selectDb:
          sink.select(yield* length(input));
          continue;
        case Opcode.resizeDb: {
          const keys = yield* length(input);
          sink.sizes(keys, yield* length(input));
          continue;
        }
        case Opcode.aux: {
          const key = input.text() ?? (yield* more(() => input.text()));
          sink.aux(key, input.text() ?? (yield* more(() => input.text())));
          continue;
        }
        case Opcode.function2:
          sink.library(input.text() ?? (yield* more(() => input.text())));
          continue;
        case Opcode.moduleAux:
          sink.moduleAux(yield* readModuleAux(input));
          continue;
        case Opcode.slotInfo:
          // Slot, keys, expires: hints of a cluster.
          for (let i = 0; i < 3; i++) yield* length(input);
          sink.slotHint?.();
          continue;
        case Opcode.keyMeta:
          if (dialect.vendor === 'valkey') yield* readSlotImport(input, sink);
          else if (dialect.version >= 13) attributes = { ...attributes, keyMeta: yield* readKeyMeta(input) };
          else throw unknownOpcode(opcode, dialect, input);
          continue;
        case Opcode.functionPreGa:
          throw unknownOpcode(opcode, dialect, input);
      }
      if (!isReadable(opcode, dialect)) throw unknownOpcode(opcode, dialect, input);
      const offset = input.offset - 1;
      const key = input.text() ?? (yield* more(() => input.text()));
      sink.keyBegins?.(key, offset);
      input.blockBytes.length = 0;
      input.plainBytes.length = 0;
      input.broken = null;
      const value = yield* readValue(input, opcode, dialect);
      const { blockBytes, plainBytes, broken } = input;
      const bytes = input.offset - offset;
      sink.entry(key, value, attributes, { type: opcode, offset, bytes, blockBytes, plainBytes, broken });
      attributes = noAttributes;
    }
  }
}

/** REDIS and four digits, or VALKEY and three. */
function* readMagic(input: Input): Step<Dialect> {
  const magic = (input.bytes(9) ?? (yield* more(() => input.bytes(9)))).toString('latin1');
  const parts = /^(REDIS|VALKEY)([0-9]+)$/.exec(magic);
  if (parts === null || (parts[1] === 'REDIS' ? 4 : 3) !== parts[2]!.length) {
    const message = 'not an RDB: it begins with neither REDIS nor VALKEY and a version';
    throw new RedtwinError('rdb-bad-magic', message, { offset: /^(REDIS|VALKEY)/.test(magic) ? 8 : 0 });
  }
  const version = Number(parts[2]);
  const vendor = parts[1] === 'REDIS' ? 'redis' : 'valkey';
  const [low, high] =
    vendor === 'redis' ? [1, redisFileVersionMax] : [valkeyVersionMin, valkeyFileVersionMax];
  if (version < low || version > high) {
    const message = `RDB version ${magic} cannot be read (REDIS 1 to ${redisFileVersionMax}, VALKEY ${valkeyVersionMin} and ${valkeyFileVersionMax} can)`;
    throw new RedtwinError('rdb-unsupported-version', message, { offset: 8 });
  }
  return { vendor, version };
}

/** The module's id, opcode 2, when (1: before the keys, 2: after them), then its data. */
function* readModuleAux(input: Input): Step<ModuleAux> {
  input.startRaw();
  const id = input.bigLength() ?? (yield* more(() => input.bigLength()));
  const opcode = yield* length(input);
  if (opcode !== 2) throw input.corrupt(`a module aux field with the opcode ${opcode}`);
  yield* length(input);
  yield* skipModuleData(input);
  return { module: moduleTypeName(id), raw: input.takeRaw() };
}

/** Redis 8.6: for each class of metadata four bytes that say which, then its data. */
function* readKeyMeta(input: Input): Step<Buffer> {
  input.startRaw();
  const classes = yield* length(input);
  for (let i = 0; i < classes; i++) {
    void (input.int32() ?? (yield* more(() => input.int32())));
    yield* skipModuleData(input);
  }
  return input.takeRaw();
}

/** Valkey 9: the job's name (40 bytes), then ranges of slots. */
function* readSlotImport(input: Input, sink: RdbSink): Step<void> {
  const job = input.text() ?? (yield* more(() => input.text()));
  if (job.length !== 40) throw input.corrupt('a slot import whose name has not 40 bytes');
  const count = yield* length(input);
  const ranges: [number, number][] = [];
  while (ranges.length < count) {
    const first = yield* length(input);
    const last = yield* length(input);
    if (first > last || last >= slots) throw input.corrupt('a slot import of slots that do not exist');
    ranges.push([first, last]);
  }
  sink.slotImport(job, ranges);
}

/** Slots of a cluster. */
const slots = 16384;

function* length(input: Input): Step<number> {
  return input.length() ?? (yield* more(() => input.length()));
}

function unknownOpcode(opcode: number, dialect: Dialect, input: Input): RedtwinError {
  // Where the opcode itself lies, which is all that was read of it.
  return new RedtwinError('rdb-unknown-type', unknown(opcode, dialect), { offset: input.offset - 1 });
}
