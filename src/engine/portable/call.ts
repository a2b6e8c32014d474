/**
 * One command being run: its arguments, its reply, and the rules by which it may see and change keys.
 *
 * The rules that every command shares live here, so that commands cannot get them wrong: an expired key is hidden (and
 * deleted, when we may), a change touches watchers and counts as dirty, a dirty command goes into the feed
 * unless it said in what other form.
 *
 *     read(key, 'list')        for commands that only look: counts hits and misses
 *     modify(key, 'list')      for commands that will write: deletes an expired key for good
 *     put(key, value)          like SET: replaces, forgets the expiry
 *     changed('l', 'lpush', key)   after a change: watchers, the event, dirty
 */
import { wireErrors } from '../../protocol/generated/wire-errors.ts';
import { binary, bytes, upper } from './bytes.ts';
import type { Database } from './database.ts';
import type { EventClass } from './events.ts';
import { countAccess } from './evict.ts';
import { translated } from './feed-reader.ts';
import type { HashValue } from './hash.ts';
import type { Keyspace } from './keyspace.ts';
import { parseDouble, parseInt64, parseInteger } from './numbers.ts';
import { refuse, refuseWith } from './refusal.ts';
import type { Reply } from './reply.ts';
import type { Session } from './session.ts';
import type { Settings } from './settings.ts';
import type { Value, ValueOf, ValueType } from './value.ts';
import type { Waiting } from './waiting.ts';

export class Call {
  readonly keyspace: Keyspace;
  readonly session: Session;
  readonly args: readonly Buffer[];
  readonly reply: Reply;
  readonly nowMs: number;
  /** The command comes from our primary: it sees expired keys and deletes nothing by itself. */
  readonly isFromPrimary: boolean;
  /** Lower-case name of the command, container|sub; for error texts and commands that share a function. */
  name = '';
  /** Number of changes made; 0 keeps the command out of the feed. */
  dirty = 0;
  /** Goes into the feed in place of the command itself; an empty array: nothing does. Null: the command as it came. */
  rewritten: Buffer[][] | null = null;
  /** Goes into the feed even when nothing was changed. */
  isForced = false;
  /** Set by a blocking command that found nothing: the session will wait. */
  waiting: Waiting | null = null;
  /** False inside EXEC (and scripts): blocking commands answer at once. */
  mayBlock = true;

  constructor(
    keyspace: Keyspace,
    session: Session,
    args: readonly Buffer[],
    reply: Reply,
    nowMs: number,
    isFromPrimary = false,
  ) {
    this.keyspace = keyspace;
    this.session = session;
    this.args = args;
    this.reply = reply;
    this.nowMs = nowMs;
    this.isFromPrimary = isFromPrimary;
  }

  get settings(): Settings {
    return this.keyspace.settings;
  }

  get db(): Database {
    return this.keyspace.databases[this.session.db]!;
  }

  // --- Arguments ---

  /** An argument as a binary string: a key, a member, an element. */
  text(index: number): string {
    return binary(this.args[index]!);
  }

  /** Arguments from `start` on (up to `end`) as binary strings. */
  texts(start: number, end = this.args.length): string[] {
    return this.args.slice(start, end).map(binary);
  }

  /** An argument as an option's name: upper case. */
  word(index: number): string {
    return upper(this.text(index));
  }

  /** A 64-bit integer, exact. */
  bigint(index: number): bigint {
    return parseInt64(this.text(index)) ?? refuse('notInteger');
  }

  /** A 64-bit integer, or null where the command has its own words for what is none. */
  bigintOrNull(index: number): bigint | null {
    return parseInt64(this.text(index));
  }

  /** A 64-bit integer, rounded beyond 2^53. */
  integer(index: number): number {
    return parseInteger(this.text(index)) ?? refuse('notInteger');
  }

  /** An integer of at least 0; `error` is the reply to anything else. */
  positive(index: number, error: string = wireErrors.mustBePositive): number {
    const n = parseInteger(this.text(index));
    return n !== null && n >= 0 ? n : refuseWith(error);
  }

  /** A 32-bit integer. */
  int32(index: number): number {
    const n = this.integer(index);
    if (n >= -0x80000000 && n <= 0x7fffffff) return n;
    return refuseWith('ERR value is out of range, value must between -2147483648 and 2147483647');
  }

