//! Hashes: fields that expire (Redis 7.4 and 8.0, Valkey 9).
//!
//! Whatever a client says, the feed gets an absolute time in ms and only the fields that it concerns: HPEXPIREAT, HPERSIST, or
//! HDEL for a time that is over. From our primary a time in the past is kept: its HDEL will come. Error texts are those of
//! Redis 8.0; HSETEX takes Valkey's NX and XX too.

use super::hash::{field_clock, forget_expired};
use super::ranges::{int_within, reply_value};
use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::keyspace::{Caller, Keyspace, Stopped};
use redtwin_structures::hash::Hash;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Hexpire => |call| hexpire(call, Unit::Seconds, true),
        CommandId::Hpexpire => |call| hexpire(call, Unit::Milliseconds, true),
        CommandId::Hexpireat => |call| hexpire(call, Unit::Seconds, false),
        CommandId::Hpexpireat => |call| hexpire(call, Unit::Milliseconds, false),
        CommandId::Hpersist => hpersist,
        CommandId::Httl => |call| httl(call, |at, now| (at - now + 999) / 1000),
        CommandId::Hpttl => |call| httl(call, |at, now| at - now),
        CommandId::Hexpiretime => |call| httl(call, |at, _| (at + 999) / 1000),
        CommandId::Hpexpiretime => |call| httl(call, |at, _| at),
        CommandId::Hgetdel => hgetdel,
        CommandId::Hgetex => hgetex,
        CommandId::Hsetex => hsetex,
        _ => return None,
    })
}

/// Redis keeps 46 bits of a field's expiry.
const EXPIRY_MS_MAX: i64 = (1 << 46) - 1;
const FIELDS_MISSING: &str = "ERR Mandatory argument FIELDS is missing or not at the right position";
const FIELDS_COUNT: &str = "ERR Number of fields must be a positive integer";
const FIELDS_MISMATCH: &str = "ERR The `numfields` parameter must match the number of arguments";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

/// When fields are to expire.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expiry {
    /// Set without one.
    Unsaid,
    /// As it was.
    Keep,
    /// Never.
    Never,
    /// Unix ms.
    At(i64),
}

/// `FIELDS n field ...` from an index to the end.
fn parse_fields<'a>(args: &[&'a [u8]], at: usize, bad_count: &'static str) -> Result<Vec<&'a [u8]>, Stopped> {
    if !args.get(at).is_some_and(|word| is(word, "FIELDS")) {
        return Err(FIELDS_MISSING.into());
    }
    let count = int_within(args.get(at + 1).copied().unwrap_or_default(), 1, i64::MAX, bad_count)?;
    let fields = args.get(at + 2..).unwrap_or_default();
    if fields.len() as i64 != count {
        return Err(FIELDS_MISMATCH.into());
    }
    Ok(fields.to_vec())
}

fn parse_expiry(call: &Call<'_>, text: &[u8], unit: Unit, relative: bool) -> Result<i64, Stopped> {
    let value = super::parse_int(text)?;
    if value < 0 {
        return Err("ERR invalid expire time, must be >= 0".into());
    }
    let ms = if unit == Unit::Seconds { value.checked_mul(1000) } else { Some(value) };
    let at = ms.and_then(|ms| if relative { ms.checked_add(call.keys.now_ms) } else { Some(ms) });
    // Valkey knows no such limit: what our primary says is taken as it is.
    let max = if call.keys.caller == Caller::Primary { i64::MAX } else { EXPIRY_MS_MAX };
    at.filter(|at| *at <= max).ok_or_else(|| {
        let name = String::from_utf8_lossy(call.args[0]).to_lowercase();
        format!("ERR invalid expire time in '{name}' command").into()
    })
}

/// An option with a time: EX, PX, EXAT or PXAT.
fn expiry_option(word: &[u8]) -> Option<(Unit, bool)> {
    Some(match () {
        () if is(word, "EX") => (Unit::Seconds, true),
        () if is(word, "PX") => (Unit::Milliseconds, true),
        () if is(word, "EXAT") => (Unit::Seconds, false),
        () if is(word, "PXAT") => (Unit::Milliseconds, false),
        () => return None,
    })
}

/// A time that is over deletes at once, unless it comes from our primary.
fn is_over(keys: &Keyspace, at_ms: i64) -> bool {
    at_ms <= keys.now_ms && keys.caller == Caller::Client
}

