/**
 * What differs within a changed key: the elements that one side has and the other has not.
 *
 * Its one idea: only keys that are known to differ are looked at, a portion at a time, so memory is that of their values.
 */
import type { As, RdbEntry } from '../../rdb/entry.ts';
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

/** The elements of a value as lines that can be compared. */
function parts(entry: RdbEntry<As>): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const text = (bytes: Buffer | string) => escaped(bytes as Buffer);
  found.set('expireAtMs', entry.expireAtMs);
  const value = (entry as RdbEntry<'buffer'>).value;
  if (Buffer.isBuffer(value)) found.set('value', text(value));
  else if (!Array.isArray(value)) {
    if ('raw' in value) found.set('raw', value.raw.toString('hex'));
    else
      for (const { id, fields } of value.entries)
        found.set(
          `entry ${id}`,
          fields.map((pair) => pair.map(text)),
        );
  } else
    for (const [index, one] of value.entries()) {
      if (Buffer.isBuffer(one))
        found.set(entry.type === 'list' ? `element ${index}` : `member ${text(one)}`, text(one));
      else if ('field' in one)
        found.set(
          `field ${text(one.field)}`,
          one.expireAtMs === null ? text(one.value) : [text(one.value), one.expireAtMs],
        );
      else found.set(`member ${text(one.member)}`, one.score);
    }
  return found;
}

async function values(source: string, wanted: Set<string>, options: CommonOptions) {
  const found = new Map<string, Map<string, unknown>>();
  for await (const entry of readRdb(source, { sizes: false, checksum: options.checksum })) {
    const at = place(entry.db, escaped(entry.key));
    if (wanted.has(at)) found.set(at, parts(entry));
  }
  return found;
}

/** The lines of these changes, those of changed keys with what differs in them: `"parts":{"field f":["old","new"]}`. */
export async function changesWithin(
  first: string,
  second: string,
  changes: ChangeLine[],
  options: CommonOptions,
): Promise<string> {
  const wanted = new Set(changes.filter((c) => c.change === 'changed').map((c) => place(c.db, c.key)));
  if (wanted.size === 0) return changes.map((change) => change.line).join('');
  const [before, after] = [await values(first, wanted, options), await values(second, wanted, options)];
  return changes
    .map(({ line, change, ...said }) => {
      if (change !== 'changed') return line;
      const at = place(said.db, said.key);
      const [old, now] = [before.get(at) ?? new Map(), after.get(at) ?? new Map()];
      const differing: Record<string, [unknown, unknown]> = {};
      for (const name of new Set([...old.keys(), ...now.keys()])) {
        const pair: [unknown, unknown] = [old.get(name) ?? null, now.get(name) ?? null];
        if (JSON.stringify(pair[0]) !== JSON.stringify(pair[1])) differing[name] = pair;
      }
      return `${JSON.stringify({ change, ...said, parts: differing })}\n`;
    })
    .join('');
}
