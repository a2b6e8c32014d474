/**
 * Clients, and replicas to be, that send what they should not: each hears what redis-server says, and is closed when redis-server closes it.
 */
import { connect } from 'node:net';
import test from 'ava';
import { Client } from '../servers/client.ts';
import { startServer } from '../servers/server.ts';
import { engineNames, withServer } from './helpers.ts';

const long = (bytes: number, byte = 'x'): string => byte.repeat(bytes);

/** Name and bytes. What follows a mistake must not run. */
const inputs: Readonly<Record<string, string>> = {
  'bytes of no protocol': '\x00\x01\x02\xff\xfe\r\nPING\r\n',
  'an empty line': '\r\nPING\r\n',
  'a request of another protocol': 'GET / HTTP/1.1\r\nHost: here\r\n\r\n',
  'a form as browsers post it': 'POST / HTTP/1.1\r\nHost: here\r\n\r\nSET a b\r\n',
  'an inline command without an end': long(70_000),
  'an inline command just long enough': `ECHO ${long(60_000)}\r\n`,
  'quotes that do not close': 'SET k "v\r\nPING\r\n',
  'quotes with something behind them': 'SET k "v"x\r\nPING\r\n',
  'too many words announced': '*1048577\r\n$4\r\nPING\r\n',
  'as many words as may be': '*1048576\r\n',
  'a number of words that is none': '*abc\r\nPING\r\n',
  'a number of words of 2^63': '*9223372036854775808\r\nPING\r\n',
  'no words': '*0\r\nPING\r\n',
  'a negative number of words': '*-10\r\nPING\r\n',
  'a number of words without an end': `*${long(70_000, '1')}`,
  'a word that is no bulk string': '*1\r\n:4\r\nPING\r\n',
  'a length that is none': '*1\r\n$four\r\nPING\r\n',
  'a negative length': '*1\r\n$-1\r\nPING\r\n',
  'a length of 512 MB and one': '*1\r\n$536870913\r\nPING\r\n',
  'a length of 2^63': '*1\r\n$9223372036854775808\r\nPING\r\n',
  'a length without an end': `*1\r\n$${long(70_000, '1')}`,
  'a word of another length': '*1\r\n$3\r\nPING\r\nPING\r\n',
  'nothing but a star': '*\r\nPING\r\n',
  'nothing but a dollar': '*1\r\n$\r\nPING\r\n',
  'an empty name': '*1\r\n$0\r\n\r\nPING\r\n',
  'a name of many bytes': `*1\r\n$300\r\n${long(300)}\r\nPING\r\n`,
  'a wrong password': 'AUTH wrong\r\nAUTH user wrong\r\nAUTH a b c\r\nHELLO 3 AUTH a b\r\nPING\r\n',
  'wrong versions of HELLO': 'HELLO 1\r\nHELLO 4\r\nHELLO x\r\nHELLO 2 NONSENSE\r\nPING\r\n',
};

/** What a replica says of itself, wrongly; each line on its own gets its reply. */
const introductions: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'REPLCONF',
    'REPLCONF capa',
    'REPLCONF capa eof listening-port',
    'REPLCONF capa nosuch',
    'REPLCONF CAPA EOF',
    'REPLCONF listening-port x',
    'REPLCONF listening-port -1',
    'REPLCONF listening-port 1.5',
    'REPLCONF listening-port 9223372036854775807',
    'REPLCONF listening-port 9223372036854775808',
    `REPLCONF ip-address ${long(255)}`,
    `REPLCONF ip-address ${long(256)}`,
    'REPLCONF ip-address ""',
    'REPLCONF rdb-only 0',
    'REPLCONF rdb-only 2',
    'REPLCONF rdb-only -1',
    'REPLCONF rdb-only yes',
    'REPLCONF rdb-filter-only nosuch',
    'REPLCONF rdb-filter-only "functions nosuch"',
    `REPLCONF rdb-filter-only '"functions'`,
    'REPLCONF rdb-filter-only ""',
    'REPLCONF nosuch 1',
    'REPLCONF NoSuch 1 capa eof',
    'REPLCONF "" ""',
    'REPLCONF capa eof nosuch 1',
    'REPLCONF listening-port 1 nosuch 1 listening-port x',
    'REPLCONF rdb-channel 1',
    'REPLCONF main-ch-client-id 1',
    'REPLCONF ack x\r\nREPLCONF ack 1\r\nREPLCONF ack 1 nosuch 1\r\nREPLCONF ack -1\r\nPING',
    'REPLCONF getack *\r\nREPLCONF getack x nosuch 1\r\nPING',
    'REPLCONF nosuch 1 ack 1\r\nPING',
    'MULTI\r\nREPLCONF nosuch 1\r\nREPLCONF ack 1\r\nEXEC',
    'MULTI\r\nPSYNC ? -1\r\nSYNC\r\nEXEC',
    `EVAL "return redis.call('replconf','capa','eof')" 0`,
    `EVAL "return redis.call('psync','?','-1')" 0`,
    'PSYNC',
    'PSYNC ?',
    'PSYNC ? x',
    'PSYNC ? 9223372036854775808',
    'PSYNC ? -1 FAILOVER',
    `PSYNC ${long(40, 'a')} 1 failover`,
    `PSYNC ${long(40, 'a')} x failover`,
    'SYNC now',
    'REPLCONF rdb-filter-only functions\r\nSYNC',
    'REPLCONF rdb-filter-only ""\r\nPSYNC ? -1',
    'REPLICAOF',
    'REPLICAOF NO',
    'REPLICAOF 127.0.0.1 x',
    'REPLICAOF 127.0.0.1 65536',
    'REPLICAOF 127.0.0.1 -1',
    'FAILOVER NOSUCH',
    'FAILOVER TO',
    'FAILOVER TO 127.0.0.1 x',
    'FAILOVER TO 127.0.0.1 1 FORCE',
    'FAILOVER TIMEOUT 0',
    'FAILOVER TIMEOUT x',
    'FAILOVER ABORT NOW',
    'FAILOVER ABORT',
    'FAILOVER FORCE',
    'FAILOVER',
    'WAIT x 0',
    'WAIT 1 -1',
    'WAIT 1 x',
  ].map((line) => [line.slice(0, 60), `${line}\r\n`]),
);

