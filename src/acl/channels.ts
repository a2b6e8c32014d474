/**
 * Whether somebody who has subscribed under the old rules of a user may stay under the new ones.
 *
 * Redis 7.0 asks this when SETUSER changes a user, and closes the connections of those who may not. Patterns that were subscribed
 * to must be allowed letter by letter; channels must fit a pattern that is allowed.
 */
import { matchesGlob } from '../protocol/glob.ts';
import type { User } from './user.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** All channel patterns of a user's selectors; null when one selector allows every channel. */
function channelsOf({ root, selectors }: User): string[] | null {
  const lists = [root, ...selectors].map(({ channels }) => channels);
  return lists.includes('all') ? null : lists.flat();
}

/** What a subscriber listens to. Binary strings. */
export interface Subscriptions {
  readonly channels: Iterable<string>;
  readonly patterns: Iterable<string>;
  readonly shardChannels: Iterable<string>;
}

/** A test that tells who has to go, or null when nobody lost anything. */
export function lostChannels(before: User, after: User): ((client: Subscriptions) => boolean) | null {
  const [old, allowed] = [channelsOf(before), channelsOf(after)];
  if (allowed === null) return null;
  if (old?.every((channel) => allowed.includes(channel))) return null;
  const patterns = allowed.map(bytes);
  const fits = (channel: string): boolean => patterns.some((p) => matchesGlob(p, bytes(channel)));
  return ({ channels, patterns: subscribed, shardChannels }) =>
    [...subscribed].some((pattern) => !allowed.includes(pattern)) ||
    [...channels, ...shardChannels].some((channel) => !fits(channel));
}
