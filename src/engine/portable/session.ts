/**
 * What the engine remembers of a connection: its database, its protocol, its transaction, what it waits for.
 *
 * A session does not know its socket. The link to our primary is a session too; it runs through apply.ts.
 */
import type { Applying } from './apply.ts';
import type { Effect } from './feed.ts';
import { RequestParser } from './resp.ts';
import type { Waiting } from './waiting.ts';

/** A key under WATCH. */
export interface WatchedKey {
  readonly db: number;
  readonly key: string;
  /** It was expired already when WATCH came; its deletion then changes nothing for this client. */
  wasExpired: boolean;
}

/** An open MULTI. */
export interface Transaction {
  queue: Buffer[][];
  /** Flags that some queued command has: EXEC is held against the gates with them. */
  flags: Set<string>;
  /** Of 'stale' and 'loading': those that some queued command lacks. */
  lacks: Set<string>;
  /** A command was refused while queueing; EXEC will abort. */
  isBroken: boolean;
}

/** An EXEC that is being run, or waits for the host to answer one of its commands. */
export interface Execution {
  queue: Buffer[][];
  /** The next command to run. */
  next: number;
  /** When it began, by the clock of the statistics. */
  fromMs: number;
  /** What the unit has for the feed so far; kept here while the host has the word. */
  effects: Effect[];
}

export class Session {
  readonly id: number;
  db = 0;
  protocol: 2 | 3 = 2;
  authenticated = true;
  /** CLIENT TRACKING: which of the keys it reads are noted. */
  tracking: 'off' | 'all' | 'optin' | 'optout' = 'off';
  /** In a script: the script's own keys, which count as read when it reads anything. */
  declaredKeys: readonly Buffer[] | null = null;
  /** CLIENT CACHING was said: the next command (or transaction) is the exception that it asks for. */
  isCaching = false;
  /** Whose permissions its commands are held against; 0: it may do everything. */
  user = 0;
  /** CLIENT REPLY; 'skip' is for the next command only. */
  replyMode: 'on' | 'off' | 'skip' = 'on';
  transaction: Transaction | null = null;
  execution: Execution | null = null;
  watched: WatchedKey[] = [];
  /** A watched key was changed: EXEC will answer null. */
  isStale = false;
  lastCommand = '';
  /** The host command at which we stopped. */
  hostCommand: Buffer[] | null = null;
  /** A request that is to be run again, because something had to be told first. */
  postponed: Buffer[] | null = null;
  /** CLIENT REPLY was off or skip when we stopped there. */
  isHostMuted = false;
  /** Has subscriptions: in RESP2 few commands are allowed then. */
  isSubscriber = false;
  /** A replica of ours or a MONITOR: keys are not its business. */
  isReplica = false;
  /** Runs the commands of a script: what they do is a part of the script's unit. */
  isScript = false;
  /** What a blocking command of this session waits for. */
  waiting: Waiting | null = null;
  /** Set once this session applies a primary's feed. */
  applying: Applying | null = null;
  parser = new RequestParser();

  constructor(id: number) {
    this.id = id;
  }

  /** Are the keys noted that it reads now? */
  get remembersReads(): boolean {
    if (this.tracking === 'optin') return this.isCaching;
    return this.tracking === 'all' || (this.tracking === 'optout' && !this.isCaching);
  }

  /** A command is over: CLIENT CACHING was for it, unless it is CLIENT itself or part of a transaction. */
  endCaching(): void {
    const isClient = this.lastCommand.startsWith('client');
    this.isCaching = isClient || this.transaction !== null || this.execution !== null;
  }

  /** Commands of the open MULTI or the EXEC under way; -1 for none. */
  get multiCount(): number {
    return this.transaction?.queue.length ?? this.execution?.queue.length ?? -1;
  }

  /** Drops the transaction; the caller also lets go of the watched keys. */
  discard(): void {
    this.transaction = null;
    this.isStale = false;
  }
}
