/**
 * Values as the RDB says them: neutral between the many forms of the file and the keyspace's own structures.
 *
 * The decoder turns every old and new encoding into one of these seven; the encoder takes them back. They hold
 * plain arrays in file order, may be empty, and may hold duplicates: whether that is an error is for those who
 * build something from them to say. Texts are binary strings (one character per byte).
 */
import type { StreamValue } from '../stream.ts';

export interface RdbString {
  type: 'string';
  bytes: Buffer;
}
export interface RdbList {
  type: 'list';
  elements: string[];
}
export interface RdbSet {
  type: 'set';
  members: string[];
}
export interface RdbHash {
  type: 'hash';
  fields: string[];
  values: string[];
  /** Unix ms at which the field of the same index expires, 0 for never; null when no field expires. */
  expiresAtMs: number[] | null;
}
export interface RdbZset {
  type: 'zset';
  members: string[];
  scores: number[];
  /** It came as one packed block, which Redis takes over as it is: a "-0" in it stays one. */
  packed?: true;
}
export interface RdbStream {
  type: 'stream';
  stream: StreamValue;
}
/** A value that only its module understands, kept as it came. */
export interface RdbModule {
  type: 'module';
  /** Nine letters, such as ReJSON-RL. */
  name: string;
  /** Everything behind the type byte and the key: the module's id, its opcodes, the closing 0. */
  raw: Buffer;
}

export type RdbValue = RdbString | RdbList | RdbSet | RdbHash | RdbZset | RdbStream | RdbModule;

/**
 * Collections without elements do not exist in Redis: such values are skipped with a count. Streams and modules
 * may be empty.
 */
export function isEmptyCollection(value: RdbValue): boolean {
  switch (value.type) {
    case 'list':
      return value.elements.length === 0;
    case 'set':
    case 'zset':
      return value.members.length === 0;
    case 'hash':
      return value.fields.length === 0;
    default:
      return false;
  }
}
