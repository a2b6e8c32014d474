/**
 * Lazy freeing: what UNLINK and its kin count.
 *
 * In JavaScript every value that is let go is freed in the background, by the garbage collector; there is nothing to
 * hand over and nothing to wait for. What remains is to count the values that Redis 7.0 would have freed aside: those
 * that take more effort than a hand-over costs (lazyfreeGetFreeEffort). Always O(1).
 */
import type { Value } from './value.ts';

/** What is freed with no more effort than this is freed at once. */
const effortMax = 64;

/** True when Redis would free this value on a thread of its own. */
export const isFreedAside = (value: Value): boolean => effort(value) > effortMax;

/** About how many pieces of memory Redis would hold the value in. */
function effort(value: Value): number {
  switch (value.type) {
    case 'set':
    case 'hash':
      return value.encoding === 'hashtable' ? value.size : 1;
    case 'zset':
      return value.encoding === 'skiplist' ? value.size : 1;
    case 'list':
      // A node of 8 KiB, as is usual, holds that many elements of 60 bytes: near enough without a look at each.
      return value.encoding === 'quicklist' ? Math.ceil(value.length / 128) : 1;
    case 'stream': {
      const [first] = value.groups.values();
      return value.nodes.length + 1 + (first ? value.groups.size * (1 + first.pending.size) : 0);
    }
    default:
      return 1;
  }
}
