//! What the host must know for CLIENT TRACKING: which keys tracked sessions read, which keys changed. In order.
//!
//! ```text
//!   GET k  of a tracked session --> Read(k)        SET k of anybody --> Changed(k)
//!   k expires or is evicted     --> Gone(k)        FLUSHALL, a load --> Flushed
//! ```
//!
//! Who must hear of what is the host's table (src/runtime/tracking.ts). While nobody tracks, nothing is noted: a write
//! pays for one test of a flag.

use crate::acl::{Named, keys};
use crate::generated::commands::{CommandId, FLAG_READONLY};
use crate::session::Session;
use crate::watch::SessionId;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// A tracked session read the key.
    Read,
    /// A command changed the key.
    Changed,
    /// The key went away by itself.
    Gone,
    /// All keys of a database went away.
    Flushed,
}

/// One thing that happened. See `Trace` in engine.ts.
#[derive(Debug)]
pub struct Trace {
    /// What.
    pub kind: TraceKind,
    /// Whose command was running; None for background work.
    pub session: Option<SessionId>,
    /// The key; empty for `Flushed`.
    pub key: Vec<u8>,
}

/// The traces since they were last taken.
#[derive(Debug, Default)]
pub struct Traces {
    /// Somebody tracks: changes are noted.
    pub wanted: bool,
    /// Whose command is running.
    pub session: Option<SessionId>,
    /// Not fetched yet, oldest first.
    pub list: Vec<Trace>,
}

impl Traces {
    /// Notes something that happened to a key. The caller has seen that it is wanted.
    #[cold]
    pub fn add(&mut self, kind: TraceKind, key: &[u8]) {
        self.list.push(Trace { kind, session: self.session, key: key.to_vec() });
    }

    /// All keys of a database are gone.
    pub fn flushed(&mut self) {
        if self.wanted {
            self.add(TraceKind::Flushed, b"");
        }
    }

    /// Notes the keys that a command of a tracked session has read. Scripts that only read note theirs by each command
    /// inside them.
    #[cold]
    pub fn read(&mut self, session: &Session, command: Named, args: &[&[u8]]) {
        let is_script =
            matches!(command.spec.id, CommandId::EvalRo | CommandId::EvalshaRo | CommandId::FcallRo);
        if !session.remembers_reads() || command.flags() & FLAG_READONLY == 0 || is_script {
            return;
        }
        keys::each(command.spec.id, command.key_specs(), args, |at, _, _| {
            let key = args.get(at).map(|word| word.to_vec()).unwrap_or_default();
            self.list.push(Trace { kind: TraceKind::Read, session: Some(session.id), key });
        });
    }

    /// A command in a script has read something: the script's declared keys count as read.
    #[cold]
    pub fn read_in_script(&mut self, session: &Session, declared: &[Vec<u8>]) {
        if session.remembers_reads() {
            let read =
                |key: &Vec<u8>| Trace { kind: TraceKind::Read, session: Some(session.id), key: key.clone() };
            self.list.extend(declared.iter().map(read));
        }
    }
}
