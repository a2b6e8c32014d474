/**
 * A connection to a primary: a TCP socket with just the handful of things the link needs.
 *
 * The one idea: whoever closes a connection hears nothing of it any more. So a driver never has to ask
 * whether an event belongs to a link that it has already given up. TLS would be another way to make the same
 * `Connection`.
 */
import { connect, type Socket } from 'node:net';
import type { Target } from '../replication/replica-link/states.ts';
import { endpoint } from './address.ts';

/** What a connection tells its owner. After `failed` or `ended` nothing more comes. */
export interface Listener {
  opened(): void;
  /** The chunk is lent: its bytes are others once this has returned. */
  data(chunk: Buffer): void;
  /** The connection could not be made. */
  failed(detail: string): void;
  /** An open connection ended, though nobody here closed it. */
  ended(because: 'closed' | 'socket-error', detail: string): void;
}

export interface Connection {
  /** The primary's address and our own, as clients are shown them; known once it is open. */
  readonly address: string;
  readonly localAddress: string;
  write(bytes: Uint8Array): void;
  /** Stops `data` until `resume`. */
  pause(): void;
  resume(): void;
  /** Whether to read in lumps: for what is long and urgent as a whole, not in its parts. Not at first. */
  inLumps(yes: boolean): void;
  /** At once, without waiting for what is unsent. The listener hears nothing more. */
  close(): void;
}

/**
 * What is read at once, always into the same memory: a feed that comes as fast as it can otherwise leaves more buffers to the
 * garbage collector than bytes in the data.
 */
const readBytes = 256 * 1024;

/**
 * How long to look away in lumps, once all that had come is read. A primary writes a snapshot in pieces of 16 KB, and to be woken
 * for each takes the time of the cores that make and load it; what comes in the meantime waits in the system's receive buffer.
 */
const lumpMs = 2;

/**
 * Begins to connect. `sourceAddress` null: the system chooses. Never calls the listener before it returns.
 */
export function dial(target: Target, sourceAddress: string | null, listener: Listener): Connection {
  let open = false;
  let over = false;
  let lumps = false;
  /** Whose wish it is that nothing is read: the owner's, and ours between two lumps. */
  let paused = false;
  let lump: NodeJS.Timeout | null = null;
  const lookAway = (): void => {
    socket.pause();
    lump = setTimeout(() => {
      lump = null;
      if (!paused) socket.resume();
    }, lumpMs);
  };
  const socket: Socket = connect({
    host: target.host,
    port: target.port,
    noDelay: true,
    keepAlive: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(readBytes),
      callback: (length, buffer) => {
        if (!over) listener.data((buffer as Buffer).subarray(0, length));
        if (lumps && !over && lump === null && length < readBytes) lookAway();
        return true;
      },
    },
    ...(sourceAddress === null ? {} : { localAddress: sourceAddress }),
  });
  const end = (because: 'closed' | 'socket-error', detail: string): void => {
    if (over) return;
    over = true;
    if (lump !== null) clearTimeout(lump);
    socket.destroy();
    if (open) listener.ended(because, detail);
    else listener.failed(detail);
  };
  socket.on('connect', () => {
    if (over) return;
    open = true;
    listener.opened();
  });
  socket.on('end', () => end('closed', ''));
  socket.on('error', (error) => end('socket-error', error.message));
  socket.on('close', () => end('closed', ''));
  // Nothing comes this way but the end.
  socket.resume();
  return {
    get address() {
      return endpoint(socket.remoteAddress, socket.remotePort);
    },
    get localAddress() {
      return endpoint(socket.localAddress, socket.localPort);
    },
    write: (bytes) => {
      if (!over) socket.write(bytes);
    },
    pause: () => {
      paused = true;
      socket.pause();
    },
    resume: () => {
      paused = false;
      if (lump === null) socket.resume();
    },
    inLumps: (yes) => {
      lumps = yes;
    },
    close: () => {
      over = true;
      if (lump !== null) clearTimeout(lump);
      socket.destroy();
    },
  };
}
