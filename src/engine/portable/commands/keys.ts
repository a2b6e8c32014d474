/**
 * Commands on keys whatever they hold: DEL, RENAME, COPY, MOVE, OBJECT, and the emptying of databases.
 *
 * Walks over keys (KEYS, SCAN, RANDOMKEY) are in scan.ts, expiry in expiry.ts.
 */

import type { Call } from '../call.ts';
import type { Database } from '../database.ts';
import type { HandlerTable } from '../handler.ts';
import { parseInteger } from '../numbers.ts';
import { refuse, refuseWith } from '../refusal.ts';
import type { Value } from '../value.ts';

function deleteKeys(call: Call, isLazy: boolean): void {
  let deleted = 0;
  for (const key of call.texts(1)) {
    call.expireForDelete(key);
    if (!call.keyspace.release(call.session.db, key, isLazy)) continue;
    call.changed('g', 'del', key);
    deleted++;
  }
  call.reply.integer(deleted);
}

function rename(call: Call, mayReplace: boolean): void {
  const [source, target] = [call.text(1), call.text(2)];
  const value = call.lookupForWrite(source) ?? refuse('noSuchKey');
  const answer = (done: boolean): void => (mayReplace ? call.reply.ok() : call.reply.flag(done));
  if (source === target) {
    answer(false);
    return;
  }
  const expiry = call.db.expiry(source);
  if (call.lookupForWrite(target) !== null) {
    if (!mayReplace) {
      answer(false);
      return;
    }
    call.db.delete(target);
  }
  call.create(target, value);
  call.expireAt(target, expiry);
  call.db.delete(source);
  call.touch(source);
  call.touch(target);
  call.notify('g', 'rename_from', source);
  call.notify('g', 'rename_to', target);
  call.dirty++;
  answer(true);
}

/** A database by the number at `index`, which must exist. */
function databaseAt(call: Call, index: number): number {
  const db = call.int32(index);
  return db >= 0 && db < call.keyspace.databases.length ? db : refuse('dbIndexOutOfRange');
}

/** Puts a value under a key of any database, with its expiry, and tells waiters, watchers and listeners. */
function place(
  call: Call,
  db: number,
  key: string,
  value: Value,
  expiry: number | null,
  event: string,
): void {
  const { keyspace } = call;
  const database = keyspace.databases[db]!;
  database.set(key, value);
  call.expireAt(key, expiry, database);
  keyspace.notify('n', 'new', key, db);
  keyspace.waitingRoom.signal(db, key);
  keyspace.touch(db, key);
  keyspace.notify('g', event, key, db);
}

function move(call: Call): void {
  const { session, keyspace, reply } = call;
  const key = call.text(1);
  const target = databaseAt(call, 2);
  if (target === session.db) refuse('sameObject');
  const value = call.lookupForWrite(key);
  if (value === null || call.inDatabase(target, () => call.lookupForWrite(key)) !== null) {
    reply.integer(0);
    return;
  }
  const expiry = call.db.expiry(key);
  call.db.delete(key);
  call.touch(key);
  call.notify('g', 'move_from', key);
  place(call, target, key, value, expiry, 'move_to');
  keyspace.databases[target]!.get(key)!.accessedMs = call.nowMs;
  call.dirty++;
  reply.integer(1);
}

function copy(call: Call): void {
  const { session, reply } = call;
  let target = session.db;
  let mayReplace = false;
  for (let i = 3; i < call.args.length; i++) {
    const word = call.word(i);
    if (word === 'REPLACE') mayReplace = true;
    else if (word === 'DB' && i + 1 < call.args.length) target = databaseAt(call, ++i);
    else refuse('syntax');
  }
  const [from, to] = [call.text(1), call.text(2)];
  if (target === session.db && from === to) refuse('sameObject');
  const value = call.lookup(from);
  const occupied = value !== null && call.inDatabase(target, () => call.lookupForWrite(to)) !== null;
  if (value === null || (occupied && !mayReplace)) {
    reply.integer(0);
    return;
  }
  if (occupied) call.keyspace.databases[target]!.delete(to);
  place(call, target, to, value.copy(), call.db.expiry(from), 'copy_to');
  call.dirty++;
  reply.integer(1);
}

