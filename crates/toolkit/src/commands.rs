//! Keys as the commands that make them, in RESP, for `redis-cli --pipe` and for any server from 2.8 on.
//!
//! ```text
//! SELECT  FUNCTION LOAD
//! SET k v [PXAT ms]      RPUSH SADD HSET ZADD, some dozens of elements each      RESTORE (modules)
//! XADD ... XSETID  XGROUP CREATE  XGROUP CREATECONSUMER  XCLAIM
//! HPEXPIREAT (fields)    PEXPIREAT (keys)
//! ```
//!
//! Its one idea: what the target cannot hold is left out and counted, so that whoever asked can be told; nothing is sent that
//! it would refuse. Elements are gathered into commands of a bounded size, so memory does not grow with a value.

mod streams;
mod target;
mod words;

use crate::crew::Shared;
use crate::draft::Draft;
use crate::measure::Summary;
use crate::sieve::Job;
use crate::spread::{Elements, StreamPart, spread};
use crate::text;
use redtwin_rdb::format::Class;
use redtwin_rdb::{Item, Key, Part, Source, Taken, Wish, dump};
use redtwin_structures::stream::{Fields, StreamId};
use std::collections::BTreeMap;
pub use target::Target;
use words::{bulk, digits, head, set};

/// Elements of one command, at most.
const ELEMENTS_MAX: usize = 128;
/// Bytes of one command's elements, about.
const ELEMENTS_BYTES_MAX: usize = 64 * 1024;

/// What a target could not hold and was left out. All counts.
#[derive(Clone, Copy, Debug, Default)]
struct LeftOut {
    /// Fields whose expiry is gone (they stay, for ever).
    field_expiries: u64,
    /// Function libraries.
    functions: u64,
    /// Streams, whole keys.
    streams: u64,
    /// Data of modules that belongs to no key.
    module_aux: u64,
}

/// The command that gathers elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Rpush,
    Sadd,
    Hset,
    Hmset,
    Zadd,
}

impl Verb {
    const fn name(self) -> &'static [u8] {
        match self {
            Verb::Rpush => b"RPUSH",
            Verb::Sadd => b"SADD",
            Verb::Hset => b"HSET",
            Verb::Hmset => b"HMSET",
            Verb::Zadd => b"ZADD",
        }
    }
}

/// The job.
#[derive(Debug)]
pub struct Commands {
    draft: Draft,
    target: Target,
    /// The database that the output is in; None at the start of a piece, where another job knows.
    db: Option<u64>,
    /// Of a piece: the database of its first key.
    first_db: Option<u64>,
    name: Vec<u8>,
    expire_at_ms: Option<i64>,
    verb: Verb,
    /// Elements gathered, each as a bulk already.
    gathered: Vec<u8>,
    count: usize,
    /// A number while its length is not known.
    scratch: Vec<u8>,
    /// Fields that expire: field, Unix ms.
    expiries: Vec<(Vec<u8>, u64)>,
    group: Vec<u8>,
    consumer: Vec<u8>,
    consumer_is_new: bool,
    /// Of the group under way: when an entry was delivered, and how often.
    pending: BTreeMap<StreamId, (i64, u64)>,
    left_out: LeftOut,
}

impl Commands {
    /// For a server of this version.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Commands {
            draft: Draft::default(),
            target,
            db: Some(0),
            first_db: Some(0),
            name: Vec::new(),
            expire_at_ms: None,
            verb: Verb::Rpush,
            gathered: Vec::new(),
            count: 0,
            scratch: Vec::new(),
            expiries: Vec::new(),
            group: Vec::new(),
            consumer: Vec::new(),
            consumer_is_new: false,
            pending: BTreeMap::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Keys of database `db` follow.
    #[inline]
    fn select(&mut self, db: u64) {
        match self.db.replace(db) {
            Some(before) if before == db => {}
            Some(_) => words::select(&mut self.draft.out, db),
            None => self.first_db = Some(db),
        }
    }

    /// Behind a value.
    fn close(&mut self) -> Taken {
        if let Some(at) = self.expire_at_ms.take() {
            let name = std::mem::take(&mut self.name);
            self.command(&[b"PEXPIREAT", &name, &digits(at)]);
            self.name = name;
        }
        self.draft.settle();
        Ok(())
    }

    fn command(&mut self, words: &[&[u8]]) {
        head(&mut self.draft.out, words.len());
        words.iter().for_each(|word| bulk(&mut self.draft.out, word));
    }

    /// One more word for the command that gathers.
    fn gather(&mut self, word: &[u8]) {
        bulk(&mut self.gathered, word);
        self.count += 1;
    }

    fn flush_when_full(&mut self) {
        if self.count >= ELEMENTS_MAX || self.gathered.len() >= ELEMENTS_BYTES_MAX {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.count > 0 {
            let out = &mut self.draft.out;
            head(out, self.count + 2);
            bulk(out, self.verb.name());
            bulk(out, &self.name);
            out.extend_from_slice(&self.gathered);
            self.gathered.clear();
            self.count = 0;
        }
        let name = std::mem::take(&mut self.name);
        for (field, at) in std::mem::take(&mut self.expiries) {
            self.command(&[b"HPEXPIREAT", &name, &digits(at), b"FIELDS", b"1", &field]);
        }
        self.name = name;
    }
}

impl Shared for Commands {
    fn resume(&mut self) {
        self.db = None;
        self.first_db = None;
    }

    fn span(&self) -> Option<(u64, u64)> {
        self.first_db.zip(self.db)
    }

