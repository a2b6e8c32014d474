/**
 * THE INTERFACE: what storage must do, nothing of how.
 *
 * Two engines implement it: native (Rust behind napi-rs) and portable (pure TypeScript). Callers may not ask
 * which one they were given. It is batch-shaped: a call takes one whole socket read, runs every complete
 * command in it and returns all replies in one buffer, because a crossing per command would cost more than
 * most commands do.
 *
 * There is no clock, no randomness and no socket behind this interface. Wall-clock time comes in as `nowMs`
 * (Unix milliseconds), the seed comes in through `StoreOptions`.
 *
 *     socket read --> execute(session, chunk) --> { stop, output bytes }
 *                         |  stop = host: the caller answers command(session), then resume(session)
 *                         v
 *                       feed (one offset-addressed log; replicas are cursors into it)
 */

import type { RdbTools } from './rdb.ts';

/** Why `execute`, `resume` or `apply` came back. Part of every `Outcome`. */
export const Stop = {
  /** Everything complete was run; what is left is a part of a command, kept inside until more bytes come. */
  drained: 0,
  /** A command that belongs to the host (INFO, CONFIG, REPLICAOF...) is next: read it with `command()`, answer it, `resume()`. */
  host: 1,
  /** The client waits (BLPOP and its kin). Further input is kept and not run until the engine wakes the session. */
  blocked: 2,
  /** The output ends with a protocol error (or QUIT's answer): send it, then close the connection. */
  closing: 3,
  /**
   * Only from `apply`: a command of the primary is unknown or failed here; `failure()` says which and why. Nothing after it
   * ran, and its bytes are not counted. `resumeApply` passes it over: it is counted, and what comes after it runs.
   */
  failed: 4,
  /**
   * A script has used up its turn (about a millisecond) and rests. Call `resume` (`resumeApply`) again, at once or after
   * the event loop has turned, until another stop comes. Meanwhile all other sessions get -BUSY, but for SCRIPT KILL and
   * the like, and `apply` keeps what it is given and says busy too. An engine that cannot leave a script at
   * some place goes on to the next where it can.
   */
  busy: 5,
  /**
   * A session with `tracking` did something that `takeTraces` tells, or something was evicted to make room for its next
   * command: take it, say what is to be said, `resume()`.
   */
  traced: 7,
} as const;
export type Stop = (typeof Stop)[keyof typeof Stop];

/** Bits beside the stop: things the caller should collect when it has a moment. */
export const Note = {
  /** Other sessions have output (woken, invalidated...): call `takePushes()`. */
  pushes: 1,
  /** The feed grew: replicas (and later AOF) have something to read. */
  feedGrew: 2,
  /** The output did not fit into the buffer given: call `takeOverflow()` for the rest, before any other call. */
  overflow: 4,
  /** Keyspace events wait: call `takeEvents()`. */
  events: 8,
  /** Something was refused to a restricted session: call `takeDenials()`. */
  denials: 16,
  /** Scripts have written to the log, or a RESTORE that was refused has: call `takeScriptLogs()`. */
  logs: 32,
  /** Something happened that clients who track keys must hear of: call `takeTraces()`. */
  traces: 64,
  /** FLUSHALL has run, whoever sent it: a save that is under way is of data that nobody wants. Told once. */
  flushedAll: 128,
} as const;

/**
 * A stop, its notes and the length of the output, packed in one number so that it costs no allocation:
 * `stop + notes * 16 + outputBytes * 4096`. Read it with the three functions below.
 */
export type Outcome = number;
export const outcomeStop = (outcome: Outcome): Stop => (outcome & 15) as Stop;
export const outcomeNotes = (outcome: Outcome): number => (outcome >>> 4) & 255;
export const outcomeBytes = (outcome: Outcome): number => Math.floor(outcome / 4096);
export const packOutcome = (stop: Stop, notes: number, outputBytes: number): Outcome =>
  stop + notes * 16 + outputBytes * 4096;

/** Number of a session; a small integer that is reused after `closeSession`. */
export type SessionId = number;

