//! A command inside a script: looked up, checked by the script's rights, run on the same keyspace.
//!
//! Order of checks as in Redis 7.0 (script.c): known, arity, noscript, stale, read-only, writes allowed here, memory.

use super::convert::{COUNTED, argument, error_table, to_lua};
use super::machine::Run;
use crate::acl::{Context, Named, not_in_script};
use crate::command::Call;
use crate::command_stats::row_of;
use crate::feed_reader::{self, Reader};
use crate::generated::commands::{
    CommandId, CommandSpec, FLAG_DENYOOM, FLAG_NOSCRIPT, FLAG_READONLY, FLAG_STALE, FLAG_WRITE,
};
use crate::generated::errors;
use crate::keyspace::{Caller, Keyspace, Stopped};
use crate::session::{Session, Tracking};
use crate::store::admission::arity_fits;
use mlua::{Lua, Value};
use redtwin_resp::{Protocol, Reply};
use std::rc::Rc;

/// What a script may do, and what it has done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rights {
    /// EVAL_RO, FCALL_RO, or the flag no-writes.
    pub read_only: bool,
    /// The flag allow-oom.
    pub allow_oom: bool,
    /// It has written: from now on nothing that may change from one moment to the next stops it.
    pub wrote: bool,
}

/// Memory is over maxmemory, for those whom that concerns.
pub fn out_of_memory(keys: &Keyspace) -> bool {
    let settings = &keys.settings;
    settings.maxmemory > 0
        && keys.caller == Caller::Client
        && !(keys.gates.replica && settings.replica_ignore_maxmemory)
        && (keys.memory_used)() as u64 > settings.maxmemory
}

/// Why a command may not run, and which it is if there is such a command.
type Refused = (Option<&'static CommandSpec>, &'static str);

/// What became of a command's handler.
enum Ran {
    Replied,
    /// This form of the command is the host's.
    ForTheHost,
}

/// What redis.call came to.
pub enum Step {
    /// Whether all is well, and the result or an error table.
    Done(bool, Value),
    /// It is a command of the host, which is asked; see `Inner::answered`.
    Ask(Vec<Vec<u8>>),
}

/// Runs commands for one script. The data is lent to it for each.
#[derive(Debug)]
pub struct Inner {
    /// The commands' own session: its database starts as the caller's.
    pub session: Session,
    /// Replies, one at a time.
    pub reply: Reply,
    /// What the script may do.
    pub rights: Rights,
    /// The script's own keys: what a tracked client counts as read when the script reads anything.
    pub declared: Vec<Vec<u8>>,
    /// For the protocol and set_repl.
    pub run: Rc<Run>,
}

/// A command's row, with the arity and the flags of the subcommand that the words name; None when there is none.
pub fn known(words: &[&[u8]]) -> Option<(&'static CommandSpec, i32, u32)> {
    let (spec, _) = crate::lookup::find(words.first()?)?;
    match words.get(1).filter(|_| !spec.subcommands.is_empty()) {
        None => Some((spec, spec.arity, spec.flags)),
        Some(word) => {
            let sub = spec.subcommands.iter().find(|sub| word.eq_ignore_ascii_case(sub.name.as_bytes()))?;
            Some((spec, sub.arity, sub.flags))
        }
    }
}

impl Inner {
    /// redis.call and redis.pcall.
    pub fn call(&mut self, keys: &mut Keyspace, lua: &Lua, arguments: &[Value]) -> mlua::Result<Step> {
        let fail = |text: &[u8]| Ok(Step::Done(false, Value::Table(error_table(lua, text)?)));
        // It is counted here; the script that passes it on does not count it again.
        let counted = |text: &[u8]| {
            let table = error_table(lua, text)?;
            table.raw_set(COUNTED, true)?;
            Ok(Step::Done(false, Value::Table(table)))
        };
        if arguments.is_empty() {
            return fail(b"ERR Please specify at least one argument for this redis lib call");
        }
        let Some(words) = arguments.iter().map(argument).collect::<Option<Vec<_>>>() else {
            return fail(b"ERR Lua redis lib command arguments must be strings or integers");
        };
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let spec = match self.check(keys, &words) {
            Ok(spec) => spec,
            Err((spec, error)) => {
                keys.command_stats.count_error(error.as_bytes());
                if let Some(spec) = spec {
                    keys.command_stats.rejected(row_of(spec, &words));
                }
                return counted(error.as_bytes());
            }
        };
        if let Some(scripted) = &mut keys.scripted {
            scripted.push((self.session.db, words.iter().map(|word| word.to_vec()).collect()));
        }
        let ask = || Ok(Step::Ask(words.iter().map(|word| word.to_vec()).collect()));
        if spec.host {
            return ask();
        }
        let (row, since_ns) = (row_of(spec, &words), (keys.command_stats.clock)());
        let done = self.run(keys, spec, &words);
        if let Ok(Ran::ForTheHost) = done {
            return ask();
        }
        keys.command_stats.inside(row, since_ns);
        if let Err(error) = done {
            keys.command_stats.count_error(&error);
            keys.command_stats.failed(row);
            return counted(&error);
        }
        match to_lua(lua, self.reply.bytes())? {
            Some(value) => Ok(Step::Done(self.reply.bytes().first() != Some(&b'-'), value)),
            None => fail(b"ERR the command gave no reply"),
        }
    }

