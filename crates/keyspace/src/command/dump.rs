//! DUMP and RESTORE: one value, taken out of one server and put into another.
//!
//! ```text
//! RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ counter]
//!    checks, in Redis's order: options, BUSYKEY, ttl, footer, value, already expired
//!    fed with the absolute expiry and ABSTTL, so that it means the same whenever it is applied
//! ```
//!
//! The payload comes from anywhere, so its value is checked as a file's is (Redis: sanitize-dump-payload yes). Versions
//! above Redis 7.0's are read too: a newer primary feeds them.

use super::{Call, Done, Handler, is};
use crate::access::told_clock;
use crate::entry::{Entry, INLINE_BYTES_MAX, NewValue};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Stopped, string_value};
use crate::load::{Builder, Built};
use crate::object::Object;
use crate::save::source;
use redtwin_rdb::dump;
use redtwin_rdb::format::Version;
use redtwin_rdb::{Item, Key, Part, Sink, Taken, Wish};

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Dump => dump_key,
        CommandId::Restore => restore,
        _ => return None,
    })
}

fn dump_key(call: &mut Call<'_>) -> Done {
    let compress = call.keys.settings.rdbcompression;
    match call.keys.read_entry(call.args[1]) {
        None => call.reply.null(),
        Some(entry) => {
            let payload = dump::encode(source(entry), version_for(entry), compress);
            call.reply.bulk(&payload);
        }
    }
    Ok(())
}

/// Redis 7.0's version, or the first that can hold what the value has.
fn version_for(entry: &Entry) -> Version {
    match entry.value() {
        crate::entry::Value::Object(Object::Hash(hash)) if hash.expiring_len() > 0 => Version::redis(12),
        _ => Version::redis(10),
    }
}

#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<u8>,
}

fn options(call: &Call<'_>) -> Result<Options, Stopped> {
    let mut options = Options::default();
    let mut at = 4;
    while let Some(word) = call.args.get(at) {
        let more = at + 1 < call.args.len();
        if is(word, "REPLACE") {
            options.replace = true;
        } else if is(word, "ABSTTL") {
            options.absolute = true;
        } else if is(word, "IDLETIME") && more && options.frequency.is_none() {
            at += 1;
            let idle = call.int(at)?;
            if idle < 0 {
                return Err("ERR Invalid IDLETIME value, must be >= 0".into());
            }
            options.idle_seconds = Some(idle);
        } else if is(word, "FREQ") && more && options.idle_seconds.is_none() {
            at += 1;
            let frequency = u8::try_from(call.int(at)?);
            options.frequency =
                Some(frequency.map_err(|_| "ERR Invalid FREQ value, must be >= 0 and <= 255")?);
        } else {
            return Err(errors::SYNTAX.into());
        }
        at += 1;
    }
    Ok(options)
}

fn restore(call: &mut Call<'_>) -> Done {
    let (key, payload) = (call.args[1], call.args[3]);
    let options = options(call)?;
    if !options.replace && call.keys.exists(key) {
        return Err(errors::BUSY_KEY.into());
    }
    let ttl = call.int(2)?;
    if ttl < 0 {
        return Err("ERR Invalid TTL value, must be >= 0".into());
    }
    let mut made = Made(Builder::new(call.keys.settings.limits, None));
    let open = if call.keys.settings.skips_dump_checksums { dump::open_unsummed } else { dump::open };
    let opened = match open(payload) {
        Ok(opened) => opened,
        Err(dump::DumpError::VersionOrChecksum) => return Err(errors::BAD_DUMP_PAYLOAD.into()),
        Err(dump::DumpError::Value(why)) => return Err(corrupt(call, &why)),
    };
    made.0.begin(opened.kind);
    opened.read(&mut made).map_err(|why| corrupt(call, &why))?;
    let built = match made.0.finish() {
        Ok(Some(built)) => built,
        Ok(None) => return Err(corrupt(call, &"it has no elements")),
        Err(why) => return Err(corrupt(call, &why)),
    };

    let deleted = options.replace && call.keys.remove(key);
    let now_ms = call.keys.now_ms;
    let expire_ms = (ttl > 0).then(|| if options.absolute { ttl } else { ttl.saturating_add(now_ms) });
    if expire_ms.is_some_and(|at| at <= now_ms) && !call.keys.gates.replica {
        if deleted {
            call.feed(&[b"DEL", key]);
            call.keys.touched(b'g', "del", key, 1);
        }
        call.reply.ok();
        return Ok(());
    }
    match built {
        Built::Str(bytes) if bytes.len() > INLINE_BYTES_MAX => {
            call.keys.put(key, NewValue::Object(Object::Str(bytes)), false);
        }
        Built::Str(bytes) => call.keys.put(key, string_value(&bytes), false),
        Built::Object(object) => call.keys.put(key, NewValue::Object(object), false),
    }
    call.keys.fields_may_expire |= made.0.fields_expire();
    set_clock(call, key, &options);
    if let Some(at) = expire_ms {
        call.keys.set_expire(key, Some(at));
        if !options.absolute {
            let mut digits = itoa::Buffer::new();
            let mut args = call.args.to_vec();
            args[2] = digits.format(at).as_bytes();
            args.push(b"ABSTTL");
            call.feed(&args);
        }
    }
    call.keys.touched(b'g', "restore", key, 1);
    call.reply.ok();
    Ok(())
}