  /** A double that is not NaN. */
  double(index: number): number {
    return parseDouble(this.text(index)) ?? refuse('notFloat');
  }

  // --- Looking at keys ---

  /** True when the key has an expiry that lies in the past. */
  isExpired(key: string): boolean {
    const at = this.db.expiry(key);
    return at !== null && this.nowMs > at;
  }

  /**
   * The value of a key for a reader, of any type; null when there is none (or it is expired). Counts a hit or a miss.
   * 'noTouch' leaves the access time alone (TYPE, TTL), 'silent' tells no miss event either (OBJECT).
   */
  lookup(key: string, how: 'touch' | 'noTouch' | 'silent' = 'touch'): Value | null {
    const value = this.#visible(key, false);
    if (value === null) {
      if (how !== 'silent') this.notify('m', 'keymiss', key);
      this.keyspace.counters.keyspaceMisses++;
      return null;
    }
    this.keyspace.counters.keyspaceHits++;
    if (how === 'touch') this.#accessed(value);
    return value;
  }

  /** The value for a writer, of any type. Deletes it when it is expired and we may. */
  lookupForWrite(key: string): Value | null {
    const value = this.#visible(key, true);
    if (value !== null) this.#accessed(value);
    return value;
  }

  /**
   * True when the key is there but expired, as far as this command may know; then it is deleted when we may.
   * For DEL, SCAN and RANDOMKEY.
   */
  expireForDelete(key: string): boolean {
    if (!this.isHidden(key)) return false;
    if (!this.keyspace.keepsExpired) this.keyspace.deleteExpired(this.session.db, key);
    return true;
  }

  /** True when the key is expired and this command must not see it. Deletes nothing. */
  isHidden(key: string): boolean {
    return !this.isFromPrimary && this.isExpired(key);
  }

  /** Does something as if another database were selected. */
  inDatabase<T>(db: number, action: () => T): T {
    const selected = this.session.db;
    this.session.db = db;
    try {
      return action();
    } finally {
      this.session.db = selected;
    }
  }

  /** The value for a reader; refuses with WRONGTYPE when it has another type. */
  read<T extends ValueType>(key: string, type: T): ValueOf[T] | null {
    return this.typed(this.lookup(key), type);
  }

  /** The value for a writer; refuses with WRONGTYPE when it has another type. */
  modify<T extends ValueType>(key: string, type: T): ValueOf[T] | null {
    return this.typed(this.lookupForWrite(key), type);
  }

  /** Checks the type of a value that was looked up. */
  typed<T extends ValueType>(value: Value | null, type: T): ValueOf[T] | null {
    if (value === null) return null;
    if (value.type !== type) refuse('wrongType');
    return value as ValueOf[T];
  }

  // --- Changing keys ---

  /** Stores a value under a key and forgets its expiry, like SET. Does not count as dirty yet: say `changed`. */
  put(key: string, value: Value, keepExpiry = false): void {
    value.accessedMs = this.nowMs;
    const isNew = this.db.set(key, value);
    if (!keepExpiry) this.db.setExpiry(key, null);
    if (isNew) this.#created(key);
  }

  /** Sets when a key expires (Unix ms; null: never), here or in another database. */
  expireAt(key: string, atMs: number | null, database = this.db): void {
    database.setExpiry(key, atMs);
    if (atMs !== null && this.#isWritableReplica && !this.isFromPrimary) database.ownExpiries.add(key);
  }

  /** Whether we are a replica whose clients write: what they write with an expiry is known to nobody else. */
  get #isWritableReplica(): boolean {
    const { replica, readOnly } = this.keyspace.gates;
    return replica && !readOnly;
  }

  /** Stores a value under a key that is not there. */
  create(key: string, value: Value): void {
    value.accessedMs = this.nowMs;
    this.db.set(key, value);
    this.#created(key);
  }

  /** Deletes a key; true when it was there. Watchers are touched, events are left to the caller. */
  remove(key: string): boolean {
    if (!this.db.delete(key)) return false;
    this.touch(key);
    return true;
  }

