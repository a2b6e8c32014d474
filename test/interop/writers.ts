/**
 * Clients that write while a replica follows: random commands on the fuzzer's few keys and in several databases, with
 * what the fuzzer leaves out because it is random or timed (SPOP, EXPIRE, INCRBYFLOAT...): a primary must feed that in
 * a form that gives the same result here, and this is where it shows.
 */
import { drawBatch } from '../fuzz/batch.ts';
import { Random } from '../fuzz/random.ts';
import { key, member, value } from '../fuzz/words.ts';
import type { ServerSource } from '../servers/catalog.ts';
import type { Client } from '../servers/client.ts';
import type { CommandLine } from '../servers/resp.ts';
import type { RunningServer } from '../servers/server.ts';
import { isOneOf } from '../support.ts';

/** Writers at work. */
export interface Writers {
  /** Commands answered so far. */
  sent(): number;
  /** Ends them after their current batch. Throws what went wrong meanwhile. */
  stop(): Promise<void>;
}

type Timed = (random: Random) => CommandLine;

const timed: readonly Timed[] = [
  (r) => ['SPOP', key(r, 'e'), ...r.maybe(r.whole(0, 3))],
  (r) => ['EXPIRE', key(r, r.of(['s', 'l', 'h', 'z', 'e'])), r.whole(-1, 100)],
  (r) => ['PEXPIRE', key(r, r.of(['s', 'l', 'h', 'z', 'e'])), r.whole(1, 300)],
  (r) => ['SET', key(r, 's'), value(r), 'PX', r.whole(1, 500)],
  (r) => ['SETEX', key(r, 's'), r.whole(1, 100), value(r)],
  (r) => ['GETEX', key(r, 's'), 'EX', r.whole(1, 100)],
  (r) => ['XADD', key(r, 'x'), '*', member(r), value(r)],
  (r) => ['XADD', key(r, 'x'), 'MAXLEN', '~', 10, '*', 'f', member(r)],
  (r) => ['XREADGROUP', 'GROUP', 'g1', 'c1', 'COUNT', 2, 'STREAMS', key(r, 'x'), '>'],
  (r) => ['SELECT', r.of([0, 0, 0, 1, 9])],
  (r) => ['SORT', key(r, 'l'), 'ALPHA', 'STORE', key(r, 'l')],
  (r) => ['MOVE', key(r, 's'), 9],
  () => ['PUBLISH', 'news', 'flash'],
];

/** Field expiry, in the servers that have it. */
const fields: readonly Timed[] = [
  (r) => ['HPEXPIRE', key(r, 'h'), r.of([1, 50, 100_000, 0]), 'FIELDS', 2, member(r), member(r)],
  (r) => ['HEXPIRE', key(r, 'h'), 1000, r.of(['NX', 'XX', 'GT', 'LT']), 'FIELDS', 1, member(r)],
  (r) => ['HPERSIST', key(r, 'h'), 'FIELDS', 1, member(r)],
  (r) => ['HSETEX', key(r, 'h'), 'PX', r.whole(1, 400), 'FIELDS', 1, member(r), value(r)],
  (r) => ['HGETEX', key(r, 'h'), 'EX', 100, 'FIELDS', 1, member(r)],
];

/** Redis 8 only: a hash field read and deleted at once. */
const redisFields: readonly Timed[] = [(r) => ['HGETDEL', key(r, 'h'), 'FIELDS', 1, member(r)]];

/**
 * Redis from 7.2 and Valkey cut the index of LSET on a small list to 32 bits, so 2^63 - 1 is taken as -1 there and the
 * command is fed as it came. No replica can tell, so nobody is made to try.
 */
const isTruncatedIndex = (line: CommandLine): boolean => line[0] === 'LSET' && /\d{12}/.test(String(line[2]));

/**
 * Starts two writers, each with a connection and a seed of its own. `without`: commands that the replica says it does
 * not support yet; a primary must not be made to send them.
 */
export async function startWriters(
  server: RunningServer,
  source: ServerSource,
  without: ReadonlySet<string>,
): Promise<Writers> {
  const makers = [
    ...timed,
    ...(['redis-8.0', 'valkey-9.1'].includes(source.name) ? fields : []),
    ...(source.name === 'redis-8.0' ? redisFields : []),
  ];
  let going = true;
  let sent = 0;
  const clients: Client[] = [];
  const run = async (client: Client, random: Random): Promise<void> => {
    while (going) {
      const lines = drawBatch(random, 30, [], without)
        .map(({ line }) => (random.once(5) ? random.of(makers)(random) : line))
        .filter((line) => !isOneOf(without, line) && !isTruncatedIndex(line));
      // A batch may end inside of MULTI; the next one goes on there, as a client would.
      await client.batch(lines);
      sent += lines.length;
      // About two thousand commands a second together: what the portable engine keeps up with on a busy machine.
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await client.ask('DISCARD');
  };
  const running: Promise<void>[] = [];
  for (let index = 0; index < 2; index++) {
    const client = await server.client();
    clients.push(client);
    running.push(run(client, new Random(1000 + index)));
  }
  // Kept until stop() asks, so that a failure in between is not an unhandled one.
  const all = Promise.allSettled(running);
  return {
    sent: () => sent,
    async stop() {
      going = false;
      const results = await all;
      for (const client of clients) client.close();
      const failed = results.find((result) => result.status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
  };
}
