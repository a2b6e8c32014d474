/**
 * A connection that only counts what comes back: for load generators that know how long each reply is, and must not spend
 * their core on reading it.
 *
 *     write(commands) ---> socket ---> server
 *     onBytes(count)  <--- one shared buffer, overwritten by each read
 */
import { connect, type Socket } from 'node:net';

const shared = Buffer.alloc(1 << 20);

/** An open connection to a port of this machine. */
export class RawConnection {
  /** Called with the count of bytes of each read. */
  onBytes: (count: number) => void = () => {};
  readonly #socket: Socket;
  #failed: Error | null = null;

  private constructor(port: number, opened: (error: Error | null) => void) {
    this.#socket = connect({
      ...{ host: '127.0.0.1', port, noDelay: true },
      onread: {
        buffer: shared,
        callback: (count) => {
          this.onBytes(count);
          return true;
        },
      },
    });
    this.#socket.once('connect', () => opened(null));
    this.#socket.once('error', (error) => {
      this.#failed = error;
      opened(error);
    });
  }

  static async open(port: number): Promise<RawConnection> {
    return await new Promise((resolve, reject) => {
      const connection: RawConnection = new RawConnection(port, (error) =>
        error === null ? resolve(connection) : reject(error),
      );
    });
  }

  /** Sends bytes, which must stay as they are until they are answered. */
  write(bytes: Uint8Array): void {
    if (this.#failed !== null) throw this.#failed;
    this.#socket.write(bytes);
  }

  /** Sends bytes and waits until so many have come back. */
  async exchange(bytes: Uint8Array, replyBytes: number): Promise<void> {
    let left = replyBytes;
    await new Promise<void>((resolve) => {
      this.onBytes = (count) => {
        left -= count;
        if (left <= 0) resolve();
      };
      this.write(bytes);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
