/**
 * A store just large enough for a link to apply to: strings, SET, SELECT, MULTI, and loading what smallRdb
 * writes.
 *
 * The driver's tests run on it too, beside the engines, so that a fault in a test points at the link or at an
 * engine and not at both. It keeps the promises of engine.ts that the link depends on: bytes count when their
 * unit is complete, a failed command ends everything, a load is swapped in at once.
 */
import { createHash } from 'node:crypto';
import type { Failure, Feed, Loader, LoadReport, SessionId } from '../../src/engine/engine.ts';
import { Note, type Outcome, packOutcome, Stop } from '../../src/engine/engine.ts';
import { RedtwinError } from '../../src/errors.ts';
import type { FollowerStore } from '../../src/runtime/follower-types.ts';
import { type Data, readSmallRdb } from './small-rdb.ts';

interface Session {
  db: number;
  input: Buffer;
  queue: string[][] | null;
  /** Bytes of the commands in `queue`, MULTI included. */
  queued: Buffer[];
  host: { args: string[]; bytes: Buffer } | null;
  failure: Failure | null;
}

type Parsed = { is: 'partial' } | { is: 'broken' } | { is: 'command'; args: string[]; bytes: number };

/** One command, RESP or inline, at the start of `input`. */
function parse(input: Buffer): Parsed {
  const lineEnd = input.indexOf('\n');
  if (lineEnd < 0) return { is: 'partial' };
  const line = input.toString('latin1', 0, lineEnd).replace(/\r$/, '');
  if (!line.startsWith('*'))
    return { is: 'command', args: line.split(' ').filter((word) => word !== ''), bytes: lineEnd + 1 };
  let at = lineEnd + 1;
  const args: string[] = [];
  for (let left = Number(line.slice(1)); left > 0; left--) {
    const end = input.indexOf('\n', at);
    if (end < 0) return { is: 'partial' };
    const header = input.toString('latin1', at, end).replace(/\r$/, '');
    if (!/^\$\d+$/.test(header)) return { is: 'broken' };
    const length = Number(header.slice(1));
    if (input.length < end + 1 + length + 2) return { is: 'partial' };
    args.push(input.toString('latin1', end + 1, end + 1 + length));
    at = end + 1 + length + 2;
  }
  return { is: 'command', args, bytes: at };
}

class FakeFeed implements Feed {
  startOffset = 0;
  bytes: Buffer = Buffer.alloc(0);
  get endOffset(): number {
    return this.startOffset + this.bytes.length;
  }
  isOn = true;
  turn(): void {}
  forgetSelection(): void {}
  pin(): void {}
  resize(): void {}
  restart(offset: number): void {
    this.startOffset = offset;
    this.bytes = Buffer.alloc(0);
  }
  append(bytes: Uint8Array): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
  }
  readInto(offset: number, into: Buffer): number {
    return this.read(offset, into.length)?.copy(into) ?? -1;
  }
  read(offset: number, maxBytes: number): Buffer | null {
    const at = offset - this.startOffset;
    return at < 0 || at > this.bytes.length ? null : this.bytes.subarray(at, at + maxBytes);
  }
}

export class FakeStore implements FollowerStore {
  readonly feed = new FakeFeed();
  data: Data = new Map();
  readonly #sessions = new Map<SessionId, Session>();
  #lastId = 0;

