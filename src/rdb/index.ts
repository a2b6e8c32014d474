/**
 * The RDB toolkit: read, shape and write RDB files. Public as `redtwin/rdb`.
 *
 *     import { readRdb } from 'redtwin/rdb';
 *     for await (const entry of readRdb('dump.rdb', { prefix: 'user:' })) console.log(entry.key, entry.memoryBytes);
 */
export type { RdbEncoding, RdbFact, RdbLosses, RdbType } from '../engine/rdb.ts';
export { type ErrorCode, RedtwinError } from '../errors.ts';
export {
  type As,
  type HashField,
  type ModuleValue,
  RdbEntry,
  type StreamEntry,
  type StreamGroup,
  type StreamValue,
  type Text,
  type ValueOf,
  type ZsetMember,
} from './entry.ts';
export type { KeyFilter } from './filter.ts';
export { type RdbFile, RdbReader, type ReadOptions, readRdb } from './reader.ts';
export type { NewEntry } from './records.ts';
export type { RdbSource } from './source.ts';
export { decodeDump, encodeDump, RdbWriter, type WriteOptions } from './writer.ts';
