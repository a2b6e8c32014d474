/**
 * PING, ECHO, SELECT, TIME: what a connection asks without a key.
 *
 * What concerns the socket itself (HELLO, AUTH, CLIENT) belongs to the host.
 */
import type { HandlerTable } from '../handler.ts';
import { refuse, refuseWith } from '../refusal.ts';

export const connection: HandlerTable = {
  ping({ args, reply, session }) {
    if (args.length > 2) refuseWith("ERR wrong number of arguments for 'ping' command");
    if (session.isSubscriber && session.protocol === 2) {
      // Shaped like a message, because that is what such a client reads.
      reply.bulks(['pong', args[1] ?? '']);
      return;
    }
    if (args.length === 1) reply.simple('PONG');
    else reply.bulk(args[1]!);
  },

  echo({ args, reply }) {
    reply.bulk(args[1]!);
  },

  select(call) {
    const db = call.int32(1);
    if (db < 0 || db >= call.keyspace.databases.length) refuse('dbIndexOutOfRange');
    call.session.db = db;
    call.reply.ok();
  },

  /** Seconds and microseconds; the clock of the host has milliseconds. */
  time({ reply, nowMs }) {
    reply.bulks([String(Math.floor(nowMs / 1000)), String((nowMs % 1000) * 1000)]);
  },
};
