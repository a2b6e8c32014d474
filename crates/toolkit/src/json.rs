//! Keys as JSON: a line each, or in the layout of redis-rdb-tools.
//!
//! ```text
//! lines      {"db":0,"key":"k","type":"hash","expireAtMs":1,"value":{"f":"v"}}
//! rdb-tools  [{"k":"v","l":["a"]},{"in db 1":"v"}]          an object per database, names to values only
//!
//! string "v"   list, set ["a"]   zset [["m",1.5]]   module {"module":"name","raw":"hex digits"}
//! hash   {"f":"v"}; a field that expires {"f":{"value":"v","expireAtMs":1}}
//! stream {"entries":[["1-0",["f","v"]]],"length":1,"lastId":"1-0",...,"groups":[{"name":..,"pending":[..],"consumers":[..]}]}
//! ```
//!
//! Its one idea: a value is written while it passes. How many levels of brackets are open is all that is kept, so a
//! hash of 400 MB takes no more memory than one of its fields. Scores that JSON has no number for are strings.

use crate::crew::Shared;
use crate::draft::Draft;
use crate::measure::{Summary, class_name};
use crate::sieve::Job;
use crate::spread::{Elements, StreamPart, spread};
use crate::text::{double, json, number, stream_id};
use redtwin_rdb::format::{Class, module_name};
use redtwin_rdb::{Item, Key, Part, Taken, Wish};
use redtwin_structures::stream::{Fields, StreamId};

/// How it is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// JSON Lines.
    Lines,
    /// As `rdb --command json` of redis-rdb-tools.
    RdbTools,
}

/// How deep in a stream's value we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Entries,
    Groups,
    Pending,
    Consumers,
    Owned,
}

/// The job.
#[derive(Debug)]
pub struct Json {
    draft: Draft,
    layout: Layout,
    /// The next element needs no comma before it.
    first: bool,
    within: Within,
    /// rdb-tools: the database whose object is open.
    db: Option<u64>,
    first_key: bool,
}

impl Json {
    /// In this layout.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let mut draft = Draft::default();
        if layout == Layout::RdbTools {
            draft.out.push(b'[');
        }
        Json { draft, layout, first: true, within: Within::Entries, db: None, first_key: true }
    }

    fn comma(&mut self) {
        if !self.first {
            self.draft.out.push(b',');
        }
        self.first = false;
    }

    fn id(&mut self, id: StreamId) {
        self.draft.out.push(b'"');
        stream_id(&mut self.draft.out, id);
        self.draft.out.push(b'"');
    }

    fn named_id(&mut self, name: &str, id: Option<StreamId>) {
        self.draft.out.extend_from_slice(name.as_bytes());
        match id {
            Some(id) => self.id(id),
            None => self.draft.out.extend(b"null"),
        }
    }

    fn named_number(&mut self, name: &str, value: Option<impl itoa::Integer>) {
        self.draft.out.extend_from_slice(name.as_bytes());
        match value {
            Some(value) => number(&mut self.draft.out, value),
            None => self.draft.out.extend(b"null"),
        }
    }

    /// Closes what is open until `within` is where we are.
    fn close_to(&mut self, target: Within) {
        let depth = |within| match within {
            Within::Entries | Within::Groups => 0,
            Within::Pending | Within::Consumers => 1,
            Within::Owned => 2,
        };
        if depth(self.within) >= 2 && depth(target) < 2 {
            self.draft.out.extend(b"]}");
            self.within = Within::Consumers;
        }
        if depth(self.within) >= 1 && depth(target) < 1 {
            if self.within == Within::Pending {
                self.draft.out.extend(b"],\"consumers\":[");
            }
            self.draft.out.extend(b"]}");
            self.within = Within::Groups;
        }
    }

    #[inline]
    fn begin_line(&mut self, db: u64, key: &Key<'_>) {
        let class = key.kind.class();
        let out = &mut self.draft.out;
        // Spelled out where most keys are: one copy instead of three.
        if db == 0 {
            out.extend_from_slice(b"{\"db\":0,\"key\":");
        } else {
            out.extend_from_slice(b"{\"db\":");
            number(out, db);
            out.extend_from_slice(b",\"key\":");
        }
        json(out, &key.name);
        if class == Class::String && key.expire_at_ms.is_none() {
            out.extend_from_slice(b",\"type\":\"string\",\"value\":");
        } else {
            out.extend_from_slice(b",\"type\":\"");
            out.extend_from_slice(class_name(class).as_bytes());
            out.push(b'"');
            if let Some(at) = key.expire_at_ms {
                out.extend_from_slice(b",\"expireAtMs\":");
                number(out, at);
            }
            out.extend_from_slice(b",\"value\":");
        }
    }

    /// Behind a value.
    #[inline]
    fn close(&mut self) -> Taken {
        if self.layout == Layout::Lines {
            self.draft.out.extend_from_slice(b"}\n");
        }
        self.first_key = false;
        self.draft.settle();
        Ok(())
    }

    fn opening(class: Class) -> &'static [u8] {
        match class {
            Class::String | Class::Module => b"",
            Class::List | Class::Set | Class::Zset => b"[",
            Class::Hash => b"{",
            Class::Stream => b"{\"entries\":[",
        }
    }
}

