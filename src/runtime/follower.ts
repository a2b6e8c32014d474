/**
 * The dull driver of the link to the primary: takes an event, steps the machine, runs the effects.
 *
 *     socket --> lines | snapshot | feed      which of them, the state says
 *                  |        |        |
 *                events  sink.take  store.apply
 *                  |        |        |
 *                  +--> step(replicaLink) --> effects --> socket, sink, history
 *     tick --> cron --> events, ACKs
 *
 * All decisions are in replication/replica-link.ts and cron/replication-cron.ts. Here are the side effects:
 * one connection at most, one sink at most, the engine's session for the feed, and the log. Every reason in
 * the log is a key of replication/reasons.ts. What a status looks like is made in follower-status.ts.
 */

import { dueJobs, type Job, type LastRuns } from '../cron/replication-cron.ts';
import type { Failure, LoadReport } from '../engine/engine.ts';
import { step } from '../machine/machine.ts';
import { tell } from '../observe/channels.ts';
import { begun, renamed } from '../replication/history.ts';
import type { Effect } from '../replication/replica-link/effects.ts';
import type { Event } from '../replication/replica-link/events.ts';
import { interpret } from '../replication/replica-link/replies.ts';
import {
  ackRequest,
  aliveRequest,
  handshakeRequest,
  type Introduction,
  offerOf,
  pingRequest,
  psyncRequest,
  syncRequest,
} from '../replication/replica-link/requests.ts';
import type { SnapshotFormat, State, Sync, Target, Wish } from '../replication/replica-link/states.ts';
import { sameTarget } from '../replication/replica-link/states.ts';
import { replicaLink } from '../replication/replica-link.ts';
import type { Client } from './client.ts';
import { type Connection, dial } from './dial.ts';
import { FeedApplier } from './feed-applier.ts';
import * as say from './follower-sentences.ts';
import { LinkRecord, linkStatus } from './follower-status.ts';
import type { FollowerParts, LinkStatus, Transition } from './follower-types.ts';
import { LineCutter, lineBytesMax } from './lines.ts';
import { linkClient } from './link-client.ts';
import { paced } from './paced-loader.ts';
import { type PayloadCutter, payloadCutter } from './payload.ts';
import { DirectSink, type SnapshotSink } from './snapshot-sink.ts';
import { SpooledSink } from './spooled-sink.ts';

const empty = Buffer.alloc(0);
/** Transitions kept for the trace. */
const traceLength = 64;
/** How long the event loop may be held by a burst of feed, and in which pieces it is applied so that this can be kept. */
const feedSliceMs = 8;
const feedPieceBytes = 16 * 1024;

/**
 * The database that was selected in the feed when the snapshot was made. What the primary says of it is
 * untrusted.
 */
function selectedDb(report: LoadReport, databases: number): number {
  const db = Number(report.aux.find(([name]) => name === 'repl-stream-db')?.[1]);
  return Number.isInteger(db) && db >= 0 && db < databases ? db : 0;
}

/**
 * Follows one primary, or none. Nothing happens by itself but on the socket: call `tick` a few times a
 * second.
 */
export class Follower {
  readonly #parts: FollowerParts;
  readonly #feed: FeedApplier;
  readonly #record = new LinkRecord();
  readonly #lines = new LineCutter();
  readonly #trace: Transition[] = [];
  readonly #lastRuns: LastRuns = {};
  readonly #queue: Event[] = [];
  #stepping = false;

