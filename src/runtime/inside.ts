/**
 * A connection that never leaves the process: an application that embeds the server asks it as any client would.
 *
 *     command() command() ... --> one chunk, after the caller's turn --> Connection --> engine
 *       promise  <-- value <-- ReplyDecoder <-- what would go to a socket <--+
 *
 * It has a session of its own (database, MULTI, subscriptions, name), speaks RESP3 and passes the same doors as a socket
 * does: maxclients, AUTH, ACL, CLIENT KILL. Commands of one turn of the event loop run as one chunk, in one crossing. They
 * never run inside the caller's turn, which may be inside the server itself (a log line, a diagnostics channel).
 */
import { Duplex } from 'node:stream';
import { RedtwinError } from '../errors.ts';
import { encodeCommand } from '../protocol/reply.ts';
import { ReplyDecoder, ReplyError, type ReplyValue } from '../protocol/reply-decoder.ts';
import type { Receiver } from './listeners.ts';

/** A word of a command. Strings are sent as UTF-8, numbers as JavaScript writes them. */
export type Word = string | number | bigint | Uint8Array;

export interface InsideOptions {
  /** Bulk strings come as Buffers. Default: as strings, read as UTF-8. */
  buffers?: boolean;
  /**
   * What nobody asked for: messages, invalidations of CLIENT TRACKING, and answers to no command. The first item says
   * which ('message', 'invalidate'...). Default: dropped, as by a client that does not listen.
   */
  onPush?(items: ReplyValue[]): void;
}

interface Waiting {
  resolve(value: ReplyValue): void;
  reject(error: Error): void;
  /** The push that confirms it, and how many of them: SUBSCRIBE and its kin have no reply in RESP3. */
  confirmedBy: string;
  confirmations: number;
}

const confirmed = /^[ps]?(un)?subscribe$/;
/** They end the rule of one reply per command. */
const refused = new Set(['sync', 'psync', 'monitor', 'hello', 'reset', 'quit']);

/** The server's end: what it writes is delivered at once. */
class InsideSocket extends Duplex {
  readonly #deliver: (bytes: Buffer) => void;

  constructor(deliver: (bytes: Buffer) => void) {
    super();
    this.#deliver = deliver;
  }

  override _read(): void {
    // Input goes to the receiver directly.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // The bytes may lie in a page that is used again; values may share the memory of theirs.
    this.#deliver(Buffer.from(chunk));
    done();
  }

  override _final(done: () => void): void {
    done();
    this.destroy();
  }
}

/** See above. Made by `EmbeddedServer.connect`. */
export class InsideClient {
  readonly #socket: InsideSocket;
  readonly #receive: Receiver;
  readonly #options: InsideOptions;
  readonly #waiting: Waiting[] = [];
  /** Commands of this turn, not sent yet. */
  #unsent: Buffer[] = [];
  /** Why it can be used no longer. */
  #over: Error | null = null;

  /** `accept` lets the server's end in; what it gives takes our bytes. */
  constructor(options: InsideOptions, accept: (socket: Duplex) => Receiver) {
    this.#options = options;
    const decoder = new ReplyDecoder({
      buffers: options.buffers ?? false,
      onReply: (value) => this.#onReply(value),
      onPush: (items) => this.#onPush(items),
    });
    this.#socket = new InsideSocket((bytes) => decoder.feed(bytes));
    this.#socket.once('close', () =>
      this.#end(new RedtwinError('connection-closed', 'the server closed this connection')),
    );
    this.#receive = accept(this.#socket);
    this.#send(['HELLO', 3]).catch((cause: Error) => {
      // A password is asked for: RESP3 comes with AUTH, by way of HELLO, or not at all.
      if (!(cause instanceof ReplyError && cause.code === 'NOAUTH')) this.#end(cause);
    });
  }

  /**
   * Runs a command. Gives its reply; throws ReplyError for an error reply, RedtwinError 'connection-closed' when the
   * connection ended first, TypeError for commands that have no place here (HELLO, MONITOR, PSYNC, CLIENT REPLY...).
   * Commands run in the order of their calls.
   */
  command(name: string, ...words: Word[]): Promise<ReplyValue> {
    const lower = name.toLowerCase();
    if (refused.has(lower) || (lower === 'client' && String(words[0]).toLowerCase() === 'reply'))
      return Promise.reject(new TypeError(`${name} has no place on a connection inside the process`));
    if (lower === 'auth' && words.length <= 2) {
      const [user, password] = words.length === 2 ? words : ['default', ...words];
      return this.#send(['HELLO', 3, 'AUTH', user ?? '', password ?? '']).then(() => 'OK');
    }
    return this.#send([name, ...words]);
  }

  /** Closes it; what waits for a reply is rejected. */
  close(): void {
    this.#socket.destroy();
    this.#end(new RedtwinError('connection-closed', 'this connection was closed here'));
  }

  #send(words: readonly Word[]): Promise<ReplyValue> {
    if (this.#over !== null) return Promise.reject(this.#over);
    if (this.#unsent.length === 0) queueMicrotask(() => this.#flush());
    const bytes = words.map((word) => (word instanceof Uint8Array ? word : Buffer.from(String(word))));
    this.#unsent.push(encodeCommand(bytes));
    const name = String(words[0]).toLowerCase();
    const confirmedBy = confirmed.test(name) ? name : '';
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject, confirmedBy, confirmations: Math.max(1, words.length - 1) });
    });
  }

  #flush(): void {
    const chunk = this.#unsent.length === 1 ? (this.#unsent[0] as Buffer) : Buffer.concat(this.#unsent);
    this.#unsent = [];
    if (!this.#socket.destroyed) this.#receive(chunk, chunk.length);
  }

  #onReply(value: ReplyValue): void {
    const waiting = this.#waiting.shift();
    // An error that answers nothing is a farewell: no room, say.
    if (waiting === undefined && value instanceof ReplyError) this.#end(value);
    else if (waiting === undefined) this.#tell([value]);
    else if (value instanceof ReplyError) waiting.reject(value);
    else waiting.resolve(value);
  }

  #onPush(items: ReplyValue[]): void {
    const [kind] = items;
    const first = this.#waiting[0];
    if (first === undefined || String(kind) !== first.confirmedBy) {
      this.#tell(items);
      return;
    }
    if (--first.confirmations > 0) return;
    this.#waiting.shift();
    first.resolve(items[2] ?? null);
  }

  #tell(items: ReplyValue[]): void {
    // Not from inside the server: the listener may ask it something.
    if (this.#options.onPush !== undefined) queueMicrotask(() => this.#options.onPush?.(items));
  }

  #end(why: Error): void {
    this.#over ??= why;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#over);
  }
}
