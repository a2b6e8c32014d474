/**
 * One server: the engine's store, the configuration, the clients and the link to a primary, put together.
 *
 *     listeners --> connections --> store            config --> store.configure, gates, listeners
 *                       |  host commands              cron (hz) --> store.cron, replication.tick, idle clients
 *                       +--> commands/*               replication --> the link, replicas, roles
 *
 * It composes and keeps the gates true; what commands mean is in commands/, how bytes move in connection.ts. All side effects
 * of the process start here, and end when `shutdowns` says so.
 */
import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { BadValue } from '../config/kinds.ts';
import { utf8 } from '../config/special-kinds.ts';
import { type Engine, type LoadReport, Note, type SessionId, type Store } from '../engine/engine.ts';
import { RedtwinError } from '../errors.ts';
import { LatencyMonitor } from '../observe/latency.ts';
import { type Log, levels as logLevels } from '../observe/log.ts';
import { SlowLog } from '../observe/slow-log.ts';
import { Stats } from '../observe/stats.ts';
import { encodeReply, integer, type Reply } from '../protocol/reply.ts';
import type { ShutdownWish } from '../replication/shutdown.ts';
import { Access } from './access.ts';
import { Answering } from './answering.ts';
import { Background } from './background.ts';
import { Blocking } from './blocking.ts';
import { BusyScript } from './busy-script.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import { Delivery } from './delivery.ts';
import { Doorman } from './doorman.ts';
import { keepEngineConfigured } from './engine-options.ts';
import { EngineReads } from './engine-reads.ts';
import type { LinkStatus } from './follower-types.ts';
import { gateOptions, gatesOf } from './gates.ts';
import type { Answer } from './handler.ts';
import { keyspaceMessages } from './keyspace-events.ts';
import { Listeners } from './listeners.ts';
import { expectedFile, type LoadProgress, loadFile } from './load-file.ts';
import { Observer } from './observer.ts';
import { OutputPage } from './output-page.ts';
import { Pause } from './pause.ts';
import { PubSub } from './pubsub.ts';
import { fileVersion, rdbSnapshot } from './replica-snapshot.ts';
import { Replication } from './replication.ts';
import { Saver } from './saver.ts';
import { Shutdowns } from './shutdowns.ts';
import { Tracking } from './tracking.ts';
import { TurnSends } from './turn-sends.ts';
import { compatibleVersion, redtwinVersion } from './version.ts';

export interface ServerParts {
  config: Config;
  log: Log;
  engine: Engine;
  /** Lets the system choose the TCP port when `port` is 0 (tests, embedding). */
  ephemeralPort?: boolean;
}

