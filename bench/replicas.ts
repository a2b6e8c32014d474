/**
 * What replicas cost their primary: feeding 1, 4, 8 and 16 of them, and giving one everything.
 *
 *     bench --SETs, pipelined--> primary --feed--> N sockets that read and acknowledge     CPU and memory of the primary
 *     primary with data set A  --snapshot--> a real redis-server                           seconds from REPLICAOF to link up
 *
 * The readers of the feed are sockets of this process, not servers: what is measured is the primary alone, and its core is its
 * own. Keys are few and written before, so that memory grows only by what replicas need.
 */
import { connect, type Socket } from 'node:net';
import { infoOf, untilLinkUp } from '../test/interop/info.ts';
import { pack } from '../test/servers/resp.ts';
import { type RunningServer, startServer } from '../test/servers/server.ts';
import { until } from '../test/servers/wait.ts';
import { chunksOf } from './data-sets.ts';
import { type Bench, type Context, inTurns, type Row, Rows } from './frame/bench.ts';
import { anonymousMb, cpuMs } from './frame/process.ts';
import { median } from './frame/rows.ts';
import { type Side, sidesOf } from './frame/sides.ts';

const replicaCounts = [1, 4, 8, 16];
const keys = 1000;
const pipelined = 200;

/** A socket that takes a snapshot and then the feed, and says once a second how far it is. */
class Reader {
  readonly #socket: Socket;
  readonly #acks: NodeJS.Timeout;
  /** Bytes of the snapshot that are still to come; null before its length is known. */
  #bulkLeft: number | null = null;
  #head = '';
  /** Its place in the feed. */
  offset = 0;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1', () => this.#socket.write('PSYNC ? -1\r\n'));
    this.#socket.on('data', (bytes) => this.#took(bytes));
    this.#acks = setInterval(() => {
      if (this.isOnline) this.#socket.write(pack(['REPLCONF', 'ACK', this.offset]));
    }, 1000);
  }

  get isOnline(): boolean {
    return this.#bulkLeft === 0;
  }

  #took(bytes: Buffer): void {
    let feed = bytes;
    if (this.#bulkLeft === null) {
      this.#head += bytes.toString('latin1');
      const known = /^\n*\+FULLRESYNC \w+ (\d+)\r\n\n*\$(\d+)\r\n/.exec(this.#head);
      if (known === null) return;
      this.offset = Number(known[1]);
      this.#bulkLeft = Number(known[2]);
      feed = Buffer.from(this.#head.slice(known[0].length), 'latin1');
    }
    const ofBulk = Math.min(this.#bulkLeft, feed.length);
    this.#bulkLeft -= ofBulk;
    this.offset += feed.length - ofBulk;
  }

  close(): void {
    clearInterval(this.#acks);
    this.#socket.destroy();
  }
}

/** Writes that many SETs, pipelined, always to the same keys. */
async function write(server: RunningServer, count: number): Promise<void> {
  const client = await server.client();
  const batches = Array.from({ length: 5 }, (_, nth) =>
    Buffer.concat(
      Array.from({ length: pipelined }, (_, at) =>
        pack(['SET', `key:${(nth * pipelined + at) % keys}`, `${nth}`.padEnd(64, 'v')]),
      ),
    ),
  );
  for (let sent = 0; sent < count; sent += pipelined) {
    client.write(batches[(sent / pipelined) % batches.length]!);
    for (let left = pipelined; left > 0; left--) await client.frame();
  }
  client.close();
}

/** The end of the primary's feed. */
const feedEnd = async (server: RunningServer): Promise<number> =>
  Number((await infoOf(server, 'replication')).get('master_repl_offset'));

/** Feeds that many; microseconds of the primary's CPU for each write. */
async function feed(side: Side, replicas: number, writes: number, rows: Rows): Promise<number> {
  const server = await side.start(['--repl-diskless-sync', 'no']);
  const readers: Reader[] = [];
  try {
    // Everything is warm, and the backlog is full, before anybody is measured.
    readers.push(new Reader(server.port));
    await until('the first reader to be online', () => readers[0]!.isOnline);
    await write(server, writes / 2);
    // Redtwin gives pages of Node's file back when it has time, and takes those it needs again: 24 MB, either way, in any run.
    const before = anonymousMb(server.pid);
    while (readers.length < replicas) readers.push(new Reader(server.port));
    await until('the readers to be online', () => readers.every((reader) => reader.isOnline));
    const [cpuBefore, began] = [cpuMs(server.pid), performance.now()];
    await write(server, writes);
    const end = await feedEnd(server);
    await until('the readers to have everything', () => readers.every((reader) => reader.offset >= end));
    const took = performance.now() - began;
    const name = `${replicas} replica${replicas === 1 ? '' : 's'}`;
    const micros = ((cpuMs(server.pid) - cpuBefore) * 1000) / writes;
    rows.add(`CPU of feeding ${name}, us/write`, side.who, micros);
    rows.add(`writes with ${name}, 1/s`, side.who, (writes * 1000) / took);
    rows.add(`memory for ${name}, MB`, side.who, anonymousMb(server.pid) - before);
    return micros;
  } finally {
    for (const reader of readers) reader.close();
    await server.stop();
  }
}

async function fullResync(side: Side, scale: number, rows: Rows): Promise<void> {
  const primary = await side.start(['--repl-diskless-sync-delay', '0']);
  const replica = await startServer({ version: 'redis-7.0' });
  try {
    const client = await primary.client();
    for (const { bytes, count } of chunksOf('A', scale)) {
      client.write(bytes);
      for (let left = count; left > 0; left--) await client.frame();
    }
    client.close();
    for (const diskless of ['yes', 'no']) {
      primary.cli('CONFIG', 'SET', 'repl-diskless-sync', diskless);
      replica.cli('REPLICAOF', 'NO', 'ONE');
      replica.cli('FLUSHALL');
      // Another history, so that nothing can be continued.
      replica.cli('DEBUG', 'CHANGE-REPL-ID');
      const [began, cpuBefore] = [performance.now(), cpuMs(primary.pid)];
      replica.cli('REPLICAOF', '127.0.0.1', String(primary.port));
      await untilLinkUp(replica);
      const how = diskless === 'yes' ? 'through the socket' : 'through a file';
      rows.add(`full resync ${how}, s`, side.who, (performance.now() - began) / 1000);
      rows.add(`CPU of a full resync ${how}, s`, side.who, (cpuMs(primary.pid) - cpuBefore) / 1000);
    }
  } finally {
    await replica.stop();
    await primary.stop();
  }
}

async function run(context: Context): Promise<Row[]> {
  const rows = new Rows();
  const rounds = Math.min(context.rounds, 3);
  const writes = context.quick ? 40_000 : 400_000;
  const scale = context.quick ? 0.02 : context.full ? 1 : 0.2;
  const alone = new Map<string, number[]>();
  for (const replicas of context.quick ? [1, 8] : replicaCounts)
    await inTurns(rounds, sidesOf(context), async (side) => {
      const micros = await feed(side, replicas, writes, rows);
      if (replicas === 1) alone.set(side.who, [...(alone.get(side.who) ?? []), micros]);
      else
        rows.add(`${replicas} replicas to one, times`, side.who, micros / median(alone.get(side.who) ?? []));
    });
  await inTurns(rounds, sidesOf(context), (side) => fullResync(side, scale, rows));
  return rows.all();
}

/** The bench. */
export const replicas: Bench = {
  name: 'replicas',
  question: 'what do replicas cost their primary?',
  cores: 'apart',
  bars: [
    { what: '8 replicas to one, times', atMost: 2 },
    // The backlog was full before: what grows is for replicas.
    { what: 'memory for 8 replicas, MB', atMost: 8 },
    { what: 'full resync through the socket, s', atMostTimes: 1 },
    { what: 'full resync through a file, s', atMostTimes: 1 },
  ],
  run,
};
