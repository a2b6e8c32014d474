/**
 * Versions: redtwin's own, and the Redis version whose behaviour it shows (redis_version, HELLO).
 *
 * Clients choose what they send by the latter, so it stays at what the conformance cases are held against.
 */
import { readFileSync } from 'node:fs';

export const compatibleVersion = '7.0.15';

/** Redtwin's own version, from package.json, which is two folders up in src/ and in dist/ alike. */
export const redtwinVersion: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