    /// The host's reply, in RESP2.
    pub fn answered(&mut self, lua: &Lua, reply: &[u8]) -> mlua::Result<(bool, Value)> {
        let value = to_lua(lua, reply)?.unwrap_or(Value::Nil);
        Ok((reply.first() != Some(&b'-'), value))
    }

    fn check(&mut self, keys: &mut Keyspace, words: &[&[u8]]) -> Result<&'static CommandSpec, Refused> {
        const UNKNOWN: &str = "ERR Unknown Redis command called from script";
        let Some((spec, arity, flags)) = known(words) else { return Err((None, UNKNOWN)) };
        self.check_rights(keys, spec, arity, flags, words).map_err(|error| (Some(spec), error))?;
        if flags & FLAG_WRITE != 0 {
            self.rights.wrote = true;
            self.run.wrote.set(true);
        }
        Ok(spec)
    }

    fn check_rights(
        &self,
        keys: &mut Keyspace,
        spec: &'static CommandSpec,
        arity: i32,
        flags: u32,
        words: &[&[u8]],
    ) -> Result<(), &'static str> {
        if !arity_fits(arity, words.len()) {
            return Err("ERR Wrong number of args calling Redis command from script");
        }
        let denied = flags & FLAG_NOSCRIPT != 0 && !keys.settings.scripts_call_all;
        if denied || matches!(spec.id, CommandId::Quit | CommandId::Reset) {
            return Err("ERR This Redis command is not allowed from script");
        }
        let obey = keys.caller == Caller::Primary;
        if keys.gates.master_down && flags & FLAG_STALE == 0 && !obey {
            return Err("ERR Can not execute the command on a stale replica");
        }
        if self.session.user != 0 {
            let named = Named::new(spec, words);
            if let Some(reason) = keys.acl.refusal(&self.session, named, words, Context::Lua) {
                return Err(not_in_script(reason));
            }
        }
        let may_feed = matches!(spec.id, CommandId::Publish | CommandId::Spublish | CommandId::Pfcount);
        if self.rights.read_only && (flags & FLAG_WRITE != 0 || may_feed) {
            return Err("ERR Write commands are not allowed from read-only scripts.");
        }
        if flags & FLAG_WRITE != 0 && !self.rights.wrote && !obey {
            let gates = &keys.gates;
            if gates.read_only {
                return Err(errors::READ_ONLY);
            }
            if gates.misconf && !gates.replica {
                return Err(errors::MISCONF);
            }
            if gates.no_replicas && !gates.replica {
                return Err(errors::NO_REPLICAS);
            }
        }
        if flags & FLAG_DENYOOM != 0 && !self.rights.allow_oom && !self.rights.wrote && out_of_memory(keys) {
            return Err(errors::OOM);
        }
        Ok(())
    }

    fn run(
        &mut self,
        keys: &mut Keyspace,
        spec: &'static CommandSpec,
        words: &[&[u8]],
    ) -> Result<Ran, Vec<u8>> {
        let handler = crate::command::handler(spec.id).ok_or(errors::NOT_SUPPORTED_YET)?;
        let shared = self.run.clone();
        self.reply.clear();
        self.reply.protocol = if shared.resp3.get() { Protocol::Resp3 } else { Protocol::Resp2 };
        self.session.protocol = self.reply.protocol;
        keys.selected = self.session.db;
        let (dirty, effects) = (keys.dirty, keys.effects.mark());
        let mut call = Call {
            args: words,
            keys,
            reply: &mut self.reply,
            session: &mut self.session,
            may_wait: false,
            wait: None,
        };
        let done = handler(&mut call);
        if self.session.tracking != Tracking::Off && Named::new(spec, words).flags() & FLAG_READONLY != 0 {
            keys.traces.read_in_script(&self.session, &self.declared);
        }
        let dirty = keys.dirty != dirty;
        keys.effects.command_done(keys.selected, words, dirty);
        // What is not for replicas is not for the feed.
        if shared.replicate.get() & 2 == 0 {
            keys.effects.rewind(effects);
        }
        if keys.settings.feed_reader != Reader::Newest {
            feed_reader::translate(keys);
        }
        match done {
            Ok(()) => Ok(Ran::Replied),
            Err(Stopped::Host) => Ok(Ran::ForTheHost),
            Err(Stopped::Error(error)) => Err(error.into()),
            Err(Stopped::Text(error)) => Err(error),
            Err(Stopped::Paused) => Err(b"ERR This Redis command is not allowed from script".to_vec()),
        }
    }
}
