//! Where keys end, found without looking into them.
//!
//! Its one idea: a sink that wants no value is told of every key all the same, with its place and its length, and that is all
//! it takes to cut a file into pieces that another decoder can begin with.

use redtwin_rdb::{Bytes, Item, Key, Part, Sink, Taken, Wish};

/// Steps over every value and remembers where the last one ended.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    db: u64,
    key_at: u64,
    /// Position in the file behind the last complete key; 0 before the first.
    pub(super) keys_end: u64,
    /// The database there.
    pub(super) keys_db: u64,
}

impl Splitter {
    #[inline]
    fn ended(&mut self, at: u64) {
        self.keys_end = at;
        self.keys_db = self.db;
    }
}

impl Sink for Splitter {
    fn item(&mut self, item: Item<'_>) -> Taken {
        if let Item::SelectDb(db) = item {
            self.db = db;
        }
        Ok(())
    }

    #[inline]
    fn key(&mut self, key: Key<'_>) -> Taken<Wish> {
        self.key_at = key.offset;
        Ok(Wish::Skip)
    }

    fn part(&mut self, _: Part<'_>) -> Taken {
        Ok(())
    }

    #[inline]
    fn string(&mut self, key: Key<'_>, _: Bytes<'_>, _: &[u8], bytes: u64) -> Taken {
        self.ended(key.offset.saturating_add(bytes));
        Ok(())
    }

    #[inline]
    fn end_of_key(&mut self, bytes: u64) -> Taken {
        self.ended(self.key_at.saturating_add(bytes));
        Ok(())
    }
}
