/**
 * A primary that holds a feed ready in memory: it greets a replica, sends an empty RDB, then the whole feed with `REPLCONF
 * GETACK *` behind it. The replica's ACK ends the clock, so nothing is polled, and nothing but the replica works.
 *
 *     replica                      stored feed
 *       PING, REPLCONF..., PSYNC -->
 *       <-- +FULLRESYNC, an empty RDB
 *       ACK 0 -->                                    online
 *       <-- feed, GETACK                             the clock starts
 *       ACK n -->                                    the clock stops
 */
import { type AddressInfo, createServer } from 'node:net';
import { Peer } from '../../test/link/fake-primary.ts';
import { smallRdb } from '../../test/link/small-rdb.ts';
import { pack } from '../../test/servers/resp.ts';
import { cpuMs } from './process.ts';
import type { Side } from './sides.ts';

/** How long a replica took for a feed, by the clock and in its own CPU time. */
export interface Applied {
  seconds: number;
  cpuSeconds: number;
}

/** Starts a replica, lets it apply the feed, and stops it. */
export async function applyFeed(side: Side, feed: Buffer): Promise<Applied> {
  let connected: (peer: Peer) => void = () => {};
  const whenConnected = new Promise<Peer>((resolve) => {
    connected = resolve;
  });
  const primary = createServer((socket) => connected(new Peer(socket)));
  await new Promise<void>((resolve) => primary.listen(0, '127.0.0.1', resolve));
  const replica = await side.start(['--replicaof', `127.0.0.1 ${(primary.address() as AddressInfo).port}`]);
  const peer = await whenConnected;
  try {
    await peer.greet();
    const rdb = smallRdb(new Map());
    peer.write(`+FULLRESYNC ${'a'.repeat(40)} 0\r\n$${rdb.length}\r\n`);
    peer.write(rdb);
    await peer.ack();
    const cpuBefore = cpuMs(replica.pid);
    const began = performance.now();
    peer.write(feed);
    peer.write(pack('REPLCONF GETACK *'));
    for (let acked = 0; acked < feed.length; ) acked = await peer.ack();
    return {
      seconds: (performance.now() - began) / 1000,
      cpuSeconds: (cpuMs(replica.pid) - cpuBefore) / 1000,
    };
  } finally {
    peer.destroy();
    await replica.stop();
    await new Promise((resolve) => primary.close(resolve));
  }
}
