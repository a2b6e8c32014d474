//! Strings: SET and its relatives, ranges, several at once.
//!
//! Every option of SET ends in one of a few effects (value, expiry, reply); it is fed in the form that is the same at any time.

use super::expiry::{ExpiryUnit, absolute_expiry};
use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Stopped, Text};

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Get => get,
        CommandId::Set => set,
        CommandId::Setnx => setnx,
        CommandId::Setex => |call| set_with_expiry(call, ExpiryUnit::Seconds),
        CommandId::Psetex => |call| set_with_expiry(call, ExpiryUnit::Milliseconds),
        CommandId::Getset => getset,
        CommandId::Getdel => getdel,
        CommandId::Getex => getex,
        CommandId::Mget => mget,
        CommandId::Mset => mset,
        CommandId::Msetnx => msetnx,
        CommandId::Msetex => msetex,
        CommandId::Delifeq => delifeq,
        CommandId::Append => append,
        CommandId::Strlen => strlen,
        CommandId::Setrange => setrange,
        CommandId::Getrange | CommandId::Substr => getrange,
        CommandId::Lcs => lcs,
        _ => return None,
    })
}

/// Writes the string at a key, or null.
fn reply_string(call: &mut Call<'_>, key: &[u8]) -> Done {
    match call.keys.text(key)? {
        None => call.reply.null(),
        Some(Text::Int(int)) => call.reply.bulk_int(int),
        Some(Text::Bytes(bytes)) => call.reply.bulk(bytes),
    }
    Ok(())
}

fn get(call: &mut Call<'_>) -> Done {
    reply_string(call, call.args[1])
}

/// The options that SET and GETEX share, as far as each allows them.
#[derive(Default)]
struct SetOptions<'a> {
    nx: bool,
    xx: bool,
    get: bool,
    keep_ttl: bool,
    persist: bool,
    expiry: Option<(ExpiryUnit, bool, &'a [u8])>,
    if_equal: Option<&'a [u8]>,
}

fn parse_options<'a>(args: &[&'a [u8]], for_set: bool) -> Result<SetOptions<'a>, Stopped> {
    let mut options = SetOptions::default();
    let mut rest = args;
    while let [word, after @ ..] = rest {
        rest = after;
        let timed = options.expiry.is_some();
        if for_set && is(word, "NX") && !options.xx && options.if_equal.is_none() {
            options.nx = true;
        } else if for_set && is(word, "XX") && !options.nx && options.if_equal.is_none() {
            options.xx = true;
        } else if for_set && is(word, "GET") {
            options.get = true;
        } else if for_set && is(word, "KEEPTTL") && !timed && !options.persist {
            options.keep_ttl = true;
        } else if !for_set && is(word, "PERSIST") && !timed && !options.keep_ttl {
            options.persist = true;
        } else if for_set && is(word, "IFEQ") && !options.nx && !options.xx && !rest.is_empty() {
            // Valkey 8.1 and Redis 8.4.
            options.if_equal = Some(rest[0]);
            rest = &rest[1..];
        } else if !options.keep_ttl && !options.persist && !rest.is_empty() {
            let (unit, relative) = match () {
                () if is(word, "EX") => (ExpiryUnit::Seconds, true),
                () if is(word, "PX") => (ExpiryUnit::Milliseconds, true),
                () if is(word, "EXAT") => (ExpiryUnit::Seconds, false),
                () if is(word, "PXAT") => (ExpiryUnit::Milliseconds, false),
                () => return Err(errors::SYNTAX.into()),
            };
            // The same option twice is allowed, and the last counts; two different ones are not.
            if options.expiry.is_some_and(|(other, same, _)| (other, same) != (unit, relative)) {
                return Err(errors::SYNTAX.into());
            }
            options.expiry = Some((unit, relative, rest[0]));
            rest = &rest[1..];
        } else {
            return Err(errors::SYNTAX.into());
        }
    }
    Ok(options)
}

