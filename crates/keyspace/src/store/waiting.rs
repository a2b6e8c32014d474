//! Commands that wait for a key (BLPOP, XREAD BLOCK...): tried again when one of their keys has changed.
//!
//! The replies of those who were served go to `pushes`: they are not the caller's.

use super::{Flow, Store};
use crate::command_stats::row_of;
use crate::generated::commands::CommandId;
use crate::keyspace::Caller;
use crate::session::SessionId;
use redtwin_resp::Reply;

impl Store {
    /// Tries the commands again that wait for a key which has changed.
    pub(super) fn serve_waiters(&mut self) {
        if !self.keys.changed.wanted {
            return;
        }
        let caller = std::mem::replace(&mut self.keys.caller, Caller::Client);
        let traced = self.keys.traces.session;
        while let Some(id) = self.waiters.next_ready() {
            let Some(mut session) = self.sessions.get_mut(id as usize).and_then(Option::take) else {
                continue;
            };
            if let Some(waiting) = session.waiting.take() {
                self.waiters.remove_keys(id, &waiting);
                let kept = std::mem::take(&mut self.reply);
                self.reply.protocol = session.protocol;
                let args: Vec<&[u8]> = waiting.command.iter().map(Vec::as_slice).collect();
                let handler = crate::lookup::find(args[0]).and_then(|(_, handler)| handler);
                let deadline = waiting.deadline_ms;
                session.woken = true;
                self.keys.traces.session = Some(id);
                let row = row_of(waiting.spec, &args);
                let since_ns = self.keys.command_stats.settle();
                let dirty = self.keys.dirty;
                let flow = self.call(&mut session, waiting.spec, handler, &args, true);
                session.woken = false;
                if matches!(
                    waiting.spec.id,
                    CommandId::Blpop | CommandId::Brpop | CommandId::Blmove | CommandId::Brpoplpush
                ) {
                    // Redis 7.0 counts no change when these are served late, though it feeds one.
                    self.keys.dirty = dirty;
                }
                self.unit_done();
                let bytes = self.reply.take();
                self.reply = kept;
                match flow {
                    Flow::Blocked => {
                        // Still nothing for it: the first deadline stands.
                        if let Some(again) = &mut session.waiting {
                            again.deadline_ms = deadline;
                        }
                    }
                    _ => {
                        self.keys.command_stats.finish_waiting(row, since_ns);
                        self.pushes.push((id, bytes));
                    }
                }
            }
            self.sessions[id as usize] = Some(session);
        }
        self.keys.caller = caller;
        self.keys.traces.session = traced;
        self.keys.changed.wanted = !self.waiters.is_empty();
    }

    /// Ends the waits whose deadline has passed.
    pub fn end_waits(&mut self, now_ms: i64) {
        for id in self.waiters.sessions() {
            let over = self
                .session(id)
                .and_then(|session| session.waiting.as_ref())
                .is_some_and(|waiting| waiting.deadline_ms.is_some_and(|at| at <= now_ms));
            if over {
                self.end_wait(id, None);
            }
        }
    }

    /// Ends a session's wait: with its null, or with an error. False when it does not wait.
    pub fn end_wait(&mut self, id: SessionId, error: Option<&str>) -> bool {
        let Some(session) = self.sessions.get_mut(id as usize).and_then(Option::as_mut) else { return false };
        let Some(waiting) = session.waiting.take() else { return false };
        let args: Vec<&[u8]> = waiting.command.iter().map(Vec::as_slice).collect();
        let row = row_of(waiting.spec, &args);
        let mut reply = Reply::new(session.protocol);
        match error {
            Some(error) => {
                reply.error(error);
                self.keys.command_stats.count_error(error.as_bytes());
                self.keys.command_stats.failed(row);
            }
            None if waiting.null_array => reply.null_array(),
            None => reply.null(),
        }
        self.waiters.remove_keys(id, &waiting);
        self.keys.changed.wanted = !self.waiters.is_empty();
        self.pushes.push((id, reply.take()));
        true
    }
}