/** What every client command is held against before it runs. The host keeps it true; the engine answers with Redis's error. */
export interface Gates {
  /** This server follows a primary: expired keys are hidden but never deleted. */
  replica: boolean;
  /** Writes of ordinary clients get -READONLY. */
  readOnly: boolean;
  /** The link is down and replica-serve-stale-data is no: commands without the `stale` flag get -MASTERDOWN. */
  masterDown: boolean;
  /** Commands without the `loading` flag get -LOADING. */
  loading: boolean;
  /** Writes get -MISCONF: the last snapshot failed and stop-writes-on-bgsave-error is yes. */
  misconf: boolean;
  /** Writes get -NOREPLICAS: fewer good replicas than min-replicas-to-write. */
  noReplicas: boolean;
  /** CLIENT PAUSE: the data stays as it is. Nothing expires or is evicted; expired keys are hidden but not deleted. */
  paused: boolean;
}

export interface StoreOptions {
  /** Number of databases (config `databases`), 1 or more. */
  databases: number;
  /** Seed for the hash function, SPOP's choice, skip levels and the like. Same seed and same calls: same answers. */
  seed: bigint;
  /** Size the backlog keeps at least, in bytes (config `repl-backlog-size`). */
  backlogBytes: number;
  /**
   * The host's monotonic clock, for `commandStats` alone: nothing that a command does depends on it. Without it all times
   * are 0. The native engine reads the same clock of the system by itself then, because asking for it through the
   * border would cost more than most commands do.
   */
  monotonicMs?: () => number;
}

/** How a session speaks and what it may do. All optional: only what is given changes. */
export interface SessionSettings {
  /** RESP version of the replies: 2 or 3. */
  protocol?: 2 | 3;
  /** false: commands without the `no_auth` flag get -NOAUTH. */
  authenticated?: boolean;
  /** CLIENT REPLY: 'skip' drops the reply of the next command only. */
  reply?: 'on' | 'off' | 'skip';
  /** Has subscriptions: in RESP2 only the commands of publish and subscribe, PING, QUIT and RESET are allowed then. */
  subscriber?: boolean;
  /** A replica of ours, or a MONITOR, which Redis counts among them: what reads, writes or would be fed gets an error. */
  replica?: boolean;
  /** Whose permissions its commands are held against (see `Store.permit`); 0: it may do everything, and pays nothing for it. */
  user?: number;
  /**
   * CLIENT TRACKING without BCAST: whether keys that the session reads are told by `takeTraces`. 'optin' and 'optout': only, or
   * all but, those of the command (or transaction) behind CLIENT CACHING.
   */
  tracking?: 'off' | 'all' | 'optin' | 'optout';
  /** CLIENT CACHING: the next command is the exception. */
  caching?: boolean;
}

/** Something that happened to a key (or to all of them), for CLIENT TRACKING. */
export interface Trace {
  /** A tracked session read it; a command changed it; it expired or was evicted; all keys of a database are gone. */
  kind: 'read' | 'changed' | 'gone' | 'flushed';
  /** Whose command was running; -1 in the background. */
  session: SessionId | -1;
  /** Empty when all keys are gone. */
  key: Buffer;
}

/**
 * What a user may do, in one of the ways given to it; the compiled form of ACL rules. A command is allowed when one selector
 * allows the command, all of its keys and all of its channels.
 */
export interface Selector {
  /** A bit for each row of the command table (protocol/command-rows.ts), low bits first; null: every command. */
  commands: Uint8Array | null;
  /** First arguments, in any case, with which a command is allowed whose bit is not set. */
  firstArguments: { row: number; words: Buffer[] }[];
  /** Glob patterns, and what may be done with keys that fit; null: every key. */
  keys: { pattern: Buffer; reads: boolean; writes: boolean }[] | null;
  /** Glob patterns of channels; null: every channel. */
  channels: Buffer[] | null;
}

/** Why a command is not allowed, and which word of it (0 for the command as a whole). */
export interface Verdict {
  reason: 'command' | 'key' | 'channel';
  at: number;
}

/** Something that a restricted session asked for and did not get. */
export interface Denial {
  session: SessionId;
  reason: Verdict['reason'];
  /** Where it happened: by itself, inside MULTI or EXEC, or in a script. */
  context: 'toplevel' | 'multi' | 'lua';
  /** Full name of the command, or the key, or the channel. */
  object: Buffer;
  /** Full name of the command the client had sent: the script's, for a command in a script. */
  command: string;
  /** Commands of the MULTI it was in; -1 when there was none. */
  multi: number;
}