/// The expiry of an option, which must lie after 1970.
fn option_expiry(call: &Call<'_>, options: &SetOptions<'_>, command: &str) -> Result<Option<i64>, Stopped> {
    let Some((unit, relative, text)) = options.expiry else { return Ok(None) };
    let value = super::parse_int(text)?;
    if value <= 0 {
        return Err(format!("ERR invalid expire time in '{command}' command").into());
    }
    absolute_expiry(value, unit, if relative { call.keys.now_ms } else { 0 }, command).map(Some)
}

fn set(call: &mut Call<'_>) -> Done {
    let (key, value) = (call.args[1], call.args[2]);
    if call.args.len() == 3 {
        call.keys.put_string(key, value, false);
        call.keys.touched(b'$', "set", key, 1);
        call.reply.ok();
        return Ok(());
    }
    let options = parse_options(&call.args[3..], true)?;
    let expire_ms = option_expiry(call, &options, "set")?;
    if options.get {
        reply_string(call, key)?;
    }
    let found = call.keys.exists(key);
    let equal = match options.if_equal {
        None => true,
        Some(expected) => {
            call.keys.text(key)?.is_some_and(|text| text.bytes(&mut itoa::Buffer::new()) == expected)
        }
    };
    if (options.nx && found) || (options.xx && !found) || !equal {
        if !options.get {
            call.reply.null();
        }
        return Ok(());
    }
    call.keys.put_string(key, value, options.keep_ttl);
    call.keys.touched(b'$', "set", key, 1);
    if let Some(at) = expire_ms {
        call.keys.set_expire(key, Some(at));
        let mut digits = itoa::Buffer::new();
        call.feed(&[b"SET", key, value, b"PXAT", digits.format(at).as_bytes()]);
        call.keys.notify(b'g', "expire", key);
    } else if options.get || options.if_equal.is_some() {
        // The feed needs neither the old value nor the condition, which has been met.
        let mut kept: Vec<&[u8]> = Vec::with_capacity(call.args.len());
        let mut skip = false;
        for (i, &word) in call.args.iter().enumerate() {
            if std::mem::take(&mut skip) {
                continue;
            }
            skip = i > 2 && is(word, "IFEQ");
            if i < 3 || !(skip || is(word, "GET")) {
                kept.push(word);
            }
        }
        call.feed(&kept);
    }
    if !options.get {
        call.reply.ok();
    }
    Ok(())
}

fn setnx(call: &mut Call<'_>) -> Done {
    let (key, value) = (call.args[1], call.args[2]);
    let free = !call.keys.exists(key);
    if free {
        call.keys.put_string(key, value, false);
        call.keys.touched(b'$', "set", key, 1);
    }
    call.reply.flag(free);
    Ok(())
}

fn set_with_expiry(call: &mut Call<'_>, unit: ExpiryUnit) -> Done {
    let command = if unit == ExpiryUnit::Seconds { "setex" } else { "psetex" };
    let (key, value) = (call.args[1], call.args[3]);
    let options = SetOptions { expiry: Some((unit, true, call.args[2])), ..SetOptions::default() };
    let Some(at) = option_expiry(call, &options, command)? else { return Ok(()) };
    call.keys.put_string(key, value, false);
    call.keys.touched(b'$', "set", key, 1);
    call.keys.set_expire(key, Some(at));
    call.keys.notify(b'g', "expire", key);
    call.feed(&[b"SET", key, value, b"PXAT", itoa::Buffer::new().format(at).as_bytes()]);
    call.reply.ok();
    Ok(())
}

fn getset(call: &mut Call<'_>) -> Done {
    let (key, value) = (call.args[1], call.args[2]);
    reply_string(call, key)?;
    call.keys.put_string(key, value, false);
    call.keys.touched(b'$', "set", key, 1);
    call.feed(&[b"SET", key, value]);
    Ok(())
}

fn getdel(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    reply_string(call, key)?;
    if call.keys.remove(key) {
        call.feed(&[b"DEL", key]);
        call.keys.touched(b'g', "del", key, 1);
    }
    Ok(())
}

