//! What the commands of lists, sets, hashes and sorted sets share: index ranges, bounded integers, values in replies, and
//! waiting for keys.

use super::{Call, Done, Wait};
use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_resp::Reply;
use redtwin_structures::listpack::Value;
use redtwin_structures::number::{format_f64, parse_f64};

/// Writes an element as a bulk string.
#[inline]
pub fn reply_value(reply: &mut Reply, value: Value<'_>) {
    match value {
        Value::Int(int) => reply.bulk_int(int),
        Value::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// Writes a score: a double in RESP3, a bulk string in RESP2.
#[inline]
pub fn reply_score(reply: &mut Reply, score: f64) {
    reply.double_text(&format_f64(score));
}

/// Redis's index range with negative indexes from the end, both ends included: the first index and the count, None when
/// nothing is in it.
pub fn index_range(start: i64, end: i64, len: usize) -> Option<(usize, usize)> {
    let len = len as i64;
    let absolute = |index: i64| if index < 0 { index + len } else { index };
    let (start, end) = (absolute(start).max(0), absolute(end).min(len - 1));
    (start <= end && start < len).then(|| (start as usize, (end - start + 1) as usize))
}

/// An integer argument within bounds; the given error otherwise, also for what is no integer.
pub fn int_within(text: &[u8], min: i64, max: i64, error: &'static str) -> Result<i64, Stopped> {
    let value = redtwin_resp::parse_i64(text).ok_or(Stopped::Error(error))?;
    if (min..=max).contains(&value) { Ok(value) } else { Err(error.into()) }
}

/// An integer argument that may not be `i64::MIN`, so that its negative is one too.
pub fn int_negatable(text: &[u8]) -> Result<i64, Stopped> {
    match super::parse_int(text)? {
        i64::MIN => {
            Err(format!("ERR value is out of range, value must between {} and {}", -i64::MAX, i64::MAX)
                .into())
        }
        value => Ok(value),
    }
}

/// A double argument.
pub fn parse_float(text: &[u8]) -> Result<f64, Stopped> {
    parse_f64(text).ok_or(Stopped::Error(errors::NOT_FLOAT))
}

/// The timeout of a blocking command, in seconds with a fraction: the deadline in Unix ms, None to wait for ever.
pub fn parse_timeout(call: &Call<'_>, text: &[u8]) -> Result<Option<i64>, Stopped> {
    let seconds = parse_f64(text).ok_or("ERR timeout is not a float or out of range")?;
    let ms = (seconds * 1000.0).ceil();
    // Redis 7.0 converts what is too large without a look, and gets a negative number.
    if ms < 0.0 || ms > i64::MAX as f64 {
        return Err("ERR timeout is negative".into());
    }
    match ms as i64 {
        0 => Ok(None),
        ms => call.keys.now_ms.checked_add(ms).map(Some).ok_or("ERR timeout is out of range".into()),
    }
}

/// Nothing is there: waits for one of the keys where that is allowed, answers null at once elsewhere.
pub fn wait_or_null(call: &mut Call<'_>, keys: &[&[u8]], deadline_ms: Option<i64>, null_array: bool) -> Done {
    if call.may_wait {
        let keys = keys.iter().map(|key| key.to_vec()).collect();
        call.wait = Some(Wait { keys, deadline_ms, command: None, null_array });
    } else if null_array {
        call.reply.null_array();
    } else {
        call.reply.null();
    }
    Ok(())
}

/// `numkeys key [key ...]` at an index: the keys, and the index behind them. More keys than arguments is a syntax error.
pub fn counted_keys<'a>(
    call: &Call<'a>,
    at: usize,
    bad_count: &'static str,
) -> Result<(&'a [&'a [u8]], usize), Stopped> {
    let count = int_within(call.args[at], 1, i64::MAX, bad_count)?;
    let end = usize::try_from(count).ok().and_then(|count| count.checked_add(at + 1));
    match end.and_then(|end| call.args.get(at + 1..end)) {
        Some(keys) => Ok((keys, at + 1 + keys.len())),
        None => Err(errors::SYNTAX.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::index_range;

    #[test]
    fn ranges_are_those_of_redis() {
        assert_eq!(index_range(0, -1, 3), Some((0, 3)));
        assert_eq!(index_range(-100, 100, 3), Some((0, 3)));
        assert_eq!(index_range(1, 1, 3), Some((1, 1)));
        assert_eq!(index_range(2, 1, 3), None);
        assert_eq!(index_range(3, 5, 3), None);
        assert_eq!(index_range(0, -1, 0), None);
        assert_eq!(index_range(i64::MIN, i64::MAX, 3), Some((0, 3)));
        assert_eq!(index_range(i64::MIN, i64::MIN, 3), None);
    }
}