/** With a password, where little is allowed before it. */
const guarded: Readonly<Record<string, string>> = {
  'many words before the password': '*11\r\n$4\r\nPING\r\n',
  'a long word before the password': '*2\r\n$4\r\nAUTH\r\n$16385\r\n',
  'commands before the password': 'PING\r\nGET k\r\nNOSUCH\r\nHELLO 3\r\nAUTH wrong\r\nAUTH pw\r\nPING\r\n',
};

/** Resolves when a server has answered so often that all it was sent before must have been read and answered. */
async function isAwake(port: number): Promise<void> {
  const client = await Client.open(port);
  for (let turn = 0; turn < 20; turn++) await client.ask('PING');
  client.close();
}

/**
 * What a server says to some bytes, and whether it closes. Redis is heard until it has been quiet for a second in which it was
 * awake; ours until it has said the same (and a moment longer, for what would be too much), or for a minute.
 */
function hear(port: number, bytes: string, wanted?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    const told = (how: string): string => `${heard.length > 500 ? `${heard.length} bytes` : heard}[${how}]`;
    const end = (how: string): void => {
      clearTimeout(quiet);
      socket.destroy();
      resolve(told(how));
    };
    const endIfAwake = (): void => {
      const before = heard;
      // What comes meanwhile begins another second.
      isAwake(port).then(() => {
        if (heard === before) end('open');
      }, reject);
    };
    let quiet = wanted === undefined ? setTimeout(endIfAwake, 1000) : setTimeout(() => end('open'), 60_000);
    const settle = (): void => {
      if (wanted === undefined) quiet.refresh();
      if (told('open') !== wanted) return;
      clearTimeout(quiet);
      quiet = setTimeout(() => end('open'), 200);
    };
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      settle();
    });
    socket.on('error', () => {});
    socket.on('close', () => end('closed'));
    socket.write(Buffer.from(bytes, 'latin1'), settle);
  });
}

type Heard = readonly (readonly [name: string, heard: string])[];

const hearAll = (port: number, all: Readonly<Record<string, string>>, right?: Heard): Promise<Heard> =>
  Promise.all(
    Object.entries(all).map(
      async ([name, bytes], i): Promise<Heard[number]> => [name, await hear(port, bytes, right?.[i]?.[1])],
    ),
  );

for (const engine of engineNames) {
  test(`bad input is answered as by redis-server [${engine}]`, async (t) => {
    const redis = await startServer();
    try {
      const right = await hearAll(redis.port, inputs);
      await withServer({ engine }, async ({ port }) => {
        t.deepEqual(await hearAll(port, inputs, right), right);
      });
    } finally {
      await redis.stop();
    }
  });

  test(`replicas that introduce themselves wrongly are answered as by redis-server [${engine}]`, async (t) => {
    const redis = await startServer();
    try {
      const right = await hearAll(redis.port, introductions);
      await withServer({ engine }, async ({ port }) => {
        t.deepEqual(await hearAll(port, introductions, right), right);
      });
    } finally {
      await redis.stop();
    }
  });

  test(`bad input before the password is answered as by redis-server [${engine}]`, async (t) => {
    const [redis, password] = [await startServer(), 'pw'];
    try {
      const control = await redis.client();
      await control.ask(`CONFIG SET requirepass ${password}`);
      const right = await hearAll(redis.port, guarded);
      control.close();
      await withServer({ engine, requirepass: password }, async ({ port }) => {
        t.deepEqual(await hearAll(port, guarded, right), right);
      });
    } finally {
      await redis.stop();
    }
  });
}
