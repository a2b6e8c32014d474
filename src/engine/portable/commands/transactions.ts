/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH.
 *
 * EXEC only decides whether the transaction may run; running it is the business of execution.ts.
 */
import type { Call } from '../call.ts';
import type { HandlerTable } from '../handler.ts';
import { refuse } from '../refusal.ts';

export const transactions: HandlerTable = {
  multi({ session, reply }) {
    if (session.transaction !== null) refuse('nestedMulti');
    session.transaction = { queue: [], flags: new Set(), lacks: new Set(), isBroken: false };
    reply.ok();
  },

  exec(call) {
    const { session, reply, keyspace } = call;
    const { transaction } = session;
    if (transaction === null) refuse('execWithoutMulti');
    const isStale =
      session.isStale ||
      session.watched.some(({ db, key, wasExpired }) => {
        const at = keyspace.databases[db]!.expiry(key);
        return !wasExpired && at !== null && call.nowMs > at;
      });
    end(call);
    if (transaction.isBroken) refuse('execAbort');
    if (isStale) {
      reply.nullArray();
      return;
    }
    reply.array(transaction.queue.length);
    session.execution = { queue: transaction.queue, next: 0, fromMs: 0, effects: [] };
  },

  discard(call) {
    if (call.session.transaction === null) refuse('discardWithoutMulti');
    end(call);
    call.reply.ok();
  },

  watch(call) {
    const { session, keyspace, reply } = call;
    if (session.transaction !== null) refuse('watchInsideMulti');
    for (const key of call.texts(1)) keyspace.watch(session, session.db, key, call.isExpired(key));
    reply.ok();
  },

  unwatch({ session, keyspace, reply }) {
    keyspace.unwatchAll(session);
    session.isStale = false;
    reply.ok();
  },
};

/** Closes the transaction and lets go of the watched keys. */
function end({ session, keyspace }: Call): void {
  session.discard();
  keyspace.unwatchAll(session);
}
