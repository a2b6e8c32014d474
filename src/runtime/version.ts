/** Versions: redtwin's own, and the Redis version whose behaviour it shows (redis_version, HELLO). */
import { readFileSync } from 'node:fs';

export const compatibleVersion = '7.0.15';

/** Redtwin's own version, from package.json, which is two folders up in src/ and in dist/ alike. */
export const redtwinVersion: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
