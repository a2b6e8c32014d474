/**
 * CLIENT TRACKING: who may have which key in a cache of its own, and the messages that call it back.
 *
 *     a tracked client reads k ---------> table: k -> its id
 *     somebody changes k (or k expires) --> "invalidate k" to everybody in the table, who are forgotten for k
 *     BCAST clients ---------------------> prefixes: every changed key that begins so, once per turn
 *     FLUSHALL --------------------------> "invalidate null" to everybody who tracks
 *
 * The engine tells what was read and changed (`Store.takeTraces`), the table is here, once for both engines. A client of RESP3
 * gets pushes, one of RESP2 needs another connection to redirect to. Facts: Redis 7.0.15, tracking.c.
 */
import type { Store } from '../engine/engine.ts';
import { array, bulk, encodeReply, integer, nil, push, type Reply } from '../protocol/reply.ts';
import type { Client } from './client.ts';

/** What CLIENT TRACKING ON was told. */
export interface TrackingMode {
  /** Id of the client that gets the messages; 0 for the client itself. */
  redirect: number;
  isBroadcast: boolean;
  option: 'all' | 'optin' | 'optout';
  isNoLoop: boolean;
  /** Binary strings; only with BCAST. */
  readonly prefixes: Set<string>;
  /** The client to redirect to is gone. */
  isBroken: boolean;
}

/** A prefix, who listens, and what changed in this turn: by whom, or null when nobody did it. */
interface Broadcast {
  readonly clients: Set<Client>;
  readonly keys: Map<string, Client | null>;
}

const channel = '__redis__:invalidate';

export class Tracking {
  readonly #store: Store;
  readonly #clientById: (id: number) => Client | undefined;
  readonly #clientOf: (session: number) => Client | null;
  readonly #keysMax: () => number;
  readonly #deliver: () => void;
  /** Key to ids of clients; ids of clients that are gone stay until the key changes. */
  readonly #table = new Map<string, Set<number>>();
  #items = 0;
  readonly #broadcasts = new Map<string, Broadcast>();
  readonly #clients = new Set<Client>();

  constructor(parts: {
    store: Store;
    clientById: (id: number) => Client | undefined;
    clientOf: (session: number) => Client | null;
    /** Config tracking-table-max-keys; 0 for no limit. */
    keysMax: () => number;
    /** Sends those who waited their answers, which are ready. */
    deliver: () => void;
  }) {
    this.#store = parts.store;
    this.#clientById = parts.clientById;
    this.#clientOf = parts.clientOf;
    this.#keysMax = parts.keysMax;
    this.#deliver = parts.deliver;
  }

  /** What INFO tells. */
  get counts(): { clients: number; keys: number; items: number; prefixes: number } {
    return {
      clients: this.#clients.size,
      keys: this.#table.size,
      items: this.#items,
      prefixes: this.#broadcasts.size,
    };
  }

  /** Begins, or changes how a client tracks. Prefixes add up. */
  start(client: Client, mode: TrackingMode): void {
    client.tracking = mode;
    this.#clients.add(client);
    if (mode.isBroadcast) {
      for (const prefix of mode.prefixes) {
        const known = this.#broadcasts.get(prefix);
        if (known) known.clients.add(client);
        else this.#broadcasts.set(prefix, { clients: new Set([client]), keys: new Map() });
      }
    }
    this.#store.setSession(client.session, { tracking: mode.isBroadcast ? 'off' : mode.option });
    this.#store.trace(true);
  }

  /** Ends it. What is in the table stays there, and means nothing any more. */
  stop(client: Client): void {
    if (client.tracking === null) return;
    for (const prefix of client.tracking.prefixes) {
      const broadcast = this.#broadcasts.get(prefix);
      broadcast?.clients.delete(client);
      if (broadcast?.clients.size === 0) this.#broadcasts.delete(prefix);
    }
    client.tracking = null;
    this.#clients.delete(client);
    this.#restIfIdle();
  }

  /** Takes what happened in the engine; own messages are sent behind the replies that were sent before. */
  collect(): void {
    for (const { kind, session, key } of this.#store.takeTraces()) {
      const by = session < 0 ? null : this.#clientOf(session);
      // Who waited has just been served: what it did comes behind its answer.
      if (by?.blocked) this.#deliver();
      if (kind === 'flushed') this.#flushed();
      else if (kind === 'read') this.#remember(key.toString('latin1'), by);
      else this.#changed(key.toString('latin1'), by, kind === 'changed' ? by : null);
    }
    this.limit();
    this.#restIfIdle();
  }

  /** The end of a turn: BCAST clients hear of all keys that changed in it. */
  broadcast(): void {
    for (const { clients, keys } of this.#broadcasts.values()) {
      if (keys.size === 0) continue;
      const changed = [...keys].sort(([a], [b]) => (a < b ? -1 : 1));
      keys.clear();
      for (const client of clients) {
        const others = changed.filter(([, by]) => !client.tracking?.isNoLoop || by !== client);
        if (others.length > 0) this.#send(client, array(others.map(([key]) => bulk(key))));
      }
    }
  }

  #remember(key: string, client: Client | null): void {
    if (client === null) return;
    const ids = this.#table.get(key) ?? new Set();
    this.#table.set(key, ids);
    if (!ids.has(client.id)) this.#items++;
    ids.add(client.id);
  }

  /** `current` is whose command was running, `by` who meant to change the key: nobody, when it expired. */
  #changed(key: string, current: Client | null, by: Client | null): void {
    for (const [prefix, { keys }] of this.#broadcasts) if (key.startsWith(prefix)) keys.set(key, by);
    this.#invalidate(key, current);
  }

  #invalidate(key: string, current: Client | null): void {
    const ids = this.#table.get(key);
    if (ids === undefined) return;
    this.#table.delete(key);
    this.#items -= ids.size;
    for (const id of ids) {
      const client = this.#clientById(id);
      const tracking = client?.tracking;
      if (!client || !tracking || tracking.isBroadcast) continue;
      if (tracking.isNoLoop && client === current) continue;
      this.#send(client, array([bulk(key)]));
    }
  }

  #flushed(): void {
    for (const client of this.#clients) this.#send(client, nil);
    this.#table.clear();
    this.#items = 0;
  }

  /** More keys than allowed: the oldest are called back as if they had changed. */
  limit(): void {
    const keysMax = this.#keysMax();
    if (keysMax === 0) return;
    for (const key of this.#table.keys()) {
      if (this.#table.size <= keysMax) return;
      this.#invalidate(key, null);
    }
  }

  #restIfIdle(): void {
    if (this.#clients.size === 0 && this.#table.size === 0) this.#store.trace(false);
  }

  /** `what`: an array of keys, or null for all. */
  #send(client: Client, what: Reply): void {
    const tracking = client.tracking!;
    let target = client;
    if (tracking.redirect !== 0) {
      const other = this.#clientById(tracking.redirect);
      if (!other) {
        tracking.isBroken = true;
        if (client.protocol === 3)
          send(client, push([bulk('tracking-redir-broken'), integer(tracking.redirect)]));
        return;
      }
      target = other;
    }
    if (target.protocol === 3) send(target, push([bulk('invalidate'), what]));
    // In RESP2 only a subscriber can tell a message from a reply.
    else if (target !== client && target.isSubscriber)
      send(target, push([bulk('message'), bulk(channel), what]));
  }
}

const send = (client: Client, message: Reply): void =>
  client.line.send(encodeReply(message, client.protocol));
