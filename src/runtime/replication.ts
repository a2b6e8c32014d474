/**
 * Both sides of replication put together: the link to our primary, our replicas, and the changes of role between.
 *
 *     our primary --> follower --> store, feed --> replicas --> their sockets
 *                        |                            |
 *                        +------- history ------------+       failovers, REPLICAOF, WAIT: above both
 *
 * It composes; each part has its own machine. What it says to the server: a role, gates and pauses may have changed.
 */
import { utf8 } from '../config/special-kinds.ts';
import type { LoadReport } from '../engine/engine.ts';
import { error, type Reply } from '../protocol/reply.ts';
import { wireText } from '../protocol/wire.ts';
import { begun, type HistoryHolder, renamed } from '../replication/history.ts';
import type { PsyncWish } from '../replication/psync.ts';
import type { Target } from '../replication/replica-link/states.ts';
import type { Client } from './client.ts';
import { Failovers } from './failovers.ts';
import { Follower } from './follower.ts';
import { followerSettings } from './follower-settings.ts';
import type { LinkStatus } from './follower-types.ts';
import type { ReplicaLine } from './replica.ts';
import { snapshotsOf } from './replica-snapshot.ts';
import { Replicas } from './replicas.ts';
import { resumeAux, resumePoint } from './resume-point.ts';
import type { Server } from './server.ts';
import type { Snapshots } from './snapshots.ts';
import { Waits } from './waits.ts';

export class Replication {
  readonly history: HistoryHolder;
  readonly snapshots: Snapshots;
  readonly replicas: Replicas;
  readonly failovers: Failovers;
  readonly waits: Waits;
  readonly #server: Server;
  readonly #follower: Follower;
  readonly #feedRunner = { goOn: (): void => this.#follower.continueFeed() };
  readonly #randomId: () => string;

