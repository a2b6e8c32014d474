//! The subcommands of DEBUG and MEMORY that look into the keyspace; the host has the others.
//!
//! DIGEST and DIGEST-VALUE are what proves that a replica equals its primary, so they follow Redis 7.0 byte for byte.

use super::{Call, Done, Handler, is};
use crate::digest;
use crate::entry::Value;
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Stopped;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Debug => debug,
        CommandId::Memory => memory,
        _ => return None,
    })
}

fn debug(call: &mut Call<'_>) -> Done {
    let word = call.args[1];
    match call.args.len() {
        2 if is(word, "DIGEST") => {
            let text = digest::hex(&digest::of_dataset(&call.keys.dbs));
            call.reply.simple(&text);
        }
        _ if is(word, "DIGEST-VALUE") => {
            call.reply.array(call.args.len() - 2);
            for key in &call.args[2..] {
                // Expired keys count too.
                let db = &call.keys.dbs[call.keys.selected];
                let found = db.table.get(db.table.hash(key), key);
                call.reply.simple(&digest::hex(&found.map_or([0; 20], digest::of_value)));
            }
        }
        3 if is(word, "OBJECT") => {
            let db = &call.keys.dbs[call.keys.selected];
            let key = call.args[2];
            let Some(entry) = db.table.get(db.table.hash(key), key) else {
                return Err(errors::NO_SUCH_KEY.into());
            };
            let idle = crate::access::idle_seconds(entry.clock(), call.keys.now_ms);
            let serialized = entry.block_bytes();
            call.reply.simple(&format!(
                "Value at:0x0 refcount:1 encoding:{} serializedlength:{serialized} lru:{} lru_seconds_idle:{idle}",
                super::keys::encoding(entry),
                entry.clock()
            ));
        }
        3..=5 if is(word, "POPULATE") => populate(call)?,
        3 if is(word, "PROTOCOL") => protocol_sample(call)?,
        3 if is(word, "ERROR") => return Err(Stopped::Text(call.args[2].to_vec())),
        3 if is(word, "SET-DISABLE-DENY-SCRIPTS") => {
            call.keys.settings.scripts_call_all = call.args[2] == b"1";
            call.reply.ok();
        }
        3 if is(word, "SET-SKIP-CHECKSUM-VALIDATION") => {
            call.keys.settings.skips_dump_checksums = call.args[2] != b"0";
            call.reply.ok();
        }
        // These set thresholds of structures that do not exist here; accepting them lets tests run that use them.
        _ if ["QUICKLIST-PACKED-THRESHOLD", "REPLYBUFFER-PEAK-RESET-TIME", "DICT-RESIZING"]
            .iter()
            .any(|name| is(word, name)) =>
        {
            call.reply.ok();
        }
        3 if is(word, "SET-ACTIVE-EXPIRE") => {
            call.keys.settings.active_expire = call.args[2] != b"0";
            call.reply.ok();
        }
        _ => return Err(Stopped::Host),
    }
    Ok(())
}

/// DEBUG POPULATE count [prefix [size]]: keys with values, those that are there already stay.
fn populate(call: &mut Call<'_>) -> Done {
    let positive = |text: &[u8]| match redtwin_resp::parse_i64(text) {
        Some(value) if value >= 0 => Ok(value as usize),
        _ => Err(Stopped::Error(errors::MUST_BE_POSITIVE)),
    };
    let count = positive(call.args[2])?;
    let prefix = call.args.get(3).copied().unwrap_or(b"key");
    let size = call.args.get(4).map(|text| positive(text)).transpose()?;
    for i in 0..count {
        let digits = i.to_string();
        let key = [prefix, b":", digits.as_bytes()].concat();
        if call.keys.exists(&key) {
            continue;
        }
        let mut value = format!("value:{digits}").into_bytes();
        if let Some(size) = size {
            value.resize(size, 0);
        }
        call.keys.put_string(&key, &value, false);
    }
    call.reply.ok();
    Ok(())
}

/// DEBUG PROTOCOL: a sample of every kind of reply, for clients' own tests.
fn protocol_sample(call: &mut Call<'_>) -> Done {
    let reply = &mut *call.reply;
    match () {
        () if is(call.args[2], "string") => reply.bulk(b"Hello World"),
        () if is(call.args[2], "integer") => reply.int(12345),
        () if is(call.args[2], "double") => reply.double_text(b"3.141"),
        () if is(call.args[2], "null") => reply.null(),
        () if is(call.args[2], "array") => {
            reply.array(3);
            (0..3).for_each(|i| reply.int(i));
        }
        () if is(call.args[2], "set") => {
            reply.set(3);
            (0..3).for_each(|i| reply.int(i));
        }
        () if is(call.args[2], "map") => {
            reply.map(3);
            (0..3).for_each(|i| {
                reply.int(i);
                reply.boolean(i == 1);
            });
        }
        () if is(call.args[2], "attrib") => {
            if reply.protocol == redtwin_resp::Protocol::Resp3 {
                reply.raw(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        () if is(call.args[2], "push") && reply.protocol == redtwin_resp::Protocol::Resp2 => {
            return Err("ERR RESP2 is not supported by this command".into());
        }
        () if is(call.args[2], "push") => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.int(42);
        }
        () if is(call.args[2], "verbatim") => reply.verbatim("txt", b"This is a verbatim\nstring"),
        () if is(call.args[2], "true") => reply.boolean(true),
        () if is(call.args[2], "false") => reply.boolean(false),
        () if is(call.args[2], "bignum") => reply.big_number("1234567999999999999999999999999999999"),
        () => {
            return Err("ERR Wrong protocol type name. Please use one of the following: \
                        string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
                .into());
        }
    }
    Ok(())
}

fn memory(call: &mut Call<'_>) -> Done {
    let help = [
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
    ];
    if is(call.args[1], "HELP") {
        call.help("MEMORY", &help);
        return Ok(());
    }
    if is(call.args[1], "PURGE") {
        // The allocator gives memory back by itself.
        call.reply.ok();
        return Ok(());
    }
    if is(call.args[1], "MALLOC-STATS") {
        call.reply.bulk(b"Stats not supported for the current allocator");
        return Ok(());
    }
    if !is(call.args[1], "USAGE") {
        return Err(Stopped::Host);
    }
    match call.args {
        [_, _, _] => {}
        [_, _, _, samples, count] if is(samples, "SAMPLES") => {
            if super::parse_int(count)? < 0 {
                return Err(errors::SYNTAX.into());
            }
        }
        _ => return Err(errors::SYNTAX.into()),
    }
    match call.keys.entry(call.args[2]) {
        None => call.reply.null(),
        Some(entry) => {
            let object = match entry.value() {
                Value::Object(object) => object.memory_bytes(),
                _ => 0,
            };
            // A slot of the table is nine bytes, and three quarters of them are used.
            let bytes = entry.block_bytes() + object + 12;
            call.reply.count(bytes);
        }
    }
    Ok(())
}
