//! Commands on keys, whatever they hold: DEL, RENAME, COPY, MOVE, TYPE, OBJECT, FLUSHALL and the like.
//!
//! None of them looks into a value; those that copy or move one take it with its expiry.

use super::{Call, Done, Handler, is};
use crate::entry::{Entry, Value};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Stopped;
use crate::object::Object;
use crate::watch::Presence;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Del => |call| {
            let lazily = call.keys.settings.lazyfree_lazy_user_del;
            del(call, lazily)
        },
        CommandId::Unlink => |call| del(call, true),
        CommandId::Exists => exists,
        CommandId::Touch => touch,
        CommandId::Type => type_of,
        CommandId::Rename => |call| rename(call, false),
        CommandId::Renamenx => |call| rename(call, true),
        CommandId::Copy => copy,
        CommandId::Move => move_key,
        CommandId::Swapdb => swapdb,
        CommandId::Dbsize => dbsize,
        CommandId::Flushdb => flushdb,
        CommandId::Flushall => flushall,
        CommandId::Object => object,
        _ => return None,
    })
}

fn del(call: &mut Call<'_>, lazily: bool) -> Done {
    let mut removed = 0;
    for key in &call.args[1..] {
        // An expired key that is ours to delete goes through expiry, which feeds its own DEL.
        call.keys.expire_if_over(key);
        if call.keys.release(key, lazily) {
            call.keys.touched(b'g', "del", key, 1);
            removed += 1;
        }
    }
    call.reply.count(removed);
    Ok(())
}

fn exists(call: &mut Call<'_>) -> Done {
    let count = call.args[1..].iter().filter(|key| call.keys.peek_entry(key).is_some()).count();
    call.reply.count(count);
    Ok(())
}

fn touch(call: &mut Call<'_>) -> Done {
    let count = call.args[1..].iter().filter(|key| call.keys.read(key).is_some()).count();
    call.reply.count(count);
    Ok(())
}

/// What TYPE says of a value.
pub fn type_name(value: Value<'_>) -> &'static str {
    match value {
        Value::Int(_) | Value::Bytes(_) => "string",
        Value::Object(object) => object.type_name(),
    }
}

/// What OBJECT ENCODING says of an entry.
pub fn encoding(entry: &Entry) -> &'static str {
    match entry.value() {
        Value::Int(_) => "int",
        Value::Bytes(bytes) if bytes.len() <= 44 && !entry.is_raw() => "embstr",
        Value::Bytes(_) => "raw",
        Value::Object(object) => object.encoding(),
    }
}

fn type_of(call: &mut Call<'_>) -> Done {
    let name = call.keys.peek_entry(call.args[1]).map_or("none", |entry| type_name(entry.value()));
    call.reply.simple(name);
    Ok(())
}

/// Puts an entry's value and expiry under another name into a database. The old owner of the name is gone already.
fn install(call: &mut Call<'_>, db: usize, name: &[u8], entry: Entry) {
    let clock = entry.clock();
    let made = entry.renamed(name);
    made.set_clock(clock);
    let hash = call.keys.hash(name);
    call.keys.dbs[db].table.remove(hash, name);
    if made.expire_ms().is_some() {
        call.keys.remember_own_expiry(db, name);
    }
    call.keys.dbs[db].table.insert_new(hash, made);
}

fn rename(call: &mut Call<'_>, only_new: bool) -> Done {
    let (from, to) = (call.args[1], call.args[2]);
    if !call.keys.exists(from) {
        return Err(errors::NO_SUCH_KEY.into());
    }
    let same = from == to;
    if same || (only_new && call.keys.exists(to)) {
        if only_new {
            call.reply.int(0)
        } else {
            call.reply.ok()
        }
        return Ok(());
    }
    // An expired owner of the new name is replaced in silence; a live one is too, as in Redis.
    call.keys.exists(to);
    let Some(entry) = call.keys.take(from) else { return Err(errors::NO_SUCH_KEY.into()) };
    install(call, call.keys.selected, to, entry);
    call.keys.touched(b'g', "rename_from", from, 1);
    call.keys.touched(b'g', "rename_to", to, 0);
    if only_new {
        call.reply.int(1)
    } else {
        call.reply.ok()
    }
    Ok(())
}

fn db_argument(call: &Call<'_>, index: usize) -> Result<usize, Stopped> {
    let db = super::parse_int32(call.args[index])?;
    usize::try_from(db)
        .ok()
        .filter(|&db| db < call.keys.dbs.len())
        .ok_or(errors::DB_INDEX_OUT_OF_RANGE.into())
}

fn copy(call: &mut Call<'_>) -> Done {
    let (from, to) = (call.args[1], call.args[2]);
    let mut target = call.keys.selected;
    let mut replace = false;
    let mut at = 3;
    while let Some(word) = call.args.get(at) {
        if is(word, "REPLACE") {
            replace = true;
        } else if is(word, "DB") && at + 1 < call.args.len() {
            target = db_argument(call, at + 1)?;
            at += 1;
        } else {
            return Err(errors::SYNTAX.into());
        }
        at += 1;
    }
    let source = call.keys.selected;
    if source == target && from == to {
        return Err(errors::SAME_OBJECT.into());
    }
    let Some(entry) = call.keys.read_entry(from).cloned() else {
        call.reply.int(0);
        return Ok(());
    };
    call.keys.selected = target;
    let taken = call.keys.exists(to);
    if taken && !replace {
        call.keys.selected = source;
        call.reply.int(0);
        return Ok(());
    }
    install(call, target, to, entry);
    call.keys.touched(b'g', "copy_to", to, 1);
    call.keys.selected = source;
    call.reply.int(1);
    Ok(())
}

