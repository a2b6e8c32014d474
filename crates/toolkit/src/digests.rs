//! What differs between two files, in bounded memory.
//!
//! ```text
//! A --> Record:  name's hash -> content's hash          for each part of the names in turn, when there are many
//! B --> Compare: not there: added    another content: changed    the same: struck out
//! A --> Missing: still there and never met: removed
//! ```
//!
//! Its one idea: 16 bytes stand for a key, however large it is. Contents are compared as what they mean: the order of a hash's
//! fields and the encoding of a list do not count; expiry does. Two keys that differ are taken for equal once in 2^64.

use crate::draft::Draft;
use crate::measure::{Summary, class_name};
use crate::sieve::Job;
use crate::spread::{Elements, StreamPart, spread};
use crate::text::{json, number};
use foldhash::quality::FixedState;
use hashbrown::HashMap;
use redtwin_rdb::format::Class;
use redtwin_rdb::{Item, Key, Part, Taken, Wish};
use redtwin_structures::stream::{Fields, StreamId};
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// What is known of the first file: content by name, both hashed. Shared by the three jobs of a comparison.
pub type Ledger = Arc<Mutex<Book>>;

/// See `Ledger`.
#[derive(Debug)]
pub struct Book {
    contents: HashMap<u64, Entry>,
    /// Only names of this part are looked at: their hash, modulo `parts`.
    part: u64,
    parts: u64,
    hasher: FixedState,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    content: u64,
    met: bool,
}

impl Book {
    /// For part `part` of `parts`. The seed should be random, so that no file can be made to collide.
    #[must_use]
    pub fn new(part: u64, parts: u64, seed: u64) -> Ledger {
        Arc::new(Mutex::new(Book {
            contents: HashMap::new(),
            part,
            parts: parts.max(1),
            hasher: FixedState::with_seed(seed),
        }))
    }
}

/// Which of the three jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first file, the first time.
    Record,
    /// The second file.
    Compare,
    /// The first file again.
    Missing,
}

/// The job.
#[derive(Debug)]
pub struct Digests {
    side: Side,
    ledger: Ledger,
    hasher: FixedState,
    part: u64,
    parts: u64,
    draft: Draft,
    db: u64,
    class: Class,
    name: Vec<u8>,
    name_hash: u64,
    /// Of the key under way: a sum where order does not count, a chain where it does.
    content: u64,
}

impl Digests {
    /// A job over this ledger.
    #[must_use]
    pub fn new(side: Side, ledger: Ledger) -> Self {
        let (hasher, part, parts) = {
            let book = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            (book.hasher.clone(), book.part, book.parts)
        };
        Digests {
            side,
            ledger,
            hasher,
            part,
            parts,
            draft: Draft::default(),
            db: 0,
            class: Class::String,
            name: Vec::new(),
            name_hash: 0,
            content: 0,
        }
    }

    fn hash(&self, words: &[&[u8]]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for word in words {
            hasher.write_u64(word.len() as u64);
            hasher.write(word);
        }
        hasher.finish()
    }

    fn chain(&mut self, next: u64) {
        self.content = self.hash(&[&self.content.to_le_bytes(), &next.to_le_bytes()]);
    }

    fn line(&mut self, what: &str) {
        let out = &mut self.draft.out;
        out.extend(b"{\"change\":\"");
        out.extend_from_slice(what.as_bytes());
        out.extend(b"\",\"db\":");
        number(out, self.db);
        out.extend(b",\"key\":");
        json(out, &self.name);
        out.extend(b",\"type\":\"");
        out.extend_from_slice(class_name(self.class).as_bytes());
        out.extend(b"\"}\n");
    }
}

impl Job for Digests {
    fn item(&mut self, _: Item<'_>) -> Taken {
        Ok(())
    }

