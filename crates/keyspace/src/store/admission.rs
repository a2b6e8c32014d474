//! Admission: may this session run this command now, and if not, in which words is it refused?
//!
//! The order of the checks is Redis 7.0's (processCommand), because a client can tell which one came first. Nothing
//! has run when a command is refused; inside MULTI a refusal spoils the transaction.

use super::{Store, may_replicate};
use crate::acl::{Context, Named, no_permission};
use crate::command_stats::row_of;
use crate::generated::commands::{
    CommandId, CommandSpec, FLAG_DENYOOM, FLAG_LOADING, FLAG_NO_AUTH, FLAG_NO_MULTI, FLAG_READONLY,
    FLAG_STALE, FLAG_WRITE,
};
use crate::generated::errors;
use crate::session::Session;
use redtwin_resp::Protocol;

impl Store {
    /// Refuses a command before it ran; an open MULTI will not be executed any more.
    pub(super) fn refuse(
        &mut self,
        session: &mut Session,
        spec: Option<&CommandSpec>,
        args: &[&[u8]],
        error: &[u8],
    ) {
        if let Some(CommandId::Exec) = spec.map(|spec| spec.id) {
            // A refused EXEC is the end of its transaction.
            session.multi = None;
            self.unwatch(session);
            let why = error.strip_prefix(b"ERR ").unwrap_or(error);
            let error = [b"EXECABORT Transaction discarded because of: ", why].concat();
            self.tell_refusal(session, spec, args, &error);
            return;
        }
        if let Some(multi) = &mut session.multi {
            multi.refused = true;
        }
        self.tell_refusal(session, spec, args, error);
    }

    /// An unknown command or subcommand has no row to be counted in, only its error is.
    fn tell_refusal(
        &mut self,
        session: &mut Session,
        spec: Option<&CommandSpec>,
        args: &[&[u8]],
        error: &[u8],
    ) {
        self.reply_unless_muted(session, |reply| reply.told_error_bytes(error));
        self.reply.take_errors();
        let stats = &mut self.keys.command_stats;
        stats.count_error(error);
        let Some(spec) = spec else { return };
        let is_known = spec.subcommands.is_empty() || args.len() < 2 || subcommand(spec, args).is_some();
        if is_known {
            stats.rejected(row_of(spec, args));
        }
    }

    /// Why this session may not run this command now, in Redis's order of checks.
    pub(super) fn refusal(
        &mut self,
        session: &Session,
        spec: &'static CommandSpec,
        args: &[&[u8]],
    ) -> Option<Vec<u8>> {
        let mut flags = spec.flags;
        if !arity_fits(spec.arity, args.len()) {
            return Some(format!("ERR wrong number of arguments for '{}' command", spec.name).into());
        }
        if let (false, Some(word)) = (spec.subcommands.is_empty(), args.get(1)) {
            match spec.subcommands.iter().find(|sub| word.eq_ignore_ascii_case(sub.name.as_bytes())) {
                None => {
                    let name = spec.name.to_uppercase();
                    let tail = format!("'. Try {name} HELP.");
                    return Some([b"ERR unknown subcommand '", c_text(word, 128), tail.as_bytes()].concat());
                }
                Some(sub) if !arity_fits(sub.arity, args.len()) => {
                    return Some(
                        format!("ERR wrong number of arguments for '{}|{}' command", spec.name, sub.name)
                            .into(),
                    );
                }
                Some(sub) => flags = sub.flags,
            }
        }
        if spec.id == CommandId::Debug && self.keys.settings.enable_debug_command == "no" {
            return Some(
                "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can \
                 run it from a local connection, otherwise you need to set this option in the configuration \
                 file, and then restart the server."
                    .into(),
            );
        }
        if !session.authenticated && flags & FLAG_NO_AUTH == 0 {
            return Some(errors::NO_AUTH.into());
        }
        if session.multi.is_some() && flags & FLAG_NO_MULTI != 0 {
            return Some(errors::NOT_IN_MULTI.into());
        }
        if session.user != 0 {
            let named = Named::new(spec, args);
            let context = if session.multi.is_some() { Context::Multi } else { Context::Toplevel };
            if let Some(reason) = self.keys.acl.refusal(session, named, args, context) {
                return Some(no_permission(reason, named).into_bytes());
            }
        }
        let gates = &self.keys.gates;
        // EXEC is held against the flags of everything that it would run.
        let queue = session.multi.as_ref().filter(|_| spec.id == CommandId::Exec).map(|multi| &multi.queue);
        let queued = queue.into_iter().flatten().map(|(command, spec)| {
            let args: Vec<&[u8]> = command.iter().take(2).map(Vec::as_slice).collect();
            flags_of(spec, &args)
        });
        let (any, all) = queued.fold((0, u32::MAX), |(any, all), flags| (any | flags, all & flags));
        let writes = (flags | any) & FLAG_WRITE != 0;
        if self.out_of_memory && !gates.replica {
            // A queue takes memory too, so nothing more is taken into one.
            let grows_queue = session.multi.is_some() && !ends_multi(spec.id);
            if (flags | any) & FLAG_DENYOOM != 0 || grows_queue {
                return Some(errors::OOM.into());
            }
        }
        if gates.misconf && !gates.replica && (writes || spec.id == CommandId::Ping) {
            return Some(errors::MISCONF.into());
        }
        if gates.no_replicas && !gates.replica && writes {
            return Some(errors::NO_REPLICAS.into());
        }
        if gates.read_only && writes {
            return Some(errors::READ_ONLY.into());
        }
        if session.subscriber && session.protocol == Protocol::Resp2 && !for_subscribers(spec.id) {
            let sub = subcommand(spec, args).map_or(String::new(), |sub| format!("|{sub}"));
            return Some(format!(
                "ERR Can't execute '{}{sub}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
                 allowed in this context",
                spec.name
            )
            .into());
        }
        if gates.master_down && flags & all & FLAG_STALE == 0 {
            return Some(errors::MASTER_DOWN.into());
        }
        if gates.loading && flags & all & FLAG_LOADING == 0 {
            return Some(errors::LOADING.into());
        }
        if let Some(error) = self.busy_refusal(flags) {
            return Some(error.into());
        }
        if session.replica
            && ((flags | any) & (FLAG_WRITE | FLAG_READONLY) != 0
                || may_replicate::alone(&mut self.keys, args))
        {
            return Some(errors::NO_KEYS_FOR_REPLICAS.into());
        }
        None
    }
}