    fn select(db: u64) -> Vec<u8> {
        let mut out = Vec::new();
        words::select(&mut out, db);
        out
    }
}

impl Job for Commands {
    const TAKES_STRINGS: bool = true;

    #[inline]
    fn string(&mut self, db: u64, key: Key<'_>, value: &[u8]) -> Taken {
        if key.expire_at_ms.is_some() {
            self.key(db, key)?;
            self.text(value)?;
            return self.close();
        }
        self.select(db);
        set(&mut self.draft.out, &key.name, value);
        Ok(())
    }

    fn item(&mut self, item: Item<'_>) -> Taken {
        match item {
            Item::Function(code) if self.target >= Target::HAS_FUNCTIONS => {
                self.command(&[b"FUNCTION", b"LOAD", b"REPLACE", &code]);
            }
            Item::Function(_) => self.left_out.functions += 1,
            Item::ModuleAux { .. } => self.left_out.module_aux += 1,
            _ => {}
        }
        Ok(())
    }

    fn key(&mut self, db: u64, key: Key<'_>) -> Taken<Wish> {
        self.select(db);
        self.draft.begin();
        let class = key.kind.class();
        if class == Class::Stream && self.target < Target::HAS_STREAMS {
            self.left_out.streams += 1;
            self.expire_at_ms = None;
            return Ok(Wish::Skip);
        }
        self.name.clear();
        self.name.extend_from_slice(&key.name);
        self.expire_at_ms = key.expire_at_ms;
        self.verb = match class {
            Class::List => Verb::Rpush,
            Class::Set => Verb::Sadd,
            Class::Zset => Verb::Zadd,
            _ if self.target >= Target::SETS_MANY_FIELDS => Verb::Hset,
            _ => Verb::Hmset,
        };
        Ok(Wish::Value)
    }

    fn part(&mut self, class: Class, part: Part<'_>) -> Taken {
        if class == Class::Stream && self.target < Target::HAS_STREAMS {
            return Ok(());
        }
        spread(class, &part, self)
    }

    fn end(&mut self, _: &Summary) -> Taken {
        self.flush();
        self.close_consumer();
        self.close()
    }

    fn settle(&mut self) {
        self.draft.settle();
    }

    fn undo(&mut self) {
        self.gathered.clear();
        self.count = 0;
        self.expiries.clear();
        self.consumer_is_new = false;
        self.draft.undo();
    }

    fn take(&mut self) -> Vec<u8> {
        self.draft.take()
    }

    fn reuse(&mut self, room: Vec<u8>) {
        self.draft.reuse(room);
    }

    fn finish(&mut self) -> Taken<Vec<u8>> {
        Ok(self.draft.take())
    }

    fn losses(&self) -> Vec<(&'static str, u64)> {
        let lost = self.left_out;
        vec![
            ("field-expiries", lost.field_expiries),
            ("functions", lost.functions),
            ("streams", lost.streams),
            ("module-aux", lost.module_aux),
        ]
    }
}

impl Elements for Commands {
    fn text(&mut self, bytes: &[u8]) -> Taken {
        let name = std::mem::take(&mut self.name);
        match self.expire_at_ms.filter(|_| self.target >= Target::SETS_WITH_EXPIRY) {
            Some(at) => {
                self.expire_at_ms = None;
                self.command(&[b"SET", &name, bytes, b"PXAT", &digits(at)]);
            }
            None => {
                set(&mut self.draft.out, &name, bytes);
            }
        }
        self.name = name;
        Ok(())
    }

    fn element(&mut self, bytes: &[u8]) -> Taken {
        self.gather(bytes);
        self.flush_when_full();
        Ok(())
    }

    fn field(&mut self, field: &[u8], value: &[u8], expire_at_ms: Option<u64>) -> Taken {
        self.gather(field);
        self.gather(value);
        match expire_at_ms {
            Some(at) if self.target >= Target::EXPIRES_FIELDS => self.expiries.push((field.to_vec(), at)),
            Some(_) => self.left_out.field_expiries += 1,
            None => {}
        }
        self.flush_when_full();
        Ok(())
    }

    fn member(&mut self, member: &[u8], score: f64) -> Taken {
        self.scratch.clear();
        text::score(&mut self.scratch, score);
        bulk(&mut self.gathered, &self.scratch);
        bulk(&mut self.gathered, member);
        self.count += 2;
        self.flush_when_full();
        Ok(())
    }

    fn entry(&mut self, id: StreamId, fields: Fields<'_>) -> Taken {
        let (mut a, mut b) = (itoa::Buffer::new(), itoa::Buffer::new());
        let count = fields.len();
        self.scratch.clear();
        text::stream_id(&mut self.scratch, id);
        let out = &mut self.draft.out;
        head(out, 3 + count * 2);
        bulk(out, b"XADD");
        bulk(out, &self.name);
        bulk(out, &self.scratch);
        for (field, value) in fields {
            bulk(out, field.as_bytes(&mut a));
            bulk(out, value.as_bytes(&mut b));
        }
        Ok(())
    }

    fn stream_part(&mut self, part: StreamPart<'_>) -> Taken {
        self.stream_command(part);
        Ok(())
    }

    fn module(&mut self, id: u64, raw: &[u8]) -> Taken {
        let payload = dump::encode(Source::Module { id, body: raw }, self.target.dump_version(), false);
        let name = std::mem::take(&mut self.name);
        self.command(&[b"RESTORE", &name, b"0", &payload]);
        self.name = name;
        Ok(())
    }
}
