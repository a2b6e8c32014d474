/**
 * For whom our feed is written while feed-compat is auto: the oldest of those who have read it and said what they are.
 *
 *     auto --REPLCONF version 8.1.0--> 7.0 --...--> 7.0 --the feed ends--> auto
 *                                       '- also after that reader has left: it may come back for what it missed
 *
 * Only Valkey (8.0 and later) and redtwin say what they are; a Redis says nothing, and for readers before 7.0 feed-compat must
 * be set. Pure; the translation is the engine's.
 */
import type { FeedCompat } from './rdb-version.ts';

/** Oldest first. */
const readers: readonly FeedCompat[] = ['5.0', '6.2', '7.0', 'auto'];

/** What a server of this version reads: Valkey 8 has the commands of Redis 7.2, Valkey 9 all that we feed. */
function readerOf(version: string): FeedCompat {
  const [major, minor] = version.split('.').map(Number) as [number, number | undefined];
  if (!Number.isInteger(major) || major >= 9) return 'auto';
  if (major >= 7) return '7.0';
  return major === 6 && (minor ?? 0) >= 2 ? '6.2' : '5.0';
}

/** The older of a reader and of who has come now; `version` is what it said of itself, null: nothing. */
export function olderReader(reader: FeedCompat, version: string | null): FeedCompat {
  const other = version === null ? 'auto' : readerOf(version);
  return readers.indexOf(other) < readers.indexOf(reader) ? other : reader;
}