fn getex(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let options = parse_options(&call.args[2..], false)?;
    if call.keys.text(key)?.is_none() {
        call.reply.null();
        return Ok(());
    }
    let expire_ms = option_expiry(call, &options, "getex")?;
    reply_string(call, key)?;
    match expire_ms {
        Some(at) if at < call.keys.now_ms && !call.keys.gates.replica => {
            // Already over: it goes now.
            call.keys.remove(key);
            let word: &[u8] = if call.keys.settings.lazyfree_lazy_expire { b"UNLINK" } else { b"DEL" };
            call.feed(&[word, key]);
            call.keys.touched(b'g', "del", key, 1);
        }
        Some(at) => {
            call.keys.set_expire(key, Some(at));
            call.feed(&[b"PEXPIREAT", key, itoa::Buffer::new().format(at).as_bytes()]);
            call.keys.touched(b'g', "expire", key, 1);
        }
        None if options.persist && call.keys.entry(key).is_some_and(|entry| entry.expire_ms().is_some()) => {
            call.keys.set_expire(key, None);
            call.feed(&[b"PERSIST", key]);
            call.keys.touched(b'g', "persist", key, 1);
        }
        None => {}
    }
    Ok(())
}

fn mget(call: &mut Call<'_>) -> Done {
    call.reply.array(call.args.len() - 1);
    for key in &call.args[1..] {
        // A key of another type is null here, not an error.
        match call.keys.text(key) {
            Ok(Some(Text::Int(int))) => call.reply.bulk_int(int),
            Ok(Some(Text::Bytes(bytes))) => call.reply.bulk(bytes),
            Ok(None) | Err(_) => call.reply.null(),
        }
    }
    Ok(())
}

fn set_pairs(call: &mut Call<'_>) {
    for pair in call.args[1..].chunks_exact(2) {
        call.keys.put_string(pair[0], pair[1], false);
        call.keys.touched(b'$', "set", pair[0], 1);
    }
}

fn pairs_or_error(call: &Call<'_>, command: &str) -> Done {
    if call.args.len().is_multiple_of(2) {
        return Err(format!("ERR wrong number of arguments for '{command}' command").into());
    }
    Ok(())
}

fn mset(call: &mut Call<'_>) -> Done {
    pairs_or_error(call, "mset")?;
    set_pairs(call);
    call.reply.ok();
    Ok(())
}

fn msetnx(call: &mut Call<'_>) -> Done {
    pairs_or_error(call, "msetnx")?;
    for pair in call.args[1..].chunks_exact(2) {
        if call.keys.exists(pair[0]) {
            call.reply.int(0);
            return Ok(());
        }
    }
    set_pairs(call);
    call.reply.int(1);
    Ok(())
}

/// Valkey 9.1: MSETEX numkeys key value... [NX | XX] [an expiry]. All keys or none.
fn msetex(call: &mut Call<'_>) -> Done {
    let count = redtwin_resp::parse_i64(call.args[1])
        .filter(|count| (1..=0x3fff_ffff).contains(count))
        .ok_or("ERR invalid numkeys value or out of range")?;
    let options_at = 2 + count as usize * 2;
    let Some(words) = call.args.get(options_at..) else { return Err(errors::SYNTAX.into()) };
    let options = parse_options(words, true)?;
    if options.get || options.if_equal.is_some() {
        return Err(errors::SYNTAX.into());
    }
    let expire_ms = option_expiry(call, &options, "msetex")?;
    let pairs = &call.args[2..options_at];
    if options.nx || options.xx {
        for pair in pairs.chunks_exact(2) {
            if call.keys.exists(pair[0]) == options.nx {
                call.reply.int(0);
                return Ok(());
            }
        }
    }
    for pair in pairs.chunks_exact(2) {
        call.keys.put_string(pair[0], pair[1], options.keep_ttl);
        if expire_ms.is_some() {
            call.keys.set_expire(pair[0], expire_ms);
        }
        call.keys.touched(b'$', "set", pair[0], 1);
        if expire_ms.is_some() {
            call.keys.notify(b'g', "expire", pair[0]);
        }
    }
    if let Some(at) = expire_ms {
        let mut digits = itoa::Buffer::new();
        let mut told: Vec<&[u8]> = call.args[..options_at].to_vec();
        if options.nx || options.xx {
            told.push(if options.nx { b"NX" } else { b"XX" });
        }
        told.extend([&b"PXAT"[..], digits.format(at).as_bytes()]);
        call.feed(&told);
    }
    call.reply.int(1);
    Ok(())
}