/// Does the number of arguments fit the arity?
pub(crate) fn arity_fits(arity: i32, count: usize) -> bool {
    if arity >= 0 { count == arity as usize } else { count >= arity.unsigned_abs() as usize }
}

/// The subcommand that the arguments name, as the table spells it.
pub(super) fn subcommand(spec: &CommandSpec, args: &[&[u8]]) -> Option<&'static str> {
    let word = args.get(1).filter(|_| !spec.subcommands.is_empty())?;
    spec.subcommands.iter().find(|sub| word.eq_ignore_ascii_case(sub.name.as_bytes())).map(|sub| sub.name)
}

/// The flags of a command, or of the subcommand that the arguments name.
pub(super) fn flags_of(spec: &CommandSpec, args: &[&[u8]]) -> u32 {
    let word = args.get(1).filter(|_| !spec.subcommands.is_empty());
    let sub = word
        .and_then(|word| spec.subcommands.iter().find(|sub| word.eq_ignore_ascii_case(sub.name.as_bytes())));
    sub.map_or(spec.flags, |sub| sub.flags)
}

/// What is not queued by an open MULTI, because it ends it.
fn ends_multi(id: CommandId) -> bool {
    matches!(id, CommandId::Exec | CommandId::Discard | CommandId::Quit | CommandId::Reset)
}

/// What a client with subscriptions may still do in RESP2, where it could not tell replies from messages.
fn for_subscribers(id: CommandId) -> bool {
    matches!(
        id,
        CommandId::Ping
            | CommandId::Subscribe
            | CommandId::Ssubscribe
            | CommandId::Psubscribe
            | CommandId::Unsubscribe
            | CommandId::Sunsubscribe
            | CommandId::Punsubscribe
            | CommandId::Quit
            | CommandId::Reset
    )
}

/// Redis's words for a command that does not exist, with the beginning of its arguments.
pub(super) fn unknown_command(args: &[&[u8]]) -> Vec<u8> {
    let name = args.first().map(|name| c_text(name, 128)).unwrap_or_default();
    let mut shown = Vec::new();
    for argument in args.iter().skip(1) {
        if shown.len() >= 128 {
            break;
        }
        let room = 128 - shown.len();
        shown.extend([b"'", c_text(argument, room), b"' "].concat());
    }
    [b"ERR unknown command '", name, b"', with args beginning with: ", &shown].concat()
}

/// What Redis prints of bytes that it takes for a C string: up to a zero byte or so many.
fn c_text(bytes: &[u8], room: usize) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()).min(room);
    &bytes[..end]
}
