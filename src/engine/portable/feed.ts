/**
 * The feed of the portable engine: one log of write commands, addressed by offset.
 *
 * Bytes lie in blocks that are never changed once full. The oldest block is dropped as soon as the others alone hold
 * what the backlog is to keep. Replicas are offsets into it; nothing here knows how many there are.
 *
 *     blocks:   [ 16 KiB ][ 16 KiB ][ 16 KiB ][ 700 B ]
 *               ^ startOffset                         ^ endOffset
 *
 * An offset is the number of bytes of the history before it.
 */
import type { Feed } from '../engine.ts';

const blockBytes = 16 * 1024;

/** A write as it goes into the feed. */
export interface Effect {
  /** Database it happened in; the feed selects it first when another one is selected. */
  db: number;
  /** Command and arguments, in deterministic form. */
  args: Buffer[];
}

export class FeedLog implements Feed {
  /** Full blocks and, last, the one being filled up to `#filled`. */
  #blocks: Buffer[] = [];
  #filled = blockBytes;
  #endOffset = 0;
  #startOffset = 0;
  #backlogBytes: number;
  /** Database that the last SELECT in the feed chose; -1 when the next write must say it. */
  #selectedDb = -1;
  /** Where appended bytes go instead while a transaction is open: its place in the feed is not yet reached. */
  #detour: ((bytes: Buffer) => void) | null = null;

  constructor(backlogBytes: number) {
    this.#backlogBytes = backlogBytes;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  get startOffset(): number {
    return this.#startOffset;
  }

  resize(backlogBytes: number): void {
    this.#backlogBytes = backlogBytes;
    this.#trim();
  }

  restart(offset: number): void {
    this.#blocks = [];
    this.#filled = blockBytes;
    this.#startOffset = this.#endOffset = offset;
    this.#selectedDb = -1;
  }

  /** Bytes of the host. Inside an open transaction they take their place in it. */
  append(bytes: Uint8Array): void {
    if (this.#detour !== null) this.#detour(Buffer.from(bytes));
    else this.#write(bytes);
  }

  /** Sends the host's bytes somewhere else until it is called with null. */
  divert(detour: ((bytes: Buffer) => void) | null): void {
    this.#detour = detour;
  }

  /** Bytes of our primary, as they came. Which database they select is not known here, so our own next write says its own. */
  relay(bytes: Uint8Array): void {
    this.#selectedDb = -1;
    this.#write(bytes);
  }

  /** The effects of one unit; several are wrapped in MULTI and EXEC unless `isTransaction` is false (expiry cycles). */
  write(effects: readonly (Effect | Buffer)[], isTransaction = true): void {
    const first = effects[0];
    if (first === undefined) return;
    const wrap = isTransaction && effects.length > 1;
    if (!Buffer.isBuffer(first)) this.#select(first.db);
    if (wrap) this.#write(multi);
    for (const effect of effects) {
      if (Buffer.isBuffer(effect)) {
        this.#write(effect);
      } else {
        this.#select(effect.db);
        this.#write(encodeCommand(effect.args));
      }
    }
    if (wrap) this.#write(exec);
  }

  read(offset: number, maxBytes: number): Buffer | null {
    if (offset < this.#startOffset || offset > this.#endOffset) return null;
    const size = Math.min(maxBytes, this.#endOffset - offset);
    const out = Buffer.allocUnsafe(size);
    let at = offset - this.#startOffset;
    for (let done = 0; done < size; ) {
      const within = at % blockBytes;
      const part = Math.min(size - done, blockBytes - within);
      this.#blocks[Math.floor(at / blockBytes)]!.copy(out, done, within, within + part);
      done += part;
      at += part;
    }
    return out;
  }

  #select(db: number): void {
    if (db === this.#selectedDb) return;
    this.#selectedDb = db;
    this.#write(encodeCommand([Buffer.from('SELECT'), Buffer.from(String(db))]));
  }

  #write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      if (this.#filled === blockBytes) {
        this.#blocks.push(Buffer.allocUnsafe(blockBytes));
        this.#filled = 0;
      }
      const part = bytes.subarray(done, done + blockBytes - this.#filled);
      this.#blocks.at(-1)!.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
    }
    this.#endOffset += bytes.length;
    this.#trim();
  }

  /** Drops blocks that are not needed to keep `#backlogBytes`. */
  #trim(): void {
    let spare = 0;
    const kept = this.#endOffset - this.#startOffset;
    while (kept - (spare + 1) * blockBytes >= this.#backlogBytes) spare++;
    if (spare === 0) return;
    this.#blocks.splice(0, spare);
    this.#startOffset += spare * blockBytes;
  }
}

/** A command as a multibulk request. */
export function encodeCommand(args: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) parts.push(Buffer.from(`$${arg.length}\r\n`), arg, lineEnd);
  return Buffer.concat(parts);
}

const lineEnd = Buffer.from('\r\n');
const multi = encodeCommand([Buffer.from('MULTI')]);
const exec = encodeCommand([Buffer.from('EXEC')]);