/// Valkey 9: deletes the key when it holds this very string.
fn delifeq(call: &mut Call<'_>) -> Done {
    let (key, expected) = (call.args[1], call.args[2]);
    let equal = match call.keys.entry(key) {
        None => false,
        Some(entry) => crate::keyspace::text_of(entry.value())?.bytes(&mut itoa::Buffer::new()) == expected,
    };
    if equal && call.keys.remove(key) {
        call.feed(&[b"DEL", key]);
        call.keys.touched(b'g', "del", key, 1);
    }
    call.reply.flag(equal);
    Ok(())
}

/// A string may not grow beyond proto-max-bulk-len.
fn check_length(call: &Call<'_>, len: usize) -> Done {
    if len as u64 > call.keys.settings.proto_max_bulk_len.max(0) as u64
        && call.keys.caller == crate::keyspace::Caller::Client
    {
        return Err(errors::STRING_TOO_LONG.into());
    }
    Ok(())
}

/// Changes a string in place. A string that was short stays short, but says that it is raw.
pub fn change_string(call: &mut Call<'_>, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> usize {
    use crate::entry::{NewValue, Value};
    use crate::object::Object;
    if let Some(entry) = call.keys.entry(key) {
        if let Some(Object::Str(bytes)) = entry.object_mut() {
            change(bytes);
            return bytes.len();
        }
        let mut bytes = match entry.value() {
            Value::Int(int) => int.to_string().into_bytes(),
            Value::Bytes(bytes) => bytes.to_vec(),
            Value::Object(_) => return 0,
        };
        change(&mut bytes);
        let len = bytes.len();
        if len > crate::entry::INLINE_BYTES_MAX {
            entry.set_value(NewValue::Object(Object::Str(bytes)));
        } else {
            entry.set_value(NewValue::Bytes(&bytes));
            entry.set_raw(true);
        }
        return len;
    }
    let mut bytes = Vec::new();
    change(&mut bytes);
    let len = bytes.len();
    if len > crate::entry::INLINE_BYTES_MAX {
        call.keys.put(key, NewValue::Object(Object::Str(bytes)), false);
    } else {
        call.keys.put(key, NewValue::Bytes(&bytes), false);
        if let Some(entry) = call.keys.entry(key) {
            entry.set_raw(true);
        }
    }
    len
}

fn append(call: &mut Call<'_>) -> Done {
    let (key, value) = (call.args[1], call.args[2]);
    let len = match call.keys.entry(key).map(|entry| crate::keyspace::text_of(entry.value()).map(Text::len)) {
        None => {
            call.keys.put_string(key, value, false);
            value.len()
        }
        Some(len) => {
            check_length(call, len?.saturating_add(value.len()))?;
            change_string(call, key, |bytes| bytes.extend_from_slice(value))
        }
    };
    call.keys.touched(b'$', "append", key, 1);
    call.reply.count(len);
    Ok(())
}

fn strlen(call: &mut Call<'_>) -> Done {
    let len = call.keys.text(call.args[1])?.map_or(0, Text::len);
    call.reply.count(len);
    Ok(())
}

fn setrange(call: &mut Call<'_>) -> Done {
    let (key, value) = (call.args[1], call.args[3]);
    let offset = call.int(2)?;
    if offset < 0 {
        return Err(errors::OFFSET_OUT_OF_RANGE.into());
    }
    let old_len = match call.keys.entry(key) {
        None => 0,
        Some(entry) => crate::keyspace::text_of(entry.value())?.len(),
    };
    if value.is_empty() {
        call.reply.count(old_len);
        return Ok(());
    }
    let end = (offset as usize).saturating_add(value.len());
    check_length(call, end)?;
    let len = change_string(call, key, |bytes| {
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        if let Some(place) = bytes.get_mut(offset as usize..end) {
            place.copy_from_slice(value);
        }
    });
    call.keys.touched(b'$', "setrange", key, 1);
    call.reply.count(len);
    Ok(())
}

