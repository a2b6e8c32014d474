//! Strings as rows of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. BITFIELD is in bitfield.rs; the arithmetic on bits
//! is in redtwin_structures::bits, where bit 0 is the highest of the first byte.

use super::string::change_string;
use super::{Call, Done, Handler, is, parse_int};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Caller, Stopped, Text, text_of};
use redtwin_structures::bits;
use std::ops::RangeInclusive;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Setbit => setbit,
        CommandId::Getbit => getbit,
        CommandId::Bitcount => bitcount,
        CommandId::Bitpos => bitpos,
        CommandId::Bitop => bitop,
        _ => return None,
    })
}

/// A bit offset. A client's must lie within proto-max-bulk-len bytes; a primary has checked its own, and what it could
/// not hold itself (4 GiB) it does not send.
pub fn bit_offset(call: &Call<'_>, text: &[u8], factor: i64) -> Result<u64, Stopped> {
    let offset = parse_int(text).map_err(|_| errors::BIT_OFFSET)?.wrapping_mul(factor);
    let bytes_max = match call.keys.caller {
        Caller::Primary => i64::from(u32::MAX),
        Caller::Client => call.keys.settings.proto_max_bulk_len,
    };
    if offset < 0 || offset >> 3 >= bytes_max {
        return Err(errors::BIT_OFFSET.into());
    }
    Ok(offset as u64)
}

/// Length of the string at a key that is going to be changed; None when there is no key.
pub fn length_for_change(call: &mut Call<'_>, key: &[u8]) -> Result<Option<usize>, Stopped> {
    call.keys.entry(key).map(|entry| text_of(entry.value()).map(Text::len)).transpose()
}

fn setbit(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let offset = bit_offset(call, call.args[2], 1)?;
    let one = match parse_int(call.args[3]) {
        Ok(0) => false,
        Ok(1) => true,
        _ => return Err(errors::BIT_VALUE.into()),
    };
    let length = length_for_change(call, key)?;
    let needed = (offset / 8) as usize + 1;
    let mut before = false;
    change_string(call, key, |bytes| {
        if bytes.len() < needed {
            bytes.resize(needed, 0);
        }
        before = bits::get(bytes, offset);
        bits::set(bytes, offset, one);
    });
    if before != one || length.is_none_or(|length| length < needed) {
        call.keys.touched(b'$', "setbit", key, 1);
    }
    call.reply.flag(before);
    Ok(())
}

fn getbit(call: &mut Call<'_>) -> Done {
    let offset = bit_offset(call, call.args[2], 1)?;
    let mut digits = itoa::Buffer::new();
    let one = call.keys.text(call.args[1])?.is_some_and(|text| bits::get(text.bytes(&mut digits), offset));
    call.reply.flag(one);
    Ok(())
}

/// Is the last argument of a range BIT (rather than BYTE)?
fn is_in_bits(unit: Option<&&[u8]>) -> Result<bool, Stopped> {
    match unit {
        None => Ok(false),
        Some(unit) if is(unit, "BIT") => Ok(true),
        Some(unit) if is(unit, "BYTE") => Ok(false),
        Some(_) => Err(errors::SYNTAX.into()),
    }
}

/// A range with negative indexes from the end, in bits or in bytes, as bits of a string of `length` bytes. None when
/// nothing is in it.
fn bit_range(start: i64, end: i64, in_bits: bool, length: usize) -> Option<RangeInclusive<u64>> {
    let (unit, total) = if in_bits { (1, length as i64 * 8) } else { (8, length as i64) };
    let absolute = |index: i64| if index < 0 { index.saturating_add(total).max(0) } else { index };
    let (start, end) = (absolute(start), absolute(end).min(total - 1));
    (start <= end).then(|| start as u64 * unit..=end as u64 * unit + unit - 1)
}

