/**
 * One sample of every state and every event of the replica's link, in the shapes that tests begin from.
 * The types make sure that none is forgotten.
 */
import type { Event, EventName } from '../../src/replication/replica-link/events.ts';
import type { State, StateName, Sync, Target, Wish } from '../../src/replication/replica-link/states.ts';

export const target: Target = { host: 'primary.example', port: 6379 };
export const other: Target = { host: 'other.example', port: 6380 };
export const idA = 'a'.repeat(40);
export const idB = 'b'.repeat(40);
export const partial: Wish = { partial: true, id: idA, offset: 100 };
export const everything: Wish = { partial: false, because: 'first-sync' };
export const sync: Sync = { id: idB, offset: 500, because: 'other-history' };

const lastIoMs = 1000;
const waiting = { target, wish: partial, lastIoMs };
const handshake = { ...waiting, offer: { auth: true, ip: true, version: true } };
const syncing = { ...waiting, sync };

export const states: { [N in StateName]: Extract<State, { name: N }> } = {
  none: { name: 'none' },
  connect: { name: 'connect', target, wish: partial },
  connecting: { name: 'connecting', ...waiting },
  'receive-ping-reply': { name: 'receive-ping-reply', ...handshake },
  'send-handshake': { name: 'send-handshake', ...handshake },
  'receive-auth': { name: 'receive-auth', ...handshake },
  'receive-port': { name: 'receive-port', ...handshake },
  'receive-ip': { name: 'receive-ip', ...handshake },
  'receive-capa': { name: 'receive-capa', ...handshake },
  'receive-version': { name: 'receive-version', ...handshake },
  'send-psync': { name: 'send-psync', ...handshake },
  'receive-psync': { name: 'receive-psync', ...handshake },
  'await-snapshot': { name: 'await-snapshot', ...syncing },
  transfer: { name: 'transfer', ...syncing, format: { ends: 'length', bytes: 175 }, receivedBytes: 10 },
  loading: { name: 'loading', ...syncing, receivedBytes: 175, lost: null },
  connected: { name: 'connected', target, id: idA, offset: 100, carried: true, lastIoMs },
  halted: { name: 'halted', target, command: 'FROB x', error: 'ERR unknown command' },
};

const nowMs = 2000;

export const events: { [K in EventName]: Extract<Event, { name: K }> } = {
  followed: { name: 'followed', target: other, wish: everything, nowMs },
  unfollowed: { name: 'unfollowed', nowMs },
  shutDown: { name: 'shutDown', nowMs },
  due: { name: 'due', nowMs },
  expired: { name: 'expired', nowMs },
  dialled: { name: 'dialled', offer: { auth: true, ip: true, version: true }, nowMs },
  dialFailed: { name: 'dialFailed', detail: 'ECONNREFUSED', nowMs },
  sent: { name: 'sent', nowMs },
  accepted: { name: 'accepted', nowMs },
  refused: { name: 'refused', detail: 'ERR no', nowMs },
  garbled: { name: 'garbled', because: 'garbled-reply', detail: 'hm', nowMs },
  keptAlive: { name: 'keptAlive', nowMs },
  fullResynced: { name: 'fullResynced', id: idB, offset: 500, nowMs },
  continued: { name: 'continued', id: idB, nowMs },
  deferred: { name: 'deferred', detail: 'LOADING', nowMs },
  unsupported: { name: 'unsupported', detail: "ERR unknown command 'PSYNC'", nowMs },
  announced: { name: 'announced', format: { ends: 'mark', mark: 'm'.repeat(40) }, nowMs },
  received: { name: 'received', bytes: 5, offset: 105, nowMs },
  arrived: { name: 'arrived', nowMs },
  loaded: { name: 'loaded', nowMs },
  spoiled: { name: 'spoiled', because: 'snapshot-broken', detail: 'rdb-checksum', nowMs },
  failed: { name: 'failed', command: 'FROB x', error: 'ERR unknown command', nowMs },
  lost: { name: 'lost', because: 'closed', detail: '', nowMs },
};
