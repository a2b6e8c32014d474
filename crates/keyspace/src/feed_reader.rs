//! A feed for readers that are older than our commands (feed-compat).
//!
//! ```text
//!   LMOVE a b LEFT RIGHT   the reader knows it     --> as it is
//!                          it does not             --> RESTORE a ..., RESTORE b ...   what the command made of its keys
//!   FUNCTION LOAD ...      no key tells it         --> nothing, counted
//! ```
//!
//! One rule instead of a translation for each command: what a reader does not understand is told as the state of the keys
//! that were written, in an RDB version that it can load. That is always right, and dear for large values, which is
//! why it is done only for those who ask for it. Fields of hashes that expire lose their time on the way; the HDEL
//! that follows when they do expire is fed as ever.

use crate::acl::{Named, keys};
use crate::command::is;
use crate::entry::Value;
use crate::generated::commands::CommandId;
use crate::keyspace::Keyspace;
use crate::lookup;
use crate::object::Object;
use crate::save::source;
use redtwin_rdb::dump;
use redtwin_rdb::format::Version;

/// Readers of the feed, by the commands they know. Each knows what those before it know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reader {
    /// Redis 5.0 and 6.0.
    Five,
    /// Redis 6.2.
    SixTwo,
    /// Redis 7.0.
    Seven,
    /// Whoever knows all that we know: nothing is translated.
    #[default]
    Newest,
}

impl Reader {
    /// By its name in feed-compat; None for a name that is not there.
    pub fn named(text: &str) -> Option<Reader> {
        Some(match text {
            "5.0" => Reader::Five,
            "6.2" => Reader::SixTwo,
            "7.0" => Reader::Seven,
            "auto" => Reader::Newest,
            _ => return None,
        })
    }

    /// The newest RDB version it loads.
    fn rdb_version(self) -> u16 {
        match self {
            Reader::Five | Reader::SixTwo => 9,
            Reader::Seven => 10,
            Reader::Newest => 12,
        }
    }
}

/// What could not be told as it was. Counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untold {
    /// Commands that were told as the state of their keys.
    pub translated: u64,
    /// Commands without keys that the reader does not know: left out.
    pub dropped: u64,
    /// Expiries of hash fields that had no place in a state.
    pub field_expiries: u64,
}

/// Translates what the last command has put among the effects, where the reader does not understand it. For a keyspace whose
/// `settings.feed_reader` is not `Newest`.
#[cold]
pub fn translate(keyspace: &mut Keyspace) {
    let reader = keyspace.settings.feed_reader;
    let Some(effects) = keyspace.effects.unchecked() else { return };
    let commands: Vec<(usize, Vec<&[u8]>)> =
        effects.iter().map(|(db, bytes)| (*db, words_of(bytes))).collect();
    if commands.iter().all(|(_, words)| needs(words) <= reader) {
        keyspace.effects.checked();
        return;
    }
    keyspace.effects.take_unchecked();
    let mut written: Vec<(usize, &[u8])> = Vec::new();
    for (db, words) in &commands {
        let before = written.len();
        for_each_written(*db, words, |place| {
            if !written.contains(&place) {
                written.push(place);
            }
        });
        let is_known = needs(words) <= reader;
        if !is_known && written.len() > before {
            keyspace.untold.translated += 1;
        } else if !is_known {
            match without_options(words) {
                Some(short) => keyspace.effects.also(*db, short),
                None => keyspace.untold.dropped += 1,
            }
        } else if written.len() == before {
            keyspace.effects.also(*db, words);
        }
    }
    for (db, key) in written {
        tell(keyspace, db, key, reader);
    }
    keyspace.effects.checked();
}

