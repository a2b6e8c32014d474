//! The commands, a file per family. `handler` finds the function of a command.
//!
//! A handler reads its arguments, works on the keyspace, writes one reply, and says what it changed:
//!
//! ```text
//!   fn append(call: &mut Call) -> Done {
//!       let key = call.args[1];
//!       ... call.keys.text(key)?            WRONGTYPE leaves through the question mark
//!       ... call.keys.put_string(...)
//!       call.keys.touched(b'$', "append", key, 1);     dirty, WATCH, keyspace event
//!       call.reply.count(len);
//!       Ok(())
//!   }
//! ```
//!
//! What goes into the feed is the command as it came, unless the handler calls `call.feed(..)`.

use crate::generated::commands::CommandId;
use crate::keyspace::{Keyspace, Stopped};
use crate::session::Session;
use redtwin_resp::Reply;

mod bitfield;
mod bitmap;
mod connection;
mod debug;
mod dump;
pub(crate) mod eval;
mod expiry;
mod function;
mod geo;
mod hash;
pub(crate) mod hash_expiry;
mod hyperloglog;
mod keys;
mod list;
mod list_move;
mod ranges;
mod sampling;
mod scan;
mod script;
mod set;
mod set_algebra;
mod sort;
mod stream;
mod string;
mod string_numbers;
mod transaction;
mod zset;
mod zset_algebra;
mod zset_range;

/// What a handler works with.
#[derive(Debug)]
pub struct Call<'a> {
    /// The command's name, then its arguments.
    pub args: &'a [&'a [u8]],
    /// The databases.
    pub keys: &'a mut Keyspace,
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// Who asks.
    pub session: &'a mut Session,
    /// The command may wait for its keys; not so inside a transaction or from our primary.
    pub may_wait: bool,
    /// Set by a handler that wants to wait; see `wait`.
    pub wait: Option<Wait>,
}

/// A handler's wish to wait for keys. The same command is tried again when one of them has changed.
#[derive(Debug)]
pub struct Wait {
    /// Any of these.
    pub keys: Vec<Vec<u8>>,
    /// Until when (Unix ms); None for ever.
    pub deadline_ms: Option<i64>,
    /// What is tried again, when it is not the command as it came (XREAD's `$` becomes an id).
    pub command: Option<Vec<Vec<u8>>>,
    /// The reply after the deadline is a null array (BLPOP) rather than a null (BLMOVE).
    pub null_array: bool,
}

/// How a handler ends.
pub type Done = Result<(), Stopped>;
/// A command's function.
pub type Handler = fn(&mut Call<'_>) -> Done;

impl Call<'_> {
    /// Feeds this instead of the command as it came. Called again, it adds another effect to the unit.
    pub fn feed(&mut self, arguments: &[&[u8]]) {
        self.keys.effects.replace(self.keys.selected, arguments);
    }

    /// Writes what a command with subcommands answers to HELP: a line each, HELP itself last.
    pub fn help(&mut self, command: &str, lines: &[&str]) {
        self.reply.array(lines.len() + 3);
        self.reply.simple(&format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        lines.iter().for_each(|line| self.reply.simple(line));
        self.reply.simple("HELP");
        self.reply.simple("    Prints this help.");
    }

    /// Argument as an integer, or "value is not an integer or out of range".
    pub fn int(&self, index: usize) -> Result<i64, Stopped> {
        parse_int(self.args[index])
    }
}

/// An integer argument.
pub fn parse_int(text: &[u8]) -> Result<i64, Stopped> {
    redtwin_resp::parse_i64(text).ok_or(Stopped::Error(crate::generated::errors::NOT_INTEGER))
}

/// An integer argument of 32 bits, as database numbers are.
pub fn parse_int32(text: &[u8]) -> Result<i64, Stopped> {
    let value = parse_int(text)?;
    match i32::try_from(value) {
        Ok(_) => Ok(value),
        Err(_) => Err("ERR value is out of range, value must between -2147483648 and 2147483647".into()),
    }
}

/// Is the argument this word, whatever its case?
pub fn is(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// The function of a command; None when this engine does not have it.
pub fn handler(id: CommandId) -> Option<Handler> {
    connection::handler(id)
        .or_else(|| transaction::handler(id))
        .or_else(|| string::handler(id))
        .or_else(|| string_numbers::handler(id))
        .or_else(|| keys::handler(id))
        .or_else(|| expiry::handler(id))
        .or_else(|| scan::handler(id))
        .or_else(|| debug::handler(id))
        .or_else(|| dump::handler(id))
        .or_else(|| bitmap::handler(id))
        .or_else(|| bitfield::handler(id))
        .or_else(|| hyperloglog::handler(id))
        .or_else(|| geo::handler(id))
        .or_else(|| list::handler(id))
        .or_else(|| list_move::handler(id))
        .or_else(|| hash::handler(id))
        .or_else(|| hash_expiry::handler(id))
        .or_else(|| set::handler(id))
        .or_else(|| set_algebra::handler(id))
        .or_else(|| stream::handler(id))
        .or_else(|| sort::handler(id))
        .or_else(|| script::handler(id))
        .or_else(|| eval::handler(id))
        .or_else(|| function::handler(id))
        .or_else(|| zset::handler(id))
        .or_else(|| zset_range::handler(id))
        .or_else(|| zset_algebra::handler(id))
}