export class Server {
  readonly config: Config;
  readonly log: Log;
  readonly engineName: string;
  readonly sends: TurnSends;
  readonly store: Store;
  readonly stats = new Stats();
  readonly slowLog = new SlowLog();
  readonly latency = new LatencyMonitor();
  readonly pubsub = new PubSub();
  readonly pause = new Pause(() => this.#pauseChanged());
  readonly page = new OutputPage();
  readonly busyScript: BusyScript;
  readonly delivery: Delivery;
  readonly blocking: Blocking;
  readonly clients = new Map<number, Client>();
  readonly monitors = new Set<Client>();
  readonly runId = randomId();
  readonly startedMs = Date.now();
  readonly doorman: Doorman;
  readonly listeners: Listeners;
  readonly engineReads: EngineReads;
  readonly saver: Saver;
  readonly access: Access;
  readonly tracking: Tracking;
  readonly replication: Replication;
  readonly shutdowns: Shutdowns;
  readonly #observer: Observer;
  readonly #answering = new Answering(this);
  readonly #background: Background;
  readonly #ephemeralPort: boolean;
  readonly #connections = new Map<number, Connection>();
  /** Aborted when everything is closed, the store too. */
  readonly #over = new AbortController();
  startupMemoryBytes = 0;
  /** While dbfilename is loaded. */
  fileProgress: LoadProgress | null = null;
  /** What the file said of itself; null when there was none. */
  fileReport: LoadReport | null = null;
  /** Called once everything has ended; the process may exit. */
  onEnded: () => void = () => {};

  constructor({ config, log, engine, ephemeralPort = false }: ServerParts) {
    this.config = config;
    this.log = log;
    this.engineName = engine.name;
    this.sends = new TurnSends(engine.sendNow, this.page);
    this.#ephemeralPort = ephemeralPort;
    this.store = engine.open({
      databases: config.value('databases'),
      seed: randomBytes(8).readBigUInt64LE(),
      backlogBytes: config.value('repl-backlog-size'),
      monotonicMs: () => performance.now(),
    });
    this.delivery = new Delivery(this.store);
    this.blocking = new Blocking(this.store, this.delivery, this.clients);
    this.access = new Access(this);
    this.tracking = new Tracking({
      store: this.store,
      clientById: (id) => this.clients.get(id),
      clientOf: (session) => this.clientOf(session),
      keysMax: () => config.value('tracking-table-max-keys'),
      deliver: () => this.delivery.take(),
    });
    this.delivery.onTurnEnd = () => this.tracking.broadcast();
    // Whoever sets it has the reply first.
    config.onChange('tracking-table-max-keys', () => {
      setImmediate(() => this.tracking.limit());
    });
    this.saver = new Saver({
      store: this.store,
      config,
      log,
      nowMs: () => this.nowMs(),
      snapshot: () =>
        rdbSnapshot(this, {
          version: fileVersion(this),
          filter: 'all',
          compress: config.value('rdbcompression'),
        }),
      onOutcome: () => this.updateGates(),
    });
    this.#observer = new Observer(this);
    this.replication = new Replication(this, randomId);
    this.shutdowns = new Shutdowns({
      replicas: () => this.replication.replicas,
      feedEnd: () => this.store.feed.endOffset,
      timeoutMs: () => config.value('shutdown-timeout') * 1000,
      monotonicMs: () => performance.now(),
      log: (level, text) => log.line(level, text),
      pauseWrites: (on) => this.pause.hold('shutdown', on),
      end: (wish) => this.#end(wish),
    });
    this.busyScript = new BusyScript({
      monotonicMs: () => performance.now(),
      thresholdMs: () => config.value('busy-reply-threshold'),
      onRest: () => this.observersChanged(),
      onRelease: () => {
        this.observersChanged();
        this.#releaseHeld();
      },
      onSlow: (elapsedMs) => this.#scriptIsSlow(elapsedMs),
    });
    this.store.onScriptCommand = (session, command) => this.#answerScript(session, command);
    this.#background = new Background(this);
    this.doorman = new Doorman(this);
    this.listeners = new Listeners(
      {
        accept: (socket, isUnix) => this.doorman.accept(socket, isUnix),
        reads: (socket) => this.doorman.reads(socket),
        trouble: (cause) => log.warning(`Accepting a client failed: ${cause.message}`),
      },
      config.value('tcp-backlog'),
    );
    this.engineReads = new EngineReads(this, this.listeners.shared);
    this.sends.onWaiting = (on) => {
      this.engineReads.waiting = on;
    };
    this.page.useLanes((page) => this.store.openLane?.(this.listeners.shared, page) ?? null);
    this.#configure();
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Wall clock, Unix ms. */
  nowMs(): number {
    return Date.now();
  }

  // --- Start and end ---

  /** Loads the data, listens, follows the configured primary. Throws RedtwinError; ask `shutdowns` for the end, or exit, then. */
  async start(): Promise<void> {
    const { config, log } = this;
    this.startupMemoryBytes = this.store.stats().usedMemoryBytes;
    log.role = config.value('replicaof') ? 'S' : 'M';
    this.access.start();
    // Before anybody can ask: who comes while the file is being opened must not be shown an empty keyspace.
    this.fileProgress = expectedFile(this.saver.path, this.nowMs());
    this.updateGates();
    await this.#listen();
    const socketPath = utf8(config.value('unixsocket'));
    if (socketPath !== '') await this.listeners.listenUnix(socketPath, config.value('unixsocketperm'));
    const { port } = this.listeners;
    // Scripts wait for the " PID: " of Redis's logo, which says that it listens.
    if (config.value('always-show-logo'))
      log.notice(`Redtwin ${redtwinVersion}, standalone, Port: ${port}, PID: ${process.pid}`);
    else log.notice(`Running mode=standalone, port=${port}.`);
    await this.#loadFile();
    this.#background.start();
    const primary = config.value('replicaof');
    this.replication.start(primary);
    this.updateGates();
    log.notice('Ready to accept connections');
  }

  /** Listening has begun before, so that clients are told to wait. */
  async #loadFile(): Promise<void> {
    const { saver, config } = this;
    const isReplica = config.value('replicaof') !== null;
    try {
      this.fileReport = await loadFile(saver.path, {
        store: this.store,
        log: this.log,
        options: {
          nowMs: this.nowMs(),
          dropExpired: !isReplica,
          tellExpired: true,
          checksum: config.value('rdbchecksum'),
        },
        delayMicros: () => config.value('key-load-delay'),
        signal: this.#over.signal,
        onProgress: (progress) => {
          this.fileProgress = progress;
          this.updateGates();
        },
      });
    } finally {
      this.fileProgress = null;
      if (!this.#isOver) this.updateGates();
    }
    this.#over.signal.throwIfAborted();
    if (this.fileReport) this.replication.resume(this.fileReport, isReplica);
    saver.markClean();
  }

  /** A signal asks for the end. Without a clock (DEBUG PAUSE-CRON) it only waits to be taken back, as in Redis. */
  signalled(wish: ShutdownWish): void {
    this.shutdowns.schedule(wish);
    if (!this.#background.isPaused) this.shutdowns.look();
  }

  /** Saves if that is wanted, closes everything. False when saving failed and nothing forces the end; the server goes on then. */
  async #end({ saves, force }: ShutdownWish): Promise<boolean> {
    // What is loaded now is only half there: the file has all of it.
    const isLoading = this.fileProgress !== null || this.link.loading === 'blocking';
    const wantsSave = saves === 'yes' || (saves === 'configured' && this.config.value('save').length > 0);
    await this.saver.giveUp();
    if (wantsSave && !isLoading) {
      this.log.notice('Saving the final RDB snapshot before exiting.');
      if (!this.saver.saveNow()) {
        this.log.warning(`Error trying to save the DB${force ? '. Exit anyway.' : ", can't exit."}`);
        if (!force) return false;
      }
    }
    this.#background.stop();
    this.pause.close();
    this.busyScript.stop();
    this.replication.close();
    this.listeners.close();
    for (const client of this.clients.values()) client.line.close('now');
    this.engineReads.close();
    this.#over.abort(new RedtwinError('shut-down', 'the server was shut down'));
    this.store.close();
    this.log.warning('Redis is now ready to exit, bye bye...');
    this.onEnded();
    return true;
  }

  // --- Configuration ---

  #configure(): void {
    const { config, log } = this;
    keepEngineConfigured(config, this.store, log);
    log.level = config.value('loglevel');
    config.onChange('loglevel', () => {
      log.level = config.value('loglevel');
    });
    this.stats.commands.tracksLatency = config.value('latency-tracking');
    config.onChange('latency-tracking', () => {
      this.stats.commands.tracksLatency = config.value('latency-tracking');
    });
    for (const name of ['slowlog-log-slower-than', 'latency-monitor-threshold'] as const)
      config.onChange(name, () => this.observersChanged());
    this.observersChanged();
    config.onChange('hz', () => this.#background.start());
    for (const name of ['port', 'bind'] as const) config.onChange(name, () => this.#relisten(name));
    for (const name of gateOptions) config.onChange(name, () => this.updateGates());
  }

  #listen(): Promise<void> {
    return this.listeners.listenTcp(
      this.config.value('bind').map(utf8),
      this.config.value('port'),
      this.#ephemeralPort,
    );
  }

  async #relisten(name: 'port' | 'bind'): Promise<void> {
    try {
      await this.#listen();
    } catch (cause) {
      this.log.warning(String(cause));
      throw new BadValue(
        name === 'port'
          ? 'Unable to listen on this port. Check server logs.'
          : 'Failed to bind to specified addresses.',
      );
    }
  }

  // --- Clients ---

  /** A client has come. */
  joined(client: Client, connection: Connection): void {
    this.clients.set(client.id, client);
    this.#connections.set(client.id, connection);
    this.delivery.joined(connection);
  }

  /** A client is gone. */
  left(client: Client): void {
    client.closing = true;
    client.replica?.lost();
    this.forgetModes(client);
    client.unblock?.('timeout');
    this.clients.delete(client.id);
    this.#connections.delete(client.id);
    this.delivery.left(client.session);
    // After a shutdown there is no store left to tell.
    if (!this.#isOver) this.store.closeSession(client.session);
  }

  /** Ends subscriptions and MONITOR. */
  forgetModes(client: Client): void {
    this.pubsub.forget(client);
    if (this.monitors.delete(client) && this.monitors.size === 0 && !this.#isOver) {
      this.store.recordScripts(false);
      this.observersChanged();
    }
    this.tracking.stop(client);
    client.monitoring = false;
  }

  /** All that CLIENT LIST shows, oldest first: the clients, and the link to the primary. */
  get everyone(): Client[] {
    const link = this.replication.linkClient;
    const clients = [...this.clients.values()];
    return link === null ? clients : [...clients, link].sort((a, b) => a.id - b.id);
  }

  /** The client of a session in the engine; null when it is gone. */
  clientOf(session: SessionId): Client | null {
    return this.delivery.clientOf(session);
  }

  describe(client: Client): string {
    return client.describe(this.store.sessionInfo(client.session), this.nowMs());
  }

  /** True inside EXEC, where nothing may wait. */
  mayNotBlock(client: Client): boolean {
    return this.store.sessionInfo(client.session).executing;
  }

  /** Runs a change of subscriptions and tells the engine whether the client is a subscriber now. */
  changesSubscriptions(client: Client, change: () => Reply): Reply {
    const reply = change();
    this.store.setSession(client.session, { subscriber: client.isSubscriber });
    return reply;
  }

  #releaseHeld(): void {
    for (const connection of this.#connections.values()) connection.release();
  }

  #pauseChanged(): void {
    this.updateGates();
    this.observersChanged();
    if (this.pause.isOn(this.nowMs())) return;
    this.#releaseHeld();
    this.replication.replicas.pauseEnded();
  }

  // --- Commands ---

  /** True when commands must be seen one by one. */
  get observesCommands(): boolean {
    return this.#observer.isOn;
  }

  /** Somebody wants to see commands, or nobody does any more; or they may not run for now. */
  observersChanged(): void {
    this.engineReads.observed = this.#observer.isOn || this.busyScript.holdsOthers;
  }

  observe(client: Client, args: Buffer[]): () => void {
    return this.#observer.begin(client, args);
  }

  /** A chunk has run as a whole. */
  ran(client: Client, chunk: Uint8Array, length: number, ms: number): void {
    // Half a millisecond is less than any limit that whole chunks are held against.
    if (ms > 0.5 || client.restsSinceMs !== null) this.#observer.ran(client, chunk, length, ms);
  }

  /** A host command has run. What runs inside EXEC is logged for itself, because EXEC never is. */
  answered(client: Client, args: Buffer[], micros: number): void {
    // SHUTDOWN is answered when there is no store any more.
    if (this.#isOver) return;
    if (this.#observer.isSlow(micros) && this.mayNotBlock(client))
      this.#observer.ended(client, args, Math.floor(micros));
  }

  /** Answers a host command. */
  answer(client: Client, args: Buffer[]): Answer {
    return this.#answering.answer(client, args);
  }

  /** Something came with an outcome that concerns others. */
  noted(notes: number): void {
    if (notes & Note.pushes) this.delivery.plan();
    if (notes & Note.events) this.#publishEvents();
    if (notes & Note.feedGrew) this.replication.replicas.feedGrew();
    if (notes & Note.flushedAll) this.saver.flushed();
    if (notes & Note.denials) this.access.collectDenials();
    if (notes & Note.traces) {
      this.tracking.collect();
      this.delivery.endsTurn();
    }
    if (notes & Note.logs)
      for (const { level, text } of this.store.takeScriptLogs())
        this.log.line(logLevels[level] ?? 'warning', text.toString());
  }

  // --- Scripts ---

  /** A host command inside a script; one in the feed has no client. */
  #answerScript(session: SessionId, command: Buffer[]): Uint8Array {
    const client = this.clientOf(session);
    if (client === null) {
      this.applyHostCommand(command);
      return encodeReply(integer(0), 2);
    }
    const answer = this.answer(client, command);
    return encodeReply(answer instanceof Promise ? notInScripts : answer, 2);
  }

  #scriptIsSlow(elapsedMs: number): void {
    const running = this.store.scriptStats().running;
    const kill = running?.isFunction ? 'FUNCTION KILL' : 'SCRIPT KILL';
    this.log.warning(
      `Slow script detected: still in execution after ${Math.round(elapsedMs)} milliseconds. You can try killing the script using the ${kill} command. Script name is: ${running?.name ?? ''}.`,
    );
  }

  #publishEvents(): void {
    for (const event of this.store.takeEvents())
      for (const [channel, message] of keyspaceMessages(event, this.config.value('notify-keyspace-events')))
        this.pubsub.publish(channel, message);
  }

