/**
 * A proxy between a replica and its primary that cuts the link at random bytes.
 *
 *     replica <---- some bytes ----X---- proxy <---- primary
 *
 * Each connection gets a length of life, in bytes of what the primary says; when it is used up, a part of a
 * chunk still goes through, and both sides lose the connection. So cuts fall anywhere: in a reply, in a
 * command, in a transaction. Every second one is a reset instead of an orderly end.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';

export class CuttingProxy {
  /** How many bytes the next connections may live; called once for each. Infinity: they are left alone. */
  lifeBytes: () => number = () => Number.POSITIVE_INFINITY;
  /** Connections that were cut by us. */
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(primaryPort: number) {
    this.#server = createServer((replica) => this.#serve(replica, primaryPort));
  }

  /** Listens on a free port; ends with the test. */
  static async start(t: ExecutionContext, primaryPort: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(primaryPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => {
      for (const socket of proxy.#sockets) socket.destroy();
      proxy.#server.close();
    });
    return proxy;
  }

  get target(): { host: string; port: number } {
    return { host: '127.0.0.1', port: (this.#server.address() as { port: number }).port };
  }

  /** Cuts every connection there is, now. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** From now on nothing goes through any connection there is, in either direction; none is cut. */
  holdAll(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  #serve(replica: Socket, primaryPort: number): void {
    const primary = connect({ host: '127.0.0.1', port: primaryPort });
    let leftBytes = this.lifeBytes();
    for (const [socket, other] of [
      [replica, primary],
      [primary, replica],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    replica.on('data', (chunk) => primary.write(chunk));
    primary.on('data', (chunk) => {
      if (chunk.length < leftBytes) {
        leftBytes -= chunk.length;
        replica.write(chunk);
        return;
      }
      replica.write(chunk.subarray(0, leftBytes));
      leftBytes = Number.POSITIVE_INFINITY;
      primary.removeAllListeners('data');
      this.cuts++;
      primary.destroy();
      if (this.cuts % 2 === 0) replica.resetAndDestroy();
      else replica.end(() => replica.destroy());
    });
  }
}
