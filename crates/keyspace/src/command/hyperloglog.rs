//! HyperLogLogs: PFADD, PFCOUNT, PFMERGE and the two debugging commands. The format and the estimate are in
//! redtwin_structures::hyperloglog; here are only lookups, checks and replies. The value is an ordinary string.

use super::string::change_string;
use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Stopped, Text, text_of};
use redtwin_structures::hyperloglog::{self as hll, Corrupt, Encoding, Union};

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Pfadd => pfadd,
        CommandId::Pfcount => |call| if call.args.len() == 2 { count_one(call) } else { count_union(call) },
        CommandId::Pfmerge => pfmerge,
        CommandId::Pfdebug => pfdebug,
        CommandId::Pfselftest => pfselftest,
        _ => return None,
    })
}

fn corrupt(_: Corrupt) -> Stopped {
    errors::CORRUPT_HLL.into()
}

/// The bytes of a HyperLogLog and its encoding.
fn checked(text: Text<'_>) -> Result<(&[u8], Encoding), Stopped> {
    match text {
        Text::Bytes(bytes) => match hll::encoding(bytes) {
            Some(encoding) => Ok((bytes, encoding)),
            None => Err(errors::INVALID_HLL.into()),
        },
        Text::Int(_) => Err(errors::INVALID_HLL.into()),
    }
}

/// Checks the value of a key that is going to be changed; None when there is no key.
fn encoding_for_change(call: &mut Call<'_>, key: &[u8]) -> Result<Option<Encoding>, Stopped> {
    call.keys.entry(key).map(|entry| Ok(checked(text_of(entry.value())?)?.1)).transpose()
}

/// Changes the HyperLogLog at a key, made empty when there is none.
fn change<T>(
    call: &mut Call<'_>,
    key: &[u8],
    change: impl FnOnce(&mut Vec<u8>, usize) -> Result<T, Corrupt>,
) -> Result<T, Stopped> {
    let sparse_max_bytes = call.keys.settings.hll_sparse_max_bytes;
    let mut result = Err(Corrupt);
    change_string(call, key, |bytes| {
        if bytes.is_empty() {
            *bytes = hll::empty();
        }
        result = change(bytes, sparse_max_bytes);
    });
    result.map_err(corrupt)
}

fn pfadd(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let created = encoding_for_change(call, key)?.is_none();
    let elements = &call.args[2..];
    let grown = change(call, key, |bytes, sparse_max_bytes| {
        let mut grown = u64::from(created);
        for element in elements {
            grown += u64::from(hll::add(bytes, element, sparse_max_bytes)?);
        }
        if grown > 0 {
            hll::invalidate(bytes);
        }
        Ok(grown)
    })?;
    if grown > 0 {
        call.keys.touched(b'$', "pfadd", key, grown);
    }
    call.reply.flag(grown > 0);
    Ok(())
}

/// PFCOUNT of one key. The count is cached in the value: a read that changes data, and is fed as it came.
fn count_one(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let Some(text) = call.keys.text(key)? else {
        call.reply.int(0);
        return Ok(());
    };
    let (bytes, _) = checked(text)?;
    if let Some(cardinality) = hll::cached(bytes) {
        call.reply.int(cardinality as i64);
        return Ok(());
    }
    let cardinality = hll::count(bytes).map_err(corrupt)?;
    change_string(call, key, |bytes| hll::set_cached(bytes, cardinality));
    call.keys.signal(key);
    call.keys.dirty += 1;
    call.reply.int(cardinality as i64);
    Ok(())
}

fn count_union(call: &mut Call<'_>) -> Done {
    let mut union = Union::default();
    for key in &call.args[1..] {
        if let Some(text) = call.keys.text(key)? {
            union.merge(checked(text)?.0).map_err(corrupt)?;
        }
    }
    call.reply.int(union.count() as i64);
    Ok(())
}

fn pfmerge(call: &mut Call<'_>) -> Done {
    let key = call.args[1];
    let mut union = Union::default();
    let mut dense = false;
    // The destination is a source as well.
    for source in &call.args[1..] {
        if let Some(text) = call.keys.text(source)? {
            let (bytes, encoding) = checked(text)?;
            dense |= encoding == Encoding::Dense;
            union.merge(bytes).map_err(corrupt)?;
        }
    }
    change(call, key, |bytes, sparse_max_bytes| {
        if dense {
            hll::make_dense(bytes)?;
        }
        union.write_into(bytes, sparse_max_bytes)
    })?;
    call.keys.touched(b'$', "pfadd", key, 1);
    call.reply.ok();
    Ok(())
}

fn pfdebug(call: &mut Call<'_>) -> Done {
    let (word, key) = (call.args[1], call.args[2]);
    let Some(encoding) = encoding_for_change(call, key)? else {
        return Err("ERR The specified key does not exist".into());
    };
    let known = ["GETREG", "DECODE", "ENCODING", "TODENSE"].iter().any(|known| is(word, known));
    if !known || call.args.len() != 3 {
        let word = String::from_utf8_lossy(word);
        return Err(match known {
            true => format!("ERR Wrong number of arguments for the '{word}' subcommand"),
            false => format!("ERR Unknown PFDEBUG subcommand '{word}'"),
        }
        .into());
    }
    if is(word, "ENCODING") {
        call.reply.simple(encoding.name());
        return Ok(());
    }
    if is(word, "DECODE") {
        let runs = call.keys.text(key)?.and_then(|text| hll::describe_runs(checked(text).ok()?.0));
        let Some(runs) = runs else { return Err("ERR HLL encoding is not sparse".into()) };
        call.reply.bulk(runs.as_bytes());
        return Ok(());
    }
    let converted = change(call, key, |bytes, _| hll::make_dense(bytes))?;
    call.keys.dirty += u64::from(converted);
    if is(word, "TODENSE") {
        call.reply.flag(converted);
        return Ok(());
    }
    let Some(text) = call.keys.text(key)? else { return Err("ERR The specified key does not exist".into()) };
    let registers = hll::registers(checked(text)?.0).map_err(corrupt)?;
    call.reply.array(registers.len());
    registers.iter().for_each(|register| call.reply.int(i64::from(*register)));
    Ok(())
}

fn pfselftest(call: &mut Call<'_>) -> Done {
    hll::self_test(call.keys.rng.next_u64(), call.keys.settings.hll_sparse_max_bytes)
        .map_err(|failure| format!("ERR {failure}"))?;
    call.reply.ok();
    Ok(())
}
