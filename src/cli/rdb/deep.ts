/**
 * What differs within changed keys: the elements that one side has and the other has not.
 *
 *     share 0 of n: first file --> elements of these keys, held --.
 *                   second file ---> each is compared, met ones ---+--> differences, a line a key
 *     share 1 of n: the same with other elements ...
 *
 * Its one idea: an element belongs to one share, by the hash of its name, and a share is what memory is given for: one share mostly,
 * and more passes, not more memory, where values are large.
 */
import type { RdbEntry } from '../../rdb/entry.ts';
import { readRdb } from '../../rdb/reader.ts';
import type { CommonOptions } from './common.ts';
import type { ChangeLine } from './diff.ts';

const place = (db: number, key: string) => `${db} ${key}`;

/** Names as the engine's JSON writes them: bytes that are no UTF-8 as lone surrogates. */
function escaped(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  let out = '';
  for (let at = 0; at < bytes.length; ) {
    const size = [1, 2, 3, 4].find((n) => {
      const part = bytes.subarray(at, at + n);
      return part.length === n && Buffer.from(part.toString('utf8')).equals(part);
    });
    out +=
      size === undefined ? String.fromCharCode(0xdc00 + bytes[at]!) : bytes.toString('utf8', at, at + size);
    at += size ?? 1;
  }
  return out;
}

/** What is held of the first file at once, about. */
const heldBytesMax = 16 * 1024 * 1024;
/** Values longer than this come in parts. */
const partBytes = 1024 * 1024;
/** As many passes as somebody may wait for. */
const sharesMax = 4096;
/** What an element takes beside its letters. */
const overheadBytes = 100;

/** A name within a key, what stands there, and how both compare: as text. */
type Take = (name: string, value: unknown) => void;

/** Gives the elements of a value, or of a part of one, in which list elements are counted from `index`; gives where it ended. */
function elementsOf(entry: RdbEntry, index: number, take: Take): number {
  const { value } = entry;
  if (!entry.isContinued) take('expireAtMs', entry.expireAtMs);
  if (Buffer.isBuffer(value)) take('value', escaped(value));
  else if (!Array.isArray(value)) {
    if ('raw' in value) take('raw', value.raw.toString('hex'));
    else
      for (const { id, fields } of value.entries)
        take(
          `entry ${id}`,
          fields.map((pair) => pair.map(escaped)),
        );
  } else {
    for (const one of value) {
      if (Buffer.isBuffer(one)) {
        const name = entry.type === 'list' ? `element ${index++}` : `member ${escaped(one)}`;
        take(name, escaped(one));
      } else if ('field' in one) {
        const text = escaped(one.value);
        take(`field ${escaped(one.field)}`, one.expireAtMs === null ? text : [text, one.expireAtMs]);
      } else take(`member ${escaped(one.member)}`, one.score);
    }
  }
  return index;
}

/** FNV-1a: spreads names, and nobody gains by aiming at it. */
function shareOf(name: string, shares: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % shares;
}

/** Which elements are looked at: of these keys, of this share. */
interface Look {
  wanted: Set<string>;
  share: number;
  shares: number;
  options: CommonOptions;
}

/** Goes over a file. `take` gives false to end that. */
async function elements(
  source: string,
  { wanted, share, shares, options }: Look,
  take: (at: string, name: string, value: unknown) => boolean,
): Promise<void> {
  let index = 0;
  let goesOn = true;
  for await (const entry of readRdb(source, { sizes: false, checksum: options.checksum, partBytes })) {
    if (!entry.isContinued) index = 0;
    const at = place(entry.db, escaped(entry.key));
    if (!wanted.has(at)) continue;
    index = elementsOf(entry, index, (name, value) => {
      if (goesOn && (shares === 1 || shareOf(name, shares) === share)) goesOn = take(at, name, value);
    });
    if (!goesOn) return;
  }
}

type Differences = Map<string, Record<string, [unknown, unknown]>>;

/** What differs in one share, by key; null when it is more than `bytesMax`. */
async function differences(
  first: string,
  second: string,
  look: Look,
  bytesMax: number,
): Promise<Differences | null> {
  const before = new Map<string, Map<string, unknown>>();
  let bytes = 0;
  await elements(first, look, (at, name, value) => {
    const held = before.get(at) ?? new Map<string, unknown>();
    before.set(at, held.set(name, value));
    bytes += name.length + (typeof value === 'string' ? value.length : 0) + overheadBytes;
    return bytes <= bytesMax;
  });
  if (bytes > bytesMax) return null;
  const found: Differences = new Map();
  const differs = (at: string, name: string, old: unknown, now: unknown) => {
    const differing = found.get(at) ?? {};
    differing[name] = [old, now];
    found.set(at, differing);
  };
  await elements(second, look, (at, name, value) => {
    const old = before.get(at)?.get(name) ?? null;
    before.get(at)?.delete(name);
    if (JSON.stringify(old) !== JSON.stringify(value)) differs(at, name, old, value);
    return true;
  });
  for (const [at, rest] of before) for (const [name, old] of rest) differs(at, name, old, null);
  return found;
}

/**
 * The lines of these changes, those of changed keys with what differs in them: `"parts":{"field f":["old","new"]}`. A key that is too
 * large for `bytesMax` comes in several lines.
 */
export async function* changesWithin(
  first: string,
  second: string,
  changes: ChangeLine[],
  options: CommonOptions,
  bytesMax = heldBytesMax,
): AsyncGenerator<string> {
  const wanted = new Set(changes.filter((c) => c.change === 'changed').map((c) => place(c.db, c.key)));
  const told = new Set<string>();
  let shares = 1;
  let share = 0;
  while (share < shares) {
    const look = { wanted, share, shares, options };
    // The first share tells how many it takes; the others are about as large. One huge element is not to be shared out.
    const most = share === 0 && shares < sharesMax ? bytesMax : Number.POSITIVE_INFINITY;
    const found = wanted.size === 0 ? new Map() : await differences(first, second, look, most);
    if (found === null) {
      shares *= 4;
      continue;
    }
    const isLast = ++share === shares;
    yield changes.map((change) => lineOf(change, found, told, share === 1, isLast)).join('');
  }
}

/** What a share has to say of a change; of one in which nothing shows, the last one says so. */
function lineOf(
  { line, change, ...said }: ChangeLine,
  found: Differences,
  told: Set<string>,
  isFirst: boolean,
  isLast: boolean,
): string {
  if (change !== 'changed') return isFirst ? line : '';
  const at = place(said.db, said.key);
  const parts = found.get(at) ?? (isLast && !told.has(at) ? {} : null);
  if (parts === null) return '';
  told.add(at);
  return `${JSON.stringify({ change, ...said, parts })}\n`;
}