  #state: State = { name: 'none' };
  #connection: Connection | null = null;
  /** The link as CLIENT LIST and KILL know it, while the feed comes. */
  #client: Client | null = null;
  #introduction: Introduction | null = null;
  #cutter: PayloadCutter | null = null;
  #sink: SnapshotSink | null = null;
  /**
   * Bytes that came behind a snapshot that is still being loaded, or for which there was no time in this turn of the
   * event loop: few chunks, since the socket is paused.
   */
  #held: Buffer = empty;
  /** When this turn of the event loop began to apply the feed; null before. */
  #sliceFromMs: number | null = null;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.#feed = new FeedApplier(
      parts,
      () => this.#sendAck(),
      (failure) => this.#passesOver(failure),
    );
  }

  /**
   * REPLICAOF host port, or NO ONE (null). 'unchanged': that primary is followed already, or none was;
   * nothing was done. A halted link to the same primary starts again, with a full resync.
   * `handsOver`: that server is our replica, and shall take over.
   */
  follow(target: Target | null, handsOver = false): 'changed' | 'unchanged' {
    const state = this.#state;
    if (target === null) {
      if (state.name === 'none') return 'unchanged';
      this.#dispatch({ name: 'unfollowed', nowMs: this.#parts.monotonicMs() });
      return 'changed';
    }
    const same = state.name !== 'none' && state.name !== 'halted' && sameTarget(state.target, target);
    this.#dispatch({
      name: 'followed',
      target,
      wish: this.#ownWish(handsOver),
      nowMs: this.#parts.monotonicMs(),
    });
    return same ? 'unchanged' : 'changed';
  }

  /** Runs what is due: retries, timeouts, ACKs. Call it about ten times a second; more often does no harm. */
  tick(): void {
    const nowMs = this.#parts.monotonicMs();
    const { timeoutMs } = this.#parts.settings();
    for (const job of dueJobs({ link: this.#state, timeoutMs }, this.#lastRuns, nowMs)) {
      this.#lastRuns[job] = nowMs;
      this.#runJob(job, nowMs);
    }
  }

  /** Told to follow somebody, whether the link is up or not. */
  get isFollowing(): boolean {
    return this.#state.name !== 'none';
  }

  /** The link as a client; null while no feed comes. */
  get client(): Client | null {
    return this.#client;
  }

  /** CONFIG RESETSTAT. */
  resetCounts(): void {
    this.#record.failed = 0;
  }

  /** The link as of now, for INFO, ROLE and the gates. */
  status(): LinkStatus {
    const { store, settings, monotonicMs } = this.#parts;
    const loadedBytes = this.#sink?.loadedBytes ?? 0;
    return linkStatus(this.#state, this.#record, {
      nowMs: monotonicMs(),
      timeoutMs: settings().timeoutMs,
      feedEnd: store.feed.endOffset,
      loadedBytes,
    });
  }

  /** Tells the primary at once where we are, if there is one that wants to know. */
  acknowledge(): void {
    if (this.#state.name === 'connected' && this.#state.id !== null) this.#sendAck();
  }

  /** The database selected in the feed: what a snapshot of ours has to tell of it (repl-stream-db). */
  get feedDb(): number {
    return this.#feed.db;
  }

  /**
   * A snapshot of our own was loaded: the feed will go on with this database selected. Only before the first
   * link.
   */
  resumeWith(db: number): void {
    this.#feed.restart(db);
  }

  /** The last changes of state, oldest first. */
  trace(): readonly Transition[] {
    return this.#trace;
  }

  /** Ends the link for good. What was not applied is forgotten; data and history stay. */
  close(): void {
    this.#dispatch({ name: 'shutDown', nowMs: this.#parts.monotonicMs() });
    this.#feed.close();
  }

  /** What can be asked for by a server that has followed nobody so far: its own history, if it has begun. */
  #ownWish(handsOver: boolean): Wish {
    const { history, store } = this.#parts;
    const offset = store.feed.endOffset;
    if (handsOver) return { partial: true, id: history.current.id, offset, handsOver };
    if (offset === 0 && history.current.previous === null) return { partial: false, because: 'first-sync' };
    return { partial: true, id: history.current.id, offset };
  }

  #runJob(job: Job, nowMs: number): void {
    switch (job) {
      case 'expire':
        this.#dispatch({ name: 'expired', nowMs });
        break;
      case 'dial':
        this.#dispatch({ name: 'due', nowMs });
        break;
      case 'alive':
        this.#connection?.write(aliveRequest());
        break;
      case 'ack':
        this.#sendAck();
        break;
    }
  }

  #say(sentence: say.Sentence): void {
    this.#parts.log(...sentence);
  }

  // Stepping.

  /** Events that effects cause wait until the effects before them have run. */
  #dispatch(event: Event): void {
    this.#queue.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#step(next);
    } finally {
      this.#stepping = false;
    }
  }

  #step(event: Event): void {
    const before = this.#state;
    const next = step(replicaLink, before, event);
    if (next === null) {
      this.#record.unexpected++;
      this.#say(say.unexpected(before.name, event.name));
      return;
    }
    this.#state = next.state;
    this.#record.entered(before, next.state, event.nowMs);
    if (before.name === 'transfer' && (event.name === 'lost' || event.name === 'expired'))
      this.#say(say.brokeOff(this.#sink?.loadedBytes ?? 0));
    for (const effect of next.effects) this.#run(effect, before);
    if (before.name === next.state.name) return;
    // Whatever ends the wait for its answer, but for yes, is a no.
    if (before.name === 'receive-psync' && before.wish.partial && before.wish.handsOver)
      this.#parts.onTakeOver?.(
        event.name === 'continued' || event.name === 'fullResynced' ? 'accepted' : 'rejected',
      );
    const moved = { atMs: event.nowMs, from: before.name, event: event.name, to: next.state.name };
    this.#trace.push(moved);
    tell('redtwin:link:transition', moved);
    if (next.state.name === 'halted')
      tell('redtwin:link:halted', { command: next.state.command, error: next.state.error });
    if (this.#trace.length > traceLength) this.#trace.shift();
    this.#say(say.moved(before.name, event.name, next.state.name));
    this.#parts.onChange('link');
  }

  #run(effect: Effect, before: State): void {
    switch (effect.do) {
      case 'dial':
        this.#dial(effect.target);
        break;
      case 'hangUp':
        this.#hangUp(effect, before);
        break;
      case 'sendPing':
        this.#connection!.write(pingRequest());
        break;
      case 'sendHandshake':
        this.#connection!.write(handshakeRequest(this.#introduction!));
        this.#dispatch({ name: 'sent', nowMs: this.#parts.monotonicMs() });
        break;
      case 'sendPsync':
        this.#say(say.asking(effect.wish));
        this.#connection!.write(psyncRequest(effect.wish));
        this.#dispatch({ name: 'sent', nowMs: this.#parts.monotonicMs() });
        break;
      case 'sendSync':
        this.#connection!.write(syncRequest());
        break;
      case 'note':
        this.#say(say.notTaken(effect.refused, effect.detail));
        break;
      case 'expectSnapshot':
        this.#record.fullResyncs++;
        this.#record.lastFullResync = effect.sync.because;
        tell('redtwin:link:full-resync', { because: effect.sync.because });
        this.#say(say.resyncing(effect.sync));
        break;
      case 'receiveSnapshot':
        this.#receiveSnapshot(effect.format);
        break;
      case 'loadSnapshot':
        this.#say(say.loading());
        this.#connection?.inLumps(false);
        this.#sink!.finish();
        break;
      case 'dropSnapshot':
        this.#sink?.drop();
        this.#sink = null;
        this.#cutter = null;
        break;
      case 'adoptHistory':
        this.#adoptHistory(effect.sync);
        break;
      case 'continueHistory':
        this.#continueHistory(effect.id);
        break;
      case 'sendAck':
        this.#sendAck();
        break;
      case 'promote':
        this.#promote();
        break;
    }
  }

  // The connection.

  #dial(target: Target): void {
    const { settings, monotonicMs } = this.#parts;
    const { user, password, listeningPort, announceIp, announceVersion, sourceAddress } = settings();
    this.#introduction = { user, password, listeningPort, announceIp, announceVersion };
    const offer = offerOf(this.#introduction);
    this.#lastRuns.dial = monotonicMs();
    this.#say(say.dialling(target));
    const connection = dial(target, sourceAddress, {
      opened: () => this.#dispatch({ name: 'dialled', offer, nowMs: monotonicMs() }),
      data: (chunk) => this.#read(chunk),
      failed: (detail) => this.#dispatch({ name: 'dialFailed', detail, nowMs: monotonicMs() }),
      ended: (because, detail) => {
        this.#readHeldToEnd();
        if (this.#connection === connection)
          this.#dispatch({ name: 'lost', because, detail, nowMs: monotonicMs() });
      },
    });
    this.#connection = connection;
  }

  #hangUp(effect: Extract<Effect, { do: 'hangUp' }>, before: State): void {
    this.#connection?.close();
    this.#connection = null;
    this.#client = null;
    this.#lines.clear();
    this.#held = empty;
    this.#feed.restart();
    if (before.name === 'none') return;
    this.#record.ended(effect.because, effect.detail);
    tell('redtwin:link:ended', { because: effect.because, detail: effect.detail });
    this.#say(say.ended(effect));
  }

  /**
   * Sorts what came into lines, snapshot and feed. The state may change with every line, and end the
   * connection.
   */
  #read(chunk: Buffer): void {
    const connection = this.#connection;
    let rest = chunk;
    while (rest.length > 0 && this.#connection === connection && connection !== null) {
      switch (this.#state.name) {
        case 'transfer':
          rest = this.#readSnapshot(rest, connection);
          break;
        case 'loading':
          this.#hold(rest, connection);
          return;
        case 'connected':
          if (this.#held.length > 0 || !this.#hasTime(connection)) {
            this.#hold(rest, connection);
            return;
          }
          this.#readFeed(rest.subarray(0, feedPieceBytes));
          rest = rest.subarray(feedPieceBytes);
          break;
        default:
          rest = this.#readLine(rest);
      }
    }
  }

  /** Keeps a copy: the chunk is lent. */
  #hold(chunk: Buffer, connection: Connection): void {
    connection.pause();
    this.#held = Buffer.concat([this.#held, chunk]);
  }

  /** Whether more of the feed may be applied in this turn. What is held then goes on in the next one, after the clients. */
  #hasTime(connection: Connection): boolean {
    const nowMs = this.#parts.monotonicMs();
    if (this.#sliceFromMs === null) {
      this.#sliceFromMs = nowMs;
      setImmediate(() => {
        this.#sliceFromMs = null;
        if (this.#held.length > 0) this.#readHeld(connection);
      });
    }
    return nowMs - this.#sliceFromMs < feedSliceMs;
  }

  /** Goes on with what was held, if the link is still that one; the socket goes on when nothing is held any more. */
  #readHeld(connection: Connection): void {
    if (this.#connection !== connection || this.#state.name !== 'connected') return;
    const held = this.#held;
    this.#held = empty;
    this.#read(held);
    if (this.#connection === connection && this.#held.length === 0) connection.resume();
  }

  /** The connection has ended: what came over it need not be asked for again. It is little, as the socket was paused. */
  #readHeldToEnd(): void {
    if (this.#state.name !== 'connected' || this.#held.length === 0) return;
    const held = this.#held;
    this.#held = empty;
    this.#readFeed(held);
  }

  #readLine(chunk: Buffer): Buffer {
    const nowMs = this.#parts.monotonicMs();
    const taken = this.#lines.take(chunk);
    if (taken === null) {
      const detail = `more than ${lineBytesMax} bytes`;
      this.#dispatch({ name: 'garbled', because: 'line-too-long', detail, nowMs });
      return empty;
    }
    if (taken.line !== null) {
      const { name } = this.#state;
      switch (name) {
        case 'none':
        case 'connect':
        case 'connecting':
        case 'transfer':
        case 'loading':
        case 'connected':
        case 'halted':
          throw new Error(`a line was read in state ${name}`);
        default:
          this.#dispatch(interpret(name, taken.line, nowMs));
      }
    }
    return chunk.subarray(taken.used);
  }

  #sendAck(): void {
    this.#connection?.write(ackRequest(this.#parts.store.feed.endOffset));
  }

  /** A command of the primary cannot be applied; whether the feed goes on behind it. */
  #passesOver({ command, error }: Failure): boolean {
    this.#record.failed++;
    if (!this.#parts.settings().passesOverFailures) return false;
    this.#say(say.passedOver(command, error));
    tell('redtwin:link:passed-over', { command, error });
    return true;
  }

  // The snapshot.

  #receiveSnapshot(format: SnapshotFormat): void {
    const { store, settings, nowMs, keyLoadDelayMicros = () => 0 } = this.#parts;
    const { disklessLoad, dir, dbFilename, checksum } = settings();
    const isEmpty = store.stats().databases.length === 0;
    const direct = disklessLoad === 'swapdb' || (disklessLoad === 'on-empty-db' && isEmpty);
    this.#say(say.receiving(format, direct ? null : dir));
    this.#record.transferBegan(format, direct, isEmpty, nowMs());
    this.#cutter = payloadCutter(format);
    this.#connection?.inLumps(true);
    const loader = paced(store.loader({ nowMs: nowMs(), dropExpired: false, checksum }), keyLoadDelayMicros);
    // Of a sink that was dropped nothing more is heard, so there is no mistaking an old one for a new one.
    const listener = {
      // Behind the snapshot the socket stays paused until it is loaded.
      ready: () => {
        if (this.#state.name === 'transfer') this.#connection?.resume();
      },
      loaded: (report: LoadReport) => this.#loaded(report),
      spoiled: (because: 'snapshot-broken' | 'snapshot-disk', detail: string) =>
        this.#dispatch({ name: 'spoiled', because, detail, nowMs: this.#parts.monotonicMs() }),
    };
    this.#sink = direct
      ? new DirectSink(loader, listener)
      : new SpooledSink({ dir, fileName: dbFilename, nowMs: nowMs(), loader }, listener);
    // An empty snapshot by length is complete before its first byte.
    if (format.ends === 'length' && format.bytes === 0)
      this.#dispatch({ name: 'arrived', nowMs: this.#parts.monotonicMs() });
  }

  /** Takes what belongs to the snapshot; gives what does not. */
  #readSnapshot(chunk: Buffer, connection: Connection): Buffer {
    const { payload, rest } = this.#cutter!.take(chunk);
    const nowMs = this.#parts.monotonicMs();
    const bytes = payload.reduce((sum, part) => sum + part.length, 0);
    this.#dispatch({ name: 'received', bytes, offset: 0, nowMs });
    for (const part of payload) if (this.#sink?.take(part) === false) connection.pause();
    if (rest === null || this.#state.name !== 'transfer') return empty;
    this.#dispatch({ name: 'arrived', nowMs });
    return rest;
  }

  #loaded(report: LoadReport): void {
    this.#record.lastLoad = report;
    this.#dispatch({ name: 'loaded', nowMs: this.#parts.monotonicMs() });
  }

  /** Runs in the same turn as the swap, so nobody ever sees the new data with the old history. */
  #adoptHistory({ id, offset }: Sync): void {
    const { store, history, settings, randomId } = this.#parts;
    const report = this.#record.lastLoad!;
    store.feed.restart(offset);
    history.current = begun(id ?? randomId());
    this.#feed.restart(selectedDb(report, settings().databases));
    for (const sentence of say.loaded(report, history.current, offset)) this.#say(sentence);
    this.#sink = null;
    this.#cutter = null;
    this.#parts.onChange('history');
    this.#startFeed();
  }

  #continueHistory(id: string): void {
    const { store, history, onChange } = this.#parts;
    const old = history.current;
    history.current = renamed(old, id, store.feed.endOffset);
    this.#record.partialResyncs++;
    this.#say(say.continued(store.feed.endOffset, old === history.current ? null : id));
    if (old !== history.current) onChange('history');
    this.#startFeed();
  }

  #promote(): void {
    const { store, history, randomId, onChange } = this.#parts;
    history.current = renamed(history.current, randomId(), store.feed.endOffset);
    this.#say(say.promoted(history.current));
    onChange('history');
  }

  // The feed.

  #startFeed(): void {
    this.#record.feedBegan(this.#parts.store.feed.endOffset);
    // In the next turn, so that the link is seen as connected before the first command is applied.
    const connection = this.#connection;
    if (connection === null) return;
    const { clientId, nowMs } = this.#parts;
    this.#client = linkClient(clientId(), this.#feed.session, connection, nowMs(), () =>
      this.#kill(connection),
    );
    setImmediate(() => this.#readHeld(connection));
  }

  /** CLIENT KILL. The link is made again, as after any loss. */
  #kill(connection: Connection): void {
    if (this.#connection === connection)
      this.#dispatch({ name: 'lost', because: 'killed', detail: '', nowMs: this.#parts.monotonicMs() });
  }

  /** After `onScriptRests`: the script's next turn, or what came while another's rested. */
  continueFeed(): void {
    this.#readFeed(empty);
  }

  #readFeed(chunk: Buffer): void {
    const { store, monotonicMs } = this.#parts;
    this.#record.readOffset += chunk.length;
    if (this.#client !== null) this.#client.lastMs = this.#parts.nowMs();
    const applied = this.#feed.apply(chunk);
    const nowMs = monotonicMs();
    // Also when it went wrong: what came before the trouble is applied, and must not be asked for again.
    this.#dispatch({ name: 'received', bytes: chunk.length, offset: store.feed.endOffset, nowMs });
    if (applied.end === 'applied') return;
    // The fault may be on the way here: asking again from the applied offset can help.
    if (applied.end === 'broken')
      this.#dispatch({ name: 'garbled', because: 'feed-broken', detail: applied.detail, nowMs });
    else this.#dispatch({ name: 'failed', command: applied.command, error: applied.error, nowMs });
  }
}
