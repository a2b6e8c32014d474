//! How streams look in replies: an ID is a bulk string, an entry a pair of its ID and a flat array of fields and values.

use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_resp::Reply;
use redtwin_structures::listpack::Value;
use redtwin_structures::stream::{Entry, ID_TEXT_MAX, StreamId};

/// Writes an ID.
pub fn id(reply: &mut Reply, id: StreamId) {
    reply.bulk(id.text(&mut [0; ID_TEXT_MAX]));
}

/// Writes an entry.
pub fn entry(reply: &mut Reply, entry: &Entry<'_>) {
    reply.array(2);
    id(reply, entry.id);
    let fields = entry.fields();
    reply.array(fields.len() * 2);
    for (field, part) in fields {
        value(reply, field);
        value(reply, part);
    }
}

fn value(reply: &mut Reply, value: Value<'_>) {
    match value {
        Value::Int(int) => reply.bulk_int(int),
        Value::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// Writes up to `count` entries (all when `count` is 0) as an array.
pub fn entries<'a>(reply: &mut Reply, entries: impl Iterator<Item = Entry<'a>>, count: usize) {
    let mark = reply.mark();
    let most = if count == 0 { usize::MAX } else { count };
    let written = entries.take(most).map(|one| entry(reply, &one)).count();
    reply.array_at(mark, written);
}

/// The error for a subcommand that got arguments it does not know.
pub fn unknown_subcommand(args: &[&[u8]]) -> Stopped {
    let [command, word, ..] = args else { return errors::SYNTAX.into() };
    let word = word.get(..128).unwrap_or(word);
    let command = command.to_ascii_uppercase();
    let start = b"ERR unknown subcommand or wrong number of arguments for '";
    Stopped::Text([start, word, b"'. Try ", &command, b" HELP."].concat())
}