  /** Deletes the target of a ...STORE command whose result is empty; true when there was something. */
  removeForStore(key: string): boolean {
    this.expireForDelete(key);
    return this.remove(key);
  }

  /** Deletes a collection that has become empty, with its event. */
  removeEmpty(key: string): void {
    this.db.delete(key);
    this.notify('g', 'del', key);
  }

  /** After a change: touches watchers, tells the event, counts `changes`. */
  changed(flags: EventClass, event: string, key: string, changes = 1): void {
    this.touch(key);
    this.notify(flags, event, key);
    this.dirty += changes;
  }

  touch(key: string): void {
    this.keyspace.touch(this.session.db, key);
  }

  notify(flags: EventClass, event: string, key: string): void {
    this.keyspace.notify(flags, event, key, this.session.db);
  }

  /** A key got something that blocked clients may wait for. */
  signalReady(key: string): void {
    this.keyspace.waitingRoom.signal(this.session.db, key);
  }

  // --- The feed ---

  /** The command goes into the feed in this form instead: one command, or nothing when called without arguments. */
  feedAs(...args: (string | Buffer)[]): void {
    this.rewritten = args.length === 0 ? [] : [args.map(toBytes)];
  }

  /** Adds a command to what goes into the feed instead of this one. */
  feedAlso(...args: (string | Buffer)[]): void {
    this.rewritten ??= [];
    this.rewritten.push(args.map(toBytes));
  }

  /**
   * For commands that meet keys by chance (SCAN, RANDOMKEY): the expired keys they deleted have nothing to do with each
   * other, so the feed tells them one by one. Inside EXEC and scripts everything stays one unit.
   */
  feedApart(): void {
    if (this.session.execution !== null || this.session.isScript) return;
    this.keyspace.endUnit(false);
  }

  /** Ends the command: what it changed becomes effects of the unit. */
  finish(): void {
    this.keyspace.changes += this.dirty;
    if (this.isFromPrimary || (this.dirty === 0 && !this.isForced)) return;
    const { effects, settings, gates, feed } = this.keyspace;
    const fed = this.rewritten ?? [[...this.args]];
    if (settings['feed-compat'] !== 'auto' && feed.isOn && !gates.replica) {
      effects.push(...translated(this.keyspace, this.session.db, fed));
      return;
    }
    for (const args of fed) effects.push({ db: this.session.db, args });
  }

  /** The value unless it is expired; an expired one is deleted when we may. */
  #visible(key: string, isWrite: boolean): Value | null {
    const value = this.db.get(key);
    if (value === undefined) return null;
    // Readers count too: PFCOUNT and XREADGROUP change what they have looked up.
    this.db.beforeChange(key);
    if (this.isFromPrimary) return value;
    const { gates } = this.keyspace;
    const mayDelete = !gates.paused && (!gates.replica || (isWrite && this.#isWritableReplica));
    if (this.isExpired(key)) {
      if (mayDelete) this.keyspace.deleteExpired(this.session.db, key);
      return null;
    }
    return value.type === 'hash' && value.hasExpiries ? this.#visibleHash(key, value, mayDelete) : value;
  }

  /** A hash without its expired fields: they are deleted when we may, else left out of a copy. */
  #visibleHash(key: string, hash: HashValue, mayDelete: boolean): HashValue | null {
    const expired = hash.expiredFields(this.nowMs);
    if (expired.length === 0) return hash;
    if (!mayDelete) {
      const view = hash.copy();
      for (const field of expired) view.delete(field);
      return view.size > 0 ? view : null;
    }
    for (const field of expired) this.keyspace.deleteExpiredField(this.session.db, key, field);
    this.notify('h', 'hexpired', key);
    this.touch(key);
    if (hash.size > 0) return hash;
    this.removeEmpty(key);
    return null;
  }

  #accessed(value: Value): void {
    if (this.settings['maxmemory-policy'].endsWith('lfu')) countAccess(value, this.keyspace, this.nowMs);
    value.accessedMs = this.nowMs;
  }

  #created(key: string): void {
    this.notify('n', 'new', key);
    this.signalReady(key);
  }
}

const toBytes = (arg: string | Buffer): Buffer => (typeof arg === 'string' ? bytes(arg) : arg);
