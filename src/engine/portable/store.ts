/**
 * The Store of the portable engine: sessions in, replies out.
 *
 * It owns the loop (parse, dispatch, end the unit, serve those who waited) and the packing of outcomes. What commands
 * do is in commands/, what they may do in call.ts and dispatch.ts, the primary's feed in apply.ts.
 */

import { commandOf } from '../../protocol/command-lookup.ts';
import {
  type CommandStats,
  type Denial,
  type Failure,
  type Feed,
  type Gates,
  type Loader,
  type LoadOptions,
  Note,
  type Outcome,
  outcomeNotes,
  packOutcome,
  type ScriptStats,
  type Selector,
  type SessionId,
  type SessionInfo,
  type SessionSettings,
  type Snapshot,
  type SnapshotOptions,
  Stop,
  type Store,
  type StoreOptions,
  type StoreStats,
  type Trace,
  type Verdict,
} from '../engine.ts';
import { Applying } from './apply.ts';
import { bytes } from './bytes.ts';
import { Call } from './call.ts';
import { digestOf } from './digest.ts';
import { dispatch } from './dispatch.ts';
import { makeRoom } from './evict.ts';
import { continueExecution } from './execution.ts';
import { expireCycle } from './expire.ts';
import { Keyspace } from './keyspace.ts';
import { RdbLoader } from './loader.ts';
import { mayReplicate } from './may-replicate.ts';
import { Refusal } from './refusal.ts';
import { Reply } from './reply.ts';
import { RequestParser } from './resp.ts';
import { countErrors, goOn } from './run.ts';
import { Scripts } from './script/scripts.ts';
import { Session } from './session.ts';
import { applySetting } from './settings.ts';
import { RdbSnapshot } from './snapshot.ts';
import { statsOf } from './stats.ts';
import { lookUp, nameOf } from './table.ts';
import type { Waiting } from './waiting.ts';

const nothing = Buffer.alloc(0);
/** Redis 7.0 counts no change when these are served after they waited, though it feeds one. */
const uncountedWhenServed = new Set(['blpop', 'brpop', 'blmove', 'brpoplpush']);

export class PortableStore implements Store {
  readonly #keyspace: Keyspace;
  /** By id; a closed session leaves a hole that the next one fills. */
  readonly #sessions: (Session | null)[] = [];
  readonly #reply = new Reply();
  #overflow: Buffer = Buffer.alloc(0);
  #pushes: { session: SessionId; bytes: Buffer }[] = [];
  #peakBytes = 0;
  /** Its client is gone, but its script is not over. */
  #abandoned: Session | null = null;
  /** The time at the last call that told it. */
  #nowMs = 0;
  /** End of the feed when the current call began. */
  #feedMark = 0;

  constructor(options: StoreOptions) {
    const { databases, seed, backlogBytes, monotonicMs } = options;
    this.#keyspace = new Keyspace(databases, seed, backlogBytes, new Scripts(lookUp), monotonicMs);
  }

  get feed(): Feed {
    return this.#keyspace.feed;
  }

  configure(name: string, value: number | string | boolean): void {
    const { settings, commandCounters } = this.#keyspace;
    applySetting(settings, name, value);
    commandCounters.tracksLatency = settings['latency-tracking'];
  }

