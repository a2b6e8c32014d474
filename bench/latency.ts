/**
 * How long a request waits at the same offered load: half GET, half SET of 64 bytes on a million keys, over 50 connections,
 * sent when they are due whether or not the ones before were answered, and timed from when they were due. So a pause is felt by
 * all that would have been sent in it, not only by the one that met it.
 *
 *     due   |  |  |  |  |  |  |         every 50 us
 *     sent  |  |  |     ||| |           the generator may be late itself: that counts too, for all sides alike
 */
import type { RunningServer } from '../test/servers/server.ts';
import { type Bench, inTurns, Rows } from './frame/bench.ts';
import { fill, keyBytes } from './frame/fill.ts';
import { RawConnection } from './frame/raw-connection.ts';
import { quantile } from './frame/rows.ts';
import { sidesOf, withServers } from './frame/sides.ts';

const connections = 50;
const valueBytes = 64;
const getReplyBytes = `$${valueBytes}\r\n\r\n`.length + valueBytes;
const setReplyBytes = '+OK\r\n'.length;

/** Requests under way on one connection: when each was due, and how long its reply is. First come, first answered. */
class Pending {
  readonly #waits: number[];
  #due: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;

  constructor(waits: number[]) {
    this.#waits = waits;
  }

  add(due: number, size: number): void {
    this.#due.push(due);
    this.#sizes.push(size);
  }

  take(count: number): void {
    this.#bytes += count;
    const now = performance.now();
    while (this.#head < this.#due.length && this.#bytes >= this.#sizes[this.#head]!) {
      this.#bytes -= this.#sizes[this.#head]!;
      this.#waits.push(now - this.#due[this.#head]!);
      this.#head++;
    }
    if (this.#head === this.#due.length) {
      this.#due = [];
      this.#sizes = [];
      this.#head = 0;
    }
  }

  get count(): number {
    return this.#due.length - this.#head;
  }
}

/** Milliseconds that each request waited, at so many a second. */
async function offer(
  server: RunningServer,
  keys: number,
  perSecond: number,
  seconds: number,
): Promise<number[]> {
  const waits: number[] = [];
  const links = await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = await RawConnection.open(server.port);
      const pending = new Pending(waits);
      connection.onBytes = (count) => pending.take(count);
      return { connection, pending };
    }),
  );
  const value = 'y'.repeat(valueBytes);
  const total = perSecond * seconds;
  const began = performance.now();
  let sent = 0;
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  while (sent < total) {
    const due = Math.min(total, ((performance.now() - began) * perSecond) / 1000);
    for (; sent < due; sent++) {
      const { connection, pending } = links[sent % connections]!;
      const key = keyBytes(Math.floor(Math.random() * keys));
      const isGet = sent % 2 === 0;
      pending.add(began + (sent * 1000) / perSecond, isGet ? getReplyBytes : setReplyBytes);
      connection.write(
        Buffer.from(
          isGet
            ? `*2\r\n$3\r\nGET\r\n$16\r\n${key}\r\n`
            : `*3\r\n$3\r\nSET\r\n$16\r\n${key}\r\n$${valueBytes}\r\n${value}\r\n`,
          'latin1',
        ),
      );
    }
    await turn();
  }
  while (links.some(({ pending }) => pending.count > 0)) await turn();
  for (const { connection } of links) connection.close();
  // The first tenth warms up.
  return waits.slice(total / 10);
}

/** The bench. */
export const latency: Bench = {
  name: 'latency',
  question: 'how long does a request wait at the same offered load?',
  cores: 'apart',
  bars: [5, 20].map((thousands) => ({ what: `p99 at ${thousands}k requests/s, us`, atMostTimes: 1 })),
  async run(context) {
    const rows = new Rows();
    const keys = context.quick ? 100_000 : 1_000_000;
    await withServers(sidesOf(context), async (servers) => {
      for (const { server } of servers) await fill(server.port, keys, { valueBytes });
      for (const perSecond of context.quick ? [10_000] : [5_000, 20_000]) {
        await inTurns(context.rounds, servers, async ({ who, server }) => {
          const waits = await offer(server, keys, perSecond, context.quick ? 1 : 4);
          for (const [name, part] of [
            ['p50', 0.5],
            ['p99', 0.99],
            ['p99.9', 0.999],
          ] as const)
            rows.add(`${name} at ${perSecond / 1000}k requests/s, us`, who, quantile(waits, part) * 1000);
        });
      }
    });
    return rows.all();
  },
};