/** State of a session that CLIENT LIST and INFO show. */
export interface SessionInfo {
  db: number;
  protocol: 2 | 3;
  /** Queued commands of an open MULTI, or of the EXEC under way; -1 when there is none. */
  multi: number;
  /** Number of keys under WATCH. */
  watch: number;
  /** Bytes of input kept because their command is incomplete. */
  pendingBytes: number;
  /** Lower-case full name of the last command, `config|get` style; '' before the first. */
  lastCommand: string;
  /** An EXEC is under way: the host command at which it stopped is a part of it, and may not block. */
  executing: boolean;
  /** CLIENT REPLY says that the reply of the host command at which it stopped is not sent. */
  muted: boolean;
  /** CLIENT CACHING was said and is still to be used. */
  caching: boolean;
}

/** A command of the primary that could not be applied. */
export interface Failure {
  /** The command and its arguments, shortened for a log line. */
  command: string;
  /** The error reply it caused, without '-' and CRLF, or what was wrong with its form. */
  error: string;
  /** The bytes are no request at all, so nothing behind them can be understood: `resumeApply` cannot pass them over. */
  isBroken: boolean;
}

/** Counters since the start (or the last `resetStats`) and sizes as of now. All counts, unless the name says bytes. */
export interface StoreStats {
  commandsProcessed: number;
  keyspaceHits: number;
  keyspaceMisses: number;
  expiredKeys: number;
  evictedKeys: number;
  expiredFields: number;
  errorReplies: number;
  /** Changes made to the data, counted as Redis counts them for save points. Never reset. */
  changes: number;
  /** Values that wait to be freed in the background (UNLINK and its kin), and those that were. A flushed key counts as one. */
  lazyFreePending: number;
  /** Keys with an expiry that clients of a writable replica gave: deleting them is ours to do. */
  ownExpiries: number;
  lazyFreed: number;
  /** feed-compat: commands told as the state of their keys, commands left out, expiries of fields that were left out. */
  feedTranslated: number;
  feedDropped: number;
  feedFieldExpiriesDropped: number;
  /** Bytes the engine's data takes, as well as it can tell (native: its heap; portable: an estimate). */
  usedMemoryBytes: number;
  usedMemoryPeakBytes: number;
  /** Modules' values that are kept raw because nothing here understands them. */
  opaqueModuleValues: number;
  /** Per database that is not empty. avgTtlMs is 0 when nothing expires. */
  databases: { db: number; keys: number; expires: number; avgTtlMs: number }[];
}

/**
 * What one command has cost since the start (or the last `resetStats`). Commands of the host are counted by the host;
 * here are only their refusals.
 */
export interface CommandStats {
  /** Lower case, `config|get` style. */
  name: string;
  /** Times it ran, failed calls included. */
  calls: number;
  /** Time it took in all, in microseconds with fractions. Equal commands in a row of one batch are timed together. */
  micros: number;
  /** Times it was refused before it ran. */
  rejected: number;
  /** Calls that answered an error. */
  failed: number;
  /** Places of the latency histogram and their counts, alternating (see protocol/latency-histogram.ts). */
  latency: number[];
}

/** What scripts and functions take, and whether one rests in the middle. Counts and bytes as of now. */
export interface ScriptStats {
  /** Memory of the Lua that runs scripts; 0 before the first, and after SCRIPT FLUSH. */
  scriptsLuaBytes: number;
  /** Memory of the Lua that runs functions; 0 before the first. */
  functionsLuaBytes: number;
  /** Cached scripts (EVALSHA) and the bytes of their sources. */
  scripts: number;
  scriptsBytes: number;
  libraries: number;
  functions: number;
  /** The script (its SHA-1) or function that rests (see `Stop.busy`): the data is in the middle of a unit, and not to be saved or replaced. */
  running: { name: string; isFunction: boolean } | null;
}

