//! Expiry: setting it in four units, asking for it in four units, and PERSIST.
//!
//! Whatever unit a client uses, what is stored and fed is a Unix time in milliseconds (PEXPIREAT): only that means
//! the same on a replica a moment later.

use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::keyspace::{Caller, Stopped};

pub fn handler(id: CommandId) -> Option<Handler> {
    use ExpiryUnit::{Milliseconds, Seconds};
    Some(match id {
        CommandId::Expire => |call| expire(call, Seconds, true, "expire"),
        CommandId::Pexpire => |call| expire(call, Milliseconds, true, "pexpire"),
        CommandId::Expireat => |call| expire(call, Seconds, false, "expireat"),
        CommandId::Pexpireat => |call| expire(call, Milliseconds, false, "pexpireat"),
        CommandId::Ttl => |call| ttl(call, Seconds, true),
        CommandId::Pttl => |call| ttl(call, Milliseconds, true),
        CommandId::Expiretime => |call| ttl(call, Seconds, false),
        CommandId::Pexpiretime => |call| ttl(call, Milliseconds, false),
        CommandId::Persist => persist,
        _ => return None,
    })
}

/// What an expiry is given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// An expiry as Unix ms, counted from `base_ms`; an error when it does not fit.
pub fn absolute_expiry(value: i64, unit: ExpiryUnit, base_ms: i64, command: &str) -> Result<i64, Stopped> {
    let scaled = if unit == ExpiryUnit::Seconds { value.checked_mul(1000) } else { Some(value) };
    scaled
        .and_then(|ms| ms.checked_add(base_ms))
        .ok_or_else(|| format!("ERR invalid expire time in '{command}' command").into())
}

fn expire(call: &mut Call<'_>, unit: ExpiryUnit, relative: bool, command: &str) -> Done {
    let key = call.args[1];
    let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
    for word in &call.args[3..] {
        match () {
            () if is(word, "NX") => nx = true,
            () if is(word, "XX") => xx = true,
            () if is(word, "GT") => gt = true,
            () if is(word, "LT") => lt = true,
            () => return Err(Stopped::Text([b"ERR Unsupported option ", *word].concat())),
        }
    }
    if nx && (xx || gt || lt) {
        return Err("ERR NX and XX, GT or LT options at the same time are not compatible".into());
    }
    if gt && lt {
        return Err("ERR GT and LT options at the same time are not compatible".into());
    }
    let value = call.int(2)?;
    let at = absolute_expiry(value, unit, if relative { call.keys.now_ms } else { 0 }, command)?;
    let Some(entry) = call.keys.entry(key) else {
        call.reply.int(0);
        return Ok(());
    };
    let current = entry.expire_ms();
    let refused = (nx && current.is_some())
        || (xx && current.is_none())
        // No expiry counts as one that is infinitely far away.
        || (gt && current.is_none_or(|current| at <= current))
        || (lt && current.is_some_and(|current| at >= current));
    if refused {
        call.reply.int(0);
        return Ok(());
    }
    let mine = call.keys.caller == Caller::Client && !call.keys.gates.replica;
    if mine && at <= call.keys.now_ms {
        call.keys.remove(key);
        let word: &[u8] = if call.keys.settings.lazyfree_lazy_expire { b"UNLINK" } else { b"DEL" };
        call.feed(&[word, key]);
        call.keys.touched(b'g', "del", key, 1);
    } else {
        call.keys.set_expire(key, Some(at));
        // Conditions stay, as in Redis: they hold wherever the feed is applied.
        let mut digits = itoa::Buffer::new();
        let mut fed = vec![b"PEXPIREAT".as_slice(), key, digits.format(at).as_bytes()];
        fed.extend_from_slice(call.args.get(3..).unwrap_or_default());
        call.feed(&fed);
        call.keys.touched(b'g', "expire", key, 1);
    }
    call.reply.int(1);
    Ok(())
}

fn ttl(call: &mut Call<'_>, unit: ExpiryUnit, relative: bool) -> Done {
    // Asking for the time to live does not make a key look used.
    let answer = match call.keys.peek_entry(call.args[1]).map(|entry| entry.expire_ms()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => {
            let left = if relative { (at - call.keys.now_ms).max(0) } else { at };
            if unit == ExpiryUnit::Seconds { left / 1000 + i64::from(left % 1000 >= 500) } else { left }
        }
    };
    call.reply.int(answer);
    Ok(())
}

fn persist(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let had = call.keys.entry(key).is_some_and(|entry| entry.expire_ms().is_some());
    if had {
        call.keys.set_expire(key, None);
        call.keys.touched(b'g', "persist", key, 1);
    }
    call.reply.flag(had);
    Ok(())
}
