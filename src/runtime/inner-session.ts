/**
 * The host as a client of its own engine: runs commands on the keyspace and reads their replies.
 *
 * For host commands that need data (MIGRATE). It passes the gates as a client does, what it writes goes into the feed, and
 * what it wakes is delivered. One reply per command; commands that wait or belong to the host are no use here.
 */
import { Note, outcomeBytes, outcomeNotes, outcomeStop, type SessionId, Stop } from '../engine/engine.ts';
import type { Server } from './server.ts';

const outputBytes = 16 * 1024;

/** A reply cut down to what the host asks of it: the first line without its end, and the bytes of a bulk string. */
export interface InnerReply {
  readonly line: string;
  readonly bulk: Buffer | null;
}

export class InnerSession {
  readonly #server: Server;
  readonly #session: SessionId;
  readonly #output = Buffer.allocUnsafe(outputBytes);

  constructor(server: Server, db: number) {
    this.#server = server;
    this.#session = server.store.openSession();
    server.store.selectDb(this.#session, db);
  }

  run(...words: (string | Buffer)[]): InnerReply {
    const { store } = this.#server;
    const parts = words.flatMap((word) => {
      const bytes = typeof word === 'string' ? Buffer.from(word, 'latin1') : word;
      return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
    });
    const request = Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts]);
    const outcome = store.execute(this.#session, request, request.length, this.#output, this.#server.nowMs());
    if (outcomeStop(outcome) !== Stop.drained) throw new Error(`${words[0]} does not run inside the host`);
    const notes = outcomeNotes(outcome);
    const first = this.#output.subarray(0, outcomeBytes(outcome));
    const bytes = Buffer.concat(notes & Note.overflow ? [first, store.takeOverflow()] : [first]);
    if (notes !== 0) this.#server.noted(notes);
    const end = bytes.indexOf('\r\n');
    const line = bytes.toString('latin1', 0, end);
    const size = line.startsWith('$') ? Number(line.slice(1)) : -1;
    return { line, bulk: size < 0 ? null : bytes.subarray(end + 2, end + 2 + size) };
  }

  close(): void {
    this.#server.store.closeSession(this.#session);
  }
}