/** The one log of write commands. Offsets are positions in the feed; the first byte of a history has offset 1 more than its start. */
export interface Feed {
  /** Offset after the last byte (master_repl_offset). */
  readonly endOffset: number;
  /** Offset of the oldest byte still kept; equals endOffset when the backlog is empty. */
  readonly startOffset: number;
  /** Whether writes go into the feed. A store is opened with its feed on; a server turns it off until somebody reads. */
  readonly isOn: boolean;
  /**
   * Begins or ends writing. Off: what was kept is dropped, `endOffset` stays, and writes pay nothing for the feed. Not
   * to be turned in the middle of a unit.
   */
  turn(on: boolean): void;
  /** The next write of our own is preceded by SELECT: a reader has come whose snapshot selects nothing. */
  forgetSelection(): void;
  /** Keeps everything from `offset` on, however little the backlog keeps, for the slowest reader; null lets go. */
  pin(offset: number | null): void;
  /** Bytes the backlog may keep for those who come back (repl-backlog-size). */
  resize(backlogBytes: number): void;
  /**
   * Starts the feed anew at `offset`, empty, with nothing selected (the next write is preceded by SELECT).
   * After a full resync, or when the history changes.
   */
  restart(offset: number): void;
  /** Appends bytes that the host makes itself (a PING, REPLCONF GETACK): RESP, complete commands that need no database. */
  append(bytes: Uint8Array): void;
  /**
   * Copies up to `maxBytes` bytes from `offset` on. Null when they are no longer (or not yet) kept;
   * an empty buffer at the end of the feed.
   */
  read(offset: number, maxBytes: number): Buffer | null;
  /** The same into a lent buffer, whose length is the most that is copied: bytes copied, or -1 when they are not kept. */
  readInto(offset: number, into: Buffer): number;
}

/** What an RDB said of itself and what became of it. Numbers count entries. */
export interface LoadReport {
  /** 'REDIS' or 'VALKEY', and the number behind it. */
  magic: string;
  version: number;
  /** AUX fields in file order (repl-id, repl-offset, repl-stream-db, redis-ver...), as latin-1 text. */
  aux: [string, string][];
  keys: number;
  /** Keys that were already expired and so left out (a primary's own file only; a replica keeps them). */
  expiredSkipped: number;
  /** Collections without elements: skipped, as Redis does. */
  emptySkipped: number;
  functions: number;
  /** Kept raw: module values, module aux fields, and the names of their modules. */
  opaqueModuleValues: number;
  opaqueModuleAux: number;
  modules: string[];
  /** Bytes of the RDB. */
  bytes: number;
}

/**
 * Takes an RDB in chunks of any size and builds a fresh keyspace beside the live one.
 * Errors are RedtwinError with code 'rdb-*' and `offset` (byte position in the RDB); after one, only abort() is valid.
 * An engine may look at what it took only later, on threads: then errors, and the end, show with a later call.
 */
export interface Loader {
  /**
   * Feeds a chunk, which belongs to the caller again on return; true once the end of the RDB is known to have been seen.
   * Bytes after the end are an error. Waits while too much is pending.
   */
  write(chunk: Uint8Array): boolean;
  /** Bytes taken so far. */
  readonly bytes: number;
  /** Bytes taken that threads are still busy with; whoever waits until they are few never waits in `write`. Throws as `write`. */
  readonly pendingBytes: number;
  /** Waits until all that was taken has been looked at; true when the end has been seen. `commit` does so too. */
  settle(): boolean;
  /** The same, and tells how many keys that were, those that are left out included. For who wants to load slowly: it holds up the threads. */
  countKeys(): number;
  /** Swaps the new keyspace in. Throws 'rdb-truncated' when the end has not been seen. */
  commit(): LoadReport;
  /** Drops what was built. The live keyspace was never touched. */
  abort(): void;
}

export interface LoadOptions {
  /** Unix ms. Keys expired at this moment are dropped when `dropExpired` (a server's own file), kept otherwise (from a primary). */
  nowMs: number;
  dropExpired: boolean;
  /** The names of what is dropped are kept for `tellDropped`. Expired fields of hashes stay in then, for active expiry to delete. */
  tellExpired?: boolean;
  /** Verify the CRC64 (config rdbchecksum). A zero checksum is always accepted. */
  checksum: boolean;
}

/** How far a snapshot is, as of the last read. Counts. */
export interface SnapshotStatus {
  keys: number;
  keysTotal: number;
  /** Left out because the version has no place for it: expiries of hash fields, idempotence data of streams, libraries. */
  fieldExpiries: number;
  streamTails: number;
  functions: number;
}

/**
 * An RDB of the keyspace at the moment `snapshot()` was called, pulled in chunks. Nothing is encoded that was not asked
 * for, so who reads slowly makes nobody wait and holds no more than a chunk.
 */
