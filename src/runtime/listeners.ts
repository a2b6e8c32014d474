/**
 * The sockets that clients connect to: TCP on each address of `bind`, and a unix socket.
 *
 * Two ways to read. The documented one gives each connection's chunks in buffers of their own. The other reads all
 * connections into one shared buffer, which saves an allocation per chunk: a server's accepted handle is taken over before
 * Node makes a socket of it. It needs an inner part of Node, so `canShareReads` checks at start that the part is there.
 *
 *     bind "127.0.0.1 -::1"   -> listen, listen (a failure of the second is forgiven)
 *     bind "*"                -> 0.0.0.0
 */
import { chmodSync, rmSync } from 'node:fs';
import {
  createServer,
  type NetConnectOpts,
  type Server as NetServer,
  Socket,
  type SocketConstructorOpts,
} from 'node:net';
import { RedtwinError } from '../errors.ts';

/** Takes a connection that was accepted. `isUnix` tells where it came from. */
export interface Acceptor {
  accept(socket: Socket, isUnix: boolean): Receiver;
  /** Reads the accepted socket by itself, now that it is set up. False: it is to be read here. */
  reads(socket: Socket): boolean;
  /** A listening socket had an error, after it was opened. */
  trouble(cause: Error): void;
}
/** Takes input; the chunk belongs to the caller again on return. */
export type Receiver = (chunk: Buffer, length: number) => void;

/** Bytes read at once from one socket into the shared buffer. */
const sharedBytes = 64 * 1024;

interface InnerServer extends NetServer {
  _handle?: { onconnection?: (status: number, handle: unknown) => void } | null;
}
interface OnReadOptions extends SocketConstructorOpts {
  handle: unknown;
  /** Does not begin to read before it is told to. */
  manualStart: boolean;
  onread: NonNullable<NetConnectOpts['onread']>;
}

/** Whether this Node has the part that sharing reads needs. REDTWIN_SHARED_READS=no turns it off. */
export const canShareReads = (server: NetServer): boolean =>
  process.env.REDTWIN_SHARED_READS !== 'no' &&
  typeof (server as InnerServer)._handle?.onconnection === 'function';

export class Listeners {
  readonly #acceptor: Acceptor;
  readonly #backlog: number;
  #tcp: NetServer[] = [];
  #unix: NetServer | null = null;
  #unixPath: string | null = null;
  /** What all accepted sockets are read into, where that can be had. */
  readonly shared = Buffer.allocUnsafeSlow(sharedBytes);

  constructor(acceptor: Acceptor, backlog: number) {
    this.#acceptor = acceptor;
    this.#backlog = backlog;
  }

  /** The port of the first TCP socket: what port 0 became; 0 without TCP. */
  get port(): number {
    const address = this.#tcp[0]?.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  /** What is listened on, for the log. */
  get isTcp(): boolean {
    return this.#tcp.length > 0;
  }

  /**
   * Listens on `addresses` and `port` in place of what was before. When it cannot, what was before goes on and a
   * RedtwinError 'listen-failed' is thrown. An `ephemeral` port 0 lets the system choose one; otherwise 0 means no TCP.
   */
  async listenTcp(addresses: readonly string[], port: number, ephemeral = false): Promise<void> {
    const before = this.#tcp;
    const opened: NetServer[] = [];
    try {
      if (port !== 0 || ephemeral) {
        for (const word of addresses) {
          const optional = word.startsWith('-');
          const host = resolveAddress(optional ? word.slice(1) : word);
          const chosen = ephemeral && opened.length > 0 ? portOf(opened[0]!) : port;
          // The old socket on the same address and port would be in the way.
          const inWay = before.find((server) => isAt(server, host, chosen));
          if (inWay) {
            opened.push(inWay);
            continue;
          }
          const server = await this.#open({ host, port: chosen, ipv6Only: host.includes(':') }, false).catch(
            (cause: NodeJS.ErrnoException) => {
              if (optional && isMissing(cause)) return null;
              throw new RedtwinError(
                'listen-failed',
                `Could not listen on ${host}:${chosen}: ${cause.message}`,
                {
                  cause,
                },
              );
            },
          );
          if (server) opened.push(server);
        }
        if (opened.length === 0 && addresses.length > 0)
          throw new RedtwinError('listen-failed', `None of the addresses to listen on could be had`);
      }
    } catch (cause) {
      for (const server of opened) if (!before.includes(server)) server.close();
      throw cause;
    }
    for (const server of before) if (!opened.includes(server)) server.close();
    this.#tcp = opened;
  }

  /** Listens on a unix socket; an old file in its place is removed. `mode` 0 leaves the permissions alone. */
  async listenUnix(path: string, mode: number): Promise<void> {
    rmSync(path, { force: true });
    try {
      this.#unix = await this.#open({ path }, true);
    } catch (cause) {
      throw new RedtwinError(
        'listen-failed',
        `Could not listen on the unix socket ${path}: ${String(cause)}`,
        {
          cause,
        },
      );
    }
    if (mode !== 0) chmodSync(path, mode);
    this.#unixPath = path;
  }

  /** Listens no more. Connections that are open stay so. */
  close(): void {
    for (const server of this.#tcp) server.close();
    this.#tcp = [];
    this.#unix?.close();
    this.#unix = null;
    if (this.#unixPath !== null) rmSync(this.#unixPath, { force: true });
  }

  #open(
    where: { path: string } | { host: string; port: number; ipv6Only: boolean },
    isUnix: boolean,
  ): Promise<NetServer> {
    const server = createServer({ noDelay: true });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ ...where, backlog: this.#backlog }, () => {
        server.off('error', reject);
        // Running out of descriptors, say: the next connection may work again.
        server.on('error', (cause) => this.#acceptor.trouble(cause));
        if (canShareReads(server)) this.#shareReads(server as InnerServer, isUnix);
        else
          server.on('connection', (socket) => {
            const receive = this.#acceptor.accept(socket, isUnix);
            socket.on('data', (chunk: Buffer) => receive(chunk, chunk.length));
          });
        resolve(server);
      });
    });
  }

  #shareReads(server: InnerServer, isUnix: boolean): void {
    server._handle!.onconnection = (status, handle) => {
      if (status !== 0 || !handle) return;
      let receive: Receiver | null = null;
      const options: OnReadOptions = {
        handle,
        manualStart: true,
        onread: {
          buffer: this.shared,
          callback: (length, buffer) => {
            receive?.(buffer as Buffer, length);
            return true;
          },
        },
      };
      const socket = new Socket(options);
      receive = this.#acceptor.accept(socket, isUnix);
      if (!socket.destroyed) {
        if (!isUnix) socket.setNoDelay(true);
        if (!this.#acceptor.reads(socket)) socket.resume();
      }
    };
  }
}

const resolveAddress = (word: string): string => (word === '*' ? '0.0.0.0' : word === '::*' ? '::' : word);

function portOf(server: NetServer): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

function isAt(server: NetServer, host: string, port: number): boolean {
  const address = server.address();
  return typeof address === 'object' && address !== null && address.address === host && address.port === port;
}

/** Errors that say that this machine has no such address, rather than that it is taken. */
const isMissing = ({ code }: NodeJS.ErrnoException): boolean =>
  code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' || code === 'ENOTFOUND' || code === 'EINVAL';
