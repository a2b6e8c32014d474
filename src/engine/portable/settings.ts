/**
 * The options the portable engine understands, by their redis.conf names, with Redis 7.0's defaults.
 *
 * Values arrive in parsed form: sizes in bytes, yes/no as booleans. An option that is not here is not the
 * engine's business, and `configure` says so by throwing.
 */
import { RedtwinError } from '../../errors.ts';

const defaults = {
  'hash-max-listpack-entries': 512,
  'hash-max-listpack-value': 64,
  'list-max-listpack-size': -2,
  'list-compress-depth': 0,
  'set-max-intset-entries': 512,
  'zset-max-listpack-entries': 128,
  'zset-max-listpack-value': 64,
  'hll-sparse-max-bytes': 3000,
  'stream-node-max-bytes': 4096,
  'stream-node-max-entries': 100,
  'proto-max-bulk-len': 512 * 1024 * 1024,
  'client-query-buffer-limit': 1024 * 1024 * 1024,
  /** Letters of event classes (as CONFIG GET tells them); empty: no events. */
  'notify-keyspace-events': '',
  maxmemory: 0,
  'maxmemory-policy': 'noeviction',
  'maxmemory-samples': 5,
  'lfu-log-factor': 10,
  'lfu-decay-time': 1,
  'active-expire-effort': 1,
  'lazyfree-lazy-expire': false,
  'lazyfree-lazy-eviction': false,
  'lazyfree-lazy-server-del': false,
  'lazyfree-lazy-user-del': false,
  'lazyfree-lazy-user-flush': false,
  'replica-ignore-maxmemory': true,
  'enable-debug-command': 'yes',
  rdbcompression: true,
  rdbchecksum: true,
  'sanitize-dump-payload': 'no',
  'latency-tracking': true,
  /** Whom the feed is for: see feed-reader.ts. */
  'feed-compat': 'auto',
  /** Milliseconds a script may run, as far as its instructions tell; 0 for as long as it likes. */
  'busy-reply-threshold': 5000,
};

export type SettingName = keyof typeof defaults;
/** The table of all settings; numbers are entries, bytes or levels as their names say. */
export type Settings = { -readonly [N in SettingName]: (typeof defaults)[N] };

/** Older names of the same options, which redis.conf still takes. */
const aliases: Record<string, SettingName> = {
  'hash-max-ziplist-entries': 'hash-max-listpack-entries',
  'hash-max-ziplist-value': 'hash-max-listpack-value',
  'list-max-ziplist-size': 'list-max-listpack-size',
  'zset-max-ziplist-entries': 'zset-max-listpack-entries',
  'zset-max-ziplist-value': 'zset-max-listpack-value',
  'slave-ignore-maxmemory': 'replica-ignore-maxmemory',
  'lua-time-limit': 'busy-reply-threshold',
};

export const defaultSettings = (): Settings => ({ ...defaults });

/** Sets one option. Throws 'engine-unknown-option' for a name that is not in the table, 'config-bad-value' for a wrong type. */
export function applySetting(settings: Settings, name: string, value: number | string | boolean): void {
  const known = aliases[name] ?? name;
  if (!Object.hasOwn(defaults, known)) {
    throw new RedtwinError('engine-unknown-option', `the engine has no option '${name}'`);
  }
  const slot = known as SettingName;
  if (typeof value !== typeof settings[slot]) {
    throw new RedtwinError('config-bad-value', `option '${name}' cannot be ${JSON.stringify(value)}`);
  }
  (settings as Record<string, number | string | boolean>)[slot] = value;
}
