/**
 * Kinds of option values: how the words of a directive become a value, and how the value is shown again.
 *
 * A setting keeps both sides, because text must be exact where a JavaScript number is not (2^63 - 1):
 *
 *     words ["100mb"] --parse--> { value: 104857600, text: "104857600" } --lines--> ["100mb"]
 *       redis.conf, CONFIG SET                        CONFIG GET                     CONFIG REWRITE
 *
 * A kind knows nothing of any one option, of files or of the server. Error texts are those of Redis 7.0.15.
 */

import { quoteArgument } from '../protocol/split-arguments.ts';

/** What was wrong with a value, in the words Redis uses; becomes a CONFIG SET error or a fatal config file error. */
export class BadValue extends Error {}

/** A value and how CONFIG GET shows it. */
export interface Setting<V> {
  readonly value: V;
  readonly text: string;
}

export interface Kind<V> {
  /** What may be written, for the documentation. */
  readonly describe: string;
  /** true: any number of words; false: exactly one. */
  readonly several: boolean;
  /** Parses words. `previous` is what the option was, for kinds that set only a part. Throws BadValue. */
  parse(words: string[], previous: Setting<V> | null): Setting<V>;
  /** What CONFIG REWRITE puts behind the directive's name: one string per line; none means that no line is needed. */
  lines(setting: Setting<V>): string[];
}

const plain = (setting: Setting<unknown>): string[] => [setting.text];

/** yes or no, in any case. */
export const yesOrNo: Kind<boolean> = {
  describe: 'yes, no',
  several: false,
  parse([word = '']) {
    const text = word.toLowerCase();
    if (text !== 'yes' && text !== 'no') throw new BadValue("argument must be 'yes' or 'no'");
    return { value: text === 'yes', text };
  },
  lines: plain,
};

/** One word of a closed list. `synonyms` are taken too but shown as what they stand for. */
export function oneOf<const T extends string>(...choices: T[]): Kind<T> {
  return {
    describe: choices.join(', '),
    several: false,
    parse([word = '']) {
      const found = choices.find((choice) => choice === word.toLowerCase());
      if (!found) throw badChoice(choices);
      return { value: found, text: found };
    },
    lines: plain,
  };
}

const badChoice = (choices: readonly string[]): BadValue =>
  new BadValue(`argument(s) must be one of the following: ${choices.join(', ')}`);

/** Several words of a closed list; the first of the list means none of the others. */
export function someOf(...choices: string[]): Kind<readonly string[]> {
  return {
    describe: `${choices[0]}, or some of ${choices.slice(1).join(', ')}`,
    several: true,
    parse(words) {
      const chosen = words.map((word) => word.toLowerCase());
      if (!chosen.every((word) => choices.includes(word))) throw badChoice(choices);
      const value = choices.filter((choice) => choice !== choices[0] && chosen.includes(choice));
      return { value, text: value.length ? value.join(' ') : choices[0]! };
    },
    lines: plain,
  };
}

const maxLongLong = 2n ** 63n - 1n;

function inRange(value: bigint, min: bigint, max: bigint): Setting<number> {
  if (value < min || value > max) throw new BadValue(`argument must be between ${min} and ${max} inclusive`);
  return { value: Number(value), text: String(value) };
}

/** A decimal number. Bounds are inclusive; `max` null means the largest 64-bit number. */
export function integer(min: number, max: number | null): Kind<number> {
  const [least, most] = [BigInt(min), max === null ? maxLongLong : BigInt(max)];
  return {
    describe: max === null ? `a number from ${min} on` : `a number from ${min} to ${max}`,
    several: false,
    parse([word = '']) {
      if (
        !/^(0|-?[1-9][0-9]{0,18})$/.test(word) ||
        BigInt(word) > maxLongLong ||
        BigInt(word) < -maxLongLong - 1n
      )
        throw new BadValue("argument couldn't be parsed into an integer");
      return inRange(BigInt(word), least, most);
    },
    lines: plain,
  };
}

const units: Record<string, bigint> = {
  '': 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000n ** 2n,
  mb: 1024n ** 2n,
  g: 1000n ** 3n,
  gb: 1024n ** 3n,
};

/** Bytes from text like 100, 64mb or 1g (powers of 1000 without the b, of 1024 with it); null when it is not such a text. */
export function parseMemory(word: string): bigint | null {
  const match = /^([0-9]+)([a-z]*)$/i.exec(word);
  const unit = match ? units[match[2]!.toLowerCase()] : undefined;
  if (!match || unit === undefined) return null;
  // Redis stops at what strtoull can hold.
  const number = BigInt(match[1]!);
  return (number > 2n ** 64n - 1n ? 2n ** 64n - 1n : number) * unit;
}

/** Bytes in the largest unit that divides them: 104857600 is 100mb. */
export function formatMemory(bytes: bigint): string {
  for (const unit of ['gb', 'mb', 'kb']) {
    const size = units[unit]!;
    if (bytes > 0n && bytes % size === 0n) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

/** A size in bytes, with units. Without bounds above: up to 2^64 - 1. */
export function memory(min = 0, max: 'signed' | 'unsigned' = 'signed'): Kind<number> {
  const most = max === 'signed' ? maxLongLong : 2n ** 64n - 1n;
  return {
    describe: 'bytes, with an optional unit (1kb is 1024, 1k is 1000; so mb, m, gb, g)',
    several: false,
    parse([word = '']) {
      const bytes = parseMemory(word);
      if (bytes === null) throw new BadValue('argument must be a memory value');
      return inRange(bytes, BigInt(min), most);
    },
    lines: (setting) => [formatMemory(BigInt(setting.text))],
  };
}

/** A size in bytes or a share in percent, which is kept as a negative number (as CONFIG GET of Redis 7.0 shows `10%`). */
export const memoryOrPercent: Kind<number> = {
  describe: 'bytes with an optional unit, or 0% to 100%',
  several: false,
  parse([word = '']) {
    const percent = /^([0-9]+)%$/.exec(word);
    if (percent) {
      const share = Number(percent[1]);
      if (share > 100) throw new BadValue('percentage argument must be less or equal to 100');
      return { value: -share, text: `${share}%` };
    }
    const bytes = parseMemory(word);
    if (bytes === null) throw new BadValue('argument must be a memory or percent value');
    return inRange(bytes, 0n, maxLongLong);
  },
  lines: plain,
};

/** File permission bits, written in octal. */
export const permissions: Kind<number> = {
  describe: 'an octal number from 0 to 777',
  several: false,
  parse([word = '']) {
    if (!/^[0-7]+$/.test(word)) throw new BadValue("argument couldn't be parsed as an octal number");
    const value = Number.parseInt(word, 8);
    if (value > 0o777) throw new BadValue('argument must be between 0 and 777 inclusive');
    return { value, text: value.toString(8) };
  },
  lines: plain,
};

/** Any text in one word. `check` returns Redis's complaint, or null. */
export function text(describe = 'text', check: (word: string) => string | null = () => null): Kind<string> {
  return {
    describe,
    several: false,
    parse([word = '']) {
      const problem = check(word);
      if (problem !== null) throw new BadValue(problem);
      return { value: word, text: word };
    },
    lines: (setting) => [quoteArgument(setting.text)],
  };
}
