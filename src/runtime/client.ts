/**
 * A client as the server sees it: who it is, what it has said of itself, what it may do, what it waits for.
 *
 * Plain state and its description (a line of CLIENT LIST). The socket is connection.ts's; what is stored for the client's
 * commands (database, MULTI, half a command) is in its session in the engine.
 */
import type { SessionId, SessionInfo } from '../engine/engine.ts';
import type { Protocol } from '../protocol/reply.ts';
import { nothingAnnounced } from './announced.ts';
import type { Replica } from './replica.ts';
import type { TrackingMode } from './tracking.ts';

export type ClientType = 'normal' | 'replica' | 'pubsub' | 'primary';

/** What CLIENT and pub/sub need of the connection. */
export interface Line {
  /** Sends bytes behind everything sent before. */
  send(bytes: Buffer): void;
  /** Closes at once, or after what was written has left. */
  close(when: 'now' | 'after-writes'): void;
  /** Bytes that wait to be sent. */
  readonly pendingBytes: number;
  /** Bytes of the input that is being run just now; 0 between chunks. */
  readonly runningBytes: number;
  /** When something came that only the engine saw last, Unix ms; 0 when nothing did. */
  readonly seenMs: number;
  /** End of the feed behind its last write that only the engine saw; 0 when there was none. */
  readonly writtenOffset: number;
}

export class Client {
  readonly id: number;
  readonly session: SessionId;
  readonly address: string;
  readonly localAddress: string;
  /** True for connections from this machine: loopback or unix socket. */
  readonly isLocal: boolean;
  readonly isUnixSocket: boolean;
  readonly createdMs: number;
  readonly line: Line;
  /** When something came last that the host has seen, Unix ms. */
  lastMs: number;
  name = '';
  user = 'default';
  authenticated = true;
  protocol: Protocol = 2;
  /** CLIENT REPLY was used: the engine knows which replies are not wanted. */
  usedReplyModes = false;
  /** CLIENT REPLY OFF. */
  isOff = false;
  noEvict = false;
  monitoring = false;
  /** Waits in BLPOP, WAIT and the like. */
  blocked = false;
  /** Its commands wait for the end of a CLIENT PAUSE. */
  isHeld = false;
  closing = false;
  /** What REPLCONF has told. */
  readonly announced = nothingAnnounced();
  /** It is the link to our primary; see link-client.ts. */
  isPrimary = false;
  /** Set once PSYNC or SYNC has made it a replica; for good. */
  replica: Replica | null = null;
  /** End of the feed behind its last write that the host saw. */
  writtenOffset = 0;
  readonly channels = new Set<string>();
  readonly patterns = new Set<string>();
  readonly shardChannels = new Set<string>();
  /** CLIENT TRACKING; null when it is off. */
  tracking: TrackingMode | null = null;
  /** Called once when the engine ends its wait; null when nobody wants to know. */
  onWake: (() => void) | null = null;
  /** Since when its script rests (monotonic ms); null when it has none that does. */
  restsSinceMs: number | null = null;
  /** Called once when that is over, with how long it was; null when nobody wants to know. */
  onRested: ((ms: number) => void) | null = null;
  /** Ends a wait of the host (WAIT) early, with its outcome or with an error; null when there is none. */
  unblock: ((how: 'timeout' | 'error', text?: string) => void) | null = null;

  constructor(
    identity: Pick<
      Client,
      'id' | 'session' | 'address' | 'localAddress' | 'isLocal' | 'isUnixSocket' | 'createdMs' | 'line'
    >,
  ) {
    this.id = identity.id;
    this.session = identity.session;
    this.address = identity.address;
    this.localAddress = identity.localAddress;
    this.isLocal = identity.isLocal;
    this.isUnixSocket = identity.isUnixSocket;
    this.createdMs = identity.createdMs;
    this.lastMs = identity.createdMs;
    this.line = identity.line;
  }

  /** End of the feed behind its last write, which is what WAIT waits for. */
  get lastWriteOffset(): number {
    return Math.max(this.writtenOffset, this.line.writtenOffset);
  }

  /** How long nothing has come from it. */
  idleMs(nowMs: number): number {
    return nowMs - Math.max(this.lastMs, this.line.seenMs);
  }

  /** Channels and patterns, without shard channels: what the replies of SUBSCRIBE count. */
  get subscriptions(): number {
    return this.channels.size + this.patterns.size;
  }

  get isSubscriber(): boolean {
    return this.subscriptions > 0 || this.shardChannels.size > 0;
  }

  /** Host part of its address, as Redis shows it: an IPv4 address in IPv6's clothes is shown without them. */
  get peerHost(): string {
    const host = this.address.slice(0, this.address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
    return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
  }

  /** From this machine or a private network. */
  get isNear(): boolean {
    return (
      this.isLocal ||
      /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|f[cd]|fe80:)/i.test(this.peerHost)
    );
  }

  /** A replica of ours, or a monitor: Redis has one flag for both, and keys are not their business. */
  get countsAsReplica(): boolean {
    return this.replica !== null || this.monitoring;
  }

  get type(): ClientType {
    if (this.replica !== null) return 'replica';
    if (this.isPrimary) return 'primary';
    return this.isSubscriber ? 'pubsub' : 'normal';
  }

  /** Bit letters of CLIENT LIST's flags. */
  flags(info: SessionInfo): string {
    let flags = '';
    if (this.replica !== null) flags += 'S';
    if (this.isPrimary) flags += 'M';
    if (this.monitoring) flags += 'O';
    if (this.isSubscriber) flags += 'P';
    if (info.multi >= 0) flags += 'x';
    if (this.blocked || this.isHeld) flags += 'b';
    if (this.tracking) flags += 't';
    if (this.tracking?.isBroken) flags += 'R';
    if (this.tracking?.isBroadcast) flags += 'B';
    if (this.closing) flags += 'c';
    if (this.isUnixSocket) flags += 'U';
    if (this.noEvict) flags += 'e';
    return flags === '' ? 'N' : flags;
  }

  /**
   * A line of CLIENT LIST, without its line break: Redis 7.0's fields in its order. Sizes of Redis's own buffers that have
   * no like here are 0.
   */
  describe(info: SessionInfo, nowMs: number): string {
    const seconds = (ms: number): number => Math.max(0, Math.floor(ms / 1000));
    const waiting = this.line.pendingBytes;
    return [
      `id=${this.id}`,
      `addr=${this.address}`,
      `laddr=${this.localAddress}`,
      'fd=-1',
      `name=${this.name}`,
      `age=${seconds(nowMs - this.createdMs)}`,
      `idle=${seconds(this.idleMs(nowMs))}`,
      `flags=${this.flags(info)}`,
      `db=${info.db}`,
      `sub=${this.channels.size}`,
      `psub=${this.patterns.size}`,
      `ssub=${this.shardChannels.size}`,
      `multi=${info.multi}`,
      `qbuf=${info.pendingBytes + this.line.runningBytes}`,
      'qbuf-free=0',
      'argv-mem=0',
      'multi-mem=0',
      'rbs=0',
      'rbp=0',
      `obl=${waiting}`,
      'oll=0',
      `omem=${waiting}`,
      `tot-mem=${info.pendingBytes + waiting}`,
      `events=${waiting > 0 ? 'rw' : 'r'}`,
      `cmd=${info.lastCommand === '' ? 'NULL' : info.lastCommand}`,
      `user=${this.user}`,
      `redir=${this.tracking?.redirect ?? -1}`,
      `resp=${this.protocol}`,
    ].join(' ');
  }
}