  gate(gates: Partial<Gates>): void {
    Object.assign(this.#keyspace.gates, gates);
    if (gates.replica === false) for (const { ownExpiries } of this.#keyspace.databases) ownExpiries.clear();
  }

  get onScriptCommand(): Store['onScriptCommand'] {
    return this.#keyspace.scripts.onHostCommand;
  }
  set onScriptCommand(answers: Store['onScriptCommand']) {
    this.#keyspace.scripts.onHostCommand = answers;
  }
  takeScriptLogs(): { level: number; text: Buffer }[] {
    return this.#keyspace.scripts.takeLogs();
  }
  scriptStats(): ScriptStats {
    const { scripts, functions, busy } = this.#keyspace;
    const running = busy && { name: busy.script.name, isFunction: busy.script.isFunction };
    return { ...scripts.stats(), libraries: functions.size, running };
  }

  propagate(id: SessionId, command: Buffer[]): void {
    const session = this.#session(id);
    // What a script asked for is one of its own effects.
    const isAsked = this.#keyspace.scripts.isAsking;
    const effects = (isAsked ? null : session.execution?.effects) ?? this.#keyspace.effects;
    effects.push({ db: session.db, args: command });
    if (session.execution === null && !isAsked) this.#keyspace.endUnit();
  }

  // --- Sessions ---

  openSession(): SessionId {
    const hole = this.#sessions.indexOf(null);
    const id = hole < 0 ? this.#sessions.length : hole;
    this.#sessions[id] = new Session(id);
    return id;
  }

  closeSession(id: SessionId): void {
    const session = this.#session(id);
    this.#forget(session);
    // What it does must come to an end all the same; then `resume` closes it.
    if (this.#keyspace.busy?.call.session === session) {
      this.#abandoned = session;
      // Nobody is there for what would follow.
      session.parser = new RequestParser();
    } else this.#sessions[id] = null;
    this.#pushes = this.#pushes.filter((push) => push.session !== id);
  }

  setSession(id: SessionId, settings: SessionSettings): void {
    const session = this.#session(id);
    if (settings.protocol !== undefined) session.protocol = settings.protocol;
    if (settings.authenticated !== undefined) session.authenticated = settings.authenticated;
    if (settings.reply !== undefined) {
      session.replyMode = settings.reply;
      session.isHostMuted = false;
    }
    if (settings.subscriber !== undefined) session.isSubscriber = settings.subscriber;
    if (settings.replica !== undefined) session.isReplica = settings.replica;
    if (settings.user !== undefined) session.user = settings.user;
    if (settings.tracking !== undefined) session.tracking = settings.tracking;
    if (settings.caching !== undefined) session.isCaching = settings.caching;
  }

  sessionInfo(id: SessionId): SessionInfo {
    const session = this.#session(id);
    return {
      db: session.db,
      protocol: session.protocol,
      multi: session.multiCount,
      watch: session.watched.length,
      pendingBytes: session.applying?.pendingBytes ?? session.parser.pendingBytes,
      lastCommand: session.lastCommand,
      executing: session.execution !== null,
      muted: session.isHostMuted,
      caching: session.isCaching,
    };
  }

  mayReplicate(id: SessionId, args: Buffer[]): boolean {
    return mayReplicate(this.#keyspace, this.#session(id), args);
  }

  resetSession(id: SessionId): void {
    const session = this.#session(id);
    this.#forget(session);
    session.db = 0;
    session.protocol = 2;
    session.replyMode = 'on';
    session.isHostMuted = false;
    session.isSubscriber = false;
    session.isReplica = false;
    session.tracking = 'off';
    session.isCaching = false;
  }

  /** Lets go of everything that others hold of a session. */
  #forget(session: Session): void {
    if (session.waiting !== null) this.#keyspace.waitingRoom.remove(session.waiting);
    session.waiting = null;
    session.discard();
    if (session.execution !== null && this.#keyspace.busy?.call.session !== session) this.#abandon(session);
    this.#keyspace.unwatchAll(session);
  }

  /** A session closes while the host answers a command of its EXEC: what was done is done, and goes into the feed. */
  #abandon(session: Session): void {
    this.#keyspace.effects = session.execution!.effects;
    session.execution = null;
    this.#keyspace.endUnit();
  }

  #session(id: SessionId): Session {
    const session = this.#sessions[id];
    if (session === null || session === undefined) throw new Error(`there is no session ${id}`);
    return session;
  }

  // --- Clients ---

  execute(id: SessionId, input: Uint8Array, length: number, output: Uint8Array, nowMs: number): Outcome {
    const session = this.#session(id);
    session.parser.feed(length === input.length ? input : input.subarray(0, length));
    return this.#serve(session, output, nowMs);
  }

  resume(id: SessionId, output: Uint8Array, nowMs: number): Outcome {
    const session = this.#session(id);
    session.hostCommand = null;
    const outcome = this.#serve(session, output, nowMs);
    if (session !== this.#abandoned || this.#keyspace.busy !== null) return outcome;
    this.#abandoned = null;
    this.#overflow = Buffer.alloc(0);
    this.closeSession(id);
    return packOutcome(Stop.closing, outcomeNotes(outcome) & ~Note.overflow, 0);
  }

  command(id: SessionId): Buffer[] {
    return [...(this.#session(id).hostCommand ?? [])];
  }

  takeOverflow(): Buffer {
    const overflow = this.#overflow;
    this.#overflow = Buffer.alloc(0);
    return overflow;
  }

  takePushes(): { session: SessionId; bytes: Buffer }[] {
    const pushes = this.#pushes;
    this.#pushes = [];
    return pushes;
  }

  recordScripts(on: boolean): void {
    this.#keyspace.scripted = on ? [] : null;
  }

  takeScripted(): { db: number; args: Buffer[] }[] {
    return this.#keyspace.scripted?.splice(0) ?? [];
  }

  takeEvents(): { db: number; event: string; key: Buffer; flags: string }[] {
    return this.#keyspace.events.take();
  }

  trace(on: boolean): void {
    this.#keyspace.traces.isWanted = on;
  }

  takeTraces(): Trace[] {
    return this.#keyspace.traces.take();
  }

  takeDenials(): Denial[] {
    const { access } = this.#keyspace;
    const { denials } = access;
    access.denials = [];
    return denials;
  }

  permit(user: number, selectors: Selector[] | null): void {
    this.#keyspace.access.permit(user, selectors);
  }

  judge(user: number, args: Buffer[]): Verdict | null {
    const command = commandOf(args);
    return command === null ? null : this.#keyspace.access.judge(user, command, args);
  }

  unblock(id: SessionId, error?: string): boolean {
    const { waiting } = this.#session(id);
    if (waiting === null) return false;
    // Ending a wait looks at no key, so the time does not matter.
    this.#wake(waiting, 0, (call) => {
      if (error === undefined) waiting.expire(call);
      else call.reply.error(error);
      return true;
    });
    return true;
  }

  /** Runs what a session has pending and packs the outcome. */
  #serve(session: Session, output: Uint8Array, nowMs: number): Outcome {
    this.#feedMark = this.feed.endOffset;
    this.#nowMs = nowMs;
    this.#keyspace.traces.session = session.id;
    let stop = this.#run(session, nowMs);
    session.parser.settle();
    if (session.parser.pendingBytes > this.#keyspace.settings['client-query-buffer-limit'])
      stop = Stop.closing;
    return this.#outcome(stop, output);
  }

  #run(session: Session, nowMs: number): Stop {
    for (;;) {
      if (session.hostCommand !== null) return Stop.host;
      if (session.waiting !== null) return Stop.blocked;
      this.#reply.protocol = session.protocol;
      const mark = this.#reply.size;
      const mode = session.replyMode;
      const stop = this.#step(session, nowMs);
      if (mode !== 'on') this.#reply.truncate(mark);
      if (stop === Stop.drained || stop === Stop.busy) return stop;
      if (session.postponed !== null) return Stop.traced;
      if (mode === 'skip') session.replyMode = 'on';
      if (stop === Stop.host) session.isHostMuted = mode !== 'on';
      if (session.tracking !== 'off' && this.#hasTold(session)) return stop ?? Stop.traced;
      if (stop !== null) return stop;
    }
  }

  /** A command of a client that tracks its keys is over: is there something that belongs right behind its reply? */
  #hasTold(session: Session): boolean {
    if (session.isCaching) session.endCaching();
    return session.execution === null && !this.#keyspace.traces.isEmpty;
  }

  /** One request, or the next piece of an EXEC. Null: go on. */
  #step(session: Session, nowMs: number): Stop | null {
    const keyspace = this.#keyspace;
    const { busy } = keyspace;
    if (busy?.call.session === session) {
      if (goOn(keyspace, busy) === 'busy') return Stop.busy;
      if (session.execution !== null) session.execution.effects = keyspace.effects;
    } else if (session.execution === null) {
      const parsed =
        session.postponed === null
          ? session.parser.next({
              bulkBytesMax: keyspace.settings['proto-max-bulk-len'],
              authenticated: session.authenticated,
            })
          : ({ is: 'request', args: session.postponed } as const);
      if (parsed.is === 'partial') return Stop.drained;
      if (parsed.is === 'broken') {
        this.#reply.error(parsed.error);
        countErrors(keyspace, this.#reply, null);
        return Stop.closing;
      }
      const done = dispatch(keyspace, session, parsed.args, this.#reply, nowMs);
      session.postponed = done === 'again' ? parsed.args : null;
      if (done === 'again') return Stop.traced;
      if (done === 'host') return Stop.host;
      if (done === 'busy') return Stop.busy;
      if (done === 'closing') {
        this.#reply.truncate(0);
        return Stop.closing;
      }
      if (done === 'blocked') {
        this.#endUnit(nowMs);
        return session.waiting === null ? null : Stop.blocked;
      }
    }
    if (session.execution !== null) {
      const done = continueExecution(keyspace, session, session.execution, this.#reply, nowMs);
      if (done === 'host') return Stop.host;
      if (done === 'busy') return Stop.busy;
    }
    this.#endUnit(nowMs);
    return null;
  }

  // --- The primary's feed ---

  apply(id: SessionId, input: Uint8Array, length: number, nowMs: number): Outcome {
    const session = this.#session(id);
    this.#keyspace.traces.session = id;
    session.applying ??= new Applying(this.#keyspace, session, (at) => this.#serveWaiting(at));
    this.#feedMark = this.feed.endOffset;
    return this.#outcome(session.applying.take(input.subarray(0, length), nowMs), nothing);
  }

  resumeApply(id: SessionId, nowMs: number): Outcome {
    const session = this.#session(id);
    this.#feedMark = this.feed.endOffset;
    session.hostCommand = null;
    session.applying?.passOver();
    return this.#outcome(session.applying?.resume(nowMs) ?? Stop.drained, nothing);
  }

  failure(id: SessionId): Failure | null {
    return this.#session(id).applying?.failure ?? null;
  }

  selectDb(id: SessionId, db: number): void {
    this.#session(id).db = db;
  }

  // --- Waiting clients ---

  /** Ends a unit of work, and serves those for whom it brought something. */
  #endUnit(nowMs: number): void {
    this.#keyspace.endUnit();
    this.#serveWaiting(nowMs);
  }

  #serveWaiting(nowMs: number): void {
    const { waitingRoom } = this.#keyspace;
    for (let ready = waitingRoom.takeReady(); ready.length > 0; ready = waitingRoom.takeReady()) {
      for (const { db, key } of ready) {
        for (const waiting of waitingRoom.line(db, key))
          this.#wake(waiting, nowMs, (call) => waiting.serve(call, key));
      }
    }
  }

  /** Lets a waiting client try; when it got its answer (or an error), it waits no longer and the answer is pushed. */
  #wake(waiting: Waiting, nowMs: number, attempt: (call: Call) => boolean): void {
    const { session } = waiting;
    const { traces } = this.#keyspace;
    const traced = traces.session;
    traces.session = session.id;
    try {
      this.#answer(waiting, nowMs, attempt);
    } finally {
      traces.session = traced;
    }
  }

  #answer(waiting: Waiting, nowMs: number, attempt: (call: Call) => boolean): void {
    const { session } = waiting;
    const reply = new Reply();
    reply.protocol = session.protocol;
    const call = new Call(this.#keyspace, session, waiting.args, reply, nowMs);
    call.mayBlock = false;
    const counters = this.#keyspace.commandCounters;
    const fromMs = counters.nowMs();
    let isServed = true;
    try {
      isServed = attempt(call);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      reply.error(thrown.text);
    }
    if (!isServed) {
      // It may have found an expired key, and deleted it.
      this.#keyspace.endUnit();
      return;
    }
    const { changes } = this.#keyspace;
    call.finish();
    const name = nameOf(waiting.args);
    if (name !== null && uncountedWhenServed.has(name)) this.#keyspace.changes = changes;
    this.#keyspace.waitingRoom.remove(waiting);
    session.waiting = null;
    this.#keyspace.endUnit();
    if (name !== null) counters.served(name, fromMs);
    countErrors(this.#keyspace, reply, name);
    this.#pushes.push({
      session: session.id,
      bytes: session.replyMode === 'on' ? reply.take() : Buffer.alloc(0),
    });
    if (session.replyMode === 'skip') session.replyMode = 'on';
  }

