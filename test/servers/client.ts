/**
 * A test's own connection to a server: bytes out, whole replies in, in order. It asks nothing of redtwin's code
 * and hides nothing of the wire: replies are the raw frames, pushes included.
 *
 *   send(line) ----> socket ----> server
 *   reply()   <---- frames waiting <---- socket
 */
import { connect, type Socket } from 'node:net';
import { type CommandLine, decode, frames, pack, type Value } from './resp.ts';

/** One connection. Every waiting call fails with a sentence when the server closes or nothing comes in time. */
export class Client {
  readonly socket: Socket;
  /** How long a reply may take. */
  timeoutMs = 60_000;
  #rest: Buffer = Buffer.alloc(0);
  #ready: Buffer[] = [];
  #waiting: { give: (frame: Buffer) => void; fail: (error: Error) => void }[] = [];
  #broken: Error | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#break(error));
    socket.on('close', () => this.#break(new Error('the server closed the connection')));
  }

  /** Connects to a port of this machine. */
  static async open(port: number): Promise<Client> {
    const socket = connect({ host: '127.0.0.1', port });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Client(socket);
  }

  /** Sends bytes as they are. */
  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Sends a command without waiting. */
  send(line: CommandLine): void {
    this.write(pack(line));
  }

  /** The next whole frame, as the bytes that came. */
  async frame(): Promise<Buffer> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return ready;
    if (this.#broken !== null) throw this.#broken;
    return await new Promise<Buffer>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((entry) => entry !== waiter);
        reject(new Error(`no reply within ${this.timeoutMs} ms`));
      }, this.timeoutMs);
      const waiter = {
        give: (frame: Buffer): void => {
          clearTimeout(timer);
          resolve(frame);
        },
        fail: (error: Error): void => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#waiting.push(waiter);
    });
  }

  /** The same, or null when the server closes the connection first. */
  async frameOrEnd(): Promise<Buffer | null> {
    try {
      return await this.frame();
    } catch (error) {
      if (this.#broken === null) throw error;
      return null;
    }
  }

  /** Sends a command and gives its reply's bytes. */
  async raw(line: CommandLine): Promise<Buffer> {
    this.send(line);
    return await this.frame();
  }

  /** Sends a command and reads its reply. An error reply is a value, not a throw. */
  async ask(line: CommandLine): Promise<Value> {
    return decode(await this.raw(line));
  }

  /** Sends many commands at once and gives their replies' bytes. */
  async batch(lines: readonly CommandLine[]): Promise<Buffer[]> {
    this.write(Buffer.concat(lines.map(pack)));
    const replies: Buffer[] = [];
    for (let index = 0; index < lines.length; index++) replies.push(await this.frame());
    return replies;
  }

  /** Frames that came and were not asked for yet. */
  takeReady(): Buffer[] {
    return this.#ready.splice(0);
  }

  close(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    const { whole, rest } = frames(this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]));
    this.#rest = rest;
    for (const frame of whole) {
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#ready.push(frame);
      else waiter.give(frame);
    }
  }

  #break(error: Error): void {
    this.#broken ??= error;
    for (const waiter of this.#waiting.splice(0)) waiter.fail(this.#broken);
  }
}
