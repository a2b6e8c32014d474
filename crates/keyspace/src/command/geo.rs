//! Geo sets: places as scores of a sorted set. Adding, distances, positions and hashes; searching is in geo/search.rs.
//! The arithmetic is in redtwin_structures::geohash. A geo set is a sorted set, and GEOADD is a ZADD for the feed.

mod search;

use super::{Call, Done, Handler, is, zset};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_resp::Reply;
use redtwin_structures::geohash::{Position, distance};
use redtwin_structures::number::parse_f64;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Geoadd => geoadd,
        CommandId::Geodist => geodist,
        CommandId::Geohash => geohash,
        CommandId::Geopos => geopos,
        other => return search::handler(other),
    })
}

/// A double argument, with the error that its command has for what is none.
fn double(text: &[u8], error: &'static str) -> Result<f64, Stopped> {
    parse_f64(text).ok_or(error.into())
}

/// A longitude and a latitude that can be indexed.
fn position(longitude: &[u8], latitude: &[u8]) -> Result<Position, Stopped> {
    let longitude = double(longitude, errors::NOT_FLOAT)?;
    let latitude = double(latitude, errors::NOT_FLOAT)?;
    let position = Position { longitude, latitude };
    match position.is_valid() {
        true => Ok(position),
        false => Err(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}").into()),
    }
}

/// Metres in a unit of length.
fn unit(text: &[u8]) -> Result<f64, Stopped> {
    match () {
        () if is(text, "M") => Ok(1.0),
        () if is(text, "KM") => Ok(1000.0),
        () if is(text, "FT") => Ok(0.3048),
        () if is(text, "MI") => Ok(1609.34),
        () => Err("ERR unsupported unit provided. please use M, KM, FT, MI".into()),
    }
}

/// Writes a distance with four digits behind the point, as a bulk string in both protocols.
fn reply_distance(to: &mut Reply, distance: f64) {
    let scaled = (distance * 10_000.0).round_ties_even();
    // What is no integer of 64 bits becomes the least one, as on x86-64.
    let scaled =
        if scaled >= -(2.0_f64.powi(63)) && scaled < 2.0_f64.powi(63) { scaled as i64 } else { i64::MIN };
    let digits = format!("{:05}", scaled.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - 4);
    let sign = if scaled < 0 { "-" } else { "" };
    to.bulk(format!("{sign}{whole}.{fraction}").as_bytes());
}

/// Writes a place: two doubles with all their digits, up to 17 behind the point.
fn reply_position(to: &mut Reply, position: Position) {
    to.array(2);
    for degrees in [position.longitude, position.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        to.double_text(if text == "-0" { b"0" } else { text.as_bytes() });
    }
}

fn geoadd(call: &mut Call<'_>) -> Done {
    let args = call.args;
    let is_option = |word: &&&[u8]| ["NX", "XX", "CH"].iter().any(|option| is(word, option));
    let options = args[2..].iter().take_while(is_option).count();
    let (head, places) = args.split_at(2 + options);
    let both = head[2..].iter().any(|word| is(word, "NX")) && head[2..].iter().any(|word| is(word, "XX"));
    if !places.len().is_multiple_of(3) || both {
        return Err(errors::SYNTAX.into());
    }
    let mut scores = Vec::with_capacity(places.len() / 3);
    for place in places.chunks_exact(3) {
        scores.push(position(place[0], place[1])?.score().to_string());
    }
    let mut added: Vec<&[u8]> = Vec::with_capacity(head.len() + 2 * scores.len());
    added.push(b"zadd");
    added.extend_from_slice(&head[1..]);
    for (score, place) in scores.iter().zip(places.chunks_exact(3)) {
        added.extend_from_slice(&[score.as_bytes(), place[2]]);
    }
    let Some(zadd) = zset::handler(CommandId::Zadd) else { return Err(errors::NOT_SUPPORTED_YET.into()) };
    let dirty = call.keys.dirty;
    zadd(&mut Call {
        args: &added,
        keys: call.keys,
        reply: call.reply,
        session: call.session,
        may_wait: false,
        wait: None,
    })?;
    if call.keys.dirty != dirty {
        call.feed(&added);
    }
    Ok(())
}

fn geodist(call: &mut Call<'_>) -> Done {
    let metres = match *call.args {
        [_, _, _, _] => 1.0,
        [_, _, _, _, name] => unit(name)?,
        _ => return Err(errors::SYNTAX.into()),
    };
    let zset = call.keys.zset(call.args[1])?;
    let place = |member: &[u8]| zset?.score(member).map(Position::from_score);
    match (place(call.args[2]), place(call.args[3])) {
        (Some(from), Some(to)) => reply_distance(call.reply, distance(from, to) / metres),
        _ => call.reply.null(),
    }
    Ok(())
}

fn geohash(call: &mut Call<'_>) -> Done {
    let members = &call.args[2..];
    let zset = call.keys.zset(call.args[1])?;
    call.reply.array(members.len());
    for member in members {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => call.reply.bulk(&Position::from_score(score).standard_geohash()),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn geopos(call: &mut Call<'_>) -> Done {
    let members = &call.args[2..];
    let zset = call.keys.zset(call.args[1])?;
    call.reply.array(members.len());
    for member in members {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => reply_position(call.reply, Position::from_score(score)),
            None => call.reply.null_array(),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use redtwin_resp::Protocol;

    fn written(write: impl Fn(&mut Reply)) -> String {
        let mut reply = Reply::new(Protocol::Resp2);
        write(&mut reply);
        String::from_utf8_lossy(reply.bytes()).replace("\r\n", " ")
    }

    #[test]
    fn distances_have_four_digits() {
        for (distance, text) in [
            (0.0, "0.0000"),
            (0.00004, "0.0000"),
            (0.00015, "0.0001"),
            (0.00025, "0.0002"),
            (12.5, "12.5000"),
            (166274.15156, "166274.1516"),
        ] {
            assert_eq!(written(|to| reply_distance(to, distance)), format!("${} {text} ", text.len()));
        }
        assert_eq!(written(|to| reply_distance(to, f64::NAN)), "$21 -922337203685477.5808 ");
    }

    #[test]
    fn positions_have_all_their_digits() {
        let position = Position { longitude: 13.361389338970184, latitude: 0.0 };
        assert_eq!(written(|to| reply_position(to, position)), "*2 $20 13.36138933897018433 $1 0 ");
    }
}
