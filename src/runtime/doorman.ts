/**
 * Lets connections in, or tells them why not: maxclients, protected mode.
 *
 *     accepted socket --> refused? a text and the end
 *                    \--> Connection + Client + session in the engine --> joined ... left
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { utf8 } from '../config/special-kinds.ts';
import { endpoint, isLoopback } from './address.ts';
import { Client } from './client.ts';
import { Connection } from './connection.ts';
import type { Receiver } from './listeners.ts';
import type { Server } from './server.ts';
import { deniedText, maxClientsText } from './turned-away.ts';

/** Where a client comes from, as CLIENT LIST tells it. */
interface Origin {
  address: string;
  localAddress: string;
  isLocal: boolean;
  isUnixSocket: boolean;
}

export class Doorman {
  readonly #server: Server;
  #nextId = 1;
  readonly #connections = new WeakMap<Duplex, Connection>();

  constructor(server: Server) {
    this.#server = server;
  }

  /** The number of the next client. */
  nextId(): number {
    return this.#nextId++;
  }

  /** Takes a connection; the result takes its input. */
  accept(socket: Socket, isUnix: boolean): Receiver {
    const { stats, config, log } = this.#server;
    stats.connectionsReceived++;
    socket.on('error', (cause) => log.verbose(`A client's connection broke: ${cause.message}`));
    const refusal = this.#refusal(socket, isUnix);
    if (refusal !== null) {
      stats.connectionsRejected++;
      socket.end(refusal);
      return () => {};
    }
    const keepAliveSeconds = config.value('tcp-keepalive');
    if (!isUnix && keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
    const path = `${utf8(config.value('unixsocket'))}:0`;
    return this.#enter(socket, {
      address: isUnix ? path : endpoint(socket.remoteAddress, socket.remotePort),
      localAddress: isUnix ? path : endpoint(socket.localAddress, socket.localPort),
      isLocal: isUnix || isLoopback(socket.remoteAddress),
      isUnixSocket: isUnix,
    });
  }

  /** Has the engine read an accepted connection; false when it does not. */
  reads(socket: Socket): boolean {
    return this.#connections.get(socket)?.readByEngine() ?? false;
  }

  /** Takes a connection from inside the process; see inside.ts. */
  acceptInside(socket: Duplex): Receiver {
    const { stats, config, clients } = this.#server;
    stats.connectionsReceived++;
    if (clients.size >= config.value('maxclients')) {
      stats.connectionsRejected++;
      socket.end(maxClientsText);
      return () => {};
    }
    const address = 'inside:0';
    return this.#enter(socket, { address, localAddress: address, isLocal: true, isUnixSocket: false });
  }

  #enter(socket: Duplex, from: Origin): Receiver {
    const connection = new Connection(socket, this.#server);
    const client = new Client({
      id: this.nextId(),
      session: this.#server.store.openSession(),
      ...from,
      createdMs: this.#server.nowMs(),
      line: connection,
    });
    connection.client = client;
    this.#connections.set(socket, connection);
    this.#server.access.enter(client);
    this.#server.joined(client, connection);
    socket.once('close', () => this.#server.left(client));
    return (chunk, length) => connection.receive(chunk, length);
  }

  #refusal(socket: Socket, isUnix: boolean): string | null {
    const { config, clients, access } = this.#server;
    if (clients.size >= config.value('maxclients')) return maxClientsText;
    const isOpen = !config.value('protected-mode') || !access.users.default.needsNoPassword;
    return isOpen || isUnix || isLoopback(socket.remoteAddress) ? null : deniedText;
  }
}