export interface Snapshot {
  /**
   * The next bytes, `bytes` of them or fewer, or null at the end. Encoded beside the event loop (native: by another
   * thread; portable: a slice of keys, so let the event loop turn between two reads). One read at a time. Rejects with
   * RedtwinError.
   */
  read(bytes: number): Promise<Buffer | null>;
  /**
   * Instead of `read`: the next bytes go to an open file, where it stands, and how many is told; 0 at the end. All of it is done
   * by the thread that encodes, and leaves nothing to collect. `gently`: nobody waits for it, so it takes half a core at
   * most, and the disk is kept busy from the start instead of with all of it at the end. Rejects as `read` does, or with the
   * system's error ('ENOSPC'...). null: this engine cannot.
   */
  readonly write: ((fd: number, bytes: number, gently: boolean) => Promise<number>) | null;
  /** What `read` gives, at once, while everything waits. Not while a `read` is pending. */
  readNow(bytes: number): Buffer | null;
  status(): SnapshotStatus;
  /** Lets go of the snapshot before its end; a pending read may still give a chunk. Harmless after the end. */
  release(): void;
}

export interface SnapshotOptions {
  /** RDB version to write: 9 to 12, or 80 for Valkey's table. */
  version: number;
  compress: boolean;
  checksum: boolean;
  nowMs: number;
  /** Written as AUX fields, in this order. */
  aux: [string, string][];
  /** Everything (default), function libraries alone, or neither (rdb-filter-only). */
  content?: 'all' | 'functions' | 'none';
  /**
   * What to do with fields of hashes that expire when the version (before 12) cannot say so. False (default): reading
   * fails with 'rdb-unsupported-version'. True: they are written as fields that stay, and counted in `status`.
   */
  lossy?: boolean;
}

/** A short way to `Store.execute`: nothing but numbers goes in and out, because the buffers are lent once. */
export interface Lane {
  /** Where chunks must lie. */
  readonly input: Buffer;
  /** Where replies are written. */
  readonly output: Buffer;
  /**
   * `execute` of `input[0, length)`, its replies from `output[from]` on. With a `descriptor` (not -1) they are sent at once, as by
   * `Engine.sendNow`, when there is nothing else to collect: the outcome is drained, without notes. `sentBytes` tells.
   */
  execute(session: SessionId, length: number, from: number, nowMs: number, descriptor: number): Outcome;
  /** How much of the last call's replies the system took. */
  readonly sentBytes: number;
  /** How long the last call took, in ms. */
  readonly elapsedMs: number;
  /** For `send`: descriptor (-1: not to be sent), and where in `output` its bytes begin and end; then those of the next. */
  readonly sends: Int32Array;
  /**
   * Sends the first `count` of `sends`, as `Engine.sendNow` does. How many bytes the system took stands in the descriptor's
   * place; what follows for the same descriptor when it did not take all is not sent.
   */
  send(count: number): void;
}

/** What came and went through sockets. */
export interface NetCounts {
  netInputBytes: number;
  netOutputBytes: number;
  reads: number;
  writes: number;
}

/**
 * What turns tell the host. All that waited to be sent before has been sent, so order is the host's from there on. `place` is
 * what `Turns.add` gave. Microtasks run after each call.
 */
export interface TurnHost {
  /** A chunk in `input[0, length)` is the host's to run: see `observed` and `plain`. */
  chunk(place: number, length: number): void;
  /** A chunk, now in `input[0, length)`, has run, and something is to be done: `Turns.collect` has its outcome. */
  ran(place: number, length: number): void;
  /** The connection is at its end or broken, and not watched any more: reading it tells which. */
  ended(place: number): void;
  /** The system did not take these bytes of a reply. Nothing else may be sent before them: see `plain`. */
  unsent(place: number, bytes: Buffer): void;
  /** A chunk, now in `input[0, length)`, took longer than half a millisecond. */
  slow(place: number, length: number, ms: number): void;
  /** What `waiting` spoke of is to be sent now. */
  flush(): void;
  /** The feed grew (`Note.feedGrew`), by what plain clients wrote: said once for all of them. */
  feedGrew(): void;
}

/**
 * Sockets that the engine itself reads, runs and answers; the host hears of what is out of the ordinary. Accepting them,
 * closing them, and writing when the system does not take all at once stay the host's.
 */
