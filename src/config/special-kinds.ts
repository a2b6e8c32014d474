/**
 * Kinds that belong to one option each: those whose directive takes several words.
 *
 *     save 900 1 300 10                       bind 127.0.0.1 -::1
 *     client-output-buffer-limit pubsub 32mb 8mb 60
 *     replicaof 10.0.0.1 6379                 notify-keyspace-events KEA
 *
 * Error texts are those of Redis 7.0.15; like the other kinds these know no server.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { quoteArgument } from '../protocol/split-arguments.ts';
import { BadValue, formatMemory, integer, type Kind, parseMemory, type Setting } from './kinds.ts';

const isWholeNumber = (word: string): boolean => /^[0-9]+$/.test(word);

/** Save after `seconds` when at least `changes` writes happened. */
export interface SavePoint {
  readonly seconds: number;
  readonly changes: number;
}

/** Pairs of seconds and changes; `""` for none. */
export const savePoints: Kind<readonly SavePoint[]> = {
  describe: '"" for never, or pairs of seconds and changes',
  several: true,
  parse(words) {
    const value: SavePoint[] = [];
    if (words.length === 1 && words[0] === '') return { value, text: '' };
    const bad = words.length === 0 || words.length % 2 === 1 || !words.every(isWholeNumber);
    if (bad) throw new BadValue('Invalid save parameters');
    for (let i = 0; i < words.length; i += 2) {
      const point = { seconds: Number(words[i]), changes: Number(words[i + 1]) };
      if (point.seconds < 1) throw new BadValue('Invalid save parameters');
      value.push(point);
    }
    return { value, text: value.map((p) => `${p.seconds} ${p.changes}`).join(' ') };
  },
  lines: ({ value }) => (value.length ? value.map((p) => `${p.seconds} ${p.changes}`) : ['""']),
};

/** Limits of what may wait to be sent to one client. 0 bytes means no limit. */
export interface OutputLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}
export type OutputClass = 'normal' | 'replica' | 'pubsub';
export type OutputLimits = Readonly<Record<OutputClass, OutputLimit>>;

const outputClasses: OutputClass[] = ['normal', 'replica', 'pubsub'];
const outputClassOf: Record<string, OutputClass> = {
  normal: 'normal',
  replica: 'replica',
  slave: 'replica',
  pubsub: 'pubsub',
};
// CONFIG GET keeps the old word; CONFIG REWRITE writes the new one (seen on 7.0.15).
const classInGet: Record<OutputClass, string> = { normal: 'normal', replica: 'slave', pubsub: 'pubsub' };

/** What CONFIG REWRITE compares with: a class at its default needs no line. */
export const defaultOutputLimits: OutputLimits = {
  normal: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
  replica: { hardBytes: 256 << 20, softBytes: 64 << 20, softSeconds: 60 },
  pubsub: { hardBytes: 32 << 20, softBytes: 8 << 20, softSeconds: 60 },
};

const limitLine = (name: OutputClass, limit: OutputLimit): string =>
  `${name} ${formatMemory(BigInt(limit.hardBytes))} ${formatMemory(BigInt(limit.softBytes))} ${limit.softSeconds}`;

function outputLimitsSetting(value: OutputLimits): Setting<OutputLimits> {
  const text = outputClasses
    .map((name) => {
      const limit = value[name];
      return `${classInGet[name]} ${limit.hardBytes} ${limit.softBytes} ${limit.softSeconds}`;
    })
    .join(' ');
  return { value, text };
}

/** Groups of class, hard bytes, soft bytes and seconds. Classes that are not named keep their limits. */
export const outputLimits: Kind<OutputLimits> = {
  describe: 'groups of a class (normal, replica, pubsub), hard limit, soft limit and soft seconds',
  several: true,
  parse(words, previous) {
    const value: Record<OutputClass, OutputLimit> = { ...(previous?.value ?? defaultOutputLimits) };
    if (words.length % 4 !== 0)
      throw new BadValue('Wrong number of arguments in buffer limit configuration.');
    for (let i = 0; i < words.length; i += 4) {
      const name = outputClassOf[words[i]!.toLowerCase()];
      if (!name) throw new BadValue('Invalid client class specified in buffer limit configuration.');
      const [hard, soft] = [parseMemory(words[i + 1]!), parseMemory(words[i + 2]!)];
      if (hard === null || soft === null || !isWholeNumber(words[i + 3]!))
        throw new BadValue('Error in hard, soft or soft_seconds setting in buffer limit configuration.');
      value[name] = { hardBytes: Number(hard), softBytes: Number(soft), softSeconds: Number(words[i + 3]) };
    }
    return outputLimitsSetting(value);
  },
  lines: ({ value }) => outputClasses.map((name) => limitLine(name, value[name])),
};

