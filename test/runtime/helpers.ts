/**
 * A server in this process for a test, on each engine, and raw conversations with it.
 *
 * Most tests only send words and compare bytes; `Talk` does that without a client library in between, so that what is
 * compared is what was on the wire.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type EmbeddedServer, type ServerOptions } from '../../src/index.ts';

export type EngineName = 'native' | 'portable';
export const engineNames: readonly EngineName[] = ['portable', 'native'];

/** Runs `body` with a server that is closed afterwards. It works in a folder of its own: what it saves no other server finds. */
export async function withServer(
  options: ServerOptions,
  body: (server: EmbeddedServer) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'redtwin-test-'));
  try {
    const server = await createServer({ dir, ...options });
    try {
      await body(server);
    } finally {
      await server.close();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** One connection. */
export class Talk {
  readonly socket: Socket;
  #heard = '';
  #wake: () => void = () => {};
  isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#heard += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
    // A server that closes on us is what some tests are about; 'close' follows.
    socket.on('error', () => {});
  }

  static open(where: number | string): Promise<Talk> {
    return new Promise((resolve, reject) => {
      const socket = typeof where === 'number' ? connect(where, '127.0.0.1') : connect(where);
      socket.once('connect', () => resolve(new Talk(socket)));
      socket.once('error', reject);
    });
  }

  /** Sends a line as an inline command and gives what comes until it ends with `end` (default: any full line). */
  async ask(line: string, until: RegExp = /\r\n$/): Promise<string> {
    this.socket.write(`${line}\r\n`, 'latin1');
    return this.hear(until);
  }

  /** Takes what comes until it fits or the connection is closed; a minute (machines are busy) without is an error. */
  async hear(until: RegExp): Promise<string> {
    const deadline = Date.now() + 60_000;
    while (!until.test(this.#heard) && !this.isClosed) {
      if (Date.now() > deadline)
        throw new Error(`waited 60 s for ${until}; heard: ${this.#heard.slice(-500)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.heardSoFar();
  }

  /** What has come and was not taken yet. */
  heardSoFar(): string {
    const heard = this.#heard;
    this.#heard = '';
    return heard;
  }

  close(): void {
    this.socket.destroy();
  }
}