/// Of the layouts only lines: in the other one a key's comma depends on the key before it.
impl Shared for Json {}

impl Job for Json {
    const TAKES_STRINGS: bool = true;

    #[inline]
    fn string(&mut self, db: u64, key: Key<'_>, value: &[u8]) -> Taken {
        if self.layout == Layout::Lines {
            self.begin_line(db, &key);
        } else {
            self.key(db, key)?;
        }
        json(&mut self.draft.out, value);
        self.close()
    }

    fn item(&mut self, _: Item<'_>) -> Taken {
        Ok(())
    }

    fn key(&mut self, db: u64, key: Key<'_>) -> Taken<Wish> {
        let class = key.kind.class();
        self.draft.begin();
        match self.layout {
            Layout::Lines => self.begin_line(db, &key),
            Layout::RdbTools => {
                if self.db != Some(db) {
                    self.draft.out.extend_from_slice(if self.db.is_some() { b"},{" } else { b"{" });
                    self.db = Some(db);
                    self.first_key = true;
                    // The brackets stay, should the key be taken back.
                    self.draft.begin();
                }
                self.draft.out.extend_from_slice(if self.first_key { b"\n" } else { b",\n" });
                json(&mut self.draft.out, &key.name);
                self.draft.out.push(b':');
            }
        }
        self.first = true;
        self.within = Within::Entries;
        self.draft.out.extend_from_slice(Self::opening(class));
        Ok(Wish::Value)
    }

    fn part(&mut self, class: Class, part: Part<'_>) -> Taken {
        spread(class, &part, self)
    }

    fn end(&mut self, summary: &Summary) -> Taken {
        match summary.class {
            Class::String | Class::Module => {}
            Class::List | Class::Set | Class::Zset => self.draft.out.push(b']'),
            Class::Hash => self.draft.out.push(b'}'),
            Class::Stream => {
                self.close_to(Within::Groups);
                self.draft.out.extend(b"]}");
            }
        }
        self.close()
    }

    fn settle(&mut self) {
        self.draft.settle();
    }

    fn undo(&mut self) {
        self.draft.undo();
    }

    fn take(&mut self) -> Vec<u8> {
        self.draft.take()
    }

    fn reuse(&mut self, room: Vec<u8>) {
        self.draft.reuse(room);
    }

    fn finish(&mut self) -> Taken<Vec<u8>> {
        if self.layout == Layout::RdbTools {
            self.draft.out.extend_from_slice(if self.db.is_some() { b"}]\n" } else { b"]\n" });
        }
        Ok(self.draft.take())
    }
}

impl Elements for Json {
    fn text(&mut self, bytes: &[u8]) -> Taken {
        json(&mut self.draft.out, bytes);
        Ok(())
    }

    fn element(&mut self, bytes: &[u8]) -> Taken {
        self.comma();
        json(&mut self.draft.out, bytes);
        Ok(())
    }

