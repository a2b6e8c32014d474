//! The subcommands of DEBUG and MEMORY that look into the keyspace; the host has the others.

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
        3 if is(word, "SET-ACTIVE-EXPIRE") => {
            call.keys.settings.active_expire = call.args[2] != b"0";
            call.reply.ok();
        }
        _ => return Err(Stopped::Host),
    }
    Ok(())
}

fn memory(call: &mut Call<'_>) -> Done {
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
                Value::Object(object) => size_of_val(object) + 16 + object.memory_bytes(),
                _ => 0,
            };
            // A slot of the table is nine bytes, and three quarters of them are used.
            let bytes = entry.block_bytes() + object + 12;
            call.reply.count(bytes);
        }
    }
    Ok(())
}
