/**
 * One server: the engine's store, the configuration, the clients and the link to a primary, put together.
 *
 *     listeners --> connections --> store            config --> store.configure, gates, listeners
 *                       |  host commands              cron (hz) --> store.cron, follower.tick, idle clients
 *                       +--> commands/*               follower --> store.apply, history
 *
 * It composes and keeps the gates true; what commands mean is in commands/, how bytes move in connection.ts. All side effects
 * of the process start here, and `shutDown` ends them.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Config } from '../config/config.ts';
import { BadValue } from '../config/kinds.ts';
import { type OptionName, optionNames, rowOf } from '../config/options.ts';
import { utf8 } from '../config/special-kinds.ts';
import { type Engine, type LoadReport, Note, type Store } from '../engine/engine.ts';
import { RedtwinError } from '../errors.ts';
import { LatencyMonitor } from '../observe/latency.ts';
import type { Log } from '../observe/log.ts';
import { SlowLog } from '../observe/slow-log.ts';
import { Stats } from '../observe/stats.ts';
import { type Reply, simple } from '../protocol/reply.ts';
import { primaryLogin } from '../protocol/wire.ts';
import { begun, type HistoryHolder, renamed } from '../replication/history.ts';
import { Acl } from './acl.ts';
import { Client } from './client.ts';
import { handlers } from './commands/index.ts';
import { Connection } from './connection.ts';
import { Follower } from './follower.ts';
import type { FollowerSettings, LinkStatus } from './follower-types.ts';
import type { Answer } from './handler.ts';
import { keyspaceMessages } from './keyspace-events.ts';
import { Listeners, type Receiver } from './listeners.ts';
import { type LoadProgress, loadFile } from './load-file.ts';
import { Observer } from './observer.ts';
import { OutputPage } from './output-page.ts';
import { Pause } from './pause.ts';
import { PubSub } from './pubsub.ts';
import { Saver } from './saver.ts';
import { deniedText, maxClientsText } from './turned-away.ts';
import { compatibleVersion, redtwinVersion } from './version.ts';

/** Keys looked at per turn of background work, per unit of active-expire-effort. */
const cronBudget = 400;

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
  readonly store: Store;
  readonly stats = new Stats();
  readonly slowLog = new SlowLog();
  readonly latency = new LatencyMonitor();
  readonly pubsub = new PubSub();
  readonly pause = new Pause();
  readonly page = new OutputPage();
  readonly clients = new Map<number, Client>();
  readonly monitors = new Set<Client>();
  readonly history: HistoryHolder = { current: begun(randomId()) };
  readonly runId = randomId();
  readonly startedMs = Date.now();
  readonly listeners: Listeners;
  readonly saver: Saver;
  readonly acl: Acl;
  readonly #observer: Observer;
  readonly #follower: Follower;
  readonly #ephemeralPort: boolean;
  readonly #connections = new Map<number, Connection>();
  readonly #bySession = new Map<number, Connection>();
  #withOutput: Connection[] = [];
  #flushIsPlanned = false;
  #hasPushes = false;
  #nextClientId = 1;
  #cron: NodeJS.Timeout | null = null;
  #turn = 0;
  #pauseTimer: NodeJS.Timeout | null = null;
  #shuttingDown: Promise<boolean> | null = null;
  #isOver = false;
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
    this.#ephemeralPort = ephemeralPort;
    this.store = engine.open({
      databases: config.value('databases'),
      seed: randomBytes(8).readBigUInt64LE(),
      backlogBytes: config.value('repl-backlog-size'),
    });
    this.acl = new Acl(
      (client) => this.describe(client),
      () => this.nowMs(),
      () => config.value('acllog-max-len'),
    );
    this.saver = new Saver({
      store: this.store,
      config,
      log,
      nowMs: () => this.nowMs(),
      replicationAux: () => this.#replicationAux(),
      onOutcome: () => this.#setGates(),
    });
    this.#observer = new Observer(this);
    this.#follower = new Follower({
      store: this.store,
      history: this.history,
      settings: () => this.#followerSettings(),
      log: (level, line) => log.line(level, line),
      nowMs: () => this.nowMs(),
      monotonicMs: () => performance.now(),
      randomId,
      onChange: () => this.#linkChanged(),
      onHostCommand: (args) => this.#applyHostCommand(args),
    });
    this.listeners = new Listeners(
      {
        accept: (socket, isUnix) => this.#accept(socket, isUnix),
        trouble: (cause) => log.warning(`Accepting a client failed: ${cause.message}`),
      },
      config.value('tcp-backlog'),
    );
    this.#configure();
  }

  /** Wall clock, Unix ms. */
  nowMs(): number {
    return Date.now();
  }

  // --- Start and end ---

  /** Loads the data, listens, follows the configured primary. Throws RedtwinError; call `shutDown` or exit then. */
  async start(): Promise<void> {
    const { config, log } = this;
    this.startupMemoryBytes = this.store.stats().usedMemoryBytes;
    log.role = config.value('replicaof') ? 'S' : 'M';
    this.#setGates();
    await this.#listen();
    const socketPath = utf8(config.value('unixsocket'));
    if (socketPath !== '') await this.listeners.listenUnix(socketPath, config.value('unixsocketperm'));
    log.notice(`Running mode=standalone, port=${this.listeners.port}.`);
    await this.#loadFile();
    this.#startCron();
    const primary = config.value('replicaof');
    if (primary) this.#follower.follow(primary);
    this.#setGates();
    log.notice('Ready to accept connections');
  }

  async #loadFile(): Promise<void> {
    const startedMs = this.nowMs();
    const { saver, log, config } = this;
    // A file is only loaded after listening began, so that clients are told to wait; nothing is read before its first chunk.
    try {
      this.fileReport = await loadFile(
        saver.path,
        this.store,
        {
          nowMs: startedMs,
          dropExpired: config.value('replicaof') === null,
          checksum: config.value('rdbchecksum'),
        },
        (progress) => {
          this.fileProgress = progress;
          this.#setGates();
        },
      );
    } catch (cause) {
      throw new RedtwinError('rdb-corrupt', `Fatal error loading the DB: ${String(cause)}. Exiting.`, {
        cause,
      });
    } finally {
      this.fileProgress = null;
      this.#setGates();
    }
    saver.markClean();
    if (!this.fileReport) return;
    const { keys, expiredSkipped } = this.fileReport;
    log.notice(`Done loading RDB, keys loaded: ${keys}, keys expired: ${expiredSkipped}.`);
    log.notice(`DB loaded from disk: ${((this.nowMs() - startedMs) / 1000).toFixed(3)} seconds`);
    this.#adoptFileHistory(this.fileReport.aux);
  }

  /** A file of a replica (or of a primary with replicas) says which history it belongs to and where it was. */
  #adoptFileHistory(aux: [string, string][]): void {
    const fields = new Map(aux);
    const [id, offset] = [fields.get('repl-id'), Number(fields.get('repl-offset'))];
    if (!id || !/^[0-9a-f]{40}$/.test(id) || !Number.isSafeInteger(offset) || offset < 0) return;
    this.history.current = this.config.value('replicaof')
      ? begun(id)
      : renamed(begun(id), randomId(), offset);
    this.store.feed.restart(offset);
  }

  #replicationAux(): [string, string][] {
    return [
      ['repl-stream-db', '0'],
      ['repl-id', this.history.current.id],
      ['repl-offset', String(this.store.feed.endOffset)],
    ];
  }

  /**
   * SHUTDOWN: saves if that is wanted, closes everything. False when saving failed and `force` was not given; the server
   * goes on then. Calling it again joins the first.
   */
  shutDown(how: { saves: 'yes' | 'no' | 'configured'; force: boolean }): Promise<boolean> {
    this.#shuttingDown ??= this.#end(how).finally(() => {
      this.#shuttingDown = null;
    });
    return this.#shuttingDown;
  }

  async #end({ saves, force }: { saves: 'yes' | 'no' | 'configured'; force: boolean }): Promise<boolean> {
    this.log.warning('User requested shutdown...');
    const wantsSave = saves === 'yes' || (saves === 'configured' && this.config.value('save').length > 0);
    if (wantsSave) {
      this.log.notice('Saving the final RDB snapshot before exiting.');
      if (!(await this.saver.save()) && !force) {
        this.log.warning("Error trying to save the DB, can't exit.");
        return false;
      }
    }
    if (this.#cron) clearInterval(this.#cron);
    if (this.#pauseTimer) clearTimeout(this.#pauseTimer);
    this.#follower.close();
    this.listeners.close();
    for (const client of this.clients.values()) client.line.close('now');
    this.#isOver = true;
    this.store.close();
    this.log.warning('Redis is now ready to exit, bye bye...');
    this.onEnded();
    return true;
  }

  // --- Configuration ---

  #configure(): void {
    for (const name of optionNames) {
      if (rowOf(name).by === 'engine') {
        this.#tellEngine(name);
        this.config.onChange(name, () => this.#tellEngine(name));
      }
    }
    this.#tellEngine('enable-debug-command');
    this.#applyLogOptions();
    this.config.onChange('loglevel', () => this.#applyLogOptions());
    this.config.onChange('hz', () => this.#startCron());
    for (const name of ['port', 'bind'] as const) this.config.onChange(name, () => this.#relisten(name));
    for (const name of ['replica-read-only', 'replica-serve-stale-data', 'min-replicas-to-write'] as const)
      this.config.onChange(name, () => this.#setGates());
    for (const name of ['min-replicas-max-lag', 'stop-writes-on-bgsave-error'] as const)
      this.config.onChange(name, () => this.#setGates());
    for (const name of ['requirepass'] as const) this.config.onChange(name, () => this.#passwordChanged());
  }

  #tellEngine(name: OptionName): void {
    if (name === 'repl-backlog-size') {
      this.store.feed.resize(this.config.value('repl-backlog-size'));
      return;
    }
    try {
      this.store.configure(name, this.config.value(name) as number | string | boolean);
    } catch (error) {
      if (!(error instanceof RedtwinError) || error.code !== 'engine-unknown-option') throw error;
      this.log.debug(`The ${this.engineName} engine has no use for ${name}`);
    }
  }

  #applyLogOptions(): void {
    this.log.level = this.config.value('loglevel');
  }

  /** A new password asks those who come later; who is in stays in (Redis 7.0). Without one, everybody is in. */
  #passwordChanged(): void {
    if (this.config.value('requirepass') !== '') return;
    for (const client of this.clients.values()) {
      client.authenticated = true;
      this.store.setSession(client.session, { authenticated: true });
    }
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

  #accept(socket: Socket, isUnix: boolean): Receiver {
    this.stats.connectionsReceived++;
    socket.on('error', (cause) => this.log.verbose(`A client's connection broke: ${cause.message}`));
    const refusal = this.#refusal(socket, isUnix);
    if (refusal !== null) {
      this.stats.connectionsRejected++;
      socket.end(refusal);
      return () => {};
    }
    const keepAlive = this.config.value('tcp-keepalive');
    if (!isUnix && keepAlive > 0) socket.setKeepAlive(true, keepAlive * 1000);
    const connection = new Connection(socket, this);
    const path = `${utf8(this.config.value('unixsocket'))}:0`;
    const client = new Client({
      id: this.#nextClientId++,
      session: this.store.openSession(),
      address: isUnix ? path : endpoint(socket.remoteAddress, socket.remotePort),
      localAddress: isUnix ? path : endpoint(socket.localAddress, socket.localPort),
      isLocal: isUnix || isLoopback(socket.remoteAddress),
      isUnixSocket: isUnix,
      createdMs: this.nowMs(),
      line: connection,
    });
    connection.client = client;
    if (this.config.value('requirepass') !== '') {
      client.authenticated = false;
      this.store.setSession(client.session, { authenticated: false });
    }
    this.clients.set(client.id, client);
    this.#connections.set(client.id, connection);
    this.#bySession.set(client.session, connection);
    socket.once('close', () => this.#forget(client));
    return (chunk, length) => connection.receive(chunk, length);
  }

  #refusal(socket: Socket, isUnix: boolean): string | null {
    if (this.clients.size >= this.config.value('maxclients')) return maxClientsText;
    const isOpen = !this.config.value('protected-mode') || this.config.value('requirepass') !== '';
    return isOpen || isUnix || isLoopback(socket.remoteAddress) ? null : deniedText;
  }

  #forget(client: Client): void {
    client.closing = true;
    this.forgetModes(client);
    client.unblock?.('timeout');
    this.clients.delete(client.id);
    this.#connections.delete(client.id);
    this.#bySession.delete(client.session);
    // After a shutdown there is no store left to tell.
    if (!this.#isOver) this.store.closeSession(client.session);
  }

  /** Ends subscriptions and MONITOR. */
  forgetModes(client: Client): void {
    this.pubsub.forget(client);
    this.monitors.delete(client);
    client.monitoring = false;
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

  /** Has a client wait until a time is up, or CLIENT UNBLOCK. 0 ms: for ever. */
  waitFor(client: Client, timeoutMs: number, outcome: Reply): Promise<Reply> {
    return new Promise((resolve) => {
      client.blocked = true;
      const timer = timeoutMs > 0 ? setTimeout(() => client.unblock?.('timeout'), timeoutMs) : null;
      client.unblock = (how) => {
        if (timer) clearTimeout(timer);
        client.unblock = null;
        client.blocked = false;
        resolve(how === 'error' ? unblocked : outcome);
      };
    });
  }

  /** CLIENT UNBLOCK; false when that client waits for nothing. */
  unblock(client: Client, how: 'timeout' | 'error'): boolean {
    if (client.unblock) {
      client.unblock(how);
      return true;
    }
    if (!client.blocked) return false;
    const done = this.store.unblock(client.session, how === 'error' ? unblockedText : undefined);
    this.#hasPushes = true;
    this.#planFlush();
    return done;
  }

  startPause(untilMs: number, mode: 'write' | 'all'): void {
    this.pause.start(untilMs, mode, this.nowMs());
    if (this.#pauseTimer) clearTimeout(this.#pauseTimer);
    this.#pauseTimer = setTimeout(() => this.endPause(), untilMs - this.nowMs());
  }

  endPause(): void {
    if (this.#pauseTimer) clearTimeout(this.#pauseTimer);
    this.#pauseTimer = null;
    this.pause.end();
    for (const connection of this.#connections.values()) connection.release();
  }

  // --- Commands ---

  /** True when commands must be seen one by one. */
  get observesCommands(): boolean {
    return this.#observer.isOn;
  }

  observe(client: Client, args: Buffer[]): () => void {
    return this.#observer.begin(client, args);
  }

  /** Answers a host command. */
  answer(client: Client, args: Buffer[]): Answer {
    const name = args[0]!.toString('latin1').toLowerCase();
    const handler = handlers[name];
    if (!handler) throw new Error(`the engine handed back ${name}, which is no host command`);
    const answer = handler({ server: this, client, args, nowMs: this.nowMs() });
    if (answer instanceof Promise) return answer.then((reply) => this.#counted(reply));
    return this.#counted(answer);
  }

  #counted(reply: Reply): Reply {
    if (reply.is === 'error') this.stats.countError(reply.text);
    return reply;
  }

  /** Something came with an outcome that concerns others. */
  noted(notes: number): void {
    if (notes & Note.pushes) this.#hasPushes = true;
    if (notes & Note.events) this.#publishEvents();
  }

  #publishEvents(): void {
    for (const event of this.store.takeEvents())
      for (const [channel, message] of keyspaceMessages(event, this.config.value('notify-keyspace-events')))
        this.pubsub.publish(channel, message);
  }

  hasOutput(connection: Connection): void {
    this.#withOutput.push(connection);
    this.#planFlush();
  }

  /** Output for others leaves at the end of the chunk, or of this turn of the event loop. */
  #planFlush(): void {
    if (this.#flushIsPlanned) return;
    this.#flushIsPlanned = true;
    queueMicrotask(() => this.endChunk());
  }

  /** Delivers what a chunk caused for others. */
  endChunk(): void {
    this.#flushIsPlanned = false;
    while (this.#hasPushes) {
      this.#hasPushes = false;
      for (const { session, bytes } of this.store.takePushes()) {
        const connection = this.#bySession.get(session);
        connection?.send(bytes);
        if (connection?.client.blocked) connection.wake();
      }
    }
    const waiting = this.#withOutput;
    this.#withOutput = [];
    for (const connection of waiting) connection.flush();
  }

  resetStats(): void {
    this.stats.reset();
    this.store.resetStats();
  }

  /** DEBUG RELOAD: the data set through its own RDB. */
  reload(): Reply {
    const nowMs = this.nowMs();
    const snapshot = this.store.snapshot({ version: 10, compress: true, checksum: true, nowMs, aux: [] });
    const loader = this.store.loader({ nowMs, dropExpired: !this.isReplica, checksum: true });
    for (let chunk = snapshot.read(1 << 20); chunk; chunk = snapshot.read(1 << 20)) loader.write(chunk);
    loader.commit();
    return simple('OK');
  }

  // --- Replication ---

  get link(): LinkStatus {
    return this.#follower.status();
  }

  get isReplica(): boolean {
    return this.link.target !== null;
  }

  /** REPLICAOF. False when that primary is followed already. */
  follow(primary: { host: string; port: number } | null, by: Client): boolean {
    this.config.assign('replicaof', primary ? [primary.host, String(primary.port)] : ['no', 'one']);
    const changed = this.#follower.follow(primary) === 'changed';
    if (changed)
      this.log.notice(
        primary
          ? `REPLICAOF ${utf8(primary.host)}:${primary.port} enabled (user request from '${this.describe(by)}')`
          : `Following nobody any longer (user request from '${this.describe(by)}')`,
      );
    this.#linkChanged();
    return changed;
  }

  renameHistory(): void {
    this.history.current = begun(randomId());
  }

  #followerSettings(): FollowerSettings {
    const { config } = this;
    const orNull = (text: string): string | null => (text === '' ? null : text);
    return {
      user: orNull(config.value(primaryLogin.user)),
      password: orNull(config.value(primaryLogin.password)),
      listeningPort: config.value('replica-announce-port') || this.listeners.port,
      announceIp: orNull(config.value('replica-announce-ip')),
      announceVersion: '9.1.0',
      timeoutMs: config.value('repl-timeout') * 1000,
      disklessLoad: config.value('repl-diskless-load'),
      dir: utf8(config.value('dir')),
      dbFilename: utf8(config.value('dbfilename')),
      checksum: config.value('rdbchecksum'),
      sourceAddress: orNull(config.value('bind-source-addr')),
      databases: config.value('databases'),
    };
  }

  /** PUBLISH in the primary's feed reaches our subscribers. Everything else there has no meaning for a host. */
  #applyHostCommand(args: Buffer[]): void {
    const name = args[0]!.toString('latin1').toLowerCase();
    if (name === 'publish') this.pubsub.publish(args[1]!, args[2]!);
    else if (name === 'spublish') this.pubsub.publish(args[1]!, args[2]!, 'shardChannels');
  }

  #linkChanged(): void {
    this.log.role = this.isReplica ? 'S' : 'M';
    this.#setGates();
    if (this.#hasPushes) this.#planFlush();
  }

  #setGates(): void {
    const { config } = this;
    const { target, up, loading } = this.link;
    const isReplica = target !== null;
    this.store.gate({
      replica: isReplica,
      readOnly: isReplica && config.value('replica-read-only'),
      masterDown: isReplica && !up && !config.value('replica-serve-stale-data'),
      loading: this.fileProgress !== null || loading === 'blocking',
      misconf:
        !isReplica &&
        !this.saver.lastOk &&
        config.value('stop-writes-on-bgsave-error') &&
        config.value('save').length > 0,
      noReplicas:
        !isReplica && config.value('min-replicas-to-write') > 0 && config.value('min-replicas-max-lag') > 0,
    });
  }

  // --- Background ---

  #startCron(): void {
    if (this.#cron) clearInterval(this.#cron);
    this.#cron = setInterval(() => this.#runCron(), 1000 / this.config.value('hz'));
  }

  #runCron(): void {
    const nowMs = this.nowMs();
    const hz = this.config.value('hz');
    this.noted(this.store.cron(nowMs, cronBudget * this.config.value('active-expire-effort')));
    this.#follower.tick();
    this.#turn++;
    if (this.#turn % Math.max(1, Math.round(hz / 10)) === 0)
      this.stats.sample(this.store.stats().commandsProcessed, nowMs);
    if (this.#turn % hz === 0) this.#eachSecond(nowMs);
    this.endChunk();
  }

  #eachSecond(nowMs: number): void {
    const idleSeconds = this.config.value('timeout');
    if (idleSeconds > 0)
      for (const client of this.clients.values())
        if (!client.isSubscriber && !client.blocked && nowMs - client.lastMs > idleSeconds * 1000)
          client.line.close('now');
    this.#saveIfDue(nowMs);
  }

  /** Save points. The number of changes is not counted: any write counts as enough of them, so it saves a little more often. */
  #saveIfDue(nowMs: number): void {
    if (!this.saver.isDirty || this.saver.isSaving) return;
    const due = this.config
      .value('save')
      .find(({ seconds }) => nowMs - this.saver.lastSaveMs > seconds * 1000);
    if (!due) return;
    this.log.notice(`Saving: there were writes, and the last save is more than ${due.seconds} seconds ago`);
    void this.saver.save();
  }

  /** The lines at the very start of the log. */
  announce(): void {
    this.log.warning(`Redtwin ${redtwinVersion} is starting, speaking as Redis ${compatibleVersion}`);
    this.log.warning(`Engine: ${this.engineName}, Node ${process.versions.node}, pid=${process.pid}`);
  }
}

const unblockedText = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';
const unblocked: Reply = { is: 'error', text: unblockedText };
const randomId = (): string => randomBytes(20).toString('hex');
const endpoint = (address: string | undefined, port: number | undefined): string =>
  `${address?.includes(':') ? `[${address}]` : (address ?? '?')}:${port ?? 0}`;
const isLoopback = (address: string | undefined): boolean =>
  address === undefined ||
  address === '::1' ||
  address.startsWith('127.') ||
  address.startsWith('::ffff:127.');
