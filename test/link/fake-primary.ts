/**
 * A primary that says what a script tells it to: a server on loopback, and for each connection a `Peer` that
 * reads the replica's commands one by one and answers anything whatsoever.
 *
 *   const primary = await FakePrimary.start(t, async (peer) => {
 *     await peer.greet();                          // PING ... REPLCONF version, answered as Redis does
 *     await peer.command();                        // PSYNC
 *     peer.write('+FULLRESYNC ...');
 *   });
 *
 * `peer.limitBytes` ends the connection after so many bytes of what was written, wherever that is.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { frameEnd } from '../servers/resp.ts';

/** Thrown into a script whose connection ended; scripts just let it pass. */
class Ended extends Error {}

export class Peer {
  /** The connection ends when as many bytes have been written. */
  limitBytes = Number.POSITIVE_INFINITY;
  /** Commands of the replica so far, ACKs included. */
  readonly commands: string[][] = [];
  readonly #socket: Socket;
  #input: Buffer = Buffer.alloc(0);
  #waiting: ((error: Error | null) => void) | null = null;
  ended = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#input = Buffer.concat([this.#input, chunk]);
      this.#waiting?.(null);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.ended = true;
      this.#waiting?.(new Ended());
    });
  }

  /** The replica's next command that is no ACK: its words. Empty lines are passed over. */
  async command(): Promise<string[]> {
    for (;;) {
      const args = this.#take();
      if (args !== null) {
        if (args.length === 0) continue;
        this.commands.push(args);
        if (args[0] === 'REPLCONF' && args[1] === 'ACK') continue;
        return args;
      }
      await this.#more();
    }
  }

  /** Waits for an ACK and gives its offset. */
  async ack(): Promise<number> {
    for (;;) {
      const args = this.#take();
      if (args === null) await this.#more();
      else if (args[1] === 'ACK') return Number(args[2]);
    }
  }

  #take(): string[] | null {
    const lineEnd = this.#input.indexOf('\n');
    if (lineEnd < 0) return null;
    const isInline = this.#input[0] !== 0x2a;
    const end = isInline ? lineEnd + 1 : frameEnd(this.#input, 0);
    if (end < 0) return null;
    const text = this.#input.toString('latin1', 0, end);
    this.#input = this.#input.subarray(end);
    if (isInline)
      return text
        .trim()
        .split(' ')
        .filter((word) => word !== '');
    return text.split('\r\n').filter((_, index) => index > 0 && index % 2 === 0);
  }

  async #more(): Promise<void> {
    if (this.ended) throw new Ended();
    await new Promise<void>((resolve, reject) => {
      this.#waiting = (error) => (error === null ? resolve() : reject(error));
    });
    this.#waiting = null;
  }

  /** Sends bytes (text as latin-1), or as many of them as the limit allows. */
  write(bytes: string | Uint8Array): void {
    const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    const some = all.subarray(0, this.limitBytes);
    this.limitBytes -= some.length;
    if (some.length > 0) this.#socket.write(some);
    if (this.limitBytes <= 0) this.end();
  }

  /** Sends bytes one by one, each in a packet of its own. */
  async drip(bytes: string | Uint8Array): Promise<void> {
    for (const byte of typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes) {
      this.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Answers the handshake up to PSYNC as Redis 7.0 does, and gives PSYNC's words. */
  async greet(): Promise<string[]> {
    for (;;) {
      const args = await this.command();
      if (args[0] === 'PING') this.write('+PONG\r\n');
      else if (args[0] === 'PSYNC') return args;
      else if (args[1] === 'version') this.write('-ERR Unrecognized REPLCONF option: version\r\n');
      else this.write('+OK\r\n');
    }
  }

  /** Ends the connection after what was written. */
  end(): void {
    this.#socket.end();
  }

  /** Breaks the connection: the replica sees a reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

export class FakePrimary {
  /** What to do with the next connections. */
  script: (peer: Peer) => Promise<void>;
  readonly peers: Peer[] = [];
  /** What went wrong in scripts, other than that connections ended. */
  readonly errors: unknown[] = [];
  readonly #server: Server;

  private constructor(script: (peer: Peer) => Promise<void>) {
    this.script = script;
    this.#server = createServer((socket) => {
      const peer = new Peer(socket);
      this.peers.push(peer);
      this.script(peer).catch((error) => {
        if (!(error instanceof Ended)) this.errors.push(error);
      });
    });
  }

  /** Listens; ends with the test. */
  static async start(t: ExecutionContext, script: (peer: Peer) => Promise<void>): Promise<FakePrimary> {
    const primary = new FakePrimary(script);
    t.teardown(() => primary.stop());
    await new Promise<void>((resolve) => primary.#server.listen(0, '127.0.0.1', resolve));
    return primary;
  }

  get target(): { host: string; port: number } {
    return { host: '127.0.0.1', port: (this.#server.address() as { port: number }).port };
  }

  get last(): Peer | undefined {
    return this.peers.at(-1);
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    for (const peer of this.peers) peer.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