  constructor(server: Server, randomId: () => string) {
    const { config, store, log } = server;
    this.#server = server;
    this.#randomId = randomId;
    this.history = { current: begun(randomId()) };
    const monotonicMs = (): number => performance.now();
    this.snapshots = snapshotsOf(server, () => ({
      historyId: this.history.current.id,
      offset: store.feed.endOffset,
    }));
    this.replicas = new Replicas({
      store,
      config,
      history: this.history,
      snapshots: this.snapshots,
      log: (level, text) => log.line(level, text),
      randomId,
      monotonicMs,
      describe: (client) => server.describe(client),
      isFollowing: () => this.isReplica,
      isPaused: () => server.pause.isOn(server.nowMs()),
      isFailingOver: () => this.failovers.isUnderWay,
      onChange: (what) => this.#replicasChanged(what),
      onSent: (bytes) => {
        server.stats.feedOutputBytes += bytes;
      },
    });
    this.failovers = new Failovers({
      replicas: () => this.replicas,
      feedEnd: () => store.feed.endOffset,
      monotonicMs,
      log: (level, text) => log.line(level, text),
      pauseWrites: (on) => server.pause.hold('failover', on),
      follow: (target) => this.#follow(target, target !== null, 'a failover'),
    });
    this.waits = new Waits((offset) => this.replicas.acknowledging(offset));
    this.#follower = new Follower({
      store,
      history: this.history,
      settings: () => followerSettings(config, server.listeners.port),
      keyLoadDelayMicros: () => config.value('key-load-delay'),
      log: (level, line) => log.line(level, line),
      nowMs: () => server.nowMs(),
      monotonicMs,
      clientId: () => server.doorman.nextId(),
      randomId,
      onChange: (what) => this.#linkChanged(what),
      onTakeOver: (how) => this.failovers.answered(how),
      onHostCommand: (args) => server.applyHostCommand(args),
      onScriptRests: () => server.busyScript.rests(this.#feedRunner),
      onNotes: (notes) => server.noted(notes),
    });
    // Nobody reads yet.
    store.feed.turn(false);
  }

  get link(): LinkStatus {
    return this.#follower.status();
  }

  /** The link to the primary as a client; null while no feed comes. */
  get linkClient(): Client | null {
    return this.#follower.client;
  }

  get isReplica(): boolean {
    return this.#follower.isFollowing;
  }

  // --- Start and end ---

  /** A file was loaded: when it says where it stands, we stand there. */
  resume(report: LoadReport, isReplica: boolean): void {
    const { store, config } = this.#server;
    const point = resumePoint(report.aux, config.value('databases'));
    if (point !== null) {
      const history = begun(point.id);
      this.history.current = isReplica ? history : renamed(history, this.#randomId(), point.offset);
      store.feed.turn(true);
      store.feed.restart(point.offset);
      this.#follower.resumeWith(point.db);
    }
    // Who comes back to that point still has the keys that expired meanwhile.
    store.tellDropped();
  }

  /** Follows the configured primary. */
  start(primary: Target | null): void {
    if (primary === null) return;
    this.#server.store.feed.turn(true);
    this.#follower.follow(primary);
  }

  /** What an RDB of now says of history and place. */
  aux(): [string, string][] {
    const { store } = this.#server;
    // Without a feed there is no place that anybody could come back to.
    if (!store.feed.isOn) return [];
    return resumeAux({
      id: this.history.current.id,
      offset: store.feed.endOffset,
      db: this.isReplica ? this.#follower.feedDb : 0,
    });
  }

  tick(): void {
    this.#follower.tick();
    this.replicas.tick();
    this.failovers.look();
  }

  /** CONFIG RESETSTAT. */
  resetCounts(): void {
    this.#follower.resetCounts();
    this.replicas.resetCounts();
  }

  close(): void {
    this.#follower.close();
  }

  // --- Roles ---

  /** REPLICAOF. False when that primary is followed already. */
  follow(primary: Target | null, by: Client): boolean {
    return this.#follow(primary, false, `user request from '${this.#server.describe(by)}'`);
  }

  #follow(primary: Target | null, handsOver: boolean, why: string): boolean {
    const { config, store, log } = this.#server;
    const wasReplica = this.isReplica;
    config.assign('replicaof', primary ? [primary.host, String(primary.port)] : ['no', 'one']);
    if (primary) store.feed.turn(true);
    const changed = this.#follower.follow(primary, handsOver) === 'changed';
    if (changed)
      log.notice(
        primary
          ? `REPLICAOF ${utf8(primary.host)}:${primary.port} enabled (${why})`
          : `Following nobody any longer (${why})`,
      );
    // Those who wait here for a write would wait for somebody else's now.
    if (primary && !wasReplica) this.#server.blocking.unblockAll(wireText.becameReplica);
    this.#linkChanged('link');
    return changed;
  }

  /** PSYNC FAILOVER: our primary hands over, if this is its history. The refusal, or null when we are the primary now. */
  takeOver(historyId: string, by: Client): Reply | null {
    this.#server.log.warning(`Failover request received for replid ${historyId}.`);
    if (!this.isReplica) return error(wireText.takeOverOfPrimary);
    if (historyId !== this.history.current.id) return error(wireText.takeOverOfOther);
    this.follow(null, by);
    return null;
  }

  /** PSYNC, or SYNC (null): this client is a replica from now on. */
  attach(client: Client, line: ReplicaLine, wish: PsyncWish | null): void {
    this.replicas.attach(client, line, wish);
  }

  /** REPLCONF GETACK, whoever sent it. */
  acknowledge(): void {
    this.#follower.acknowledge();
  }

  /** DEBUG CHANGE-REPL-ID. */
  renameHistory(): void {
    this.history.current = begun(this.#randomId());
  }

  #linkChanged(what: 'link' | 'history'): void {
    // Replicas read what their primary wrote; under another history they must ask how to go on.
    if (what === 'history') {
      this.replicas.dismissAll('history-changed');
      this.replicas.restartPatience();
    }
    this.#server.roleChanged();
  }

  #replicasChanged(what: 'state' | 'ack'): void {
    if (what === 'state') this.#server.updateGates();
    this.waits.look();
    this.failovers.look();
    this.#server.shutdowns.look();
  }
}
