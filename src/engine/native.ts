/**
 * The native engine: the Rust core in native/redtwin.node, given the interface's shape.
 *
 * The only importer of native/, and the only place where native errors become ours. A panic in Rust arrives here
 * as an exception: the store is poisoned, because nobody knows what it left half done, and every further call
 * says so. It never falls back to the other engine in mid-flight.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import type { NativeStore } from '../../native/index.d.ts';
import { type ErrorCode, errorCodes, RedtwinError } from '../errors.ts';
import type {
  CommandStats,
  Denial,
  Engine,
  Failure,
  Feed,
  Gates,
  Lane,
  Loader,
  LoadOptions,
  Outcome,
  ScriptStats,
  Selector,
  SessionId,
  SessionInfo,
  SessionSettings,
  Snapshot,
  SnapshotOptions,
  Store,
  StoreStats,
  Trace,
  TurnHost,
  Turns,
  Verdict,
} from './engine.ts';
import { asks, NativeLane } from './native-lane.ts';
import { nativeRdbTools } from './native-rdb.ts';
import { openNativeTurns } from './native-turns.ts';

type Addon = typeof import('../../native/index.d.ts');

/** What a script hears of a host's command when there is nobody to answer. */
const refused = Buffer.from('-ERR This Redis command is not allowed from script\r\n');

/** Where the addon lies, seen from src/engine as well as from dist/engine. */
const addonPath = '../../native/redtwin.node';

/**
 * Whether this thread may load the addon. Its allocator (mimalloc) takes the first thread that does for one that stays as long as the
 * process, and a worker need not: the next one would crash. Where the process's maps cannot be read, nothing is known of it.
 */
function mayLoad(): boolean {
  if (isMainThread || process.platform !== 'linux') return true;
  return readFileSync('/proc/self/maps', 'utf8').includes(basename(addonPath));
}

/** Loads the addon. Throws what Node throws when it is missing or was built for something else, and in a worker that is the first. */
export function loadNative(): Engine {
  if (!mayLoad())
    throw new Error(
      'a worker cannot be the first of its process to load it; a server or a file of the main thread can',
    );
  const addon = createRequire(import.meta.url)(addonPath) as Addon;
  return {
    name: 'native',
    abi: addon.abi(),
    open: (options) =>
      new NativeStoreFront(
        new addon.NativeStore(
          options.databases,
          options.seed,
          options.backlogBytes,
          options.monotonicMs !== undefined,
        ),
      ),
    crc64: (bytes, crc = 0n) => addon.crc64(bytes, crc),
    rdb: nativeRdbTools(addon, translated),
    sendNow: addon.sendNow,
  };
}

/**
 * What a native error says: operating errors come as "code|offset|text", anything else is a panic or a misuse.
 */
function translated(error: unknown): RedtwinError {
  const text = error instanceof Error ? error.message : String(error);
  const [code, offset, ...words] = text.split('|');
  if (code !== undefined && code in errorCodes && words.length > 0) {
    return new RedtwinError(code as ErrorCode, words.join('|'), { offset: Number(offset) });
  }
  return new RedtwinError('engine-internal', `the native engine failed: ${text}`, { cause: error });
}

class NativeStoreFront implements Store {
  readonly feed: Feed;
  readonly #store: NativeStore;
  #poisoned: RedtwinError | undefined;

  constructor(store: NativeStore) {
    this.#store = store;
    this.feed = new NativeFeed(store);
  }

