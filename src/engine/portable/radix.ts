/**
 * How many nodes Redis's radix tree would have for given stream IDs.
 *
 * XINFO STREAM tells it, and nothing else here needs a radix tree, so it is only counted. The tree holds each key
 * as 16 bytes and joins bytes without a branch into one node:
 *
 *     keys aabc, aaxy:   (aa) -> [b|x] -> (c) -> ()          (aa), (c), (y): one node per stretch without a branch
 *                                    \-> (y) -> ()           [b|x]: one per branch; (): one per key, at its end
 *
 * Whatever the order of inserts and deletes, Redis splits and joins its nodes so that this form results.
 */

const keyBits = 128n;

/** Nodes for keys that are ascending and distinct; the root counts, so an empty tree has one. O(keys * 16). */
export function radixNodeCount(ids: readonly bigint[]): number {
  return ids.length === 0 ? 1 : count(ids, 0, ids.length, 0);
}

const byteAt = (id: bigint, depth: number): number =>
  Number((id >> (keyBits - 8n * BigInt(depth + 1))) & 255n);

/** Nodes of the subtree of `ids[start, end)`, which share their first `depth` bytes. */
function count(ids: readonly bigint[], start: number, end: number, depth: number): number {
  // Keys are sorted: what the first and the last share, all share.
  let shared = depth;
  while (shared < 16 && byteAt(ids[start]!, shared) === byteAt(ids[end - 1]!, shared)) shared++;
  const stretch = shared > depth ? 1 : 0;
  if (shared === 16) return stretch + 1;
  let nodes = stretch + 1;
  for (let from = start; from < end; ) {
    const byte = byteAt(ids[from]!, shared);
    let to = from + 1;
    while (to < end && byteAt(ids[to]!, shared) === byte) to++;
    nodes += count(ids, from, to, shared + 1);
    from = to;
  }
  return nodes;
}
