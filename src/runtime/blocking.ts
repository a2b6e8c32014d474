/**
 * Clients that wait: how a wait ends by time, by CLIENT UNBLOCK, or for all at once.
 *
 *     waits of the engine (BLPOP, XREAD BLOCK)   the store knows them; a client says only that it is blocked
 *     waits of the host (WAIT, a slow answer)    `client.unblock` ends them
 *
 * What ends a wait by success is not here: the engine wakes its own, waits.ts looks at ACKs.
 */
import type { Store } from '../engine/engine.ts';
import { error, type Reply } from '../protocol/reply.ts';
import type { Client } from './client.ts';
import type { Delivery } from './delivery.ts';

const unblockedText = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';

export class Blocking {
  readonly #store: Store;
  readonly #delivery: Delivery;
  readonly #clients: ReadonlyMap<number, Client>;

  constructor(store: Store, delivery: Delivery, clients: ReadonlyMap<number, Client>) {
    this.#store = store;
    this.#delivery = delivery;
    this.#clients = clients;
  }

  /** Has a client wait until a time is up, or CLIENT UNBLOCK. 0 ms: for ever. */
  waitFor(client: Client, timeoutMs: number, outcome: () => Reply): Promise<Reply> {
    return new Promise((resolve) => {
      client.blocked = true;
      const timer = timeoutMs > 0 ? setTimeout(() => client.unblock?.('timeout'), timeoutMs) : null;
      client.unblock = (how, text = unblockedText) => {
        if (timer) clearTimeout(timer);
        client.unblock = null;
        client.blocked = false;
        resolve(how === 'error' ? error(text) : outcome());
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
    const done = this.#store.unblock(client.session, how === 'error' ? unblockedText : undefined);
    this.#delivery.plan();
    return done;
  }

  /** Ends every wait with an error. */
  unblockAll(text: string): void {
    for (const client of this.#clients.values()) {
      if (client.unblock) client.unblock('error', text);
      else if (client.blocked) this.#store.unblock(client.session, text);
    }
    this.#delivery.plan();
  }
}