fn move_key(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let source = call.keys.selected;
    let target = db_argument(call, 2)?;
    if source == target {
        return Err(errors::SAME_OBJECT.into());
    }
    if !call.keys.exists(key) {
        call.reply.int(0);
        return Ok(());
    }
    call.keys.selected = target;
    let taken = call.keys.exists(key);
    call.keys.selected = source;
    if taken {
        call.reply.int(0);
        return Ok(());
    }
    if let Some(entry) = call.keys.take(key) {
        install(call, target, key, entry);
        call.keys.touched(b'g', "move_from", key, 1);
        call.keys.selected = target;
        call.keys.touched(b'g', "move_to", key, 0);
        call.keys.selected = source;
    }
    call.reply.int(1);
    Ok(())
}

fn swapdb(call: &mut Call<'_>) -> Done {
    let a = super::parse_int32(call.args[1]).map_err(|_| errors::INVALID_FIRST_DB_INDEX)?;
    let b = super::parse_int32(call.args[2]).map_err(|_| errors::INVALID_SECOND_DB_INDEX)?;
    let count = call.keys.dbs.len() as i64;
    if !(0..count).contains(&a) || !(0..count).contains(&b) {
        return Err(errors::DB_INDEX_OUT_OF_RANGE.into());
    }
    let (a, b) = (a as usize, b as usize);
    if a != b {
        call.keys.changed.all = true;
        call.keys.dbs.swap(a, b);
        let (dbs, now_ms) = (&call.keys.dbs, call.keys.now_ms);
        call.keys.watched.touch_all(|db, key| {
            let other = if db == a { b } else { a };
            (db == a || db == b).then(|| (dbs[other].presence(key, now_ms), dbs[db].presence(key, now_ms)))
        });
    }
    call.keys.dirty += 1;
    call.reply.ok();
    Ok(())
}

fn dbsize(call: &mut Call<'_>) -> Done {
    let count = call.keys.db().table.len();
    call.reply.count(count);
    Ok(())
}

/// Is the data to be freed aside?
fn flush_arguments(call: &Call<'_>) -> Result<bool, Stopped> {
    match call.args {
        [_] => Ok(call.keys.settings.lazyfree_lazy_user_flush),
        [_, word] if is(word, "SYNC") => Ok(false),
        [_, word] if is(word, "ASYNC") => Ok(true),
        _ => Err(errors::SYNTAX.into()),
    }
}

fn touch_watched_of(call: &mut Call<'_>, which: Option<usize>) {
    call.keys.traces.flushed();
    call.keys.changed.all = true;
    let (dbs, now_ms) = (&call.keys.dbs, call.keys.now_ms);
    call.keys.watched.touch_all(|db, key| {
        which.is_none_or(|only| only == db).then(|| (dbs[db].presence(key, now_ms), Presence::Absent))
    });
}

fn flushdb(call: &mut Call<'_>) -> Done {
    let lazily = flush_arguments(call)?;
    touch_watched_of(call, Some(call.keys.selected));
    let removed = call.keys.flush_db(call.keys.selected, lazily);
    call.keys.dirty += removed as u64;
    // Fed even when there was nothing, as Redis does: a replica may have something.
    call.keys.effects.force();
    call.reply.ok();
    Ok(())
}

fn flushall(call: &mut Call<'_>) -> Done {
    let lazily = flush_arguments(call)?;
    touch_watched_of(call, None);
    let removed: usize = (0..call.keys.dbs.len()).map(|db| call.keys.flush_db(db, lazily)).sum();
    call.keys.dirty += removed as u64;
    call.keys.flushed_all = true;
    call.keys.effects.force();
    call.reply.ok();
    Ok(())
}

fn object(call: &mut Call<'_>) -> Done {
    let help = [
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
    ];
    if is(call.args[1], "HELP") {
        call.help("OBJECT", &help);
        return Ok(());
    }
    let now_ms = call.keys.now_ms;
    let decay = call.keys.settings.lfu_decay_time;
    let lfu = call.keys.settings.lfu();
    let Some(entry) = call.keys.entry(call.args[2]) else {
        call.reply.null();
        return Ok(());
    };
    match () {
        () if is(call.args[1], "ENCODING") => {
            let name = encoding(entry);
            call.reply.bulk(name.as_bytes());
        }
        () if is(call.args[1], "REFCOUNT") => {
            // Redis shares the integers up to 9999 and says so with the largest count.
            let shared = matches!(entry.value(), Value::Int(0..=9999));
            call.reply.int(if shared { i64::from(i32::MAX) } else { 1 });
        }
        () if is(call.args[1], "IDLETIME") => {
            if lfu {
                return Err("ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.".into());
            }
            let idle = crate::access::idle_seconds(entry.clock(), now_ms);
            call.reply.int(i64::from(idle));
        }
        () => {
            if !lfu {
                return Err("ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.".into());
            }
            let frequency = crate::access::lfu_counter(entry.clock(), now_ms, decay);
            call.reply.int(i64::from(frequency));
        }
    }
    Ok(())
}

/// Does the value belong to a type of TYPE's names?
pub fn has_type(value: Value<'_>, name: &[u8]) -> bool {
    match value {
        Value::Object(Object::Module(_)) => is(name, "module"),
        other => is(name, type_name(other)),
    }
}