export interface Turns {
  /** True: the host wants to run every chunk. */
  observed: boolean;
  /** True: the host has replies that wait; nothing is sent before `TurnHost.flush` was called. */
  waiting: boolean;
  /** Begins to read a socket for a session. Its place; -1 when it cannot be watched. */
  add(session: SessionId, descriptor: number): number;
  /** The place is free again. The socket is closed, or is not watched. */
  remove(place: number): void;
  /** Stops reading a socket, which must be open, or goes on with it. */
  watch(place: number, on: boolean): void;
  /** False: the host wants to run the chunks of this one. At first it is true. */
  plain(place: number, on: boolean): void;
  /** When something came from it last, Unix ms; 0 before that. */
  seenMs(place: number): number;
  /** Where the feed ended behind its last write that the host was not told of; 0 when there was none. */
  writtenOffset(place: number): number;
  /** Within `TurnHost.ran`, once: writes the replies to the start of `output`, as `Store.execute` does. */
  collect(session: SessionId, output: Buffer, nowMs: number): Outcome;
  /** What came and went here since it was asked last. */
  takeCounts(): NetCounts;
  /** Reads no more. */
  close(): void;
}

/** A set of databases with everything that happens to them. */
export interface Store {
  /** Sets an option of the engine by its redis.conf name ('hash-max-listpack-entries', 'maxmemory'...), in its parsed form. Unknown names throw. */
  configure(name: string, value: number | string | boolean): void;
  gate(gates: Partial<Gates>): void;

  openSession(): SessionId;
  closeSession(session: SessionId): void;
  setSession(session: SessionId, settings: SessionSettings): void;
  sessionInfo(session: SessionId): SessionInfo;
  /** Back to how it was opened: db 0, RESP2, no MULTI, no WATCH (RESET). `authenticated` is left to the caller. */
  resetSession(session: SessionId): void;

  /**
   * Runs every complete command in `input[0, length)`, after what was kept from before.
   * Replies are written to the start of `output`; `input` and `output` belong to the caller again on return.
   */
  execute(session: SessionId, input: Uint8Array, length: number, output: Uint8Array, nowMs: number): Outcome;
  /**
   * Opens a short way to `execute`, for chunks that always come in `input` and replies that go into `output`. Absent where there is
   * none; then `execute` does it all.
   */
  openLane?(input: Buffer, output: Buffer): Lane;
  /**
   * Has the engine read sockets by itself; chunks that the host is told of lie in `input`, of 64 KB or more. Null or absent where that
   * cannot be; then the host reads.
   */
  openTurns?(input: Buffer, host: TurnHost): Turns | null;
  /** Goes on after a host command (whose answer the caller sends itself) or after the session was woken. */
  resume(session: SessionId, output: Uint8Array, nowMs: number): Outcome;
  /** The host command at which `execute` stopped: name and arguments, copied. */
  command(session: SessionId): Buffer[];
  /**
   * Could this command of a session change the data or go into the feed, as far as its flags and those of the script it
   * names tell? EXEC: could any command it has queued. For CLIENT PAUSE WRITE; nothing is run.
   */
  mayReplicate(session: SessionId, args: Buffer[]): boolean;
  /** What did not fit into the output of the last call. */
  takeOverflow(): Buffer;
  /** Output for other sessions, in order. */
  takePushes(): { session: SessionId; bytes: Buffer }[];
  /** Records the commands that scripts run from now on (for MONITOR), or stops doing so. Off at first; what was recorded is forgotten. */
  recordScripts(on: boolean): void;
  /** What scripts have run since the last call, in order, while it was recorded. */
  takeScripted(): { db: number; args: Buffer[] }[];
  /** Keyspace events since the last call, in order: `flags` is the notify class letter. */
  takeEvents(): { db: number; event: string; key: Buffer; flags: string }[];
  /** Denials since the last call, in order. */
  takeDenials(): Denial[];
  /** Says whether changes of keys are told by `takeTraces`. While they are not, they cost nothing. */
  trace(on: boolean): void;
  /** What happened to keys since the last call, in order. */
  takeTraces(): Trace[];