/// NX, XX, GT and LT.
fn allows(condition: &[u8], before: Option<i64>, at_ms: i64) -> bool {
    match before {
        _ if condition.is_empty() => true,
        None => is(condition, "NX") || is(condition, "LT"),
        Some(before) => {
            is(condition, "XX")
                || (is(condition, "GT") && at_ms > before)
                || (is(condition, "LT") && at_ms < before)
        }
    }
}

/// What became of fields, to be told to the feed and to watchers.
#[derive(Default)]
struct Changes<'a> {
    timed: Vec<&'a [u8]>,
    kept: Vec<&'a [u8]>,
    deleted: Vec<&'a [u8]>,
}

impl Changes<'_> {
    fn tell(&self, call: &mut Call<'_>, key: &[u8], at_ms: i64) {
        call.keys.fields_may_expire |= !self.timed.is_empty();
        let mut tell = |head: &[&[u8]], fields: &[&[u8]], event: &'static str, counted: bool| {
            if fields.is_empty() {
                return;
            }
            let mut digits = itoa::Buffer::new();
            let mut command = head.to_vec();
            if counted {
                command.extend([&b"FIELDS"[..], digits.format(fields.len()).as_bytes()]);
            }
            command.extend(fields);
            call.feed(&command);
            call.keys.touched(b'h', event, key, fields.len() as u64);
        };
        let mut digits = itoa::Buffer::new();
        let at = digits.format(at_ms).as_bytes();
        tell(&[b"HPEXPIREAT", key, at], &self.timed, "hexpire", true);
        tell(&[b"HPERSIST", key], &self.kept, "hpersist", true);
        tell(&[b"HDEL", key], &self.deleted, "hdel", false);
        if !self.deleted.is_empty() {
            call.keys.remove_if_empty(key);
        }
    }
}

fn hexpire(call: &mut Call<'_>, unit: Unit, relative: bool) -> Done {
    let key = call.args[1];
    call.keys.hash_mut(key)?;
    let at_ms = parse_expiry(call, call.args[2], unit, relative)?;
    let word = call.args[3];
    let conditional = ["NX", "XX", "GT", "LT"].iter().any(|condition| is(word, condition));
    let condition: &[u8] = if conditional { word } else { b"" };
    let bad_count = "ERR Parameter `numFields` should be greater than 0";
    let fields = parse_fields(call.args, 3 + usize::from(conditional), bad_count)?;
    let (now_ms, over) = (field_clock(call.keys), is_over(call.keys, at_ms));
    let mut changes = Changes::default();
    call.reply.array(fields.len());
    let Some(hash) = call.keys.hash_mut(key)? else {
        fields.iter().for_each(|_| call.reply.int(-2));
        return Ok(());
    };
    for field in fields {
        let Some(before) = hash.get(field, now_ms).map(|found| found.expires_ms) else {
            call.reply.int(-2);
            continue;
        };
        if !allows(condition, before, at_ms) {
            call.reply.int(0);
        } else if over {
            hash.remove(field);
            changes.deleted.push(field);
            call.reply.int(2);
        } else {
            hash.set_expiry(field, Some(at_ms));
            changes.timed.push(field);
            call.reply.int(1);
        }
    }
    changes.tell(call, key, at_ms);
    Ok(())
}

fn hpersist(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    call.keys.hash_mut(key)?;
    let fields = parse_fields(call.args, 2, FIELDS_COUNT)?;
    let now_ms = field_clock(call.keys);
    let mut changes = Changes::default();
    call.reply.array(fields.len());
    let mut hash = call.keys.hash_mut(key)?;
    for field in fields {
        let before = hash.as_ref().and_then(|hash| hash.get(field, now_ms)).map(|found| found.expires_ms);
        match (before, &mut hash) {
            (Some(Some(_)), Some(hash)) => {
                hash.set_expiry(field, None);
                changes.kept.push(field);
                call.reply.int(1);
            }
            (Some(None), _) => call.reply.int(-1),
            _ => call.reply.int(-2),
        }
    }
    changes.tell(call, key, 0);
    Ok(())
}

