/**
 * Feeds for replicas to catch up with, as bytes: what a primary writes for its replicas after the SELECT. Keys are random ones
 * of a million; always the same feed, from a fixed seed.
 */
import { Random } from '../../test/fuzz/random.ts';
import { keyBytes } from './fill.ts';

/** The feeds that the bars speak of. */
export const feedNames = ['SET 64 B', 'SET 3 B', 'INCR', 'mixed'] as const;
export type FeedName = (typeof feedNames)[number];

const keys = 1_000_000;
const text = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;

/** Everyday writes: strings of all kinds first, then collections of a few members, an expiry and a deletion now and then. */
function mixed(random: Random): string[] {
  const key = keyBytes(random.whole(0, keys - 1)).slice(4);
  const some = String(random.whole(0, 99_999));
  const kind = random.whole(0, 19);
  if (kind < 6) return ['SET', `str:${key}`, some.padEnd(64, 'x')];
  if (kind < 9) return ['INCR', `int:${key}`];
  if (kind < 12) return ['HSET', `hash:${key.slice(2)}`, `field${some.slice(-1)}`, some];
  if (kind < 14) return ['ZADD', `zset:${key.slice(3)}`, some, `member${some.slice(-2)}`];
  if (kind < 16) return ['LPUSH', `list:${key.slice(2)}`, some.padEnd(32, 'x')];
  if (kind < 17) return ['SADD', `set:${key.slice(2)}`, some];
  if (kind < 18) return ['XADD', `stream:${key.slice(-3)}`, '*', 'field', some];
  if (kind < 19) return ['PEXPIREAT', `str:${key}`, '4102444800000'];
  return ['DEL', `str:${key}`];
}

/** A feed of so many commands. */
export function feedOf(name: FeedName, commands: number): Buffer {
  const random = new Random(feedNames.indexOf(name) + 1);
  const key = (): string => keyBytes(random.whole(0, keys - 1));
  // XADD's ids grow, as a primary writes them.
  let id = 0;
  const make = {
    'SET 64 B': () => ['SET', key(), 'v'.repeat(64)],
    'SET 3 B': () => ['SET', key(), 'abc'],
    INCR: () => ['INCR', `counter:${key()}`],
    mixed: () => mixed(random).map((word) => (word === '*' ? `1700000000000-${++id}` : word)),
  }[name];
  const parts: Buffer[] = [Buffer.from(text(['SELECT', '0']))];
  for (let left = commands; left > 0; left -= 10_000) {
    let chunk = '';
    for (let index = Math.min(left, 10_000); index > 0; index--) chunk += text(make());
    parts.push(Buffer.from(chunk, 'latin1'));
  }
  return Buffer.concat(parts);
}