fn bitcount(call: &mut Call<'_>) -> Done {
    let mut digits = itoa::Buffer::new();
    let args = call.args;
    let Some(text) = call.keys.text(args[1])? else {
        call.reply.int(0);
        return Ok(());
    };
    let bytes = text.bytes(&mut digits);
    let range = match *args {
        [_, _] => bit_range(0, -1, false, bytes.len()),
        [_, _, start, end, ref unit @ ..] if unit.len() <= 1 => {
            let (start, end) = (parse_int(start)?, parse_int(end)?);
            // Redis finds this range empty before it reads its unit.
            if start < 0 && end < 0 && start > end {
                None
            } else {
                bit_range(start, end, is_in_bits(unit.first())?, bytes.len())
            }
        }
        _ => return Err(errors::SYNTAX.into()),
    };
    let ones = range.map_or(0, |range| bits::count_ones(bytes, range));
    call.reply.int(ones as i64);
    Ok(())
}

fn bitpos(call: &mut Call<'_>) -> Done {
    let mut digits = itoa::Buffer::new();
    let args = call.args;
    let one = match parse_int(args[2])? {
        0 => false,
        1 => true,
        _ => return Err("ERR The bit argument must be 1 or 0.".into()),
    };
    let Some(text) = call.keys.text(args[1])? else {
        call.reply.int(if one { -1 } else { 0 });
        return Ok(());
    };
    let bytes = text.bytes(&mut digits);
    let range = match *args {
        [_, _, _] => bit_range(0, -1, false, bytes.len()),
        [_, _, _, start] => bit_range(parse_int(start)?, -1, false, bytes.len()),
        [_, _, _, start, end, ref unit @ ..] if unit.len() <= 1 => {
            let start = parse_int(start)?;
            let in_bits = is_in_bits(unit.first())?;
            bit_range(start, parse_int(end)?, in_bits, bytes.len())
        }
        _ => return Err(errors::SYNTAX.into()),
    };
    let found = range.and_then(|range| match bits::find(bytes, range, one) {
        Some(found) => Some(found as i64),
        // Without an end of the range the string goes on with zeros for ever.
        None if !one && args.len() < 5 => Some(bytes.len() as i64 * 8),
        None => None,
    });
    call.reply.int(found.unwrap_or(-1));
    Ok(())
}

fn bitop(call: &mut Call<'_>) -> Done {
    let (word, target, sources) = (call.args[1], call.args[2], &call.args[3..]);
    let combine: fn(&mut u8, u8) = match () {
        () if is(word, "AND") => |to, from| *to &= from,
        () if is(word, "OR") => |to, from| *to |= from,
        () if is(word, "XOR") => |to, from| *to ^= from,
        () if is(word, "NOT") => |to, _| *to = !*to,
        () => return Err(errors::SYNTAX.into()),
    };
    let negate = is(word, "NOT");
    if negate && sources.len() != 1 {
        return Err("ERR BITOP NOT must be called with a single source key.".into());
    }
    let mut result = Vec::new();
    for (index, key) in sources.iter().enumerate() {
        let mut digits = itoa::Buffer::new();
        let text = call.keys.text(key)?;
        let bytes = text.map(|text| text.bytes(&mut digits)).unwrap_or_default();
        if index == 0 {
            result.extend_from_slice(bytes);
            continue;
        }
        // A shorter string goes on with zeros.
        if result.len() < bytes.len() {
            result.resize(bytes.len(), 0);
        }
        let (both, beyond) = result.split_at_mut(bytes.len());
        both.iter_mut().zip(bytes).for_each(|(to, from)| combine(to, *from));
        beyond.iter_mut().for_each(|to| combine(to, 0));
    }
    if negate {
        result.iter_mut().for_each(|byte| combine(byte, 0));
    }
    let length = result.len();
    if length > 0 {
        // A new value without the old one's expiry; raw, whatever its length.
        call.keys.remove(target);
        let result = &mut result;
        change_string(call, target, |bytes| std::mem::swap(bytes, result));
        call.keys.touched(b'$', "set", target, 1);
    } else if call.keys.remove(target) {
        call.keys.touched(b'g', "del", target, 1);
    }
    call.reply.count(length);
    Ok(())
}