/// Tells a key's state: what it holds, or that it is gone.
fn tell(keyspace: &mut Keyspace, db: usize, key: &[u8], reader: Reader) {
    let hash = keyspace.hash(key);
    let Some(table) = keyspace.dbs.get(db).map(|db| &db.table) else { return };
    let Some(entry) = table.locate(hash, key).and_then(|place| table.at(place)) else {
        keyspace.effects.also(db, &[b"DEL", key]);
        return;
    };
    if let Value::Object(Object::Hash(hash)) = entry.value() {
        keyspace.untold.field_expiries += hash.expiring_len() as u64;
    }
    let version = Version::redis(reader.rdb_version());
    let payload = dump::encode(source(entry), version, keyspace.settings.rdbcompression);
    let mut digits = itoa::Buffer::new();
    let expiry = digits.format(entry.expire_ms().unwrap_or(0)).as_bytes();
    keyspace.effects.also(db, &[b"RESTORE", key, expiry, &payload, b"REPLACE", b"ABSTTL"]);
}

/// The first reader that understands a command of our feed.
fn needs(words: &[&[u8]]) -> Reader {
    use CommandId as Id;
    let Some((spec, _)) = words.first().and_then(|name| lookup::find(name)) else { return Reader::Newest };
    let has = |options: &[&str]| words.iter().skip(2).any(|word| options.iter().any(|name| is(word, name)));
    match spec.id {
        Id::Hexpire | Id::Hexpireat | Id::Hpexpire | Id::Hpexpireat | Id::Hpersist => Reader::Newest,
        Id::Hsetex | Id::Hgetex | Id::Hgetdel => Reader::Newest,
        Id::Restore => match payload_version(words.get(3)) {
            ..=9 => Reader::Five,
            10 => Reader::Seven,
            _ => Reader::Newest,
        },
        Id::Function | Id::Spublish => Reader::Seven,
        Id::Expire | Id::Pexpire | Id::Expireat | Id::Pexpireat if words.len() > 3 => Reader::Seven,
        Id::Xsetid if words.len() > 3 => Reader::Seven,
        Id::Xgroup if has(&["ENTRIESREAD"]) => Reader::Seven,
        Id::Set if words.iter().skip(3).any(|word| is(word, "GET")) => Reader::Seven,
        // A value may be called PXAT: options stand behind it.
        Id::Set if words.len() > 3 => Reader::SixTwo,
        Id::Lmove | Id::Copy | Id::Zdiffstore | Id::Zrangestore | Id::Geosearchstore => Reader::SixTwo,
        Id::Lpop | Id::Rpop if words.len() > 2 => Reader::SixTwo,
        Id::Zadd if has(&["GT", "LT"]) => Reader::SixTwo,
        Id::Geoadd if has(&["NX", "XX", "CH"]) => Reader::SixTwo,
        Id::Xadd if has(&["NOMKSTREAM", "MINID", "LIMIT"]) => Reader::SixTwo,
        Id::Xtrim if has(&["MINID", "LIMIT"]) => Reader::SixTwo,
        Id::Xgroup if words.get(1).is_some_and(|word| is(word, "CREATECONSUMER")) => Reader::SixTwo,
        Id::Flushall | Id::Flushdb if words.get(1).is_some_and(|word| is(word, "SYNC")) => Reader::SixTwo,
        _ => Reader::Five,
    }
}

/// What is left of a command without keys whose options are too new; None when nothing is.
fn without_options<'w, 'b>(words: &'w [&'b [u8]]) -> Option<&'w [&'b [u8]]> {
    let name = words.first()?;
    (is(name, "FLUSHALL") || is(name, "FLUSHDB")).then_some(words.get(..1)).flatten()
}

/// The RDB version in a payload's footer; the largest number when there is none.
fn payload_version(payload: Option<&&[u8]>) -> u16 {
    let footer = payload.and_then(|payload| payload.get(payload.len().checked_sub(10)?..));
    match footer {
        Some(&[low, high, ..]) => u16::from_le_bytes([low, high]),
        _ => u16::MAX,
    }
}

