/**
 * The RDB of a running server, as a replica would get it: a full resync that asks for the snapshot only.
 *
 *     AUTH [user] password          when the URL has one
 *     REPLCONF capa eof             it may be sent as it is made
 *     REPLCONF rdb-only 1           Redis 6.2 and later close the link behind it; older ones do not know the word
 *     PSYNC ? -1  ->  +FULLRESYNC <id> <offset>   ->   $<length> or $EOF:<mark>, the RDB
 *
 * It follows nobody: when the RDB is complete, the link is closed. Where the payload ends is what a replica's link knows
 * (src/runtime/payload.ts); nothing of a state machine is needed for a link that ends after its first answer.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RedtwinError } from '../errors.ts';
import { payloadCutter } from '../runtime/payload.ts';

/** How long the server may say nothing, as `repl-timeout` has it. While it saves, it sends empty lines. */
const silenceMs = 60_000;

/** A request in RESP. */
const request = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

const failed = (url: URL, what: string, cause?: unknown): RedtwinError =>
  new RedtwinError('rdb-source', `no RDB from ${url.hostname}:${url.port || 6379}: ${what}`, { cause });

/** The bytes of the RDB. Throws RedtwinError 'rdb-source' when the server does not give one. */
export async function* fullSync(url: URL, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const socket = dial(url);
  const stop = () => socket.destroy(failed(url, 'it was given up'));
  signal?.addEventListener('abort', stop, { once: true });
  socket.setTimeout(silenceMs, () => socket.destroy(failed(url, `nothing came for ${silenceMs / 1000} s`)));
  const lines = new Lines(socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>);
  try {
    await handshake(url, socket, lines);
    const format = formatOf(url, await lines.next());
    const cutter = payloadCutter(format);
    for (let chunk: Buffer | null = lines.rest(); ; chunk = await lines.chunk()) {
      if (chunk === null) throw failed(url, 'the link was closed before the end of the RDB');
      const { payload, rest } = cutter.take(chunk);
      yield* payload;
      if (rest !== null) return;
    }
  } catch (error) {
    throw error instanceof RedtwinError ? error : failed(url, (error as Error).message, error);
  } finally {
    signal?.removeEventListener('abort', stop);
    socket.destroy();
  }
}

function dial(url: URL): Socket {
  const to = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 6379) };
  const socket = url.protocol === 'rediss:' ? connectTls({ ...to, servername: to.host }) : connectTcp(to);
  // An error also ends the iteration over the socket, where it is dealt with.
  socket.on('error', () => {});
  return socket;
}

async function handshake(url: URL, socket: Socket, lines: Lines): Promise<void> {
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  if (password !== '') {
    socket.write(user === '' ? request('AUTH', password) : request('AUTH', user, password));
    const answer = await lines.next();
    if (answer.startsWith('-')) throw failed(url, answer.slice(1));
  }
  for (const words of [
    ['REPLCONF', 'capa', 'eof'],
    ['REPLCONF', 'rdb-only', '1'],
  ]) {
    socket.write(request(...words));
    const answer = await lines.next();
    // Servers that do not know a word say so and go on; one that wants a password first does not.
    if (/^-(NOAUTH|NOPERM|WRONGPASS)/.test(answer)) throw failed(url, answer.slice(1));
  }
  socket.write(request('PSYNC', '?', '-1'));
  const answer = await lines.next();
  if (!answer.startsWith('+FULLRESYNC')) throw failed(url, answer.replace(/^[-+]/, ''));
}

function formatOf(url: URL, line: string): Parameters<typeof payloadCutter>[0] {
  const mark = /^\$EOF:(.{40})$/.exec(line);
  if (mark !== null) return { ends: 'mark', mark: mark[1]! };
  const bytes = /^\$(\d{1,15})$/.exec(line);
  if (bytes === null)
    throw failed(url, `it answered ${JSON.stringify(line.slice(0, 100))} in place of an RDB`);
  return { ends: 'length', bytes: Number(bytes[1]) };
}

/** Lines from a socket, and then what follows them. Empty lines (the server is alive, and saving) are passed over. */
class Lines {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterator<Buffer>) {
    this.#chunks = chunks;
  }

  async next(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf(10);
      if (end >= 0) {
        const line = this.#held.toString('latin1', 0, end).replace(/\r$/, '');
        this.#held = this.#held.subarray(end + 1);
        if (line !== '') return line;
        continue;
      }
      if (this.#held.length > 65_536) throw new Error('a line without an end');
      const chunk = await this.chunk();
      if (chunk === null) throw new Error('the link was closed');
      this.#held = Buffer.concat([this.#held, chunk]);
    }
  }

  /** What was read behind the last line. */
  rest(): Buffer {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return rest;
  }

  /** The next bytes, or null at the end. */
  async chunk(): Promise<Buffer | null> {
    const { done, value } = await this.#chunks.next();
    return done === true ? null : value;
  }
}