  /** An error as ours; an internal one ends this store for good. */
  #failed(error: unknown): RedtwinError {
    const ours = translated(error);
    if (ours.code === 'engine-internal') this.#poisoned = ours;
    return ours;
  }

  /** Runs a call; an internal error ends this store for good. */
  #run<T>(call: (store: NativeStore) => T): T {
    if (this.#poisoned !== undefined) throw this.#poisoned;
    try {
      return call(this.#store);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  configure(name: string, value: number | string | boolean): void {
    const setting =
      typeof value === 'number'
        ? { number: value }
        : typeof value === 'string'
          ? { text: value }
          : { flag: value };
    if (!this.#run((store) => store.configure(name, setting))) {
      throw new RedtwinError(
        'engine-unknown-option',
        `the engine has no option ${name} that takes ${typeof value}s`,
      );
    }
  }

  gate(gates: Partial<Gates>): void {
    this.#run((store) => store.gate(gates));
  }
  openSession(): SessionId {
    return this.#run((store) => store.openSession());
  }
  closeSession(session: SessionId): void {
    this.#run((store) => store.closeSession(session));
  }
  setSession(session: SessionId, settings: SessionSettings): void {
    this.#run((store) => store.setSession(session, settings));
  }
  sessionInfo(session: SessionId): SessionInfo {
    const info = this.#run((store) => store.sessionInfo(session));
    if (info === null) throw new RedtwinError('engine-internal', `session ${session} is closed`);
    return { ...info, protocol: info.protocol === 3 ? 3 : 2 };
  }
  resetSession(session: SessionId): void {
    this.#run((store) => store.resetSession(session));
  }

  execute(session: SessionId, input: Uint8Array, length: number, output: Uint8Array, nowMs: number): Outcome {
    // The hot path: no closure.
    if (this.#poisoned !== undefined) throw this.#poisoned;
    try {
      const outcome = this.#store.execute(session, input, length, output, nowMs);
      if ((outcome & 15) !== asks) return outcome;
    } catch (error) {
      throw this.#poison(error);
    }
    return this.#answered(session, asks, () => this.#store.resume(session, output, nowMs));
  }

  /** Has the host answer what scripts ask, until there is another stop. */
  #answered(session: SessionId, first: Outcome, goOn: () => Outcome): Outcome {
    let outcome = first;
    while ((outcome & 15) === asks) {
      const reply = this.onScriptCommand?.(session, this.command(session)) ?? refused;
      outcome = this.#run((store) => {
        store.answerScript(session, reply);
        return goOn();
      });
    }
    return outcome;
  }
  openLane(input: Buffer, output: Buffer): Lane {
    return new NativeLane(input, output, {
      open: (numbers, sends) => this.#run((store) => store.openLane(numbers, input, output, sends)),
      check: () => {
        if (this.#poisoned !== undefined) throw this.#poisoned;
      },
      poison: (error) => this.#poison(error),
      answered: (session, from, nowMs) => {
        const into = output.subarray(from);
        return this.#answered(session, asks, () => this.#store.resume(session, into, nowMs));
      },
    });
  }
  openTurns(input: Buffer, host: TurnHost): Turns | null {
    return this.#run((store) =>
      openNativeTurns(store, input, host, {
        poison: (error) => this.#poison(error),
        answered: (session, into, nowMs) =>
          this.#answered(session, asks, () => this.#store.resume(session, into, nowMs)),
      }),
    );
  }
  #poison(error: unknown): RedtwinError {
    this.#poisoned = translated(error);
    return this.#poisoned;
  }
  resume(session: SessionId, output: Uint8Array, nowMs: number): Outcome {
    const goOn = (): Outcome => this.#store.resume(session, output, nowMs);
    return this.#answered(session, this.#run(goOn), goOn);
  }
  mayReplicate(session: SessionId, args: Buffer[]): boolean {
    return this.#run((store) => store.mayReplicate(session, args));
  }

  command(session: SessionId): Buffer[] {
    return this.#run((store) => store.command(session));
  }
  takeOverflow(): Buffer {
    return this.#run((store) => store.takeOverflow());
  }
  takePushes(): { session: SessionId; bytes: Buffer }[] {
    return this.#run((store) => store.takePushes());
  }
  recordScripts(on: boolean): void {
    this.#run((store) => store.recordScripts(on));
  }
  takeScripted(): { db: number; args: Buffer[] }[] {
    return this.#run((store) => store.takeScripted());
  }
  takeEvents(): { db: number; event: string; key: Buffer; flags: string }[] {
    return this.#run((store) => store.takeEvents());
  }
  trace(on: boolean): void {
    this.#run((store) => store.trace(on));
  }
  takeTraces(): Trace[] {
    return this.#run((store) => store.takeTraces()) as Trace[];
  }
  takeDenials(): Denial[] {
    return this.#run((store) => store.takeDenials()) as Denial[];
  }
  permit(user: number, selectors: Selector[] | null): void {
    const given = selectors?.map(({ commands, keys, channels, ...rest }) => ({
      ...rest,
      ...(commands === null ? {} : { commands: Buffer.from(commands) }),
      ...(keys === null ? {} : { keys }),
      ...(channels === null ? {} : { channels }),
    }));
    this.#run((store) => store.permit(user, given));
  }
  judge(user: number, args: Buffer[]): Verdict | null {
    return this.#run((store) => store.judge(user, args)) as Verdict | null;
  }
  unblock(session: SessionId, error?: string): boolean {
    return this.#run((store) => store.unblock(session, error));
  }

  apply(session: SessionId, input: Uint8Array, length: number, nowMs: number): Outcome {
    const first = this.#run((store) => store.apply(session, input, length, nowMs));
    return this.#answered(session, first, () => this.#store.resumeApply(session, nowMs));
  }
  resumeApply(session: SessionId, nowMs: number): Outcome {
    const goOn = (): Outcome => this.#store.resumeApply(session, nowMs);
    return this.#answered(session, this.#run(goOn), goOn);
  }
  failure(session: SessionId): Failure | null {
    return this.#run((store) => store.failure(session));
  }
  selectDb(session: SessionId, db: number): void {
    this.#run((store) => store.selectDb(session, db));
  }

  onScriptCommand: Store['onScriptCommand'] = null;
  takeScriptLogs(): { level: number; text: Buffer }[] {
    return this.#run((store) => store.takeScriptLogs());
  }
  scriptStats(): ScriptStats {
    const stats = this.#run((store) => store.scriptStats());
    return { ...stats, running: stats.running ?? null };
  }

  propagate(session: SessionId, command: Buffer[]): void {
    this.#run((store) => store.propagate(session, command));
  }

  loader(options: LoadOptions): Loader {
    const loader = this.#run((store) =>
      store.loader(options.nowMs, options.dropExpired, options.tellExpired ?? false, options.checksum),
    );
    const pendingBytes = (): number => this.#run(() => loader.pendingBytes());
    return {
      write: (chunk) => this.#run(() => loader.write(chunk)),
      get pendingBytes() {
        return pendingBytes();
      },
      settle: () => this.#run(() => loader.settle()),
      countKeys: () => this.#run(() => loader.countKeys()),
      get bytes() {
        return loader.bytes();
      },
      commit: () => {
        const report = this.#run((store) => store.commitLoad(loader));
        return {
          ...report,
          aux: report.aux.map(([name = '', value = '']): [string, string] => [name, value]),
        };
      },
      abort: () => this.#run(() => loader.abort()),
    };
  }
  snapshot(options: SnapshotOptions): Snapshot {
    const snapshot = this.#run((store) => store.snapshot(options));
    return {
      read: async (bytes) => {
        try {
          return await this.#run(() => snapshot.read(bytes) as Promise<Buffer | null>);
        } catch (error) {
          throw error instanceof RedtwinError ? error : this.#failed(error);
        }
      },
      write:
        process.platform === 'win32'
          ? null
          : async (fd, bytes, gently) => {
              let count: number;
              try {
                count = await this.#run(() => snapshot.write(fd, bytes, gently));
              } catch (error) {
                throw error instanceof RedtwinError ? error : this.#failed(error);
              }
              if (count >= 0) return count;
              const code = getSystemErrorName(count);
              throw Object.assign(new Error(`${code}: a snapshot could not be written to its file`), {
                code,
              });
            },
      readNow: (bytes) => this.#run(() => snapshot.readNow(bytes)),
      status: () => this.#run(() => snapshot.status()),
      release: () => this.#run(() => snapshot.release()),
    };
  }

  tellDropped(): void {
    this.#run((store) => store.tellDropped());
  }

  mayHoldFieldExpiries(): boolean {
    return this.#run((store) => store.mayHoldFieldExpiries());
  }

  flush(): void {
    this.#run((store) => store.flush());
  }
  cron(nowMs: number, budget: number): number {
    return this.#run((store) => store.cron(nowMs, budget));
  }
  stats(): StoreStats {
    return this.#run((store) => store.stats());
  }
  commandStats(): CommandStats[] {
    return this.#run((store) => store.commandStats());
  }
  errorStats(): { kind: string; count: number }[] {
    return this.#run((store) => store.errorStats());
  }
  resetStats(): void {
    this.#run((store) => store.resetStats());
  }
  digest(): string {
    return this.#run((store) => store.digest());
  }
  close(): void {
    this.#run((store) => store.close());
  }
}

class NativeFeed implements Feed {
  readonly #store: NativeStore;
  constructor(store: NativeStore) {
    this.#store = store;
  }
  get endOffset(): number {
    return this.#store.feedEnd();
  }
  get startOffset(): number {
    return this.#store.feedStart();
  }
  resize(backlogBytes: number): void {
    this.#store.feedResize(backlogBytes);
  }
  restart(offset: number): void {
    this.#store.feedRestart(offset);
  }
  get isOn(): boolean {
    return this.#store.feedIsOn();
  }
  turn(on: boolean): void {
    this.#store.feedTurn(on);
  }
  forgetSelection(): void {
    this.#store.feedForgetSelection();
  }
  pin(offset: number | null): void {
    this.#store.feedPin(offset);
  }
  append(bytes: Uint8Array): void {
    this.#store.feedAppend(bytes);
  }
  read(offset: number, maxBytes: number): Buffer | null {
    return this.#store.feedRead(offset, maxBytes);
  }
  readInto(offset: number, into: Buffer): number {
    return this.#store.feedReadInto(offset, into);
  }
}
