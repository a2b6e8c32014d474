/**
 * Our replicas: who they are, when the feed is on, what is due for them.
 *
 *     PSYNC / SYNC --> attach --> replica (its own machine) --> snapshot or feed
 *     writes       --> feedGrew --> pump --> sockets
 *     cron         --> tick: PING, empty lines, patience, the feed's end, good replicas
 *
 * The feed is written only while somebody may read it: it begins, under a fresh history, with the first replica, and ends,
 * with its history, repl-backlog-ttl after the last one has left (Redis 7.0). A server that follows a primary keeps it always.
 */
import type { Config } from '../config/config.ts';
import { duePrimaryJobs, type PrimaryJob, type PrimaryRuns } from '../cron/primary-cron.ts';
import type { Store } from '../engine/engine.ts';
import { encodeCommand } from '../protocol/reply.ts';
import { olderReader } from '../replication/feed-reader.ts';
import { begun, type HistoryHolder } from '../replication/history.ts';
import { decidePsync, type PsyncWish } from '../replication/psync.ts';
import type { FeedCompat } from '../replication/rdb-version.ts';
import type { PartialRefusal, ReplicaLossReason } from '../replication/reasons.ts';
import type { Client } from './client.ts';
import { FeedPump, type OutputLimit } from './feed-pump.ts';
import { Replica, type ReplicaLine } from './replica.ts';
import * as say from './replica-sentences.ts';
import type { Snapshots } from './snapshots.ts';
import { UnableReplicas } from './unable-replicas.ts';

export interface ReplicasParts {
  readonly store: Store;
  readonly config: Config;
  readonly history: HistoryHolder;
  readonly snapshots: Snapshots;
  readonly log: (level: 'debug' | 'verbose' | 'notice' | 'warning', text: string) => void;
  readonly randomId: () => string;
  readonly monotonicMs: () => number;
  /** A client as CLIENT LIST has it. */
  readonly describe: (client: Client) => string;
  /** This server follows a primary: the feed is not its own. */
  readonly isFollowing: () => boolean;
  /** Writes are held back. */
  readonly isPaused: () => boolean;
  /** A PING would move the offset that the failover's target has to reach. */
  readonly isFailingOver: () => boolean;
  /** Somebody acknowledged, came or went: WAIT, min-replicas-to-write and FAILOVER look again. */
  readonly onChange: (what: 'state' | 'ack') => void;
  /** Bytes of feed went out, for INFO. */
  readonly onSent: (bytes: number) => void;
}

/** What happened so far, for INFO. */
interface SyncCounts {
  full: number;
  partialAccepted: number;
  partialRefused: number;
  /** Replicas that sent something that was answered with an error. */
  errors: number;
  /** The last full resync's reason; null before the first. */
  lastRefusal: PartialRefusal | null;
  /** The last loss of a replica; null before the first. */
  lastLoss: ReplicaLossReason | null;
}

const nothingYet = { full: 0, partialAccepted: 0, partialRefused: 0, errors: 0 };
const emptyLine = Buffer.from('\n');
const ping = encodeCommand(['ping']);
const getAck = encodeCommand(['REPLCONF', 'GETACK', '*']);

export class Replicas {
  readonly #parts: ReplicasParts;
  readonly #all = new Set<Replica>();
  readonly #pump: FeedPump;
  readonly #runs: PrimaryRuns = {};
  /** Since when there is no replica, monotonic ms. */
  #aloneSinceMs: number;
  #asksAcks = false;
  /** The oldest that this feed has had. */
  #reader: FeedCompat = 'auto';
  /** Those that cannot follow. */
  readonly unable: UnableReplicas;
  readonly counts: SyncCounts = { ...nothingYet, lastRefusal: null, lastLoss: null };