    fn key(&mut self, db: u64, key: Key<'_>) -> Taken<Wish> {
        self.db = db;
        self.class = key.kind.class();
        self.name.clear();
        self.name.extend_from_slice(&key.name);
        self.name_hash = self.hash(&[&db.to_le_bytes(), &key.name]);
        self.content = self.hash(&[
            class_name(self.class).as_bytes(),
            &key.expire_at_ms.map_or([0; 8], i64::to_le_bytes),
            &[u8::from(key.expire_at_ms.is_some())],
        ]);
        let mine = (self.name_hash >> 32) % self.parts == self.part;
        Ok(if mine && self.side != Side::Missing { Wish::Value } else { Wish::Skip })
    }

    fn part(&mut self, class: Class, part: Part<'_>) -> Taken {
        spread(class, &part, self)
    }

    fn end(&mut self, _: &Summary) -> Taken {
        if (self.name_hash >> 32) % self.parts != self.part {
            return Ok(());
        }
        let change = {
            let mut book = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            match self.side {
                Side::Record => {
                    book.contents.insert(self.name_hash, Entry { content: self.content, met: false });
                    None
                }
                Side::Compare => match book.contents.get_mut(&self.name_hash) {
                    None => Some("added"),
                    Some(entry) => {
                        entry.met = true;
                        (entry.content != self.content).then_some("changed")
                    }
                },
                Side::Missing => {
                    book.contents.get(&self.name_hash).filter(|entry| !entry.met).map(|_| "removed")
                }
            }
        };
        if let Some(change) = change {
            self.line(change);
        }
        Ok(())
    }

    fn settle(&mut self) {}

    fn undo(&mut self) {}

    fn take(&mut self) -> Vec<u8> {
        self.draft.take()
    }

    fn reuse(&mut self, room: Vec<u8>) {
        self.draft.reuse(room);
    }

    fn finish(&mut self) -> Taken<Vec<u8>> {
        Ok(self.draft.take())
    }
}

impl Elements for Digests {
    fn text(&mut self, bytes: &[u8]) -> Taken {
        self.chain(self.hash(&[bytes]));
        Ok(())
    }

    fn element(&mut self, bytes: &[u8]) -> Taken {
        let hash = self.hash(&[bytes]);
        if self.class == Class::List {
            self.chain(hash);
        } else {
            self.content = self.content.wrapping_add(hash);
        }
        Ok(())
    }

    fn field(&mut self, field: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> Taken {
        let hash = self.hash(&[field, value, &expire_at_ms.unwrap_or(0).to_le_bytes()]);
        self.content = self.content.wrapping_add(hash);
        Ok(())
    }

    fn member(&mut self, member: &[u8], score: f64) -> Taken {
        // -0 and 0 are one score.
        let hash = self.hash(&[member, &(score + 0.0).to_bits().to_le_bytes()]);
        self.content = self.content.wrapping_add(hash);
        Ok(())
    }

    fn entry(&mut self, id: StreamId, fields: Fields<'_>) -> Taken {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(id.ms);
        hasher.write_u64(id.seq);
        let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
        for (field, value) in fields {
            for word in [field.as_bytes(&mut a), value.as_bytes(&mut b)] {
                hasher.write_u64(word.len() as u64);
                hasher.write(word);
            }
        }
        self.chain(hasher.finish());
        Ok(())
    }

    fn stream_part(&mut self, part: StreamPart<'_>) -> Taken {
        // When a consumer was seen is no content: it changes by looking. What versions do not agree on is left out.
        let hash = match part {
            StreamPart::Info(info) => self.hash(&[b"info", info.last.to_string().as_bytes()]),
            StreamPart::Group(name, last, _) => self.hash(&[b"group", name, last.to_string().as_bytes()]),
            StreamPart::Pending(id, at, count) => {
                self.hash(&[b"pending", id.to_string().as_bytes(), &at.to_le_bytes(), &count.to_le_bytes()])
            }
            StreamPart::Consumer(name, ..) => self.hash(&[b"consumer", name]),
            StreamPart::Owned(id) => self.hash(&[b"owned", id.to_string().as_bytes()]),
            StreamPart::Tail(raw) => self.hash(&[b"tail", raw]),
        };
        self.chain(hash);
        Ok(())
    }

    fn module(&mut self, id: u64, raw: &[u8]) -> Taken {
        self.chain(self.hash(&[&id.to_le_bytes(), raw]));
        Ok(())
    }
}
