/**
 * Host commands against a real redis-server 7.0: the same lines to both, the same bytes expected.
 *
 * Where an answer holds what cannot be the same (ids, ports, ages), a mask takes it out of both. What redtwin answers
 * differently on purpose is not here but in docs/differences.md.
 */
import test from 'ava';
import { Client } from '../servers/client.ts';
import { startServer } from '../servers/server.ts';
import { engineNames, withServer } from './helpers.ts';

const lines = `
CLIENT
CLIENT FOO
CLIENT ID X
CLIENT GETNAME
CLIENT SETNAME
CLIENT SETNAME "a b"
CLIENT SETNAME abc
CLIENT GETNAME
CLIENT SETINFO lib-name x
CLIENT LIST FOO
CLIENT LIST TYPE foo
CLIENT LIST TYPE pubsub
CLIENT LIST ID 1 2 x
CLIENT LIST ID 99999
CLIENT LIST ID
CLIENT KILL
CLIENT KILL foo
CLIENT KILL ID x
CLIENT KILL ID 0
CLIENT KILL ID 99999
CLIENT KILL ID 99999 SKIPME
CLIENT KILL TYPE foo
CLIENT KILL SKIPME maybe
CLIENT KILL USER nobody
CLIENT KILL FOO 1
CLIENT KILL LADDR 1.1.1.1:1
CLIENT NO-EVICT
CLIENT NO-EVICT x
CLIENT NO-EVICT on
CLIENT REPLY
CLIENT REPLY foo
CLIENT REPLY on
CLIENT PAUSE
CLIENT PAUSE x
CLIENT PAUSE -1
CLIENT PAUSE 1 FOO
CLIENT PAUSE 1 WRITE
CLIENT UNPAUSE
CLIENT UNBLOCK 5555
CLIENT UNBLOCK x
CLIENT UNBLOCK 5 FOO
CLIENT TRACKINGINFO
CLIENT GETREDIR
CLIENT TRACKING
CLIENT TRACKING foo
CLIENT TRACKING off
CLIENT CACHING yes
HELLO 4
HELLO x
HELLO 2 foo
HELLO 2 AUTH a b
HELLO 2 SETNAME "a b"
HELLO 2 SETNAME xx AUTH default foo
HELLO
HELLO 3
CLIENT TRACKINGINFO
CONFIG GET maxmemory-s*
COMMAND INFO get
PUBSUB NUMSUB a
HELLO 2
AUTH
AUTH a
AUTH a b
AUTH default foo
AUTH a b c
WAIT 0 0
WAIT x 0
WAIT 0 -1
WAIT 0 x
WAIT 1 10
LASTSAVE x
REPLICAOF a
REPLICAOF a b
REPLICAOF a 99999
REPLICAOF NO TWO
REPLICAOF no one
SHUTDOWN FOO
SHUTDOWN SAVE NOSAVE
SHUTDOWN ABORT
SHUTDOWN ABORT NOW
SLOWLOG
SLOWLOG FOO
SLOWLOG GET x
SLOWLOG GET -2
SLOWLOG LEN
SLOWLOG RESET
LATENCY LATEST
LATENCY HISTORY foo
LATENCY RESET
LATENCY GRAPH foo
LATENCY HISTOGRAM foo
MODULE LIST
MODULE LOAD x
MODULE UNLOAD x
ACL WHOAMI
ACL LIST
ACL USERS
ACL CAT
ACL CAT foo
ACL GETUSER default
ACL GETUSER foo
ACL SAVE
ACL LOAD
ACL GENPASS 0
ACL GENPASS x
COMMAND FOO
COMMAND INFO foo
COMMAND INFO client|id
COMMAND LIST FILTERBY MODULE x
COMMAND LIST FILTERBY FOO x
COMMAND LIST FOO
COMMAND GETKEYS
COMMAND GETKEYS get a
COMMAND GETKEYS eval "" 2 a b c
COMMAND GETKEYS xread streams a b 1 2
COMMAND GETKEYS mset a 1 b 2
COMMAND GETKEYS zunionstore d 2 a b
COMMAND GETKEYS sort a store b
COMMAND GETKEYS ping
COMMAND GETKEYS foo
COMMAND GETKEYSANDFLAGS set a b
COMMAND GETKEYSANDFLAGS set a b get
COMMAND GETKEYSANDFLAGS sort a store b
COMMAND GETKEYSANDFLAGS lmove a b left right
COMMAND DOCS foo
LOLWUT VERSION x
PUBSUB
PUBSUB FOO
PUBSUB CHANNELS
PUBSUB NUMSUB a b
PUBSUB NUMPAT
PUBSUB SHARDCHANNELS
PUBSUB SHARDNUMSUB a
PUBLISH a b
SPUBLISH a b
UNSUBSCRIBE
PUNSUBSCRIBE
SUNSUBSCRIBE
SUBSCRIBE a b a
GET x
CLIENT ID
PING
PING foo
PSUBSCRIBE p*
PUBLISH a b
SSUBSCRIBE s
RESET
PING
REPLCONF a
REPLCONF listening-port x
REPLCONF foo bar
FAILOVER
FAILOVER ABORT
READONLY
READWRITE
ASKING
CLUSTER INFO
BGSAVE FOO
BGREWRITEAOF X
INFO foo
INFO cluster
INFO modules cluster
MULTI
PUBLISH a b
CONFIG GET maxmemory
SUBSCRIBE x
EXEC
UNSUBSCRIBE
MULTI
WAIT 1 100
MONITOR
EXEC
MULTI
SHUTDOWN
EXEC
CONFIG RESETSTAT
CONFIG
CONFIG FOO
CONFIG GET
CONFIG GET nothing
CONFIG GET timeout TIMEOUT
CONFIG SET timeout
CONFIG SET timeout 1 maxmemory
CONFIG SET timeout x
CONFIG SET nothing 1
CONFIG SET timeout 1 timeout 2
CONFIG SET appenddirname x
CONFIG SET dir /
CONFIG SET maxmemory 1gb timeout 7
CONFIG GET maxmemory
CONFIG GET timeout
CONFIG SET maxmemory 0 timeout 0
CONFIG SET save "100 1 200 2"
CONFIG GET save
CONFIG SET save ""
CONFIG SET client-output-buffer-limit "normal 1mb 2mb 60 pubsub 1 2 3"
CONFIG GET client-output-buffer-limit
CONFIG SET client-output-buffer-limit "foo 1 2 3"
CONFIG SET notify-keyspace-events KEx$
CONFIG GET notify-keyspace-events
CONFIG SET notify-keyspace-events Q
CONFIG SET notify-keyspace-events ""
CONFIG SET port -1
CONFIG REWRITE
CONFIG REWRITE x
CONFIG RESETSTAT x
DEBUG SLEEP 0
DEBUG FOO
DEBUG PAUSE-CRON 1
DEBUG PAUSE-CRON 0
DEBUG REPLICATE
DEBUG REPLICATE SET a b
DEBUG REPLYBUFFER PEAK-RESET-TIME 100
DEBUG REPLYBUFFER NONSENSE 1
QUIT
`
  .trim()
  .split('\n');

