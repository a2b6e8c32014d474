/**
 * DEBUG DIGEST and DEBUG DIGEST-VALUE: 40 hex digits that are equal exactly when the data is.
 *
 * Redis's recipe (debug.c, 7.0). Two ways to add a piece to a digest of 20 bytes: `xor` its SHA-1 in (order does
 * not matter: sets, fields, keys), or `mix` it in: xor, then SHA-1 of the whole (order matters: list elements).
 *
 *     whole = for each database that is not empty: mix its number (4 bytes, big endian), xor every entry
 *     entry = mix key, mix type number, add the value, xor "!!expire!!" when the key expires
 */
import { createHash } from 'node:crypto';
import { bytes } from './bytes.ts';
import type { HashValue } from './hash.ts';
import type { Keyspace } from './keyspace.ts';
import { formatDouble } from './numbers.ts';
import { streamIdMs, streamIdSeq } from './stream-id.ts';
import type { Value } from './value.ts';

/** 20 bytes that pieces are added to. */
export class Digest {
  readonly bytes = Buffer.alloc(20);

  /** Adds a piece so that order does not matter. */
  xor(piece: Uint8Array | string): void {
    const digest = sha1(typeof piece === 'string' ? bytes(piece) : piece);
    for (let i = 0; i < 20; i++) this.bytes[i]! ^= digest[i]!;
  }

  /** Adds a piece so that order matters. */
  mix(piece: Uint8Array | string): void {
    this.xor(piece);
    sha1(this.bytes).copy(this.bytes);
  }
}

function bigEndian(n: number): Buffer {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(n);
  return four;
}

const sha1 = (data: Uint8Array): Buffer => createHash('sha1').update(data).digest();

/** Digest of everything. O(data). Expired keys that are still there count, as in Redis. */
export function digestOf(keyspace: Keyspace): Buffer {
  const whole = new Digest();
  keyspace.databases.forEach((database, db) => {
    if (database.size === 0) return;
    whole.mix(bigEndian(db));
    for (const [key, value] of database.values) {
      const entry = new Digest();
      entry.mix(key);
      addValue(entry, value, database.expiry(key) !== null);
      whole.xor(entry.bytes);
    }
  });
  return whole.bytes;
}

/** Digest of one value, as DEBUG DIGEST-VALUE tells it. */
export function digestOfValue(value: Value, expires: boolean): Buffer {
  const digest = new Digest();
  addValue(digest, value, expires);
  return digest.bytes;
}

/** Adds a value, and whether its key expires (not when: replicas may differ by a little). */
function addValue(digest: Digest, value: Value, expires: boolean): void {
  digest.mix(bigEndian(typeNumbers[value.type]));
  switch (value.type) {
    case 'string':
      digest.mix(value.bytes);
      break;
    case 'list':
      for (const element of value.elements()) digest.mix(element);
      break;
    case 'set':
      for (const member of value.members()) digest.xor(member);
      break;
    case 'zset':
      for (const { member, score } of value.items()) {
        const item = new Digest();
        item.mix(member);
        item.mix(formatDouble(score));
        digest.xor(item.bytes);
      }
      break;
    case 'hash':
      addHash(digest, value);
      break;
    case 'stream':
      for (const node of value.nodes) {
        for (const entry of node.entries) {
          if (entry.deleted) continue;
          digest.mix(`${streamIdMs(entry.id)}.${streamIdSeq(entry.id)}`);
          for (const text of entry.fields) digest.mix(text);
        }
      }
      break;
    case 'module':
      // Redis asks the module; without it only the type is known.
      break;
  }
  if (expires) digest.xor('!!expire!!');
}

function addHash(digest: Digest, hash: HashValue): void {
  for (const [field, value] of hash.entries()) {
    const entry = new Digest();
    entry.mix(field);
    entry.mix(value);
    if (hash.expiry(field) !== null) entry.xor('!!hexpire!!');
    digest.xor(entry.bytes);
  }
}

/** Redis's numbers of the types. */
const typeNumbers = { string: 0, list: 1, set: 2, zset: 3, hash: 4, module: 5, stream: 6 } as const;
