/**
 * Function libraries: what their sources, as an RDB holds them, mean.
 *
 *     sources: name -> source  --run once each-->  Functions { libraries: name, functions... }
 *
 * The sources are the one truth; this is made from them when somebody asks. A source from a snapshot or a primary
 * that cannot be run stays among the sources (a save writes it back) and has no functions. Nothing here changes once it is made:
 * a command that changes libraries makes other Functions and lets them be adopted.
 */
import { lower } from '../bytes.ts';
import { crc64 } from '../crc64.ts';
import { Opcode } from '../rdb/format.ts';
import { Input } from '../rdb/input.ts';
import { Output } from '../rdb/output.ts';
import { isWellFramed } from '../rdb/payload.ts';
import type { Machine, Registered } from './machine.ts';
import { libraryHead, type Wrong } from './shebang.ts';

/** A library. */
export interface Library {
  readonly name: string;
  /** The whole source, first line included. */
  readonly code: Buffer;
  /** In the order of their registration. */
  readonly functions: readonly Registered[];
}

/** Runs a library's source, once `admit` has let its name pass. Errors are Redis's words, without ERR. */
export function loadLibrary(
  machine: Machine,
  code: Buffer,
  admit: (name: string) => string | null = () => null,
): Library | Wrong {
  const head = libraryHead(code);
  if ('error' in head) return head;
  const refusal = admit(head.name);
  if (refusal !== null) return { error: refusal };
  const functions = machine.loadLibrary(code.subarray(head.start));
  if ('error' in functions) return functions;
  if (functions.length === 0) return { error: 'No functions registered' };
  return { name: head.name, code, functions };
}

export class Functions {
  readonly machine: Machine;
  /** In the order of their loading, by name. */
  readonly libraries: ReadonlyMap<string, Library>;
  /** Sources that could not be run here, by name: kept and passed on all the same, until FUNCTION FLUSH. */
  readonly opaque: ReadonlyMap<string, Buffer>;
  readonly #byName = new Map<string, Registered>();

  constructor(
    machine: Machine,
    libraries: ReadonlyMap<string, Library>,
    opaque: ReadonlyMap<string, Buffer> = new Map(),
  ) {
    this.machine = machine;
    this.libraries = libraries;
    this.opaque = opaque;
    for (const { functions } of libraries.values())
      for (const registered of functions) this.#byName.set(lower(registered.name), registered);
  }

  /** Runs all sources; those that fail have no functions, but are kept. */
  static of(machine: Machine, sources: ReadonlyMap<string, Buffer>): Functions {
    const libraries = new Map<string, Library>();
    const opaque = new Map<string, Buffer>();
    for (const [name, code] of sources) {
      const library = loadLibrary(machine, code);
      if ('error' in library) opaque.set(name, code);
      else libraries.set(name, library);
    }
    return new Functions(machine, libraries, opaque);
  }

  /** A function by its name, in any case. */
  find(name: string): Registered | null {
    return this.#byName.get(lower(name)) ?? null;
  }

  get functionCount(): number {
    return this.#byName.size;
  }

  /** These and another library; with `mayReplace` it may take the place of one of its name. Or why not, without ERR. */
  with(library: Library, mayReplace: boolean): Functions | Wrong {
    if (this.libraries.has(library.name) && !mayReplace)
      return { error: `Library ${library.name} already exists` };
    const replaced = this.libraries.get(library.name)?.functions ?? [];
    for (const { name } of library.functions) {
      const known = this.find(name);
      if (known !== null && !replaced.includes(known)) return { error: `Function ${name} already exists` };
    }
    const libraries = new Map(this.libraries).set(library.name, library);
    const opaque = new Map(this.opaque);
    opaque.delete(library.name);
    return new Functions(this.machine, libraries, opaque);
  }

  /** These without a library; null when there is none of that name. */
  without(name: string): Functions | null {
    const libraries = new Map(this.libraries);
    const opaque = new Map(this.opaque);
    const wasThere = libraries.delete(name) || opaque.delete(name);
    return wasThere ? new Functions(this.machine, libraries, opaque) : null;
  }

  /** The sources, for the keyspace. */
  sources(): Map<string, Buffer> {
    const sources = new Map([...this.libraries].map(([name, { code }]) => [name, code]));
    for (const [name, code] of this.opaque) sources.set(name, code);
    return sources;
  }
}

/** Version and checksum at the end of a payload. */
const footerBytes = 10;
/** What Redis 7.0 writes. */
const payloadVersion = 10;

/** FUNCTION DUMP: the sources as an RDB holds them, with a version and a checksum over both. */
export function payloadOf(sources: Iterable<Buffer>, compress: boolean): Buffer {
  const output = new Output(compress);
  for (const source of sources) {
    output.byte(Opcode.function2);
    output.blob(source);
  }
  output.uint16(payloadVersion);
  const body = output.take();
  const checksum = Buffer.alloc(8);
  checksum.writeBigUInt64LE(crc64(body));
  return Buffer.concat([body, checksum]);
}

/** The sources in a payload of FUNCTION DUMP, or why there are none, without ERR. */
export function sourcesIn(payload: Buffer): Buffer[] | Wrong {
  if (!isWellFramed(payload)) return { error: 'DUMP payload version or checksum are wrong' };
  const input = new Input(false);
  input.feed(payload.subarray(0, payload.length - footerBytes));
  const sources: Buffer[] = [];
  for (let opcode = input.byte(); opcode !== null; opcode = input.byte()) {
    if (opcode !== Opcode.function2) return { error: 'given type is not a function' };
    const source = input.text();
    if (source === null) return { error: 'failed loading the given functions payload' };
    sources.push(Buffer.from(source, 'latin1'));
  }
  return sources;
}
