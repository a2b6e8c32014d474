/**
 * What a key can hold.
 *
 * Values are plain JavaScript structures, not Redis's packed bytes; which encoding Redis 7.0 would report is
 * tracked beside them, because OBJECT ENCODING, SCAN and the order of small collections show it. An encoding only
 * ever grows (listpack to hashtable), as in Redis.
 *
 *     Value = string | list | set | hash | zset | stream | module
 *
 * To add a type: a class with the members of `ValueBase`, a line in `ValueOf`.
 */
import type { HashValue } from './hash.ts';
import type { ListValue } from './list.ts';
import type { ModuleValue } from './module.ts';
import type { SetValue } from './set.ts';
import type { StreamValue } from './stream.ts';
import type { StringValue } from './string.ts';
import type { ZsetValue } from './zset.ts';

/** By the name that TYPE reports. */
export interface ValueOf {
  string: StringValue;
  list: ListValue;
  set: SetValue;
  hash: HashValue;
  zset: ZsetValue;
  stream: StreamValue;
  module: ModuleValue;
}
export type ValueType = keyof ValueOf;
export type Value = ValueOf[ValueType];

/** What every value has beside its type. */
export abstract class ValueBase {
  /** Unix ms of the last access, for OBJECT IDLETIME; 0 when it was never touched. */
  accessedMs = 0;
  /** Logarithmic access counter, for OBJECT FREQ; 5 is what a new key starts with. */
  frequency = 5;

  /** The name that TYPE reports. */
  abstract readonly type: string;
  /** The name that OBJECT ENCODING of Redis 7.0 reports. */
  abstract readonly encoding: string;
  /** An independent copy (COPY). */
  abstract copy(): ValueBase;
  /** About how many bytes Redis would need: an estimate for MEMORY USAGE and used_memory. */
  abstract sizeBytes(): number;
}