  openSession(): SessionId {
    this.#sessions.set(++this.#lastId, {
      db: 0,
      input: Buffer.alloc(0),
      queue: null,
      queued: [],
      host: null,
      failure: null,
    });
    return this.#lastId;
  }
  closeSession(id: SessionId): void {
    if (!this.#sessions.delete(id)) throw new Error(`there is no session ${id}`);
  }
  get openSessions(): number {
    return this.#sessions.size;
  }
  sessionInfo(id: SessionId) {
    const { db, input } = this.#sessions.get(id)!;
    return {
      db,
      protocol: 2,
      multi: -1,
      watch: 0,
      pendingBytes: input.length,
      lastCommand: '',
      executing: false,
      muted: false,
      caching: false,
    } as const;
  }
  selectDb(id: SessionId, db: number): void {
    this.#sessions.get(id)!.db = db;
  }
  failure(id: SessionId): Failure | null {
    return this.#sessions.get(id)!.failure;
  }
  command(id: SessionId): Buffer[] {
    return this.#sessions.get(id)!.host!.args.map((arg) => Buffer.from(arg, 'latin1'));
  }

  apply(id: SessionId, input: Uint8Array, length: number): Outcome {
    const session = this.#sessions.get(id)!;
    session.input = Buffer.concat([session.input, input.subarray(0, length)]);
    return this.#run(session);
  }
  resumeApply(id: SessionId): Outcome {
    const session = this.#sessions.get(id)!;
    this.feed.append(session.host!.bytes);
    session.host = null;
    return this.#run(session);
  }

  #run(session: Session): Outcome {
    const before = this.feed.endOffset;
    const outcome = (stop: Stop): Outcome =>
      packOutcome(stop, this.feed.endOffset > before ? Note.feedGrew : 0, 0);
    const fail = (command: string, error: string): Outcome => {
      session.failure = { command, error, isBroken: command === '' };
      return outcome(Stop.failed);
    };
    for (;;) {
      const parsed = parse(session.input);
      if (parsed.is === 'partial') return outcome(Stop.drained);
      if (parsed.is === 'broken') return fail('', "ERR Protocol error: expected '$'");
      const bytes = session.input.subarray(0, parsed.bytes);
      session.input = session.input.subarray(parsed.bytes);
      const name = parsed.args[0]?.toLowerCase();
      if (name === 'publish' || name === 'replconf' || name === 'config') {
        session.host = { args: parsed.args, bytes };
        return outcome(Stop.host);
      }
      session.queued.push(bytes);
      if (name === 'multi') session.queue = [];
      else if (session.queue !== null && name !== 'exec') session.queue.push(parsed.args);
      else {
        for (const args of session.queue ?? (name === undefined ? [] : [parsed.args])) {
          const error = this.#execute(session, args);
          if (error !== null) return fail(args.join(' '), error);
        }
        session.queue = null;
        for (const unit of session.queued.splice(0)) this.feed.append(unit);
      }
    }
  }

  #execute(session: Session, [name, ...args]: string[]): string | null {
    switch (name?.toLowerCase()) {
      case 'ping':
        return null;
      case 'select':
        session.db = Number(args[0]);
        return null;
      case 'set':
        this.data.set(session.db, (this.data.get(session.db) ?? new Map()).set(args[0], args[1]));
        return null;
      default:
        return `ERR unknown command '${name}'`;
    }
  }

  loader(): Loader {
    let bytes: Buffer = Buffer.alloc(0);
    let over = false;
    const fail = (
      code: 'rdb-truncated' | 'rdb-trailing-bytes' | 'rdb-bad-magic' | 'rdb-unknown-type' | 'rdb-checksum',
    ): never => {
      over = true;
      throw new RedtwinError(code, 'the fake loader says so', { offset: bytes.length });
    };
    return {
      get bytes() {
        return bytes.length;
      },
      pendingBytes: 0,
      settle: () => readSmallRdb(bytes).is === 'whole',
      countKeys: () => 0,
      write: (chunk) => {
        if (over) throw new Error('written to after its end');
        bytes = Buffer.concat([bytes, chunk]);
        const read = readSmallRdb(bytes);
        if (read.is === 'bad') return fail(read.code);
        if (read.is === 'whole' && read.bytes < bytes.length) return fail('rdb-trailing-bytes');
        return read.is === 'whole';
      },
      commit: (): LoadReport => {
        const read = readSmallRdb(bytes);
        if (over || read.is !== 'whole') return fail('rdb-truncated');
        over = true;
        this.data = read.data;
        const keys = [...read.data.values()].reduce((sum, db) => sum + db.size, 0);
        return {
          ...{
            magic: 'REDIS',
            version: 10,
            aux: read.aux,
            keys,
            expiredSkipped: 0,
            emptySkipped: 0,
            functions: 0,
          },
          ...{ opaqueModuleValues: 0, opaqueModuleAux: 0, modules: [], bytes: bytes.length },
        };
      },
      abort: () => {
        over = true;
      },
    };
  }

  stats(): ReturnType<FollowerStore['stats']> {
    const databases = [...this.data].map(([db, keys]) => ({ db, keys: keys.size, expires: 0, avgTtlMs: 0 }));
    return {
      ...{
        commandsProcessed: 0,
        keyspaceHits: 0,
        keyspaceMisses: 0,
        expiredKeys: 0,
        evictedKeys: 0,
        expiredFields: 0,
        ownExpiries: 0,
        feedTranslated: 0,
        feedDropped: 0,
        feedFieldExpiriesDropped: 0,
      },
      ...{
        errorReplies: 0,
        usedMemoryBytes: 0,
        usedMemoryPeakBytes: 0,
        opaqueModuleValues: 0,
        changes: 0,
        lazyFreePending: 0,
        lazyFreed: 0,
        databases,
      },
    };
  }

  /** Some hex digits that tell data sets apart; not Redis's. */
  digest(): string {
    const sorted = [...this.data].sort().map(([db, keys]) => [db, [...keys].sort()]);
    return createHash('sha1').update(JSON.stringify(sorted)).digest('hex');
  }
}
