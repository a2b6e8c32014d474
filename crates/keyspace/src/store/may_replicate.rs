//! May a command change the data or go into the feed? CLIENT PAUSE WRITE holds back those that may.
//!
//! ```text
//!   flag write -------------------------------------------> yes
//!   PUBLISH, SPUBLISH (heard at replicas), PFCOUNT (stores what it has counted) --> yes
//!   EVAL, EVALSHA, FCALL: yes, unless the script itself says no-writes
//!   EXEC: what any of its queue says
//! ```
//!
//! Redis keeps the second kind as the flag MAY_REPLICATE, which COMMAND INFO does not show. Nothing is run or judged
//! otherwise here.

use super::Store;
use crate::command;
use crate::generated::commands::{CommandId, FLAG_WRITE};
use crate::keyspace::Keyspace;
use crate::lookup;
use crate::script::shebang::Flags;
use crate::session::SessionId;

impl Store {
    /// Could this command of a session change the data or go into the feed? False for one that will be refused because
    /// it is unknown or has too few words. O(queue) for EXEC.
    pub fn may_replicate(&mut self, session: SessionId, args: &[&[u8]]) -> bool {
        let Some((spec, _)) = args.first().and_then(|name| lookup::find(name)) else { return false };
        if spec.id != CommandId::Exec {
            return alone(&mut self.keys, args);
        }
        let Some(multi) = self.session(session).and_then(|session| session.multi.take()) else {
            return false;
        };
        let may = multi.queue.iter().any(|(queued, _)| {
            let args: Vec<&[u8]> = queued.iter().map(Vec::as_slice).collect();
            alone(&mut self.keys, &args)
        });
        if let Some(session) = self.session(session) {
            session.multi = Some(multi);
        }
        may
    }
}

/// The same for a command by itself.
pub(super) fn alone(keys: &mut Keyspace, args: &[&[u8]]) -> bool {
    let Some((spec, _)) = args.first().and_then(|name| lookup::find(name)) else { return false };
    if !super::admission::arity_fits(spec.arity, args.len()) {
        return false;
    }
    match spec.id {
        CommandId::Publish | CommandId::Spublish | CommandId::Pfcount => true,
        CommandId::Eval | CommandId::Evalsha | CommandId::Fcall => {
            !command::eval::declared_flags(keys, spec.id, args).is_some_and(Flags::no_writes)
        }
        _ => super::admission::flags_of(spec, args) & FLAG_WRITE != 0,
    }
}