  // --- The whole ---

  loader(options: LoadOptions): Loader {
    return new RdbLoader(this.#keyspace, options);
  }

  snapshot(options: SnapshotOptions): Snapshot {
    return new RdbSnapshot(this.#keyspace, options);
  }

  tellDropped(): void {
    const { dropped, settings } = this.#keyspace;
    const name = bytes(settings['lazyfree-lazy-expire'] ? 'UNLINK' : 'DEL');
    this.#keyspace.dropped = [];
    for (const { db, key } of dropped) {
      this.#keyspace.effects.push({ db, args: [name, bytes(key)] });
      this.#keyspace.endUnit(false);
    }
  }

  mayHoldFieldExpiries(): boolean {
    return this.#keyspace.databases.some((database) => database.hashesWithExpiries.size > 0);
  }

  flush(): void {
    this.#keyspace.traces.add('flushed');
    for (const database of this.#keyspace.databases) database.clear();
  }

  cron(nowMs: number, budget: number): number {
    // The data is in the middle of a unit.
    if (this.#keyspace.busy !== null) return this.#notes();
    this.#nowMs = nowMs;
    this.#keyspace.traces.session = -1;
    this.#feedMark = this.feed.endOffset;
    for (const waiting of this.#keyspace.waitingRoom.expired(nowMs)) {
      this.#wake(waiting, nowMs, (call) => {
        waiting.expire(call);
        return true;
      });
    }
    // Memory may have become scarce without a command: maxmemory was lowered.
    if (this.#keyspace.settings.maxmemory > 0) makeRoom(this.#keyspace, nowMs);
    expireCycle(this.#keyspace, nowMs, budget);
    return this.#notes();
  }

  stats(): StoreStats {
    const stats = statsOf(this.#keyspace, this.#nowMs);
    this.#peakBytes = Math.max(this.#peakBytes, stats.usedMemoryBytes);
    return { ...stats, usedMemoryPeakBytes: this.#peakBytes };
  }

  commandStats(): CommandStats[] {
    return this.#keyspace.commandCounters.commandStats();
  }

  errorStats(): { kind: string; count: number }[] {
    return this.#keyspace.commandCounters.errorStats();
  }

  resetStats(): void {
    this.#keyspace.resetCounters();
    this.#peakBytes = 0;
  }

  digest(): string {
    return digestOf(this.#keyspace).toString('hex');
  }

  close(): void {
    this.flush();
    this.#sessions.length = 0;
  }

  #notes(): number {
    const { flushedAll } = this.#keyspace;
    this.#keyspace.flushedAll = false;
    return (
      (flushedAll ? Note.flushedAll : 0) |
      (this.#pushes.length > 0 ? Note.pushes : 0) |
      (this.feed.endOffset !== this.#feedMark ? Note.feedGrew : 0) |
      (this.#overflow.length > 0 ? Note.overflow : 0) |
      (this.#keyspace.events.isEmpty ? 0 : Note.events) |
      (this.#keyspace.access.denials.length > 0 ? Note.denials : 0) |
      (this.#keyspace.scripts.hasLogs ? Note.logs : 0) |
      (this.#keyspace.traces.isEmpty ? 0 : Note.traces)
    );
  }

  #outcome(stop: Stop, output: Uint8Array): Outcome {
    const { written, rest } = this.#reply.moveTo(output);
    this.#overflow = rest ?? nothing;
    return packOutcome(stop, this.#notes(), written);
  }
}
