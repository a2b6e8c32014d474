/**
 * SHA-1 as 40 lower-case hexadecimal digits: the name of a script, and what redis.sha1hex answers. A file of its own because
 * both the cache and the Lua state need it.
 */
import { createHash } from 'node:crypto';

export const sha1Hex = (data: Uint8Array): string => createHash('sha1').update(data).digest('hex');
