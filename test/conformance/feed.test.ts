/**
 * What goes into the feed, held against redis-server 7.0.15: every case of cases/ is played to it while a replica of ours
 * listens, and to each engine; both feeds must be the same commands, word for word.
 *
 *     case --> redis-server --feed--> listener (SYNC)  --> lines "db: words"   \
 *     case --> engine       --feed.read------------------> lines "db: words"   -- equal?
 *
 * Only moments are made equal (any number that is about now, in ms). Cases with random answers are left out: what is fed
 * for them (SREM of what SPOP took) is random too; test/fuzz replays such feeds instead.
 */
import { connect, type Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { outcomeBytes } from '../../src/engine/engine.ts';
import { enginesUnderTest } from '../engines.ts';
import { decode, frames, pack } from '../servers/resp.ts';
import { type RunningServer, startServer } from '../servers/server.ts';
import { isOneOf, unsupportedBy } from '../support.ts';
import { type Case, turnOf } from './case.ts';
import { families } from './families.ts';
import { openStore, playInProcess } from './in-process.ts';
import { playToServer } from './oracle.ts';

const nearMs = 3_600_000;

/** A replica that only listens. */
class Listener {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
  }

  static async open(port: number): Promise<Listener> {
    const socket = connect(port, '127.0.0.1');
    const listener = new Listener(socket);
    socket.write('SYNC\r\n');
    const snapshot = await listener.#until((bytes) => {
      // Empty lines while it is made, then its length.
      const head = /^\n*\$(\d+)\r\n/.exec(bytes.toString('latin1'));
      const end = head ? head[0].length + Number(head[1]) : Number.POSITIVE_INFINITY;
      return bytes.length >= end ? end : -1;
    });
    listener.#bytes = listener.#bytes.subarray(snapshot);
    return listener;
  }

  async #until(find: (bytes: Buffer) => number): Promise<number> {
    for (let at = find(this.#bytes); ; at = find(this.#bytes)) {
      if (at >= 0) return at;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The feed up to a PUBLISH on this channel, which is taken away. */
  async upTo(channel: string): Promise<Buffer> {
    const mark = Buffer.from(`*3\r\n$7\r\nPUBLISH\r\n$${channel.length}\r\n${channel}\r\n$0\r\n\r\n`);
    const at = await this.#until((bytes) => bytes.indexOf(mark));
    const before = this.#bytes.subarray(0, at);
    this.#bytes = this.#bytes.subarray(at + mark.length);
    return before;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/**
 * Commands of a feed with the database each applies to, without SELECTs and PINGs. `reader`: which database whoever reads has
 * selected so far.
 */
function linesOf(feed: Buffer, reader: { db: string }): string[] {
  const { whole, rest } = frames(feed);
  if (rest.length > 0) throw new Error('half a command at the end of a feed');
  const lines: string[] = [];
  for (const frame of whole) {
    const words = decode(frame) as string[];
    const name = words[0]!.toLowerCase();
    if (name === 'select') reader.db = words[1]!;
    else if (name === 'multi' || name === 'exec') lines.push(name);
    else if (name !== 'ping') lines.push(`${reader.db}: ${words.map(timeless).join(' ')}`);
  }
  return lines;
}

const timeless = (word: string): string => {
  const [, digits, rest] = /^(\d{13})(-\d+)?$/.exec(word) ?? [];
  return digits && Math.abs(Number(digits) - Date.now()) < nearMs
    ? `<now>${rest ?? ''}`
    : JSON.stringify(word);
};

let server: RunningServer;
let listener: Listener;
test.before(async () => {
  server = await startServer({ args: ['--repl-diskless-sync', 'no'] });
  listener = await Listener.open(server.port);
});
test.after.always(() => {
  listener?.close();
  return server?.stop();
});

let marks = 0;
const reader = { db: 'none' };
async function feedOfServer(script: Case): Promise<string[]> {
  const control = await server.client();
  try {
    const mark = async (): Promise<Buffer> => {
      const channel = `redtwin-mark-${++marks}`;
      await control.ask(['PUBLISH', channel, '']);
      return listener.upTo(channel);
    };
    linesOf(await mark(), reader);
    await playToServer(server, script, 2);
    const lines = linesOf(await mark(), reader);
    // Its first word is the FLUSHALL with which every case begins.
    return lines.slice(lines.findIndex((line) => /"FLUSHALL"$/i.test(line)) + 1);
  } finally {
    control.close();
  }
}

const isRandom = ({ kindOnly, commands }: Case): boolean =>
  kindOnly !== undefined || commands.some((command) => /^spop/i.test(String(turnOf(command).run)));

for (const { family, cases } of families) {
  test.serial(`the feed of ${family} is that of redis-server`, async (t) => {
    const found: unknown[] = [];
    for (const script of cases.filter((one) => !isRandom(one) && one.fedOtherwise === undefined)) {
      let right: string[] | null = null;
      for (const engine of enginesUnderTest) {
        const without = new Set(unsupportedBy(engine));
        if (script.commands.map(turnOf).some(({ run }) => isOneOf(without, run))) continue;
        right ??= await feedOfServer(script);
        let ours: string[] = [];
        playInProcess(engine, script, 2, 'whole', ({ feed }) => {
          t.is(feed.startOffset, 0, 'the whole feed must still be kept');
          ours = linesOf(feed.read(0, Number.MAX_SAFE_INTEGER)!, { db: 'none' });
        });
        if (!isDeepStrictEqual(ours, right))
          found.push({ at: `${script.name} [${engine.name}]`, ours, right });
      }
    }
    t.deepEqual(found, []);
  });
}

for (const engine of enginesUnderTest) {
  // Found by the replays of test/fuzz. Redis feeds nothing here, and its replicas differ from it: no case for the oracle.
  test(`a string that OVERFLOW FAIL has made longer is made so by the feed [${engine.name}]`, (t) => {
    const commands = [
      'BITFIELD b OVERFLOW FAIL INCRBY u8 #4 -15',
      'BITFIELD b OVERFLOW FAIL INCRBY u8 #4 -15',
    ];
    playInProcess(engine, { name: 'longer', commands }, 2, 'whole', (store) => {
      const feed = store.feed.read(0, 1000)!;
      t.deepEqual(linesOf(feed, { db: 'none' }), [
        '0: "BITFIELD" "b" "OVERFLOW" "FAIL" "INCRBY" "u8" "#4" "-15"',
      ]);
      const copy = openStore(engine);
      copy.apply(copy.openSession(), feed, feed.length, 1);
      t.is(copy.digest(), store.digest());
      copy.close();
    });
  });

  test(`an index of LSET that newer primaries take is taken from a feed [${engine.name}]`, (t) => {
    const store = openStore(engine);
    const session = store.openSession();
    const feed = Buffer.from(
      'RPUSH l a b c\r\nLSET l 9223372036854775807 last\r\nLSET l -9223372036854775808 first\r\nLSET l 4294967297 1\r\n',
    );
    store.apply(session, feed, feed.length, 1);
    t.is(store.failure(session), null);
    const other = openStore(engine);
    const right = Buffer.from('RPUSH l first 1 last\r\n');
    other.apply(other.openSession(), right, right.length, 1);
    t.is(store.digest(), other.digest());
    // A client hears what a client of Redis 7.0 hears.
    const output = Buffer.alloc(100);
    const ask = Buffer.from('LSET l 9223372036854775807 x\r\n');
    store.execute(store.openSession(), ask, ask.length, output, 1);
    t.regex(output.toString(), /^-ERR index out of range\r\n/);
    store.close();
    other.close();
  });
}

for (const engine of enginesUnderTest) {
  test(`an expired key that wakes nobody is fed by itself [${engine.name}]`, (t) => {
    const store = openStore(engine);
    const [one, two] = [store.openSession(), store.openSession()];
    const output = Buffer.alloc(1000);
    const run = (session: number, lines: string, nowMs: number): void => {
      const input = Buffer.from(lines);
      store.execute(session, input, input.length, output, nowMs);
    };
    run(one, 'SELECT 1\r\nRPUSH k v\r\nPEXPIREAT k 2000\r\n', 1000);
    run(two, 'BLPOP k 0\r\n', 1000);
    run(one, 'SWAPDB 0 1\r\nSET x 1\r\n', 3000);
    t.deepEqual(store.takePushes(), [], 'it still waits');
    t.deepEqual(linesOf(store.feed.read(0, Number.MAX_SAFE_INTEGER)!, { db: 'none' }), [
      '1: "RPUSH" "k" "v"',
      '1: "PEXPIREAT" "k" "2000"',
      '1: "SWAPDB" "0" "1"',
      '0: "DEL" "k"',
      '1: "SET" "x" "1"',
    ]);
    store.close();
  });
}

for (const engine of enginesUnderTest) {
  test(`a library of the primary does not replace a client's unless it says so [${engine.name}]`, (t) => {
    const store = openStore(engine);
    const session = store.openSession();
    const output = Buffer.alloc(1000);
    const answer = (...words: string[]): string => {
      const input = pack(words);
      store.execute(session, input, input.length, output, 1);
      return output.toString('latin1').slice(0, output.indexOf('\n') + 1);
    };
    const load = (says: string, ...options: string[]): string[] => [
      ...['FUNCTION', 'LOAD', ...options],
      `#!lua name=lib\nredis.register_function('f', function() return redis.status_reply('${says}') end)`,
    ];
    t.is(answer(...load('ours')), '$3\r\n');
    const link = store.openSession();
    const applied = (words: string[]): string | undefined => {
      const feed = pack(words);
      store.apply(link, feed, feed.length, 1);
      return store.failure(link)?.error;
    };
    t.is(applied(load('theirs', 'REPLACE')), undefined);
    t.is(answer('FCALL', 'f', '0'), '+theirs\r\n');
    t.is(applied(load('other')), "ERR Library 'lib' already exists");
    t.is(answer('FCALL', 'f', '0'), '+theirs\r\n');
    const dump = pack(['FUNCTION', 'DUMP']);
    const bytes = outcomeBytes(store.execute(session, dump, dump.length, output, 1));
    const payload = Buffer.from(output.subarray(output.indexOf('\n') + 1, bytes - 2));
    const again = store.openSession();
    const restore = pack(['FUNCTION', 'RESTORE', payload]);
    store.apply(again, restore, restore.length, 1);
    t.is(store.failure(again)?.error, 'ERR Library lib already exists');
    store.close();
  });
}