/// HTTL and its kin: -2 for no such field, -1 for one that stays.
fn httl(call: &mut Call<'_>, show: fn(i64, i64) -> i64) -> Done {
    let key = call.args[1];
    call.keys.hash_mut(key)?;
    let fields = parse_fields(call.args, 2, FIELDS_COUNT)?;
    let now_ms = call.keys.now_ms;
    let hash = call.keys.hash_at(key)?;
    call.reply.array(fields.len());
    for field in fields {
        match hash.and_then(|hash| hash.get(field, now_ms)).map(|found| found.expires_ms) {
            None => call.reply.int(-2),
            Some(None) => call.reply.int(-1),
            Some(Some(at)) => call.reply.int(show(at, now_ms)),
        }
    }
    Ok(())
}

/// Replies with the values of fields, null for those that are not there.
fn reply_values(call: &mut Call<'_>, key: &[u8], fields: &[&[u8]]) -> Done {
    let now_ms = field_clock(call.keys);
    let hash = call.keys.hash_at(key)?;
    call.reply.array(fields.len());
    for field in fields {
        match hash.and_then(|hash| hash.get(field, now_ms)) {
            Some(found) => reply_value(call.reply, found.value),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn hgetdel(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let fields = parse_fields(call.args, 2, FIELDS_COUNT)?;
    reply_values(call, key, &fields)?;
    let now_ms = field_clock(call.keys);
    let mut changes = Changes::default();
    if let Some(hash) = call.keys.hash_mut(key)? {
        for field in fields {
            if hash.get(field, now_ms).is_some() {
                hash.remove(field);
                changes.deleted.push(field);
            }
        }
    }
    changes.tell(call, key, 0);
    Ok(())
}

fn hgetex(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let (expiry, at) = match expiry_option(call.args[2]) {
        Some((unit, relative)) => (Expiry::At(parse_expiry(call, call.args[3], unit, relative)?), 4),
        None if is(call.args[2], "PERSIST") => (Expiry::Never, 3),
        None => (Expiry::Unsaid, 2),
    };
    let fields = parse_fields(call.args, at, FIELDS_COUNT)?;
    reply_values(call, key, &fields)?;
    let now_ms = field_clock(call.keys);
    let over = matches!(expiry, Expiry::At(at) if is_over(call.keys, at));
    let mut changes = Changes::default();
    let Some(hash) = call.keys.hash_mut(key)? else { return Ok(()) };
    for field in fields {
        let Some(before) = hash.get(field, now_ms).map(|found| found.expires_ms) else { continue };
        match expiry {
            Expiry::At(_) if over => {
                hash.remove(field);
                changes.deleted.push(field);
            }
            Expiry::At(at) => {
                hash.set_expiry(field, Some(at));
                changes.timed.push(field);
            }
            Expiry::Never if before.is_some() => {
                hash.set_expiry(field, None);
                changes.kept.push(field);
            }
            Expiry::Never | Expiry::Keep | Expiry::Unsaid => {}
        }
    }
    changes.tell(call, key, if let Expiry::At(at) = expiry { at } else { 0 });
    Ok(())
}

/// What HSETEX may say before FIELDS.
struct SetOptions {
    /// FNX: none of the fields may be there. FXX: all must. Of the key: NX, XX.
    none_exists: bool,
    all_exist: bool,
    key_missing: bool,
    key_exists: bool,
    expiry: Expiry,
    /// Index of FIELDS.
    at: usize,
}

fn parse_hsetex(call: &Call<'_>) -> Result<SetOptions, Stopped> {
    let mut options = SetOptions {
        none_exists: false,
        all_exist: false,
        key_missing: false,
        key_exists: false,
        expiry: Expiry::Unsaid,
        at: 2,
    };
    while let Some(word) = call.args.get(options.at) {
        options.at += 1;
        if is(word, "FIELDS") {
            options.at -= 1;
            return Ok(options);
        }
        let timed = expiry_option(word);
        if timed.is_some() || is(word, "KEEPTTL") {
            if options.expiry != Expiry::Unsaid {
                return Err("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified".into());
            }
            options.expiry = match timed {
                Some((unit, relative)) => {
                    let text = call.args.get(options.at).copied().unwrap_or_default();
                    options.at += 1;
                    Expiry::At(parse_expiry(call, text, unit, relative)?)
                }
                None => Expiry::Keep,
            };
        } else if is(word, "FNX") || is(word, "FXX") {
            if options.none_exists || options.all_exist {
                return Err("ERR Only one of FXX or FNX arguments can be specified".into());
            }
            options.none_exists = is(word, "FNX");
            options.all_exist = is(word, "FXX");
        } else if (is(word, "NX") && !options.key_exists) || (is(word, "XX") && !options.key_missing) {
            options.key_missing = is(word, "NX");
            options.key_exists = is(word, "XX");
        } else {
            return Err(format!("ERR unknown argument: {}", String::from_utf8_lossy(word)).into());
        }
    }
    Err(FIELDS_MISSING.into())
}

fn hsetex(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let options = parse_hsetex(call)?;
    let count = call.args.get(options.at + 1).copied().unwrap_or_default();
    let count = int_within(count, 1, i64::MAX, "ERR invalid number of fields")? as u64;
    let pairs = call.args.get(options.at + 2..).unwrap_or_default();
    if count.checked_mul(2) != Some(pairs.len() as u64) {
        return Err("ERR wrong number of arguments for 'hsetex' command".into());
    }
    let (limits, now_ms) = (call.keys.settings.limits, field_clock(call.keys));
    let hash = call.keys.hash_mut(key)?;
    let exists = |hash: &Hash, pair: &[&[u8]]| hash.get(pair[0], now_ms).is_some();
    let hash = hash.as_deref();
    let mut there = pairs.chunks_exact(2).map(|pair| hash.is_some_and(|hash| exists(hash, pair)));
    let refused = (options.none_exists && there.any(|there| there))
        || (options.all_exist && !there.all(|there| there))
        || (options.key_missing && hash.is_some())
        || (options.key_exists && hash.is_none());
    call.reply.flag(!refused);
    if refused {
        return Ok(());
    }
    if let Expiry::At(at) = options.expiry
        && is_over(call.keys, at)
    {
        let mut changes = Changes::default();
        if let Some(hash) = call.keys.hash_mut(key)? {
            let names = pairs.chunks_exact(2).map(|pair| pair[0]);
            changes.deleted = names.filter(|field| hash.remove(field)).collect();
        }
        changes.tell(call, key, at);
        return Ok(());
    }
    call.keys.fields_may_expire |= matches!(options.expiry, Expiry::At(_));
    let hash = call.keys.hash_or_new(key)?;
    for pair in pairs.chunks_exact(2) {
        forget_expired(hash, pair[0], now_ms);
        if options.expiry == Expiry::Keep {
            hash.insert_keeping_expiry(pair[0], pair[1], &limits);
        } else {
            hash.insert(pair[0], pair[1], &limits);
        }
        if let Expiry::At(at) = options.expiry {
            hash.set_expiry(pair[0], Some(at));
        }
    }
    call.keys.touched(b'h', "hset", key, count);
    // The conditions have been met, and the time becomes an absolute one.
    let (mut digits, mut ms) = (itoa::Buffer::new(), itoa::Buffer::new());
    let mut command: Vec<&[u8]> = vec![b"HSETEX", key];
    match options.expiry {
        Expiry::At(at) => {
            command.extend([&b"PXAT"[..], ms.format(at).as_bytes()]);
            call.keys.notify(b'h', "hexpire", key);
        }
        Expiry::Keep => command.push(b"KEEPTTL"),
        Expiry::Never | Expiry::Unsaid => {}
    }
    command.extend([&b"FIELDS"[..], digits.format(count).as_bytes()]);
    command.extend(pairs);
    call.feed(&command);
    Ok(())
}

/// Removes the fields of a hash that have expired, up to a number, and feeds that: the work of a primary's cron.
pub fn expire_fields(keys: &mut Keyspace, key: &[u8], max: usize) {
    let now_ms = keys.now_ms;
    let Ok(Some(hash)) = keys.hash_mut(key) else { return };
    let expired = hash.take_expired(now_ms, max);
    if expired.is_empty() {
        return;
    }
    let db = keys.selected;
    let mut command: Vec<&[u8]> = vec![b"HDEL", key];
    command.extend(expired.iter().map(Vec::as_slice));
    keys.effects.also(db, &command);
    keys.stats.expired_fields += expired.len() as u64;
    keys.signal(key);
    keys.notify(b'h', "hexpired", key);
    keys.remove_if_empty(key);
}