  constructor(parts: ReplicasParts) {
    this.#parts = parts;
    this.#aloneSinceMs = parts.monotonicMs();
    this.unable = new UnableReplicas((text) => parts.log('warning', text));
    this.#pump = new FeedPump({
      feed: parts.store.feed,
      replicas: this.#all,
      limit: () => this.#outputLimit(),
      monotonicMs: parts.monotonicMs,
      onSent: parts.onSent,
    });
    this.#writeFor('auto');
    parts.config.onChange('feed-compat', () => this.#writeFor(this.#reader));
  }

  /** In the order of their coming. */
  get all(): ReadonlySet<Replica> {
    return this.#all;
  }

  get size(): number {
    return this.#all.size;
  }

  /** A replica has sent a command that was answered with these bytes, which must not come between those of the feed. */
  answered(replica: Replica, reply: Buffer): void {
    const { log, store, describe } = this.#parts;
    const command = store.sessionInfo(replica.client.session).lastCommand || '<unknown>';
    const text = reply.toString('latin1');
    if (text.startsWith('-')) {
      this.counts.errors++;
      log(...say.failed(text.slice(1, text.indexOf('\r')), command));
    }
    log(...say.answered(command, describe(replica.client)));
    replica.dismiss('sent-command');
  }

  /** CONFIG RESETSTAT. The last reasons stay: they are no counts. */
  resetCounts(): void {
    Object.assign(this.counts, nothingYet);
  }

  /** Replicas that min-replicas-to-write may count on: online, and heard of within min-replicas-max-lag. */
  get good(): number {
    const lagMax = this.#parts.config.value('min-replicas-max-lag');
    let count = 0;
    for (const replica of this.#all) if (replica.isOnline && replica.lagSeconds <= lagMax) count++;
    return count;
  }

  /** Online replicas that have acknowledged this offset. */
  acknowledging(offset: number): number {
    let count = 0;
    for (const replica of this.#all) if (replica.state.name === 'online' && replica.acked >= offset) count++;
    return count;
  }

  // --- Coming and going ---

  /** PSYNC (with what it asks for) or SYNC (null). The client is a replica from now on. */
  attach(client: Client, line: ReplicaLine, wish: PsyncWish | null): void {
    const { store, history, snapshots, log, monotonicMs } = this.#parts;
    const replica = new Replica({
      client,
      line,
      isOld: wish === null,
      snapshots,
      log,
      historyId: () => history.current.id,
      feedEnd: () => store.feed.endOffset,
      monotonicMs,
      onChange: (changed, what) => this.#changed(changed, what),
    });
    client.replica = replica;
    store.setSession(client.session, { replica: true });
    log(...say.asks(replica));
    const decision =
      wish === null
        ? ({ partial: false, because: 'old-sync' } as const)
        : decidePsync(wish, history.current, store.feed);
    // The first PING, and the first empty line, come a period after the first replica.
    if (this.#all.size === 0) this.#runs.ping = this.#runs.alive = monotonicMs();
    this.#all.add(replica);
    const reader = olderReader(this.#reader, client.announced.version);
    if (reader !== this.#reader) {
      log(...say.readerIsOld(replica, client.announced.version ?? '', reader));
      this.#writeFor(reader);
    }
    if (decision.partial) {
      this.counts.partialAccepted++;
      log(...say.continued(replica, store.feed.endOffset - decision.at, decision.at + 1));
    } else {
      this.counts.full++;
      this.counts.lastRefusal = decision.because;
      if (wish !== null && decision.because !== 'full-wanted') this.counts.partialRefused++;
      if (!store.feed.isOn) this.#beginFeed();
    }
    replica.decided(decision);
  }

  /** A history begins with its first replica: what was written before has no place in it. */
  #beginFeed(): void {
    const { store, history, randomId, log } = this.#parts;
    history.current = begun(randomId());
    store.feed.turn(true);
    log(...say.feedBegan(history.current.id));
  }

  /** From now on the feed is for this reader, unless feed-compat names one. */
  #writeFor(reader: FeedCompat): void {
    this.#reader = reader;
    const { store, config } = this.#parts;
    const set = config.value('feed-compat');
    store.configure('feed-compat', set === 'auto' ? reader : set);
  }

  /** All must ask anew: our history has changed, or we are somebody else now. */
  dismissAll(because: ReplicaLossReason): void {
    for (const replica of [...this.#all]) replica.dismiss(because);
  }

  #changed(replica: Replica, what: 'feed' | 'state' | 'ack'): void {
    if (what === 'feed') {
      this.#pump.plan();
      return;
    }
    if (what === 'state' && replica.state.name === 'gone') {
      this.#all.delete(replica);
      this.counts.lastLoss = replica.state.because;
      this.unable.ended(replica);
      this.#pump.letGo();
      if (this.#all.size === 0) this.#aloneSinceMs = this.#parts.monotonicMs();
    }
    if (what === 'ack' && !replica.isGone) this.unable.settled(replica);
    // The next write of ours says which database it is for: whoever loads a snapshot has none selected.
    if (what === 'state' && replica.state.name === 'wait-snapshot-end' && !this.#parts.isFollowing())
      this.#parts.store.feed.forgetSelection();
    this.#parts.onChange(what);
  }

  /** The feed's end starts to count from now (a promotion without replicas). */
  restartPatience(): void {
    this.#aloneSinceMs = this.#parts.monotonicMs();
  }

  // --- The feed ---

  feedGrew(): void {
    this.#pump.plan();
  }

  /** Hands out what is there now (before a shutdown). */
  flush(): void {
    this.#pump.run();
  }

  /** Somebody waits for ACKs: replicas are asked at the end of this turn, or when a pause is over. */
  askAcks(): void {
    if (this.#asksAcks) return;
    this.#asksAcks = true;
    setImmediate(() => this.#sendGetAck());
  }

  /** Asks in this very moment, before a pause begins that would hold the question back; in a pause, after it. */
  askAcksNow(): void {
    this.#asksAcks = true;
    this.#sendGetAck();
  }

  pauseEnded(): void {
    if (this.#asksAcks) this.#sendGetAck();
  }

  #sendGetAck(): void {
    if (!this.#asksAcks || this.#parts.isPaused()) return;
    this.#asksAcks = false;
    this.#append(getAck);
  }

  #append(bytes: Buffer): void {
    const { store, isFollowing } = this.#parts;
    // A replica's feed is its primary's, byte for byte.
    if (isFollowing() || !store.feed.isOn || this.#all.size === 0) return;
    store.feed.append(bytes);
    this.#pump.run();
  }

  #outputLimit(): OutputLimit {
    const { config } = this.#parts;
    const limit = config.value('client-output-buffer-limit').replica;
    const backlogBytes = config.value('repl-backlog-size');
    // A limit below the backlog would close replicas that the backlog could serve at once (Redis 7.0).
    const atLeast = (bytes: number): number => (bytes > 0 ? Math.max(bytes, backlogBytes) : 0);
    return {
      hardBytes: atLeast(limit.hardBytes),
      softBytes: atLeast(limit.softBytes),
      softSeconds: limit.softSeconds,
    };
  }

  // --- Cron ---

  /** Runs what is due. Call it about ten times a second. */
  tick(): void {
    const { config, store, monotonicMs, isFollowing, isFailingOver, snapshots } = this.#parts;
    const nowMs = monotonicMs();
    snapshots.tick();
    const view = {
      replicas: this.#all.size,
      isFollowing: isFollowing(),
      holdsPings: isFailingOver(),
      feedIsOn: store.feed.isOn,
      aloneSinceMs: this.#aloneSinceMs,
      backlogTtlMs: config.value('repl-backlog-ttl') * 1000,
      pingPeriodMs: config.value('repl-ping-replica-period') * 1000,
    };
    for (const job of duePrimaryJobs(view, this.#runs, nowMs)) {
      this.#runs[job] = nowMs;
      this.#runJob(job);
    }
  }

  #runJob(job: PrimaryJob): void {
    const { config, store, history, randomId, log, onChange } = this.#parts;
    switch (job) {
      case 'ping':
        this.#append(ping);
        break;
      case 'alive':
        for (const replica of this.#all) if (replica.wantsEmptyLines) replica.line.feed(emptyLine);
        break;
      case 'patience':
        for (const replica of [...this.#all]) replica.checkPatience(config.value('repl-timeout') * 1000);
        // Also looks at soft limits, which run out without a write.
        this.#pump.run();
        break;
      case 'release':
        history.current = begun(randomId());
        store.feed.turn(false);
        if (this.#reader !== 'auto') this.#writeFor('auto');
        log(...say.feedEnded(config.value('repl-backlog-ttl')));
        break;
      case 'count':
        onChange('state');
        break;
    }
  }
}
