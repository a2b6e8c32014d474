//! How many nodes Redis's radix tree has for a set of keys. XINFO STREAM shows the number, so it must be right, but
//! nothing else here needs such a tree.
//!
//! ```text
//!   one node for what all keys of a branch share (if they share anything), one where they part, one at the end of each:
//!   "0001" "0002"   ->   "000" - [1|2] - end, end      4 nodes
//! ```

/// Nodes of the tree for `keys`, which must be sorted, different and of one length. Without keys there is the root.
pub fn node_count(keys: &[[u8; 16]]) -> usize {
    if keys.is_empty() { 1 } else { branch(keys, 0) }
}

fn branch(keys: &[[u8; 16]], depth: usize) -> usize {
    let [first, .., last] = keys else { return if depth == 16 { 1 } else { 2 } };
    let shared = first.iter().zip(last).skip(depth).take_while(|(one, other)| one == other).count();
    let part = depth + shared;
    let below: usize =
        keys.chunk_by(|one, other| one[part] == other[part]).map(|keys| branch(keys, part + 1)).sum();
    usize::from(shared > 0) + 1 + below
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::StreamId;

    fn count(ids: &[u64]) -> usize {
        let keys: Vec<[u8; 16]> = ids.iter().map(|&ms| StreamId::new(ms, 1).to_bytes()).collect();
        node_count(&keys)
    }

    /// From redis-server 7.0.15: XINFO STREAM after XADDs with `stream-node-max-entries 1`, IDs `ms-1`.
    #[test]
    fn equals_redis() {
        assert_eq!(count(&[]), 1);
        assert_eq!(count(&[1]), 2);
        assert_eq!(count(&[1, 2]), 6);
        assert_eq!(count(&[1, 2, 256]), 9);
    }
}