/// Redis's reading of a range with negative indexes: None when it is empty.
pub fn string_range(start: i64, end: i64, len: usize) -> Option<std::ops::Range<usize>> {
    let len = len as i64;
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let absolute = |index: i64| if index < 0 { index.saturating_add(len).max(0) } else { index };
    let (start, end) = (absolute(start), absolute(end).min(len - 1));
    (start <= end && len > 0).then(|| start as usize..end as usize + 1)
}

fn getrange(call: &mut Call<'_>) -> Done {
    let (start, end) = (call.int(2)?, call.int(3)?);
    let mut digits = itoa::Buffer::new();
    match call.keys.text(call.args[1])? {
        None => call.reply.bulk(b""),
        Some(text) => {
            let bytes = text.bytes(&mut digits);
            let range = string_range(start, end, bytes.len()).and_then(|range| bytes.get(range));
            call.reply.bulk(range.unwrap_or_default());
        }
    }
    Ok(())
}

/// Longest common subsequence, by the quadratic table that Redis fills too.
fn lcs(call: &mut Call<'_>) -> Done {
    let (mut want_len, mut want_idx, mut with_len, mut min_len) = (false, false, false, 0i64);
    let mut texts = [Vec::new(), Vec::new()];
    for (text, key) in texts.iter_mut().zip([call.args[1], call.args[2]]) {
        *text = match call.keys.text(key) {
            Ok(found) => found.map(Text::to_vec).unwrap_or_default(),
            Err(_) => return Err("ERR The specified keys must contain string values".into()),
        };
    }
    let mut at = 3;
    while let Some(word) = call.args.get(at) {
        if is(word, "IDX") {
            want_idx = true;
        } else if is(word, "LEN") {
            want_len = true;
        } else if is(word, "WITHMATCHLEN") {
            with_len = true;
        } else if is(word, "MINMATCHLEN") && at + 1 < call.args.len() {
            min_len = call.int(at + 1)?.max(0);
            at += 1;
        } else {
            return Err(errors::SYNTAX.into());
        }
        at += 1;
    }
    if want_idx && want_len {
        return Err("ERR If you want both the length and indexes, please just use IDX.".into());
    }
    let [a, b] = texts;
    if a.len() >= u32::MAX as usize - 1 || b.len() >= u32::MAX as usize - 1 {
        return Err("ERR String too long for LCS".into());
    }
    let width = b.len() + 1;
    let cells = (a.len() + 1).checked_mul(width).filter(|&cells| cells <= 1 << 30);
    let Some(cells) = cells else {
        return Err("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len".into());
    };
    let mut table = vec![0u32; cells];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            table[(i + 1) * width + j + 1] = if x == y {
                table[i * width + j] + 1
            } else {
                table[i * width + j + 1].max(table[(i + 1) * width + j])
            };
        }
    }
    let length = table.last().copied().unwrap_or(0);
    // Walk back from the end; runs of matches become ranges, last first.
    let (mut i, mut j) = (a.len(), b.len());
    let mut text = Vec::new();
    let mut ranges: Vec<(usize, usize, usize)> = Vec::new();
    let mut run: Option<(usize, usize, usize)> = None;
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            text.push(a[i - 1]);
            run = match run {
                Some((x, y, size)) if x == i && y == j => Some((i - 1, j - 1, size + 1)),
                other => {
                    ranges.extend(other);
                    Some((i - 1, j - 1, 1))
                }
            };
            i -= 1;
            j -= 1;
        } else if table[(i - 1) * width + j] > table[i * width + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    ranges.extend(run);
    text.reverse();
    if want_idx {
        ranges.retain(|range| range.2 as i64 >= min_len);
        call.reply.map(2);
        call.reply.bulk(b"matches");
        call.reply.array(ranges.len());
        for (x, y, size) in ranges {
            call.reply.array(2 + usize::from(with_len));
            for start in [x, y] {
                call.reply.array(2);
                call.reply.count(start);
                call.reply.count(start + size - 1);
            }
            if with_len {
                call.reply.count(size);
            }
        }
        call.reply.bulk(b"len");
        call.reply.int(i64::from(length));
    } else if want_len {
        call.reply.int(i64::from(length));
    } else {
        call.reply.bulk(&text);
    }
    Ok(())
}
