//! A script that rests in the middle, and what others may do meanwhile.
//!
//! ```text
//!   EVAL --> rests --> set_aside: script, its effects so far, its clock   --> Stop::Busy (or Asks: a host's command)
//!                        |   others: -BUSY, but for what is allowed
//!   resume --> go_on --> rests again, or is over --> conclude, as of any command
//! ```
//!
//! Nothing else may read or change the data while there is such a script: a unit is seen as a whole or not at all.

use super::{Flow, Store};
use crate::command::Call;
use crate::effects::Effects;
use crate::generated::commands::{CommandSpec, FLAG_ALLOW_BUSY};
use crate::generated::errors;
use crate::keyspace::Caller;
use crate::script::Paused;
use crate::script::turns::Rest;
use crate::session::{OwnedCommand, Session, SessionId, Stop};

/// A script that is not over, and what was going on around it.
#[derive(Debug)]
pub(super) struct Busy {
    session: SessionId,
    script: Paused,
    /// It waits for the host's answer, not only for its turn.
    asks: bool,
    answer: Option<Vec<u8>>,
    spec: &'static CommandSpec,
    args: OwnedCommand,
    /// `Keyspace::dirty` before it began.
    dirty: u64,
    now_ms: i64,
    caller: Caller,
    /// What it has done so far; others' effects do not mix with these.
    effects: Effects,
    /// Its session was closed: nobody waits for the reply.
    abandoned: bool,
}

impl Store {
    /// Does a script rest?
    pub fn is_busy(&self) -> bool {
        self.busy.is_some()
    }

    /// Does this session's script rest?
    pub(super) fn is_busy_with(&self, id: SessionId) -> bool {
        self.busy.as_ref().is_some_and(|busy| busy.session == id)
    }

    /// What a session is told whose script rests.
    pub(super) fn busy_stop(&self) -> Stop {
        if self.busy.as_ref().is_some_and(|busy| busy.asks) { Stop::Asks } else { Stop::Busy }
    }

    /// Keeps the script that has just come to rest, until `go_on`.
    pub(super) fn set_aside(
        &mut self,
        session: &mut Session,
        spec: &'static CommandSpec,
        args: &[&[u8]],
        dirty: u64,
    ) -> Flow {
        let Some((script, rest)) = self.keys.scripts.paused.take() else { return Flow::Done };
        let asks = match rest {
            Rest::Busy => false,
            Rest::Asks(words) => {
                session.host_command = words;
                true
            }
        };
        self.busy = Some(Box::new(Busy {
            session: session.id,
            script,
            asks,
            answer: None,
            spec,
            args: args.iter().map(|word| word.to_vec()).collect(),
            dirty,
            now_ms: self.keys.now_ms,
            caller: self.keys.caller,
            effects: std::mem::take(&mut self.keys.effects),
            abandoned: false,
        }));
        Flow::Paused
    }

    /// Gives the script of this session another turn.
    pub(super) fn go_on(&mut self, session: &mut Session) -> Flow {
        let Some(busy) = self.busy.take() else { return Flow::Done };
        let Busy { script, answer, spec, args, dirty, now_ms, caller, effects, abandoned, .. } = *busy;
        let others = (self.keys.now_ms, self.keys.caller);
        // To the script the time stands still.
        (self.keys.now_ms, self.keys.caller) = (now_ms, caller);
        self.keys.effects = effects;
        self.keys.selected = session.db;
        let words: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let start = self.reply.len();
        let mut call = Call {
            args: &words,
            keys: &mut self.keys,
            reply: &mut self.reply,
            session,
            may_wait: false,
            wait: None,
        };
        let done = crate::command::eval::go_on(&mut call, script, answer);
        let flow = self.conclude(session, spec, &words, start, dirty, done, None);
        match &mut self.busy {
            Some(again) => again.abandoned = abandoned,
            None => (self.keys.now_ms, self.keys.caller) = others,
        }
        flow
    }

    /// The host's answer, in RESP2, to what the session's script asked; it hears it when it goes on.
    pub fn answer_script(&mut self, id: SessionId, reply: &[u8]) {
        if let Some(busy) = self.busy.as_mut().filter(|busy| busy.session == id) {
            busy.answer = Some(reply.to_vec());
            busy.asks = false;
            self.is_answered = true;
        }
    }

    /// Effects beside those of a script that asks: they are a part of its unit. False when it does not.
    pub(super) fn propagate_in_script(&mut self, id: SessionId, db: usize, arguments: &[&[u8]]) -> bool {
        match self.busy.as_mut().filter(|busy| busy.session == id) {
            Some(busy) => {
                busy.effects.also(db, arguments);
                true
            }
            None => false,
        }
    }

    /// The session is gone, but its script is not over. False when there is none.
    pub(super) fn abandon_script(&mut self, id: SessionId) -> bool {
        match self.busy.as_mut().filter(|busy| busy.session == id) {
            Some(busy) => {
                busy.abandoned = true;
                true
            }
            None => false,
        }
    }

    /// Is the script's session closed already?
    pub(super) fn is_abandoned(&self) -> bool {
        self.busy.as_ref().is_some_and(|busy| busy.abandoned)
    }

    /// Why a command of another session may not run now.
    pub(super) fn busy_refusal(&self, flags: u32) -> Option<&'static str> {
        let busy = self.busy.as_ref()?;
        if flags & FLAG_ALLOW_BUSY != 0 {
            return None;
        }
        Some(if busy.script.function { errors::BUSY_FUNCTION } else { errors::BUSY_SCRIPT })
    }
}
