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
  /** Offset of the slowest reader; null when there is none to wait for. */
  #pinned: number | null = null;
  isOn = true;

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

  turn(on: boolean): void {
    this.isOn = on;
    this.#selectedDb = -1;
    if (on) return;
    this.#pinned = null;
    this.restart(this.#endOffset);
  }

  forgetSelection(): void {
    this.#selectedDb = -1;
  }

  pin(offset: number | null): void {
    this.#pinned = offset;
    this.#trim();
  }

  /** Bytes of the host, as they are. */
  append(bytes: Uint8Array): void {
    this.#write(bytes);
  }

  /** Bytes of our primary, as they came. Which database they select is not known here, so our own next write says its own. */
  relay(bytes: Uint8Array): void {
    this.#selectedDb = -1;
    this.#write(bytes);
  }

  /** The effects of one unit; several are wrapped in MULTI and EXEC unless `isTransaction` is false (expiry cycles). */
  write(effects: readonly Effect[], isTransaction = true): void {
    const first = effects[0];
    if (first === undefined) return;
    const wrap = isTransaction && effects.length > 1;
    this.#select(first.db);
    if (wrap) this.#write(multi);
    for (const { db, args } of effects) {
      this.#select(db);
      this.#write(encodeCommand(args));
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

  readInto(offset: number, into: Buffer): number {
    const bytes = this.read(offset, into.length);
    return bytes === null ? -1 : bytes.copy(into);
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

  /** Drops blocks that neither the backlog nor the slowest reader needs. */
  #trim(): void {
    const keepFrom = Math.min(this.#endOffset - this.#backlogBytes, this.#pinned ?? Number.POSITIVE_INFINITY);
    const spare = Math.max(0, Math.floor((keepFrom - this.#startOffset) / blockBytes));
    if (spare === 0) return;
    this.#blocks.splice(0, spare);
    this.#startOffset += spare * blockBytes;
  }
}

/** A command as a multibulk request. */
export function encodeCommand(args: readonly Uint8Array[]): Buffer {
  let size = lineBytes(args.length);
  for (const { length } of args) size += lineBytes(length) + length + 2;
  const out = Buffer.allocUnsafe(size);
  let at = out.write(`*${args.length}\r\n`, 'latin1');
  for (const arg of args) {
    at += out.write(`$${arg.length}\r\n`, at, 'latin1');
    out.set(arg, at);
    at += arg.length;
    out[at++] = 0x0d;
    out[at++] = 0x0a;
  }
  return out;
}

/** Length of the line that tells a length: a sign, its digits, CR LF. */
const lineBytes = (length: number): number => String(length).length + 3;

const multi = encodeCommand([Buffer.from('MULTI')]);
const exec = encodeCommand([Buffer.from('EXEC')]);