  /**
   * Says what the sessions of a user may do; null forgets the user. `user` is a number above 0 of the caller's choice. A session
   * of a user that is not known may do nothing.
   */
  permit(user: number, selectors: Selector[] | null): void;
  /** Whether such a user may run a command whose number of arguments is right (ACL DRYRUN); null: yes. Leaves no denial. */
  judge(user: number, args: Buffer[]): Verdict | null;

  /**
   * Ends the wait of a blocked session: with the null it would get at its deadline, or with an error
   * ("UNBLOCKED ..."). The reply comes through `takePushes`. False when it does not wait.
   */
  unblock(session: SessionId, error?: string): boolean;

  /**
   * Runs the primary's feed. No replies, no gates; expired keys are visible. The bytes of complete commands are
   * appended to our own feed verbatim; a transaction counts, and is applied, as a whole when its EXEC has come.
   * So `feed.endOffset` is always the applied offset: what to ACK and where to PSYNC from.
   * Bare newlines between commands and inline commands are taken as Redis takes them.
   * Stops at host commands too (PUBLISH, REPLCONF GETACK): their bytes are counted when `resumeApply` is called.
   */
  apply(session: SessionId, input: Uint8Array, length: number, nowMs: number): Outcome;
  resumeApply(session: SessionId, nowMs: number): Outcome;
  /** After Stop.failed. */
  failure(session: SessionId): Failure | null;
  /** The database selected in the feed we apply, to be carried across a reconnect. */
  selectDb(session: SessionId, db: number): void;

  readonly feed: Feed;
  /** Feeds a command that the host ran for a session (PUBLISH), in its database; inside EXEC it is a part of that unit. */
  propagate(session: SessionId, command: Buffer[]): void;

  /**
   * Set by the host: answers a command of its own that a script calls (PUBLISH, INFO...), at once, as RESP2. It is called
   * in the middle of `execute`, `resume` and `apply`, and may call only what reads (`stats`, `sessionInfo`...) and
   * `propagate`, which is then a part of the script's unit. Null: such commands are refused in scripts.
   */
  onScriptCommand: ((session: SessionId, command: Buffer[]) => Uint8Array) | null;
  /** What redis.log wrote since the last call: level 0 (debug) to 3 (warning), and text. */
  takeScriptLogs(): { level: number; text: Buffer }[];
  scriptStats(): ScriptStats;

  loader(options: LoadOptions): Loader;
  /**
   * Feeds the deletion of the keys that the last load dropped with `tellExpired`, if the feed is on; forgets them in either
   * case. For a file whose history goes on: who comes back to where its writer was has those keys still.
   */
  tellDropped(): void;
  snapshot(options: SnapshotOptions): Snapshot;
  /** False: no hash has a field that expires. True: some may, or did since the start. O(databases) at most. */
  mayHoldFieldExpiries(): boolean;

  /** Empties all databases, without a word in the feed. */
  flush(): void;
  /** Background work: active expiry when we are a primary (later eviction and defragmentation). Bounded by `budget` keys looked at. Returns notes. */
  cron(nowMs: number, budget: number): number;

  stats(): StoreStats;
  /** Rows of what was called or refused, in any order. O(commands). */
  commandStats(): CommandStats[];
  /** Error replies by kind (ERR, WRONGTYPE...), those of the host's commands not included. */
  errorStats(): { kind: string; count: number }[];
  resetStats(): void;
  /** 40 hex digits, as DEBUG DIGEST. O(data). */
  digest(): string;
  /** Frees native memory at once rather than at some garbage collection. */
  close(): void;
}

/** One of the two engines. */
export interface Engine {
  readonly name: 'native' | 'portable';
  /** Must equal `engineAbi`. */
  readonly abi: number;
  open(options: StoreOptions): Store;
  /** CRC64 (Jones) of bytes, continuing from `crc` (0n to start). Used by the self-test and DUMP tooling. */
  crc64(bytes: Uint8Array, crc?: bigint): bigint;
  /** RDB files that are no part of a store. */
  readonly rdb: RdbTools;
  /**
   * Sends `bytes[from..until]` to an open socket without waiting: how many the system took. 0 when it took none, or when
   * something is wrong, of which the socket's own stream will tell. Absent where there is no way past Node's streams.
   */
  readonly sendNow?: (descriptor: number, bytes: Uint8Array, from: number, until: number) => number;
}

/** Changes whenever this interface does. */
export const engineAbi = 21;
