/**
 * One client's socket: chunks in, one write per chunk out.
 *
 *     chunk --> execute --> replies into the page ----------------------> one write
 *                  |  stop: host                                            ^
 *                  +--> answer (page) --> resume --> more replies (page) ---+
 *                           | a promise: write what there is, read no further until it is kept
 *
 * A client that does not read what it is sent is not read from either; what others send it (messages, pushes) is bounded by
 * client-output-buffer-limit. What a command means is not known here.
 */
import type { Duplex } from 'node:stream';
import {
  type Lane,
  Note,
  type Outcome,
  outcomeBytes,
  outcomeNotes,
  outcomeStop,
  Stop,
} from '../engine/engine.ts';
import { encodeReply, type Reply } from '../protocol/reply.ts';
import { Requests } from '../protocol/requests.ts';
import type { Client, Line } from './client.ts';
import { descriptorOf } from './descriptor.ts';
import type { EngineRead } from './engine-reads.ts';
import type { ReplicaLine } from './replica.ts';
import type { Server } from './server.ts';
import type { Addressee } from './turn-sends.ts';

/** A chunk of so many bytes is taken for several commands. */
const pipelineBytesMin = 256;

export class Connection implements Line, ReplicaLine, Addressee {
  readonly #socket: Duplex;
  readonly #server: Server;
  /** The system's number for the socket; -1 when it has none. It is the socket's as long as that is not destroyed. */
  readonly descriptor: number;
  /** Set right after construction; a client needs its line and a line its client. */
  client!: Client;
  /** Input that came while it may not run. */
  #held: Buffer[] = [];
  /** A promise of the host is not kept yet. */
  #isWaiting = false;
  #isRunning = false;
  /** The chunk that was run last held several commands, going by its size. */
  #isPipeline = false;
  runningBytes = 0;
  /** What others sent since the last flush. */
  #outbox: Buffer[] = [];
  /** Since when the soft limit is exceeded, ms; 0 when it is not. */
  #overSinceMs = 0;
  readonly #requests = new Requests();
  /** The engine reads the socket by itself; null when Node does. */
  #engineRead: EngineRead | null = null;
  onDrain: (() => void) | null = null;
  readonly #runner = {
    goOn: (): void => {
      this.#isWaiting = false;
      this.#goOnWithScript();
      this.#server.delivery.run();
    },
  };

  constructor(socket: Duplex, server: Server) {
    this.#socket = socket;
    this.descriptor = descriptorOf(socket);
    this.#server = server;
    // A client that says all it has to say and ends its side still gets its replies: Node ends the other one after this.
    socket.prependListener('end', () => server.sends.flush());
    socket.once('close', () => this.#leaveEngine());
    socket.on('drain', () => {
      this.#overSinceMs = 0;
      this.#keepPlain();
      this.#readOn();
      this.onDrain?.();
    });
  }

  // --- Who reads ---

  /** Has the engine read the socket, if it can; false: Node is to. */
  readByEngine(): boolean {
    this.#engineRead = this.#server.engineReads.enter(this);
    return this.#engineRead !== null;
  }

  /** Node reads from now on: what only it can tell is of interest, or the engine need not run any more of it. */
  handBack(): void {
    if (this.#engineRead === null) return;
    if (!this.#socket.destroyed) this.#engineRead.watch(false);
    this.#leaveEngine();
    this.#readOn();
  }

  #leaveEngine(): void {
    this.#engineRead?.leave();
    this.#engineRead = null;
  }

  get seenMs(): number {
    return this.#engineRead?.seenMs ?? 0;
  }

  get writtenOffset(): number {
    return this.#engineRead?.writtenOffset ?? 0;
  }

  #setReading(on: boolean): void {
    if (this.#engineRead === null) on ? this.#socket.resume() : this.#socket.pause();
    else if (!this.#socket.destroyed) this.#engineRead.watch(on);
  }

  /** Tells the engine whether it may go on running what it reads. */
  #keepPlain(): void {
    if (this.#engineRead === null) return;
    if (this.client.replica !== null || this.client.closing) this.handBack();
    else this.#engineRead.plain = this.#socket.writableLength === 0 && !this.#requests.isMidway;
  }

  // --- Input ---

  /** Takes `length` bytes of `chunk`, which belongs to the caller again on return. */
  receive(chunk: Buffer, length: number): void {
    const { client } = this;
    const { stats } = this.#server;
    stats.netInputBytes += length;
    stats.reads++;
    client.lastMs = this.#server.nowMs();
    // A replica that loads shows with empty lines that it is alive.
    if (client.replica !== null && chunk[0] === 10) client.replica.heard();
    this.#take(chunk, length);
    this.#keepPlain();
  }

  /** The engine has run a chunk that it read; here is done what it cannot do by itself. */
  ranInTurn(length: number): void {
    const { client } = this;
    if (this.#engineRead === null) return;
    client.lastMs = this.#server.nowMs();
    this.runningBytes = length;
    this.#isPipeline = length >= pipelineBytesMin;
    const startedMs = performance.now();
    const into = this.#server.page.free();
    this.#run(this.#engineRead.collect(client.session, into, client.lastMs), into);
    this.runningBytes = 0;
    // The engine tells of its own time (EngineReads.slow), but not of the host's.
    this.#server.ran(client, this.#server.listeners.shared, length, performance.now() - startedMs);
    this.#server.delivery.run();
    this.#keepPlain();
  }

  #take(chunk: Buffer, length: number): void {
    const { client } = this;
    if (client.closing) return;
    const { pause, busyScript } = this.#server;
    if (
      this.#isWaiting ||
      this.#held.length > 0 ||
      busyScript.holdsOthers ||
      pause.holdsAll(client, client.lastMs)
    ) {
      this.hold(chunk.subarray(0, length));
      if (!this.#isWaiting && !busyScript.holdsOthers) client.isHeld = true;
      return;
    }
    if (this.#server.observesCommands || this.#requests.isMidway)
      this.#runOneByOne(chunk.subarray(0, length));
    else this.#execute(chunk, length);
    this.#server.delivery.run();
  }

  /** Keeps a copy of input for later, and stops reading. */
  hold(bytes: Buffer): void {
    this.#held.push(Buffer.from(bytes));
    this.#setReading(false);
  }

  /** Runs what was held, if nothing holds it any longer. */
  release(): void {
    if (this.#isWaiting || this.client.closing) return;
    if (this.#held.length === 0) {
      this.#readOn();
      return;
    }
    const held = Buffer.concat(this.#held);
    this.#held = [];
    this.client.isHeld = false;
    this.#take(held, held.length);
    this.#readOn();
  }

  #readOn(): void {
    if (this.#isWaiting || this.#held.length > 0 || this.#socket.destroyed) return;
    if (this.#socket.writableNeedDrain && this.client.replica === null) return;
    this.#setReading(true);
  }

  // --- Running ---

  #execute(chunk: Uint8Array, length: number): void {
    this.runningBytes = length;
    this.#isPipeline = length >= pipelineBytesMin;
    const { lane } = this.#server.page;
    if (lane !== null && chunk === lane.input && this.#server.page.isEmpty) {
      const tookMs = this.#executeInLane(lane, length);
      this.runningBytes = 0;
      this.#server.ran(this.client, chunk, length, tookMs);
      return;
    }
    const startedMs = performance.now();
    const into = this.#server.page.free();
    this.#run(this.#server.store.execute(this.client.session, chunk, length, into, this.client.lastMs), into);
    this.runningBytes = 0;
    this.#server.ran(this.client, chunk, length, performance.now() - startedMs);
  }

  /**
   * The short way: a reply that need not wait for the turn's end, or for anything else, has left when the engine returns. How long
   * it took, in ms.
   */
  #executeInLane(lane: Lane, length: number): number {
    const { page, sends, stats } = this.#server;
    const { client } = this;
    const mayLeave =
      !this.#isPipeline && sends.isIdle && this.#outbox.length === 0 && client.replica === null;
    const descriptor = mayLeave && this.isClear ? this.descriptor : -1;
    const from = page.used;
    const outcome = lane.execute(client.session, length, from, client.lastMs, descriptor);
    const { sentBytes: sent, elapsedMs } = lane;
    if (sent === 0) {
      if (outcomeStop(outcome) === Stop.drained) {
        this.#run(outcome, lane.output);
        return elapsedMs;
      }
      // What the host answers, and what runs behind that, the lane has not timed.
      const startedMs = performance.now();
      this.#run(outcome, lane.output);
      return elapsedMs + performance.now() - startedMs;
    }
    const bytes = outcomeBytes(outcome);
    stats.netOutputBytes += bytes;
    stats.writes++;
    if (sent < bytes) this.queue(Buffer.from(lane.output.subarray(from + sent, from + bytes)));
    return elapsedMs;
  }

  /** The slow way, for when each command must be seen (MONITOR, a fine slow log, CLIENT PAUSE WRITE). */
  #runOneByOne(chunk: Buffer): void {
    // Half a command may be inside the engine already; it can only be finished there.
    if (!this.#requests.isMidway && this.#server.store.sessionInfo(this.client.session).pendingBytes > 0) {
      this.#execute(chunk, chunk.length);
      return;
    }
    this.#requests.feed(chunk);
    for (let request = this.#requests.next(); request; request = this.#requests.next()) {
      if (this.#isPaused(request.args)) {
        this.hold(Buffer.concat([request.bytes, this.#requests.takeRest()]));
        this.client.isHeld = true;
        return;
      }
      const done = this.#server.observe(this.client, request.args);
      this.#execute(request.bytes, request.bytes.length);
      done();
      if (this.client.closing) return;
      if (this.#isWaiting) {
        const rest = this.#requests.takeRest();
        if (rest.length > 0) this.hold(rest);
        return;
      }
    }
  }

  #isPaused(args: Buffer[]): boolean {
    const { pause, store } = this.#server;
    const { session, lastMs } = this.client;
    return pause.holds(this.client, lastMs, () => store.mayReplicate(session, args));
  }

  /** Goes on after the engine woke this session. */
  wake(): void {
    this.client.blocked = false;
    this.client.onWake?.();
    this.client.onWake = null;
    this.#resume();
    this.release();
  }

  #resume(): void {
    this.#isPipeline = false;
    const into = this.#server.page.free();
    this.#run(this.#server.store.resume(this.client.session, into, this.#server.nowMs()), into);
  }

  #run(first: Outcome, firstInto: Buffer): void {
    const { page, store } = this.#server;
    let [outcome, into] = [first, firstInto];
    this.#isRunning = true;
    for (;;) {
      page.wrote(into, outcomeBytes(outcome));
      const notes = outcomeNotes(outcome);
      if (notes !== 0) {
        if (notes & Note.overflow) page.add(store.takeOverflow());
        if (notes & Note.feedGrew) this.client.writtenOffset = store.feed.endOffset;
        // A message may not stand between the replies of an EXEC.
        const isMidway = outcomeStop(outcome) === Stop.host && notes & Note.traces && this.#isExecuting;
        this.#server.noted(isMidway ? notes & ~Note.traces : notes);
      }
      const stop = outcomeStop(outcome);
      if (stop === Stop.host) {
        const answer = this.#server.answer(this.client, store.command(this.client.session));
        if (answer instanceof Promise) {
          this.#await(answer);
          break;
        }
        this.#addReply(answer);
        if (this.client.closing) break;
        into = page.free();
        // A host command may have taken its time (DEBUG SLEEP, CONFIG REWRITE): what waits for keys must not miss that.
        outcome = store.resume(this.client.session, into, this.#server.nowMs());
        continue;
      }
      if (stop === Stop.traced) {
        into = page.free();
        outcome = store.resume(this.client.session, into, this.client.lastMs);
        continue;
      }
      if (stop === Stop.blocked) this.client.blocked = true;
      if (stop === Stop.busy) this.#rest();
      if (stop === Stop.closing) this.close('after-writes');
      break;
    }
    this.#isRunning = false;
    this.#flushPage();
  }

  get #isExecuting(): boolean {
    return this.#server.store.sessionInfo(this.client.session).executing;
  }

  /** This client's script rests: nothing more is read until it is over. */
  #rest(): void {
    this.#isWaiting = true;
    this.client.restsSinceMs = performance.now();
    this.#setReading(false);
    this.#server.busyScript.rests(this.#runner);
  }

  #goOnWithScript(): void {
    const { client } = this;
    const sinceMs = client.restsSinceMs;
    client.restsSinceMs = null;
    this.#resume();
    if (sinceMs === null) return;
    if (client.restsSinceMs !== null) {
      client.restsSinceMs = sinceMs;
      return;
    }
    client.onRested?.(performance.now() - sinceMs);
    client.onRested = null;
  }

  #addReply(reply: Reply): void {
    const { client } = this;
    // Only those who ever used CLIENT REPLY pay for the question.
    const isPush = reply.is === 'push' || reply.is === 'sequence';
    if (client.usedReplyModes && !isPush && this.#server.store.sessionInfo(client.session).muted) return;
    this.#server.page.add(encodeReply(reply, client.protocol));
  }

  #await(answer: Promise<Reply>): void {
    this.#isWaiting = true;
    this.#setReading(false);
    // It cannot fail but for a broken engine, which ends the process (answering.ts).
    void answer.then((reply) => {
      this.#isWaiting = false;
      if (this.#socket.destroyed) return;
      this.#addReply(reply);
      if (this.client.closing) this.#flushPage();
      else this.#resume();
      this.#server.delivery.run();
      this.release();
      this.#readOn();
    });
  }

  // --- Output ---

  send(bytes: Buffer): void {
    if (bytes.length === 0 || this.#socket.destroyed) return;
    if (this.#isRunning) {
      this.#server.page.add(bytes);
      return;
    }
    this.#outbox.push(bytes);
    this.#server.delivery.hasOutput(this);
  }

  /** True when something sent earlier, or in this chunk, has not left yet. */
  get hasPendingOutput(): boolean {
    return this.#outbox.length > 0 || this.#socket.writableLength > 0 || !this.#server.page.isEmpty;
  }

  // --- As a replica's line ---

  feed(bytes: Buffer): void {
    if (this.#socket.destroyed) return;
    this.#server.sends.flush();
    this.#socket.write(bytes);
    this.#server.stats.netOutputBytes += bytes.length;
    this.#server.stats.writes++;
  }

  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Writes what others sent. */
  flush(): void {
    if (this.#outbox.length === 0) return;
    const pieces = this.#outbox;
    this.#outbox = [];
    // Replies that wait for the end of the turn may be this client's.
    this.#server.sends.flush();
    this.#write(pieces);
  }

  #flushPage(): void {
    const { page } = this.#server;
    if (page.isEmpty) return;
    if (this.client.replica !== null) {
      // In the feed a reply would be taken for a command (Redis 7.0 disconnects such a replica, too).
      this.#server.replication.replicas.answered(this.client.replica, Buffer.concat(page.take()));
      return;
    }
    // What others sent before this chunk ran goes first.
    if (this.#outbox.length > 0) this.flush();
    const { sends, stats } = this.#server;
    if (sends.isOpen && this.descriptor >= 0 && page.isWhole && this.isClear && !this.client.closing) {
      stats.netOutputBytes += page.used - page.base;
      stats.writes++;
      sends.add(this, this.#isPipeline);
      return;
    }
    sends.flush();
    if (this.#write(page.take())) page.leave();
  }

  // --- As an addressee of the turn's replies ---

  get isClear(): boolean {
    return this.#socket.writableLength === 0 && this.#socket.writable;
  }

  queue(bytes: Buffer): void {
    this.#push([bytes]);
  }

  /** True when some of the bytes still wait for the system: their memory is not ours yet. */
  #write(pieces: Buffer[]): boolean {
    if (this.#socket.destroyed) return false;
    for (const piece of pieces) this.#server.stats.netOutputBytes += piece.length;
    this.#server.stats.writes++;
    return this.#push(pieces);
  }

  /** The same, of bytes that are counted. */
  #push(pieces: Buffer[]): boolean {
    const socket = this.#socket;
    if (socket.destroyed) return false;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    const waiting = socket.writableLength;
    if (waiting === 0) return false;
    this.#keepPlain();
    if (socket.writableNeedDrain) this.#setReading(false);
    this.#checkLimit(waiting);
    return true;
  }

  #checkLimit(waitingBytes: number): void {
    const { hardBytes, softBytes, softSeconds } = this.#server.config.value('client-output-buffer-limit')[
      this.client.isSubscriber ? 'pubsub' : 'normal'
    ];
    const nowMs = this.#server.nowMs();
    const isOverSoft = softBytes > 0 && waitingBytes >= softBytes;
    if (!isOverSoft) this.#overSinceMs = 0;
    else if (this.#overSinceMs === 0) this.#overSinceMs = nowMs;
    const isOverHard = hardBytes > 0 && waitingBytes >= hardBytes;
    if (!isOverHard && !(isOverSoft && nowMs - this.#overSinceMs > softSeconds * 1000)) return;
    this.#server.log.warning(
      `Client ${this.#server.describe(this.client)} scheduled to be closed ASAP for overcoming of output buffer limits.`,
    );
    this.close('now');
  }

  get pendingBytes(): number {
    return this.#socket.writableLength + this.#outbox.reduce((sum, piece) => sum + piece.length, 0);
  }

  close(when: 'now' | 'after-writes'): void {
    this.client.closing = true;
    this.#server.sends.flush();
    if (when === 'now') {
      this.#socket.destroy();
      // What the engine has read of it already is not run any more.
      this.#leaveEngine();
      return;
    }
    // The replies of this chunk are still in the page; they are written before the end is announced.
    if (this.#isRunning) queueMicrotask(() => this.#endSoon());
    else this.#endSoon();
  }

  #endSoon(): void {
    this.#server.sends.flush();
    this.flush();
    this.handBack();
    this.#socket.end(() => this.#socket.destroy());
  }
}
