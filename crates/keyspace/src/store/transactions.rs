//! EXEC: runs what MULTI has queued, as one unit.
//!
//! A queued command may belong to the host (CONFIG, REPLICAOF...): EXEC stops there and goes on when it has been
//! answered. Nothing else can run meanwhile, because the host answers at once.

use super::{Flow, Store};
use crate::acl::{Context, Named, no_longer_allowed};
use crate::command_stats::{RowNumber, row_of};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::session::{Exec, Multi, Session};
use crate::watch::Presence;

impl Store {
    pub(super) fn exec(&mut self, session: &mut Session) -> Flow {
        let since_ns = self.keys.command_stats.settle();
        let Some(multi) = session.multi.take() else {
            return self.exec_failed(errors::EXEC_WITHOUT_MULTI, since_ns);
        };
        // A key that has expired since WATCH counts as changed.
        let keys = &self.keys;
        let expired = session.watching.iter().any(|(db, key)| {
            keys.presence(*db, key) == Presence::Stale && !keys.watched.is_stale(*db, key, session.id)
        });
        let broken = session.watch_broken || expired || self.watch_touched(session);
        self.unwatch(session);
        if multi.refused {
            return self.exec_failed(errors::EXEC_ABORT, since_ns);
        }
        if broken {
            self.reply.null_array();
            self.keys.command_stats.finish(CommandId::Exec as RowNumber, since_ns);
            return Flow::Done;
        }
        self.reply.array(multi.queue.len());
        let Multi { mut queue, .. } = multi;
        queue.reverse();
        session.exec = Some(Exec { count: queue.len(), left: queue, since_ns });
        self.continue_exec(session)
    }

    fn exec_failed(&mut self, error: &str, since_ns: u64) -> Flow {
        self.fail(self.reply.len(), error);
        self.count_errors(Some(CommandId::Exec as RowNumber));
        self.keys.command_stats.finish(CommandId::Exec as RowNumber, since_ns);
        Flow::Done
    }

    /// The session itself is not in the list while it runs, so its own mark is asked for here.
    pub(super) fn watch_touched(&mut self, session: &Session) -> bool {
        let touched = self.keys.watched.take_touched();
        let mine = touched.contains(&session.id);
        for id in touched {
            if let Some(other) = self.session(id) {
                other.watch_broken = true;
            }
        }
        mine
    }

    pub(super) fn continue_exec(&mut self, session: &mut Session) -> Flow {
        while let Some((command, spec)) = session.exec.as_mut().and_then(|exec| exec.left.pop()) {
            let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            // What was allowed when it was queued may not be any more.
            if session.user != 0 {
                let named = Named::new(spec, &args);
                if let Some(reason) = self.keys.acl.refusal(session, named, &args, Context::Multi) {
                    self.fail(self.reply.len(), &no_longer_allowed(reason));
                    self.count_errors(None);
                    continue;
                }
            }
            let handler = crate::lookup::find(args[0]).and_then(|(_, handler)| handler);
            self.keys.command_stats.begin(row_of(spec, &args));
            let flow = self.call(session, spec, handler, &args, false);
            if matches!(flow, Flow::Host | Flow::Paused) {
                return flow;
            }
        }
        if let Some(exec) = session.exec.take() {
            self.keys.command_stats.finish(CommandId::Exec as RowNumber, exec.since_ns);
        }
        self.unit_done();
        Flow::Done
    }
}