/** Numbers that are not the same on two servers. */
const masked = (frame: string): string =>
  frame
    .replace(/(\$2\r\nid\r\n):\d+/g, '$1:N')
    .replace(/^:\d+\r\n$/, (text) => (Number(text.slice(1)) > 2 ? ':N' : text));

/** A frame, and the line that was the last one sent when it came: the one it answers, or near to it. */
interface Heard {
  line: string;
  frame: string;
}

/**
 * All that a server says to the lines, in order. A line is sent when the one before it had a frame; some have more, and those
 * come before the next line's, however slow the server is.
 */
async function conversation(port: number): Promise<Heard[]> {
  const client = await Client.open(port);
  const heard: Heard[] = [];
  const take = (line: string, frame: Buffer): void =>
    void heard.push({ line, frame: masked(frame.toString('latin1')) });
  for (const line of lines) {
    client.write(Buffer.from(`${line}\r\n`));
    take(line, await client.frame());
  }
  // The last line is QUIT.
  for (let frame = await client.frameOrEnd(); frame !== null; frame = await client.frameOrEnd())
    take('the end', frame);
  client.close();
  return heard;
}

for (const engine of engineNames)
  test(`host commands answer as Redis does [${engine}]`, async (t) => {
    const redis = await startServer({ args: ['--slowlog-log-slower-than', '-1'] });
    try {
      const theirs = await conversation(redis.port);
      t.true(theirs.length > lines.length);
      await withServer(
        { engine, 'enable-debug-command': true, 'slowlog-log-slower-than': -1 },
        async ({ port }) => {
          const ours = await conversation(port);
          const differing = ours.flatMap(({ line, frame }, i) =>
            frame === theirs[i]?.frame ? [] : [{ line, ours: frame, theirs: theirs[i]?.frame }],
          );
          t.deepEqual(differing, []);
          t.is(ours.length, theirs.length);
        },
      );
    } finally {
      await redis.stop();
    }
  });
