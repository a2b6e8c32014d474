/**
 * From the RDB's neutral values to those of the keyspace: picks encodings as Redis does on loading, and refuses
 * duplicates.
 *
 * Both a whole RDB and a single RESTORE pass through here.
 */
import { RedtwinError } from '../../errors.ts';
import { HashValue } from './hash.ts';
import { ListValue } from './list.ts';
import { ModuleValue } from './module.ts';
import type { RdbHash, RdbSet, RdbValue, RdbZset } from './rdb/value.ts';
import { SetValue } from './set.ts';
import type { Settings } from './settings.ts';
import { StringValue } from './string.ts';
import type { Value } from './value.ts';
import { ZsetValue } from './zset.ts';

/**
 * The value of the keyspace; takes ownership of what it is given. Throws 'rdb-corrupt' on duplicates. O(elements).
 */
export function buildValue(rdb: RdbValue, settings: Settings): Value {
  switch (rdb.type) {
    case 'string':
      return new StringValue(rdb.bytes);
    case 'list':
      return new ListValue(rdb.elements);
    case 'set':
      return buildSet(rdb, settings);
    case 'zset':
      return buildZset(rdb, settings);
    case 'hash':
      return buildHash(rdb, settings);
    case 'stream':
      return rdb.stream;
    case 'module':
      return new ModuleValue(rdb.name, rdb.raw);
  }
}

function buildSet(rdb: RdbSet, settings: Settings): SetValue {
  const set = SetValue.of(rdb.members, settings['set-max-intset-entries']);
  if (set.size !== rdb.members.length) throw duplicate('set member');
  return set;
}

function buildZset(rdb: RdbZset, settings: Settings): ZsetValue {
  const scored = rdb.members.map((member, index) => ({ member, score: rdb.scores[index]! }));
  const zset = ZsetValue.of(scored, settings, rdb.packed);
  if (zset.size !== scored.length) throw duplicate('sorted set member');
  return zset;
}

function buildHash(rdb: RdbHash, settings: Settings): HashValue {
  const hash = new HashValue();
  for (let at = 0; at < rdb.fields.length; at++) {
    const field = rdb.fields[at]!;
    if (!hash.set(field, rdb.values[at]!, settings)) throw duplicate('hash field');
    const expiry = rdb.expiresAtMs?.[at] ?? 0;
    if (expiry !== 0) hash.setExpiry(field, expiry);
  }
  return hash;
}

const duplicate = (what: string): RedtwinError =>
  new RedtwinError('rdb-corrupt', `the RDB holds a ${what} twice`);