function swapDb(call: Call): void {
  const { keyspace } = call;
  const index = (at: number, error: 'invalidFirstDbIndex' | 'invalidSecondDbIndex'): number => {
    const n = parseInteger(call.text(at));
    return n === null || Math.abs(n) > 0x7fffffff ? refuse(error) : n;
  };
  const a = index(1, 'invalidFirstDbIndex');
  const b = index(2, 'invalidSecondDbIndex');
  const { databases } = keyspace;
  if (databases[a] === undefined || databases[b] === undefined) refuse('dbIndexOutOfRange');
  if (a !== b) {
    keyspace.touchAll(a, { db: b, nowMs: call.nowMs });
    keyspace.touchAll(b, { db: a, nowMs: call.nowMs });
    [databases[a], databases[b]] = [databases[b] as Database, databases[a] as Database];
    for (const db of [a, b]) {
      for (const key of keyspace.waitingRoom.keysOf(db)) {
        if (databases[db]!.get(key) !== undefined) keyspace.waitingRoom.signal(db, key);
      }
    }
  }
  call.dirty++;
  call.reply.ok();
}

function flush(call: Call, dbs: number[]): void {
  const usual = call.settings['lazyfree-lazy-user-flush'] ? 'ASYNC' : 'SYNC';
  const mode = call.args.length > 1 ? call.word(1) : usual;
  if (call.args.length > 2 || (mode !== 'SYNC' && mode !== 'ASYNC')) refuse('syntax');
  call.keyspace.traces.add('flushed');
  for (const db of dbs) {
    call.keyspace.touchAll(db);
    const { size } = call.keyspace.databases[db]!;
    call.dirty += size;
    if (mode === 'ASYNC') call.keyspace.counters.lazyFreed += size;
    call.keyspace.databases[db]!.clear();
  }
  // An empty database is flushed in the feed too: a replica may have what we do not know of.
  call.isForced = true;
  call.reply.ok();
}

/** Redis shares the small integers between all keys; OBJECT REFCOUNT shows it as this number. */
const sharedReferences = 0x7fffffff;

function references(call: Call, value: Value): number {
  if (value.type !== 'string' || value.encoding !== 'int' || !value.isPooled) return 1;
  const evictsByAge = call.settings.maxmemory > 0 && /lru|lfu/.test(call.settings['maxmemory-policy']);
  return evictsByAge ? 1 : sharedReferences;
}

const policyNote =
  'Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.';

/** An OBJECT subcommand about a key that may not be there. */
const objectFact = (tell: (call: Call, value: Value) => void) => (call: Call) => {
  const value = call.lookup(call.text(2), 'silent');
  if (value === null) call.reply.nullBulk();
  else tell(call, value);
};

export const keys: HandlerTable = {
  del: (call) => deleteKeys(call, call.settings['lazyfree-lazy-user-del']),
  unlink: (call) => deleteKeys(call, true),

  exists(call) {
    const found = call.texts(1).filter((key) => call.lookup(key, 'noTouch') !== null);
    call.reply.integer(found.length);
  },

  touch(call) {
    const found = call.texts(1).filter((key) => call.lookup(key) !== null);
    call.reply.integer(found.length);
  },

  type(call) {
    call.reply.simple(call.lookup(call.text(1), 'noTouch')?.type ?? 'none');
  },

  rename: (call) => rename(call, true),
  renamenx: (call) => rename(call, false),
  move,
  copy,
  swapdb: swapDb,
  flushdb: (call) => flush(call, [call.session.db]),
  flushall(call) {
    flush(call, [...call.keyspace.databases.keys()]);
    call.keyspace.flushedAll = true;
  },

  dbsize(call) {
    call.reply.integer(call.db.size);
  },

  'object|encoding': objectFact((call, value) => call.reply.bulk(value.encoding)),
  'object|refcount': objectFact((call, value) => call.reply.integer(references(call, value))),
  'object|idletime': objectFact((call, value) => {
    if (call.settings['maxmemory-policy'].includes('lfu')) {
      refuseWith(`ERR An LFU maxmemory policy is selected, idle time not tracked. ${policyNote}`);
    }
    call.reply.integer(Math.floor((call.nowMs - value.accessedMs) / 1000));
  }),
  'object|freq': objectFact((call, value) => {
    if (!call.settings['maxmemory-policy'].includes('lfu')) {
      refuseWith(`ERR An LFU maxmemory policy is not selected, access frequency not tracked. ${policyNote}`);
    }
    call.reply.integer(value.frequency);
  }),
  'object|help': ({ reply }) =>
    reply.help('OBJECT', [
      'ENCODING <key>',
      '    Return the kind of internal representation used in order to store the value',
      '    associated with a <key>.',
      'FREQ <key>',
      '    Return the access frequency index of the <key>. The returned integer is',
      '    proportional to the logarithm of the recent access frequency of the key.',
      'IDLETIME <key>',
      '    Return the idle time of the <key>, that is the approximated number of',
      '    seconds elapsed since the last access to the key.',
      'REFCOUNT <key>',
      '    Return the number of references of the value associated with the specified',
      '    <key>.',
    ]),
};
