/**
 * What a server does with replicas, good and bad: raw conversations, on both engines.
 *
 * The replicas here are sockets that say what a test wants them to say; real servers are in test/interop.
 */
import { connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { until } from '../servers/wait.ts';
import { engineNames, Talk, withServer } from './helpers.ts';
import { attached, field, untilField } from './replica-talk.ts';

const settings = {
  'repl-diskless-sync-delay': '0',
  'enable-debug-command': 'yes',
  // No PING comes between what is fed, however long a test takes.
  'repl-ping-replica-period': '3600',
};
/** The end of any RDB here, by length: its checksum follows the 0xff. */
const bulkEnd = /^\$\d+\r\n[\s\S]*\xff[\s\S]{8}/m;

/** A write of 100 kB. */
const hundredKb = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n${'x'.repeat(100_000)}\r\n`;

/** Writes until one of two replicas is closed at the output limit; gives the number of writes. */
async function writesUntilLimit(t: ExecutionContext, client: Talk): Promise<number> {
  let sent = 0;
  while ((await field(client, 'connected_slaves')) === '2') {
    client.socket.write(hundredKb);
    t.is(await client.hear(/\+OK\r\n$/), '+OK\r\n');
    if (++sent > 500) t.fail('it is never closed');
  }
  t.is(await field(client, 'redtwin_last_replica_lost_because'), 'output-limit');
  return sent;
}

/** A replica that takes a byte a second. */
class Sipper {
  readonly socket: Socket;
  taken = 0;
  #isSlow = false;
  #acks: NodeJS.Timeout | null = null;
  readonly #sips: NodeJS.Timeout;

  private constructor(port: number, isOpen: (sipper: Sipper) => void) {
    const onread = {
      buffer: new Uint8Array(1),
      callback: (count: number): boolean => {
        this.taken += count;
        return !this.#isSlow;
      },
    };
    this.socket = connect({ port, host: '127.0.0.1', onread }, () => isOpen(this));
    this.socket.on('error', () => {});
    this.#sips = setInterval(() => this.socket.resume(), 1000);
  }

  static open(port: number): Promise<Sipper> {
    return new Promise((resolve) => new Sipper(port, resolve));
  }

  /** Says what it can take, with a mark or without, and asks for everything. From then on it is slow. */
  async follow(capa: string): Promise<void> {
    this.socket.write(`REPLCONF capa ${capa}\r\n`);
    await until('its reply', () => this.taken === '+OK\r\n'.length);
    this.#isSlow = true;
    this.socket.write('PSYNC ? -1\r\n');
  }

  /** From now on it acknowledges, truthfully, that it has nothing. */
  ack(): void {
    this.#acks = setInterval(() => this.socket.write('REPLCONF ACK 0\r\n'), 200);
  }

  close(): void {
    clearInterval(this.#sips);
    if (this.#acks !== null) clearInterval(this.#acks);
    this.socket.destroy();
  }
}

for (const engine of engineNames) {
  const options = { engine, ...settings };

  test(`no feed before the first replica, a fresh history with it [${engine}]`, async (t) => {
    await withServer(options, async ({ port }) => {
      const client = await Talk.open(port);
      await client.ask('SET a 1');
      t.is(await field(client, 'master_repl_offset'), '0');
      t.is(await field(client, 'repl_backlog_active'), '0');
      const before = await field(client, 'master_replid');
      const replica = await Talk.open(port);
      t.regex(await replica.ask('SYNC', bulkEnd), /^\n*\$\d+\r\nREDIS0010/);
      t.not(await field(client, 'master_replid'), before);
      t.is(await field(client, 'repl_backlog_first_byte_offset'), '1');
      await client.ask('SET b 2');
      t.is(
        await replica.hear(/b\r\n\$1\r\n2\r\n$/),
        '*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n',
      );
      // The second one's snapshot selects nothing either.
      const second = await Talk.open(port);
      await second.ask('SYNC', bulkEnd);
      await client.ask('SET c 3');
      t.regex(await second.hear(/c\r\n\$1\r\n3\r\n$/), /^\*2\r\n\$6\r\nSELECT/);
      t.is(await field(client, 'sync_full'), '2');
    });
  });

  test(`+CONTINUE, with the id for those who understand it, and refusals with their reasons [${engine}]`, async (t) => {
    await withServer(options, async ({ port }) => {
      const client = await Talk.open(port);
      const first = await attached(port);
      await client.ask('SET a 1');
      const id = await field(client, 'master_replid');
      const end = Number(await field(client, 'master_repl_offset'));
      const ask = async (capa: string, psync: string): Promise<string> => {
        const talk = await Talk.open(port);
        if (capa !== '') await talk.ask(`REPLCONF ${capa}`);
        return (await talk.ask(`PSYNC ${psync}`, /\r\n/)).split('\r\n')[0]!;
      };
      t.is(await ask('', `${id} ${end + 1}`), '+CONTINUE');
      t.is(await ask('capa eof capa psync2 capa nosuch', `${id} ${end + 1}`), `+CONTINUE ${id}`);
      for (const [psync, because] of [
        [`${'f'.repeat(40)} 1`, 'unknown-history'],
        [`${id} ${end + 2}`, 'ahead-of-us'],
        [`${id} 0`, 'too-far-behind'],
        [`${id} -9223372036854775808`, 'too-far-behind'],
        ['? -1', 'full-wanted'],
      ] as const) {
        t.regex(await ask('', psync), /^\+FULLRESYNC/);
        t.is(await field(client, 'redtwin_last_psync_refused_because'), because);
      }
      t.is(await field(client, 'sync_partial_ok'), '2');
      t.is(await field(client, 'sync_partial_err'), '4');
      t.not(await field(client, 'total_net_repl_output_bytes'), '0');
      await client.ask('CONFIG RESETSTAT');
      for (const count of ['sync_full', 'sync_partial_ok', 'sync_partial_err', 'total_net_repl_output_bytes'])
        t.is(await field(client, count), '0', count);
      first.close();
    });
  });

  test(`a snapshot with a mark: silence until the ACK, an empty line is a sign of life [${engine}]`, async (t) => {
    await withServer(options, async ({ port }) => {
      const client = await Talk.open(port);
      const replica = await Talk.open(port);
      await replica.ask('REPLCONF capa eof listening-port 4711 ip-address replica.example');
      replica.socket.write('PSYNC ? -1\r\n');
      const heard = await replica.hear(/\$EOF:([0-9a-f]{40})\r\n[\s\S]*\1$/);
      t.regex(heard, /^\+FULLRESYNC [0-9a-f]{40} 0\r\n/);
      await client.ask('SET a 1');
      await until('the sign of life', async () => {
        replica.socket.write('\n');
        const told = (await field(client, 'slave0'))!;
        return /^ip=replica.example,port=4711,state=online,offset=0,lag=0$/.test(told);
      });
      t.is(replica.heardSoFar(), '');
      replica.socket.write('REPLCONF ACK 0\r\n');
      t.regex(await replica.hear(/a\r\n\$1\r\n1\r\n$/), /SELECT/);
      replica.socket.write('REPLCONF ACK 50\r\n');
      await untilField(client, 'slave0', /offset=50/);
      t.regex(await client.ask('ROLE'), /replica\.example\r\n\$4\r\n4711\r\n\$2\r\n50\r\n$/);
      t.regex(await client.ask('CLIENT LIST TYPE replica', /\n\r\n$/), /flags=S .*cmd=replconf/);
    });
  });

  test(`strange replicas are closed, for a reason [${engine}]`, async (t) => {
    // Long enough that a pause of this machine does not end the good one too; other tests go on meanwhile.
    const lines: string[] = [];
    const onLog = (line: string): void => void lines.push(line);
    await withServer({ ...options, onLog, 'repl-timeout': '12' }, async ({ port }) => {
      const client = await Talk.open(port);
      const good = await attached(port);
      const acks = setInterval(() => good.socket.write('REPLCONF ACK 0\r\n'), 200);
      t.teardown(() => clearInterval(acks));
      for (const [what, because] of [
        ['GET a', 'sent-command'],
        ['nonsense', 'sent-command'],
        ['SET stolen 1', 'sent-command'],
        ['MULTI\r\nSET stolen 1\r\nEXEC', 'sent-command'],
        ['EVAL "return redis.call(\'set\', KEYS[1], 1)" 1 stolen', 'sent-command'],
        ['REPLCONF ACK 999999999', 'acked-future'],
        ['REPLCONF ACK 0\r\nREPLCONF ACK x\r\nREPLCONF GETACK *', 'ack-timeout'],
      ] as const) {
        const bad = await attached(port);
        bad.socket.write(`${what}\r\n`);
        await until('it to be closed', () => bad.isClosed);
        t.is(await field(client, 'redtwin_last_replica_lost_because'), because, what);
        t.notRegex(bad.heardSoFar(), /^[-+$]/, 'it hears no reply');
      }
      t.is(lines.join('').match(/Disconnecting timedout replica \(streaming sync\): /g)?.length, 1);
      t.is(await field(client, 'connected_slaves'), '1');
      t.false(good.isClosed);
      t.is(await client.ask('EXISTS stolen'), ':0\r\n');
      t.is(await field(client, 'unexpected_error_replies'), '4');
      await client.ask('CONFIG RESETSTAT');
      t.is(await field(client, 'unexpected_error_replies'), '0');
    });
  });

  test(`keys are not a monitor's business, which Redis counts among the replicas [${engine}]`, async (t) => {
    await withServer(options, async ({ port }) => {
      const monitor = await Talk.open(port);
      t.is(await monitor.ask('GET a'), '$-1\r\n');
      t.is(await monitor.ask('MONITOR'), '+OK\r\n');
      const refused = "-ERR Replica can't interact with the keyspace\r\n";
      for (const line of ['GET a', 'SET a 1', 'PUBLISH a b', 'PFCOUNT a', 'EVAL "return 1" 0'])
        t.is(await monitor.ask(line), refused, line);
      // It becomes neither a replica nor a monitor once more, and nobody tells it so.
      t.regex(await monitor.ask('SYNC\r\nMONITOR\r\nPSYNC ? -1\r\nPING'), /^\+PONG\r\n/);
      // It is told what it sends itself.
      const shebang = '"#!lua flags=no-writes\\nreturn 1"';
      t.regex(await monitor.ask(`EVAL ${shebang} 0`, /:1\r\n/), /^\+[^\r]*"EVAL"[^\r]*\r\n:1\r\n$|^:1/);
      t.is(await monitor.ask('RESET', /RESET\r\n$/).then((heard) => heard.slice(-8)), '+RESET\r\n');
      t.is(await monitor.ask('GET a'), '$-1\r\n');
    });
  });

  test(`a replica that does not read is closed at its limit, and the others get everything [${engine}]`, async (t) => {
    const limit = { 'client-output-buffer-limit': 'replica 3mb 0 0', 'repl-backlog-size': '64kb' };
    await withServer({ ...options, ...limit }, async ({ port }) => {
      const client = await Talk.open(port);
      const [deaf, good] = [await attached(port), await attached(port)];
      deaf.socket.pause();
      let bytes = 0;
      good.socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      const sent = await writesUntilLimit(t, client);
      // Its own socket's buffers took some first.
      t.true(sent >= 30, `closed after ${sent} writes of 100 kB`);
      await until('the other to have everything', () => bytes >= sent * hundredKb.length);
      // What was kept for the deaf one is let go.
      const kept = Number(await field(client, 'repl_backlog_histlen'));
      t.true(kept <= 64 * 1024 + 256 * 1024, `${kept} bytes kept`);
    });
  });

  test(`a replica over the soft limit is closed when its seconds are over [${engine}]`, async (t) => {
    const limit = { 'client-output-buffer-limit': 'replica 0 1mb 2', 'repl-backlog-size': '64kb' };
    await withServer({ ...options, ...limit }, async ({ port }) => {
      const client = await Talk.open(port);
      const deaf = await attached(port);
      deaf.socket.pause();
      const value = 'x'.repeat(1_000_000);
      const big = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n${value}\r\n`;
      const began = performance.now();
      // More than the system's own buffers take.
      for (let sent = 0; sent < 20; sent++) {
        client.socket.write(big);
        await client.hear(/\+OK\r\n$/);
      }
      // No further write: time alone ends it, and not before its seconds are over, because there is no hard limit.
      await untilField(client, 'connected_slaves', /^0$/);
      t.true(performance.now() - began >= 2000);
      t.is(await field(client, 'redtwin_last_replica_lost_because'), 'output-limit');
    });
  });

  test(`a replica that stops reading its snapshot is given up after repl-timeout [${engine}]`, async (t) => {
    const lines: string[] = [];
    const onLog = (line: string): void => void lines.push(line);
    await withServer({ ...options, onLog, 'repl-timeout': '1' }, async ({ port }) => {
      const client = await Talk.open(port);
      await client.ask('CONFIG SET rdbcompression no');
      await client.ask('DEBUG POPULATE 40000 key 600');
      for (const capa of ['capa eof', 'capa psync2']) {
        const deaf = await Talk.open(port);
        await deaf.ask(`REPLCONF ${capa}`);
        deaf.socket.write('PSYNC ? -1\r\n');
        await deaf.hear(/REDIS0010/);
        deaf.socket.pause();
        await untilField(client, 'connected_slaves', /^0$/);
        t.is(await field(client, 'redtwin_last_replica_lost_because'), 'bulk-timeout');
        t.is(await field(client, 'rdb_bgsave_in_progress'), '0', 'nobody waits for that snapshot any longer');
        deaf.socket.destroy();
      }
      t.is(lines.join('').match(/Disconnecting timedout replica \(full sync\): /g)?.length, 2);
      t.is(await client.ask('SET a 1'), '+OK\r\n');
    });
  });

  test(`what only one replica still needed goes with it [${engine}]`, async (t) => {
    const small = { 'repl-backlog-size': '16kb', 'client-output-buffer-limit': 'replica 0 0 0' };
    await withServer({ ...options, ...small }, async ({ port }) => {
      const client = await Talk.open(port);
      const good = await attached(port);
      await client.ask('MSET a 1 b 2 c 3');
      await client.ask('CONFIG SET rdb-key-save-delay 100000000');
      const waiting = await Talk.open(port);
      waiting.socket.write('PSYNC ? -1\r\n');
      await waiting.hear(/FULLRESYNC/);
      for (let i = 0; i < 5; i++) {
        client.socket.write(hundredKb);
        await client.hear(/\+OK\r\n$/);
      }
      t.true(Number(await field(client, 'repl_backlog_histlen')) > 500_000);
      waiting.close();
      // In the very INFO that no longer counts it.
      const info = await until('it to be gone', async () => {
        const text = await client.ask('INFO replication', /\r\n\r\n$/);
        return /^connected_slaves:1\r$/m.test(text) ? text : null;
      });
      t.true(Number(/^repl_backlog_histlen:(\d+)/m.exec(info)?.[1]) < 200_000, info);
      good.close();
    });
  });

  test(`a replica that takes a byte a second costs the others nothing, and ends at its limits [${engine}]`, async (t) => {
    const limits = { 'client-output-buffer-limit': 'replica 3mb 0 0', 'repl-backlog-size': '64kb' };
    await withServer({ ...options, ...limits }, async ({ port }) => {
      const client = await Talk.open(port);
      const good = await attached(port);
      let bytes = 0;
      good.socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      const acks = setInterval(() => good.socket.write('REPLCONF ACK 0\r\n'), 200);
      t.teardown(() => clearInterval(acks));
      // In the feed: it says that it is alive, and takes nothing to speak of.
      const slow = await Sipper.open(port);
      await slow.follow('nosuch');
      await untilField(client, 'slave1', /state=online/);
      slow.ack();
      const sent = await writesUntilLimit(t, client);
      await until('the other to have everything', () => bytes >= sent * hundredKb.length);
      slow.close();
      // In a snapshot that is longer than the system's own buffers.
      await client.ask('CONFIG SET rdbcompression no');
      await client.ask('DEBUG POPULATE 40000 key 600');
      // Long enough that a pause of this machine does not end the good one too.
      await client.ask('CONFIG SET repl-timeout 6');
      for (const capa of ['eof', 'nosuch']) {
        const sipper = await Sipper.open(port);
        await sipper.follow(capa);
        await untilField(client, 'connected_slaves', /^2$/);
        t.is(await client.ask('SET k small'), '+OK\r\n');
        await untilField(client, 'connected_slaves', /^1$/);
        t.is(await field(client, 'redtwin_last_replica_lost_because'), 'bulk-timeout', capa);
        t.true(sipper.taken > 5, 'it was served');
        sipper.close();
      }
      t.false(good.isClosed);
    });
  });

  test(`who waits for a snapshot hears an empty line each second, and then the snapshot [${engine}]`, async (t) => {
    await withServer({ ...options, 'repl-diskless-sync-delay': '600' }, async ({ port }) => {
      const client = await Talk.open(port);
      const waiting = await Talk.open(port);
      await waiting.ask('REPLCONF capa eof');
      waiting.socket.write('PSYNC ? -1\r\n');
      t.is(await waiting.hear(/^\n\n$/), '\n\n');
      t.regex((await field(client, 'slave0'))!, /state=wait_bgsave/);
      await client.ask('CONFIG SET repl-diskless-sync-delay 0');
      t.regex(await waiting.hear(/\$EOF:([0-9a-f]{40})\r\n[\s\S]*\1$/), /^\n*\+FULLRESYNC/);
    });
  });

  test(`a replica that vanishes in mid-snapshot disturbs nobody [${engine}]`, async (t) => {
    await withServer(options, async ({ port }) => {
      const client = await Talk.open(port);
      await client.ask('DEBUG POPULATE 20000 key 300');
      const gone = await Talk.open(port);
      gone.socket.write('REPLCONF capa eof\r\n');
      await gone.hear(/\+OK/);
      gone.socket.write('PSYNC ? -1\r\n');
      await gone.hear(/REDIS0010/);
      gone.socket.resetAndDestroy();
      await untilField(client, 'connected_slaves', /^0$/);
      t.is(await field(client, 'redtwin_last_replica_lost_because'), 'closed');
      const next = await attached(port);
      t.is(await client.ask('SET a 1'), '+OK\r\n');
      t.regex(await next.hear(/a\r\n\$1\r\n1\r\n$/), /SELECT/);
    });
  });

  test(`WAIT: counts ACKs, asks for them, ends by time, unblock and role [${engine}]`, async (t) => {
    await withServer(options, async ({ port }) => {
      const [client, other] = [await Talk.open(port), await Talk.open(port)];
      t.is(await client.ask('WAIT 1 10'), ':0\r\n');
      const replica = await attached(port);
      await client.ask('SET a 1');
      t.is(await client.ask('WAIT 1 50'), ':0\r\n');
      t.regex(await replica.hear(/GETACK\r\n\$1\r\n\*\r\n$/), /REPLCONF/);
      const answer = client.ask('WAIT 1 0');
      await replica.hear(/GETACK/);
      replica.socket.write('REPLCONF ACK 50\r\n');
      t.is(await answer, ':1\r\n');
      t.is(await client.ask('WAIT 1 0'), ':1\r\n');
      // A reader waits for nothing; in MULTI nobody waits.
      t.is(await other.ask('WAIT 0 0'), ':1\r\n');
      await client.ask('SET b 1');
      await client.ask('MULTI');
      await client.ask('WAIT 1 0');
      t.is(await client.ask('EXEC'), '*1\r\n:0\r\n');
      const id = (await client.ask('CLIENT ID')).slice(1, -2);
      const waiting = client.ask('WAIT 1 0');
      await untilField(other, 'blocked_clients', /^1$/);
      t.is(await other.ask(`CLIENT UNBLOCK ${id}`), ':1\r\n');
      t.is(await waiting, ':0\r\n');
      const again = client.ask('WAIT 1 0');
      await untilField(other, 'blocked_clients', /^1$/);
      await other.ask(`CLIENT UNBLOCK ${id} ERROR`);
      t.is(await again, '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
      const last = client.ask('WAIT 1 0');
      await untilField(other, 'blocked_clients', /^1$/);
      await other.ask('REPLICAOF 127.0.0.1 1');
      t.regex(await last, /^-UNBLOCKED force unblock from blocking operation/);
      t.regex(await client.ask('WAIT 1 0'), /^-ERR WAIT cannot be used with replica instances/);
      await other.ask('REPLICAOF NO ONE');
    });
  });

  test(`min-replicas-to-write: NOREPLICAS without enough good ones [${engine}]`, async (t) => {
    const needs = { 'min-replicas-to-write': '1', 'min-replicas-max-lag': '600' };
    await withServer({ ...options, ...needs }, async ({ port }) => {
      const client = await Talk.open(port);
      t.is(await client.ask('SET a 1'), '-NOREPLICAS Not enough good replicas to write.\r\n');
      t.is(await field(client, 'min_slaves_good_slaves'), '0');
      const replica = await attached(port);
      t.is(await client.ask('SET a 1'), '+OK\r\n');
      // It says nothing more: good no longer, though still connected.
      await client.ask('CONFIG SET min-replicas-max-lag 1');
      await until('it to lag', async () => (await client.ask('SET a 1')).startsWith('-NOREPLICAS'));
      t.is(await field(client, 'connected_slaves'), '1');
      await until('it to be good', async () => {
        replica.socket.write('REPLCONF ACK 0\r\n');
        return (await client.ask('SET a 1')) === '+OK\r\n';
      });
      replica.close();
      await untilField(client, 'connected_slaves', /^0$/);
      t.regex(await client.ask('SET a 1'), /^-NOREPLICAS/);
    });
  });

  test(`the feed ends repl-backlog-ttl after the last replica, and its history with it [${engine}]`, async (t) => {
    await withServer({ ...options, 'repl-backlog-ttl': '1' }, async ({ port }) => {
      const client = await Talk.open(port);
      const replica = await attached(port);
      await client.ask('SET a 1');
      const id = await field(client, 'master_replid');
      replica.close();
      await untilField(client, 'repl_backlog_active', /^0$/);
      t.not(await field(client, 'master_replid'), id);
      const back = await Talk.open(port);
      t.regex(await back.ask(`PSYNC ${id} 51`, /\r\n/), /^\+FULLRESYNC/);
    });
  });

  test(`PINGs go into the feed, empty lines to nobody who reads it [${engine}]`, async (t) => {
    await withServer(options, async ({ port }) => {
      const [client, replica] = [await Talk.open(port), await attached(port)];
      // Not before: a PING right behind the snapshot would hide its end.
      await client.ask('CONFIG SET repl-ping-replica-period 1');
      t.is(await replica.hear(/ping\r\n$/), '*1\r\n$4\r\nping\r\n');
    });
  });

  test(`another history: those who follow must ask again [${engine}]`, async (t) => {
    await withServer(options, async ({ port }) => {
      const client = await Talk.open(port);
      await client.ask('REPLICAOF 127.0.0.1 1');
      const refused = await Talk.open(port);
      t.is(
        await refused.ask('PSYNC ? -1'),
        "-NOMASTERLINK Can't SYNC while not connected with my master\r\n",
      );
      await client.ask('REPLICAOF NO ONE');
      const replica = await attached(port);
      const id = await field(client, 'master_replid');
      // Following an unreachable primary does not cut them: they may go on later.
      await client.ask('REPLICAOF 127.0.0.1 1');
      t.false(replica.isClosed);
      await client.ask('REPLICAOF NO ONE');
      await until('it to be closed', () => replica.isClosed);
      t.is(await field(client, 'redtwin_last_replica_lost_because'), 'history-changed');
      t.is(await field(client, 'master_replid2'), id);
      const back = await Talk.open(port);
      await back.ask('REPLCONF capa psync2');
      t.is(await back.ask(`PSYNC ${id} 1`), `+CONTINUE ${await field(client, 'master_replid')}\r\n`);
    });
  });
}