  resetStats(): void {
    this.engineReads.count();
    this.stats.reset();
    this.store.resetStats();
    this.replication.resetCounts();
  }

  /** DEBUG PAUSE-CRON: nothing happens unasked until it is taken back. */
  pauseCron(isPaused: boolean): void {
    this.#background.isPaused = isPaused;
  }

  // --- Replication ---

  get link(): LinkStatus {
    return this.replication.link;
  }

  get isReplica(): boolean {
    return this.replication.isReplica;
  }

  /** The connection of a client that asks to be a replica. */
  lineOf(client: Client): Connection {
    return this.#connections.get(client.id)!;
  }

  /** PUBLISH in the primary's feed reaches our subscribers. Everything else there has no meaning for a host. */
  applyHostCommand(args: Buffer[]): void {
    const name = args[0]!.toString('latin1').toLowerCase();
    if (name === 'publish') this.pubsub.publish(args[1]!, args[2]!);
    else if (name === 'spublish') this.pubsub.publish(args[1]!, args[2]!, 'shardChannels');
  }

  /** This server leads now, or follows, or its link is up or down. */
  roleChanged(): void {
    this.log.role = this.isReplica ? 'S' : 'M';
    this.updateGates();
  }

  updateGates(): void {
    this.store.gate(
      gatesOf(this.config, this.link, {
        isLoadingFile: this.fileProgress !== null,
        lastSaveFailed: !this.saver.lastOk,
        goodReplicas: this.replication.replicas.good,
        isPaused: this.pause.isOn(this.nowMs()),
      }),
    );
  }

  /** The lines at the very start of the log. */
  announce(): void {
    this.log.warning(`Redtwin ${redtwinVersion} is starting, speaking as Redis ${compatibleVersion}`);
    this.log.warning(`Engine: ${this.engineName}, Node ${process.versions.node}, pid=${process.pid}`);
  }
}

const notInScripts: Reply = { is: 'error', text: 'ERR This Redis command is not allowed from script' };
const randomId = (): string => randomBytes(20).toString('hex');