    fn field(&mut self, field: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> Taken {
        self.comma();
        json(&mut self.draft.out, field);
        self.draft.out.push(b':');
        if let Some(at) = expire_at_ms {
            self.draft.out.extend(b"{\"value\":");
            json(&mut self.draft.out, value);
            self.draft.out.extend(b",\"expireAtMs\":");
            number(&mut self.draft.out, at);
            self.draft.out.push(b'}');
        } else {
            json(&mut self.draft.out, value);
        }
        Ok(())
    }

    fn member(&mut self, member: &[u8], score: f64) -> Taken {
        self.comma();
        self.draft.out.push(b'[');
        json(&mut self.draft.out, member);
        self.draft.out.push(b',');
        if score.is_finite() {
            double(&mut self.draft.out, score);
        } else {
            json(&mut self.draft.out, if score > 0.0 { b"inf" } else { b"-inf" });
        }
        self.draft.out.push(b']');
        Ok(())
    }

    fn entry(&mut self, id: StreamId, fields: Fields<'_>) -> Taken {
        self.comma();
        self.draft.out.push(b'[');
        self.id(id);
        self.draft.out.extend(b",[");
        let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
        for (index, (field, value)) in fields.enumerate() {
            if index > 0 {
                self.draft.out.push(b',');
            }
            json(&mut self.draft.out, field.as_bytes(&mut a));
            self.draft.out.push(b',');
            json(&mut self.draft.out, value.as_bytes(&mut b));
        }
        self.draft.out.extend(b"]]");
        Ok(())
    }

    fn stream_part(&mut self, part: StreamPart<'_>) -> Taken {
        match part {
            StreamPart::Info(info) => {
                self.named_number("],\"length\":", Some(info.length));
                self.named_id(",\"lastId\":", Some(info.last));
                self.named_id(",\"maxDeletedId\":", info.max_deleted);
                self.named_number(",\"entriesAdded\":", info.entries_added);
                self.draft.out.extend(b",\"groups\":[");
                (self.within, self.first) = (Within::Groups, true);
            }
            StreamPart::Group(name, last, read) => {
                // The first of all groups has nothing before it.
                self.first = self.within == Within::Groups;
                self.close_to(Within::Groups);
                self.comma();
                self.draft.out.extend(b"{\"name\":");
                json(&mut self.draft.out, name);
                self.named_id(",\"lastId\":", Some(last));
                self.named_number(",\"entriesRead\":", read);
                self.draft.out.extend(b",\"pending\":[");
                (self.within, self.first) = (Within::Pending, true);
            }
            StreamPart::Pending(id, delivery_ms, deliveries) => {
                self.comma();
                self.named_id("[", Some(id));
                self.named_number(",", Some(delivery_ms));
                self.named_number(",", Some(deliveries));
                self.draft.out.push(b']');
            }
            StreamPart::Consumer(name, seen_ms, active_ms) => {
                if self.within == Within::Pending {
                    self.draft.out.extend(b"],\"consumers\":[");
                } else {
                    self.draft.out.extend(b"]},");
                }
                self.draft.out.extend(b"{\"name\":");
                json(&mut self.draft.out, name);
                self.named_number(",\"seenMs\":", Some(seen_ms));
                self.named_number(",\"activeMs\":", Some(active_ms));
                self.draft.out.extend(b",\"pending\":[");
                (self.within, self.first) = (Within::Owned, true);
            }
            StreamPart::Owned(id) => {
                self.comma();
                self.id(id);
            }
            StreamPart::Tail(_) => {}
        }
        Ok(())
    }

    fn module(&mut self, id: u64, raw: &[u8]) -> Taken {
        self.draft.out.extend(b"{\"module\":");
        json(&mut self.draft.out, module_name(id).as_bytes());
        self.draft.out.extend(b",\"raw\":\"");
        raw.iter().for_each(|byte| {
            self.draft.out.extend([
                b"0123456789abcdef"[usize::from(byte >> 4)],
                b"0123456789abcdef"[usize::from(byte & 15)],
            ]);
        });
        self.draft.out.extend(b"\"}");
        Ok(())
    }
}
