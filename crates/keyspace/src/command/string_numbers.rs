//! Strings that are numbers: INCR and its relatives.
//!
//! A counter is a text that reads as a number; overflow is refused, and a float is fed as the SET of its result.

use super::{Call, Done, Handler};
use crate::entry::{NewValue, Value};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::text_of;
use redtwin_structures::number::LongDouble;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Incr => |call| add(call, 1),
        CommandId::Decr => |call| add(call, -1),
        CommandId::Incrby => |call| {
            let by = call.int(2)?;
            add(call, by)
        },
        CommandId::Decrby => |call| match call.int(2)? {
            i64::MIN => Err(errors::DECREMENT_OVERFLOW.into()),
            by => add(call, -by),
        },
        CommandId::Incrbyfloat => incrbyfloat,
        _ => return None,
    })
}

fn add(call: &mut Call<'_>, by: i64) -> Done {
    let key = call.args[1];
    let sum = match call.keys.entry(key) {
        None => {
            call.keys.put_missing(key, NewValue::Int(by), true);
            by
        }
        Some(entry) => {
            let old = match entry.value() {
                Value::Int(int) => int,
                other => super::parse_int(text_of(other)?.bytes(&mut itoa::Buffer::new()))?,
            };
            let sum = old.checked_add(by).ok_or(errors::OVERFLOW)?;
            entry.set_value(NewValue::Int(sum));
            sum
        }
    };
    call.keys.touched(b'$', "incrby", key, 1);
    call.reply.int(sum);
    Ok(())
}

fn incrbyfloat(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let old = match call.keys.entry(key) {
        None => None,
        Some(entry) => Some(text_of(entry.value())?.to_vec()),
    };
    let parse = |text: &[u8]| LongDouble::parse(text).ok_or(errors::NOT_FLOAT);
    let old = parse(old.as_deref().unwrap_or(b"0"))?;
    let by = parse(call.args[2])?;
    let sum = old + by;
    if !sum.is_finite() {
        return Err(errors::NAN_OR_INFINITY.into());
    }
    let text = sum.to_text();
    // Redis keeps the result as text, whether or not it looks like an integer.
    call.keys.put(key, NewValue::Bytes(&text), true);
    call.keys.touched(b'$', "incrbyfloat", key, 1);
    call.feed(&[b"SET", key, &text, b"KEEPTTL"]);
    call.reply.bulk(&text);
    Ok(())
}
