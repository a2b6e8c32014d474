//! Keys that the clients of a writable replica gave an expiry: the primary never heard of them, so nobody else will delete them.
//!
//! Its one idea: a set of names, looked at round and round. What a name stands for is asked of the table each time, so nothing
//! has to be told when a key goes or lives on; such names fall out when they are met. Redis keeps the like
//! since 4.0, for all databases in one dictionary.

use std::collections::BTreeSet;
use std::ops::Bound;

/// The names of one database.
#[derive(Clone, Debug, Default)]
pub struct OwnExpiries {
    names: BTreeSet<Box<[u8]>>,
    /// The last one looked at.
    cursor: Option<Box<[u8]>>,
}

impl OwnExpiries {
    /// How many names are kept.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// A client of ours gave this key an expiry.
    pub fn remember(&mut self, key: &[u8]) {
        if !self.names.contains(key) {
            self.names.insert(key.into());
        }
    }

    /// Forgets everything: this server is a primary now.
    pub fn clear(&mut self) {
        *self = OwnExpiries::default();
    }

    /// Names whose time is over, among the next `budget`; `expiry_of` tells when a key expires, None when it does not or is gone.
    /// What it gives, and what expires no longer, is forgotten.
    pub fn take_expired(
        &mut self,
        budget: usize,
        now_ms: i64,
        expiry_of: impl Fn(&[u8]) -> Option<i64>,
    ) -> Vec<Vec<u8>> {
        let mut expired = Vec::new();
        for _ in 0..budget.min(self.names.len()) {
            let after = self.cursor.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let next = self.names.range::<[u8], _>((after, Bound::Unbounded)).next().or(self.names.first());
            let Some(name) = next.cloned() else { break };
            match expiry_of(&name) {
                Some(at) if at >= now_ms => {}
                over => {
                    self.names.remove(&name);
                    if over.is_some() {
                        expired.push(name.to_vec());
                    }
                }
            }
            self.cursor = Some(name);
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_met_in_turn_and_what_is_over_goes() {
        let mut own = OwnExpiries::default();
        for name in [b"a", b"b", b"c", b"a"] {
            own.remember(name);
        }
        assert_eq!(own.len(), 3);
        let expiry_of = |name: &[u8]| match name {
            b"a" => Some(10),
            b"b" => None,
            _ => Some(99),
        };
        assert_eq!(own.take_expired(1, 10, expiry_of), Vec::<Vec<u8>>::new());
        assert_eq!(own.take_expired(1, 11, expiry_of), Vec::<Vec<u8>>::new());
        assert_eq!(own.len(), 2, "what expires no longer is forgotten");
        assert_eq!(own.take_expired(9, 11, expiry_of), [b"a".to_vec()]);
        assert_eq!(own.take_expired(9, 100, expiry_of), [b"c".to_vec()]);
        assert!(own.is_empty());
    }
}