/// The client is told no more than Redis tells; the log has why.
fn corrupt(call: &mut Call<'_>, why: &dyn std::fmt::Display) -> Stopped {
    let text = format!("RESTORE refused a value, its integrity check failed: {why}");
    call.keys.logs.push((LOG_WARNING, text.into_bytes()));
    errors::BAD_DATA_FORMAT.into()
}

const LOG_WARNING: u8 = 3;

/// IDLETIME and FREQ count only under a policy that looks at them.
fn set_clock(call: &mut Call<'_>, key: &[u8], options: &Options) {
    let now_ms = call.keys.now_ms;
    let lfu = call.keys.settings.lfu();
    let Some(clock) = told_clock(lfu, options.frequency, options.idle_seconds, now_ms) else { return };
    let hash = call.keys.hash(key);
    if let Some(entry) = call.keys.db().table.get(hash, key) {
        entry.set_clock(clock);
    }
}

/// Takes the parts of the one value.
struct Made(Builder);

impl Sink for Made {
    fn item(&mut self, _: Item<'_>) -> Taken {
        Ok(())
    }
    fn key(&mut self, _: Key<'_>) -> Taken<Wish> {
        Ok(Wish::Value)
    }
    fn part(&mut self, part: Part<'_>) -> Taken {
        self.0.part(part)
    }
    fn end_of_key(&mut self, _: u64) -> Taken {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    fn say(store: &mut Store, session: u32, args: &[&[u8]]) -> Vec<u8> {
        let mut input = Vec::new();
        crate::effects::encode_command(&mut input, args);
        store.execute(session, &input, 1_000_000);
        store.reply.bytes().to_vec()
    }

    #[test]
    fn every_type_comes_back_equal() {
        let mut store = Store::new(1, 1, 1 << 16);
        let session = store.open_session();
        let long = vec![b'x'; 9000];
        for command in [
            &[&b"SET"[..], b"int", b"42"][..],
            &[b"SET", b"text", b"hello"],
            &[b"SET", b"long", &long],
            &[b"RPUSH", b"list", b"a", b"7", &long],
            &[b"SADD", b"ints", b"1", b"70000"],
            &[b"SADD", b"set", b"a", b"b"],
        ] {
            assert!(!say(&mut store, session, command).starts_with(b"-"));
        }
        for key in [&b"int"[..], b"text", b"long", b"list", b"ints", b"set"] {
            let before = say(&mut store, session, &[b"OBJECT", b"ENCODING", key]);
            let hash = store.keys.hash(key);
            let digest = crate::digest::of_value(store.keys.db().table.get(hash, key).unwrap());
            let reply = say(&mut store, session, &[b"DUMP", key]);
            let at = reply.iter().position(|&b| b == b'\n').unwrap() + 1;
            let payload = &reply[at..reply.len() - 2];
            assert_eq!(
                say(&mut store, session, &[b"RESTORE", key, b"0", payload]),
                b"-BUSYKEY Target key name already exists.\r\n"
            );
            assert_eq!(say(&mut store, session, &[b"RESTORE", key, b"500", payload, b"REPLACE"]), b"+OK\r\n");
            assert_eq!(say(&mut store, session, &[b"PERSIST", key]), b":1\r\n");
            assert_eq!(crate::digest::of_value(store.keys.db().table.get(hash, key).unwrap()), digest);
            assert_eq!(say(&mut store, session, &[b"OBJECT", b"ENCODING", key]), before);
        }
    }

    #[test]
    fn the_log_says_why_a_value_is_refused_and_checksums_can_be_passed_over() {
        let mut store = Store::new(1, 1, 1 << 16);
        let session = store.open_session();
        // An intset of one byte, of RDB version 9, whose checksum is none.
        let payload = b"\x0b\x01\x02\x09\x00\0\0\0\0\0\0\0\x01";
        let restore = [&b"RESTORE"[..], b"k", b"0", payload];
        assert!(say(&mut store, session, &restore).starts_with(b"-ERR DUMP payload version or checksum"));
        assert!(store.keys.logs.is_empty());
        store.keys.settings.skips_dump_checksums = true;
        store.reply.clear();
        assert!(say(&mut store, session, &restore).starts_with(b"-ERR Bad data format"));
        let (level, text) = store.keys.logs.pop().unwrap();
        assert_eq!(level, 3);
        assert!(String::from_utf8(text).unwrap().contains("integrity check failed: "));
    }

    #[test]
    fn it_is_fed_with_its_absolute_expiry() {
        let mut store = Store::new(1, 1, 1 << 16);
        let session = store.open_session();
        let payload = redtwin_rdb::dump::encode(
            redtwin_rdb::Source::Text(b"v"),
            redtwin_rdb::format::Version::redis(10),
            false,
        );
        assert_eq!(say(&mut store, session, &[b"restore", b"k", b"500", &payload]), b"+OK\r\n");
        let mut fed = Vec::new();
        assert!(store.feed.read(store.feed.start(), 4096, &mut fed));
        let fed = String::from_utf8_lossy(&fed).to_string();
        assert!(fed.contains("$7\r\n1000500\r\n") && fed.ends_with("$6\r\nABSTTL\r\n"), "{fed}");
        // Already over: the old key goes, and that is what is fed.
        assert_eq!(
            say(&mut store, session, &[b"RESTORE", b"k", b"5", &payload, b"REPLACE", b"ABSTTL"]),
            b"+OK\r\n"
        );
        assert_eq!(say(&mut store, session, &[b"EXISTS", b"k"]), b":0\r\n");
    }
}
