/**
 * Which RDB version a reader gets.
 *
 *     rdb-version N       --> N, whoever asks
 *     rdb-version auto    --> what the reader said it is (REPLCONF version, which Valkey 8 and later send)
 *                         --> it said nothing: 9 when feed-compat names readers before 7.0, else 10, and 12 when there are
 *                             fields that expire, because a reader that follows such data must know them
 *
 * Pure. That an older version cannot hold something is found by the encoder; what happens then is rdb-version-loss.
 */

/** Versions that can be written. */
export type RdbVersion = 9 | 10 | 11 | 12 | 80;

/** Which readers the feed and the snapshots are for. */
export type FeedCompat = 'auto' | '5.0' | '6.2' | '7.0';

export interface Reader {
  /** What it said with REPLCONF version; null when it said nothing. */
  readonly version: string | null;
  readonly setting: 'auto' | `${RdbVersion}`;
  readonly compat: FeedCompat;
  /** The data may hold hash fields that expire. */
  readonly hasFieldExpiries: boolean;
}

/** The newest version that a server which announces itself can load. Only Valkey does (8.0 and later). */
function announcedVersion(version: string): RdbVersion | null {
  const [major, minor] = version.split('.').map(Number) as [number, number | undefined];
  if (!Number.isInteger(major)) return null;
  if (major >= 9) return 80;
  if (major === 8) return 11;
  if (major === 7) return (minor ?? 0) >= 2 ? 11 : 10;
  return 9;
}

export function rdbVersionFor({ version, setting, compat, hasFieldExpiries }: Reader): RdbVersion {
  if (setting !== 'auto') return Number(setting) as RdbVersion;
  const announced = version === null ? null : announcedVersion(version);
  if (announced !== null) return announced;
  if (compat === '5.0' || compat === '6.2') return 9;
  return hasFieldExpiries && compat === 'auto' ? 12 : 10;
}