/// Calls `found(db, key)` for each key that a command writes.
fn for_each_written<'b>(db: usize, words: &[&'b [u8]], mut found: impl FnMut((usize, &'b [u8]))) {
    let Some((spec, _)) = words.first().and_then(|name| lookup::find(name)) else { return };
    let named = Named::new(spec, words);
    let target = match spec.id {
        // COPY source destination DB n.
        CommandId::Copy => words
            .iter()
            .position(|word| is(word, "DB"))
            .and_then(|at| redtwin_resp::parse_i64(words.get(at + 1)?))
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(db),
        _ => db,
    };
    keys::each(spec.id, named.key_specs(), words, |at, _, writes| {
        if let (true, Some(&key)) = (writes, words.get(at)) {
            found((target, key));
        }
    });
}

/// The words of a command that we encoded ourselves.
fn words_of(mut bytes: &[u8]) -> Vec<&[u8]> {
    let number = |bytes: &mut &[u8]| -> Option<usize> {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let digits = std::str::from_utf8(bytes.get(1..end)?).ok()?;
        *bytes = bytes.get(end + 2..)?;
        digits.parse().ok()
    };
    let count = number(&mut bytes).unwrap_or(0);
    let mut words = Vec::new();
    for _ in 0..count {
        let Some(length) = number(&mut bytes) else { break };
        let Some((word, rest)) = bytes.split_at_checked(length) else { break };
        words.push(word);
        bytes = rest.get(2..).unwrap_or_default();
    }
    words
}

#[cfg(test)]
mod tests {
    use crate::settings::SettingValue;
    use crate::store::Store;

    fn fed(store: &mut Store, line: &str) -> String {
        let session = store.open_session();
        let from = store.feed.end();
        store.execute(session, format!("{line}\r\n").as_bytes(), 1_000);
        store.close_session(session);
        let mut bytes = Vec::new();
        store.feed.read(from, usize::MAX, &mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let words: Vec<&str> = text.split("\r\n").filter(|word| !word.starts_with(['*', '$'])).collect();
        words.join(" ")
    }

    fn store(reader: &str) -> Store {
        let mut store = Store::new(16, 1, 1 << 20);
        assert!(store.keys.settings.set("feed-compat", &SettingValue::Text(reader)));
        store
    }

    #[test]
    fn what_is_known_goes_as_it_is() {
        let mut store = store("5.0");
        assert_eq!(fed(&mut store, "SET a 1"), "SELECT 0 SET a 1 ");
        assert_eq!(fed(&mut store, "RPUSH l 1 2 3"), "RPUSH l 1 2 3 ");
        assert_eq!(fed(&mut store, "LPOP l"), "LPOP l ");
        assert_eq!(fed(&mut store, "FLUSHALL SYNC"), "FLUSHALL ");
        assert_eq!(store.keys.untold.translated, 0);
    }

    #[test]
    fn what_is_not_is_told_as_its_keys_state() {
        let mut store = store("5.0");
        fed(&mut store, "RPUSH l 1 2 3");
        let text = fed(&mut store, "LMOVE l other LEFT LEFT");
        assert!(text.contains("MULTI RESTORE l 0 ") && text.contains("RESTORE other 0 "), "{text}");
        assert!(fed(&mut store, "SET a 1 PX 500").starts_with("RESTORE a 1500 "));
        assert_eq!(fed(&mut store, "LPOP l 2"), "DEL l ");
        assert!(fed(&mut store, "COPY a b DB 3").starts_with("SELECT 3 RESTORE b 1500 "));
        assert_eq!(store.keys.untold.translated, 4);
    }

    #[test]
    fn each_reader_has_its_own_commands() {
        let mut six = store("6.2");
        assert_eq!(fed(&mut six, "SET a 1 PX 500"), "SELECT 0 SET a 1 PXAT 1500 ");
        assert_eq!(fed(&mut six, "FUNCTION FLUSH"), "");
        assert_eq!(six.keys.untold.dropped, 1);
        let mut seven = store("7.0");
        fed(&mut seven, "HSET h f v");
        assert!(fed(&mut seven, "HPEXPIRE h 100000 FIELDS 1 f").starts_with("RESTORE h 0 "));
        assert_eq!(seven.keys.untold.field_expiries, 1);
    }
}
