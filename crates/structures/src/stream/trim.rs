//! Shortening a stream from its old end.
//! Whole nodes go at once; only an exact trim opens the node in which it ends and flags entries there. The approximate
//! trim leaves that node alone, which makes it cheap. Source: behaviour of Redis 7.0.15, which decides how much is left.

use super::{Stream, StreamId};

/// What shall be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// At most this many entries.
    MaxLength(u64),
    /// No entries with smaller IDs.
    MinId(StreamId),
}

impl Stream {
    /// Removes old entries and says how many. `approximate`: only whole nodes. `limit`: no node is touched that would
    /// bring the number of removed entries above it; 0 for no limit. O(removed nodes), and the last node when exact.
    pub fn trim(&mut self, trim: Trim, approximate: bool, limit: u64) -> u64 {
        let mut removed = 0;
        while let Some(node) = self.nodes.front_mut() {
            if matches!(trim, Trim::MaxLength(length) if self.length <= length) {
                break;
            }
            let live = u64::try_from(node.live()).unwrap_or(0);
            if limit > 0 && removed + live > limit {
                break;
            }
            let whole = match trim {
                Trim::MaxLength(length) => self.length.saturating_sub(live) >= length,
                Trim::MinId(id) => node.last_id().is_none_or(|last| last < id),
            };
            if whole {
                self.nodes.pop_front();
                self.length = self.length.saturating_sub(live);
                removed += live;
                continue;
            }
            if !approximate {
                removed += self.trim_first_node(trim);
            }
            break;
        }
        if removed > 0 || self.length == 0 {
            self.find_first_id();
        }
        removed
    }

    /// Flags entries of the first node until the aim is reached.
    fn trim_first_node(&mut self, trim: Trim) -> u64 {
        let mut length = self.length;
        let mut doomed = Vec::new();
        if let Some(node) = self.nodes.front_mut()
            && let Some(head) = node.head()
        {
            let mut at = head.entries_at;
            while let Some(slot) = node.slot(&head, at) {
                let reached = match trim {
                    Trim::MaxLength(max) => length <= max,
                    Trim::MinId(id) => slot.id >= id,
                };
                let Some(next) = node.after_slot(&slot).filter(|_| !reached) else { break };
                if !slot.deleted {
                    doomed.push(at);
                    length = length.saturating_sub(1);
                }
                at = next;
            }
            node.mark_deleted(&doomed);
        }
        self.length = length;
        doomed.len() as u64
    }
}