/** True when a line that CONFIG REWRITE would write for this class only says the default. */
export const isDefaultLimitLine = (line: string): boolean =>
  outputClasses.some((name) => line === limitLine(name, defaultOutputLimits[name]));

/** Addresses to listen on. '*' is every IPv4 address; a leading '-' forgives an address that cannot be had. None: no TCP. */
export const addresses: Kind<readonly string[]> = {
  describe: 'addresses; * for all of IPv4, a leading - forgives a failure, "" for none',
  several: true,
  parse(words) {
    if (words.length > 16) throw new BadValue('Too many bind addresses specified.');
    const value = words.length === 1 && words[0] === '' ? [] : words;
    return { value, text: value.join(' ') };
  },
  lines: ({ text }) => [text === '' ? '""' : text],
};

/** Where the primary is. */
export interface PrimaryAddress {
  readonly host: string;
  readonly port: number;
}

/** Host and port, or `no one`. */
export const primaryAddress: Kind<PrimaryAddress | null> = {
  describe: 'host and port of the primary, or no one',
  several: true,
  parse(words) {
    if (words.length === 1 && words[0] === '') return { value: null, text: '' };
    if (words.length !== 2) throw new BadValue('wrong number of arguments');
    const [host, port] = words as [string, string];
    if (host.toLowerCase() === 'no' && port.toLowerCase() === 'one') return { value: null, text: '' };
    if (!isWholeNumber(port) || Number(port) > 65535) throw new BadValue('Invalid master port');
    return { value: { host, port: Number(port) }, text: `${host} ${Number(port)}` };
  },
  lines: ({ text }) => (text === '' ? [] : [text]),
};

const eventClasses = 'g$lshzxetd';
/** Classes of keyspace events as one canonical word: A when all are meant, then K, E, m and n. */
export const eventFlags: Kind<string> = {
  describe: 'letters of A g $ l s h z x e t d m n with K and/or E, or ""',
  several: false,
  parse([word = '']) {
    const chosen = new Set(word);
    for (const flag of chosen)
      if (!`A${eventClasses}KEmn`.includes(flag))
        throw new BadValue("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    const classes = [...eventClasses].filter((flag) => chosen.has('A') || chosen.has(flag)).join('');
    const rest = [...'KEmn'].filter((flag) => chosen.has(flag)).join('');
    const value = (classes === eventClasses ? 'A' : classes) + rest;
    return { value, text: value };
  },
  lines: ({ text }) => [quoteArgument(text)],
};

/** Percentiles from 0 to 100. */
export const percentiles: Kind<readonly number[]> = {
  describe: 'numbers from 0 to 100, or ""',
  several: true,
  parse(words) {
    if (words.length === 1 && words[0] === '') return { value: [], text: '' };
    const value = words.map((word) => {
      const number = word.trim() === '' ? Number.NaN : Number(word);
      if (Number.isNaN(number)) throw new BadValue('Invalid latency-tracking-info-percentiles parameters');
      if (number < 0 || number > 100)
        throw new BadValue('latency-tracking-info-percentiles parameters should sit between [0.0,100.0]');
      return number;
    });
    return { value, text: value.join(' ') };
  },
  lines: ({ text }) => [text === '' ? '""' : text],
};

const oomScore = integer(-2000, 2000);
/** Three scores, rising. */
export const oomScores: Kind<readonly number[]> = {
  describe: 'three numbers from -2000 to 2000',
  several: true,
  parse(words) {
    if (words.length !== 3) throw new BadValue('wrong number of arguments');
    const value = words.map((word) => {
      try {
        return oomScore.parse([word], null).value;
      } catch {
        throw new BadValue('Invalid oom-score-adj-values, elements must be between -2000 and 2000.');
      }
    });
    return { value, text: value.join(' ') };
  },
  lines: ({ text }) => [text],
};

const anyFrequency = integer(0, 2 ** 31 - 1);
/** A frequency, quietly kept within 1 and 500. */
export const timesPerSecond: Kind<number> = {
  ...anyFrequency,
  parse(words) {
    const value = Math.min(500, Math.max(1, anyFrequency.parse(words, null).value));
    return { value, text: String(value) };
  },
};

/** An existing directory, kept as an absolute path; a relative one starts from the directory before. */
export const directory: Kind<string> = {
  describe: 'path of a directory',
  several: false,
  parse([word = ''], previous) {
    const path = resolve(utf8(previous?.value ?? ''), utf8(word));
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found) throw new BadValue('No such file or directory');
    if (!found.isDirectory()) throw new BadValue('Not a directory');
    const value = Buffer.from(path).toString('latin1');
    return { value, text: value };
  },
  lines: ({ text }) => [quoteArgument(text)],
};

/** A configuration text (a binary string) as a path or a message for people. */
export const utf8 = (binary: string): string => Buffer.from(binary, 'latin1').toString('utf8');
