/**
 * The slow log: the commands that took long, newest first, shortened as Redis shortens them (32 arguments of 128 bytes).
 */

export interface SlowEntry {
  readonly id: number;
  /** Unix seconds. */
  readonly at: number;
  readonly micros: number;
  readonly args: readonly string[];
  readonly address: string;
  readonly name: string;
}

const argsMax = 32;
const argBytesMax = 128;

/** Arguments as the slow log keeps them (binary strings). */
export function shortened(args: readonly Uint8Array[]): string[] {
  const kept = args.length > argsMax ? args.slice(0, argsMax - 1) : args;
  const texts = kept.map((arg) => {
    const text = Buffer.from(arg.subarray(0, argBytesMax)).toString('latin1');
    return arg.length > argBytesMax ? `${text}... (${arg.length - argBytesMax} more bytes)` : text;
  });
  if (args.length > argsMax) texts.push(`... (${args.length - argsMax + 1} more arguments)`);
  return texts;
}

export class SlowLog {
  #entries: SlowEntry[] = [];
  #nextId = 0;

  add(entry: Omit<SlowEntry, 'id'>, lengthMax: number): void {
    this.#entries.unshift({ id: this.#nextId++, ...entry });
    if (this.#entries.length > lengthMax) this.#entries.length = lengthMax;
  }

  /** The newest `count` entries. */
  newest(count: number): readonly SlowEntry[] {
    return this.#entries.slice(0, count);
  }

  get length(): number {
    return this.#entries.length;
  }

  reset(): void {
    this.#entries = [];
  }
}
