//! Applying the primary's feed.
//!
//! ```text
//!   bytes:   SET a 1 | MULTI | SET b 2 | EXEC | SE
//!            applied   '---- one unit ----'     '- part of a command: session.pending
//!            and fed   applied and fed at EXEC
//! ```
//!
//! Its one idea: the bytes of a complete unit go into our own feed verbatim, when the unit has been applied and not
//! before. So the end of our feed is the applied offset, to the byte, whatever chunk the link was cut in.
//! A command that is unknown or fails stops everything: going on would make a replica that differs. Its bytes wait like
//! those of a host command; a host that goes on all the same has passed it over.

use super::admission::{arity_fits, unknown_command};
use super::{Flow, Store};
use crate::batch::{Batch, End};
use crate::command::Handler;
use crate::command_stats::{RowNumber, row_of};
use crate::generated::commands::{CommandId, CommandSpec};
use crate::generated::errors;
use crate::keyspace::Caller;
use crate::session::{Exec, Failure, Multi, Session, SessionId, Stop};
use redtwin_resp::{Protocol, RequestLimits};

impl Store {
    /// Applies the primary's feed. See `Store.apply` in engine.ts.
    pub fn apply(&mut self, id: SessionId, input: &[u8], now_ms: i64) -> Stop {
        self.reply.clear();
        let Some(mut session) = self.sessions.get_mut(id as usize).and_then(Option::take) else {
            return Stop::Failed;
        };
        self.keys.now_ms = now_ms;
        self.keys.caller = Caller::Primary;
        self.keys.traces.session = Some(id);
        let stop = self.apply_input(&mut session, input);
        self.keys.caller = Caller::Client;
        self.sessions[id as usize] = Some(session);
        self.reply.clear();
        self.serve_waiters();
        if self.keys.watched.has_touched() {
            self.mark_broken_watches();
        }
        stop
    }

    /// Goes on after the host has seen to its command, or passes over the one that failed; its bytes are counted now.
    pub fn resume_apply(&mut self, id: SessionId, now_ms: i64) -> Stop {
        if let Some(session) = self.session(id) {
            session.at_host = false;
            session.failure.take_if(|failure| !failure.is_broken);
        }
        self.apply(id, b"", now_ms)
    }

    pub(super) fn apply_input(&mut self, session: &mut Session, input: &[u8]) -> Stop {
        if session.failure.is_some() {
            return Stop::Failed;
        }
        if session.at_host {
            session.pending.extend_from_slice(input);
            return Stop::Host;
        }
        if self.is_busy() {
            if !self.is_busy_with(session.id) {
                // A client's script has not ended: the feed waits for it.
                session.pending.extend_from_slice(input);
                return Stop::Busy;
            }
            let flow = self.go_on(session);
            let name = session.last_command_name();
            let stop = self.applied(session, flow, &[name.as_bytes()]);
            if stop != Stop::Drained {
                session.pending.extend_from_slice(input);
                return stop;
            }
        }
        if session.exec.is_some() {
            self.keys.command_stats.start();
            let flow = self.continue_apply_exec(session);
            self.keys.command_stats.settle();
            if flow != Stop::Drained {
                session.pending.extend_from_slice(input);
                return flow;
            }
        }
        if session.multi.is_none() && session.exec.is_none() {
            // Of the command that it stopped at.
            self.unit_done();
        }
        self.feed_unit(session);
        self.run_gathered(session, input, Store::apply_commands)
    }

    /// Moves the bytes of a complete unit into our own feed: now they count as applied.
    pub(super) fn feed_unit(&mut self, session: &mut Session) {
        if session.multi.is_none() && session.exec.is_none() && !session.unit.is_empty() {
            self.relay(&session.unit);
            session.unit.clear();
        }
    }

    /// Bytes of our primary go on to our own replicas as they came. Which database they select is not known here, so
    /// our own next write (after a promotion) says its own.
    pub(super) fn relay(&mut self, bytes: &[u8]) {
        self.feed.append(bytes);
        self.feed_selected = None;
        self.feed_grew = true;
    }

    pub(super) fn apply_commands(&mut self, session: &mut Session, bytes: &[u8]) -> (usize, Stop) {
        let limits = RequestLimits { bulk_bytes_max: i64::MAX, unauthenticated: false };
        let mut used = 0;
        // From here to `used` the bytes are complete units not yet fed; inside a unit they go to session.unit.
        let mut fed = 0;
        let mut batch: Batch<'_> = std::mem::take(&mut self.batch);
        let mut parser = std::mem::take(&mut session.parser);
        let stop = loop {
            let end = batch.fill(&mut parser, bytes, used, &limits);
            batch.prefetch(&self.keys.dbs[session.db].table);
            self.keys.command_stats.share(used > 0);
            self.keys.command_stats.start();
            let mut stop = Stop::Drained;
            if let Some(words) = batch.inline.take() {
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                stop = self.apply_one(session, &words);
                self.unit_bytes(session, bytes, &mut fed, used, batch.used, stop);
                used = batch.used;
            }
            for index in 0..batch.len() {
                let (args, bytes_end) = batch.command(index);
                stop = self.apply_one(session, args);
                self.unit_bytes(session, bytes, &mut fed, used, bytes_end, stop);
                used = bytes_end;
                if stop != Stop::Drained {
                    parser.reset();
                    break;
                }
            }
            self.keys.command_stats.settle();
            if stop != Stop::Drained {
                break stop;
            }
            // Empty lines behind the last command.
            if batch.used > used {
                self.unit_bytes(session, bytes, &mut fed, used, batch.used, stop);
                used = batch.used;
            }
            match end {
                End::More => {}
                End::Incomplete => break Stop::Drained,
                End::Error(error) => {
                    session.failure = Some(Failure {
                        command: String::new(),
                        error: format!("Protocol error: {}", error.0),
                        is_broken: true,
                    });
                    break Stop::Failed;
                }
            }
        };
        self.keys.command_stats.share(false);
        if used > fed {
            self.relay(&bytes[fed..used]);
        }
        session.parser = parser;
        self.batch = batch.emptied();
        (used, stop)
    }

    /// A command of the feed (or an empty line) has been taken: `bytes[from..to]`. Inside a unit that is not complete
    /// its bytes wait in the session; otherwise `bytes[fed..]` goes into our feed, at the latest when the chunk ends.
    pub(super) fn unit_bytes(
        &mut self,
        session: &mut Session,
        bytes: &[u8],
        fed: &mut usize,
        from: usize,
        to: usize,
        stop: Stop,
    ) {
        let unit_open = session.multi.is_some() || session.exec.is_some() || stop != Stop::Drained;
        if !unit_open && session.unit.is_empty() {
            return;
        }
        if session.unit.is_empty() {
            // What came before this unit is complete.
            self.relay(&bytes[*fed..from]);
        }
        session.unit.extend_from_slice(&bytes[from..to]);
        *fed = to;
        if !unit_open {
            self.feed_unit(session);
        }
    }

    pub(super) fn apply_one(&mut self, session: &mut Session, args: &[&[u8]]) -> Stop {
        let Some((spec, handler)) = args.first().and_then(|name| crate::lookup::find(name)) else {
            let error = unknown_command(args);
            return self.refused(session, args, &error);
        };
        if !arity_fits(spec.arity, args.len()) {
            let error = format!("ERR wrong number of arguments for '{}' command", spec.name);
            return self.refused(session, args, error.as_bytes());
        }
        session.last_command = Some(spec);
        match spec.id {
            CommandId::Multi if session.multi.is_none() => {
                self.keys.command_stats.begin(CommandId::Multi as RowNumber);
                session.multi = Some(Multi::default());
                Stop::Drained
            }
            CommandId::Exec if session.multi.is_some() => {
                let Multi { mut queue, refused } = session.multi.take().unwrap_or_default();
                if refused {
                    return self.refused(session, args, errors::EXEC_ABORT.as_bytes());
                }
                queue.reverse();
                let since_ns = self.keys.command_stats.settle();
                session.exec = Some(Exec { count: queue.len(), left: queue, since_ns });
                self.continue_apply_exec(session)
            }
            CommandId::Discard if session.multi.is_some() => {
                session.multi = None;
                Stop::Drained
            }
            _ => {
                if let Some(multi) = &mut session.multi {
                    multi.queue.push((args.iter().map(|a| a.to_vec()).collect(), spec));
                    return Stop::Drained;
                }
                let stop = self.apply_call(session, spec, handler, args);
                if stop == Stop::Drained {
                    self.unit_done();
                }
                stop
            }
        }
    }

    pub(super) fn continue_apply_exec(&mut self, session: &mut Session) -> Stop {
        while let Some((command, spec)) = session.exec.as_mut().and_then(|exec| exec.left.pop()) {
            let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            let handler = crate::lookup::find(args[0]).and_then(|(_, handler)| handler);
            let stop = self.apply_call(session, spec, handler, &args);
            if stop != Stop::Drained {
                return stop;
            }
        }
        if let Some(exec) = session.exec.take() {
            self.keys.command_stats.finish(CommandId::Exec as RowNumber, exec.since_ns);
        }
        self.unit_done();
        Stop::Drained
    }

    pub(super) fn apply_call(
        &mut self,
        session: &mut Session,
        spec: &'static CommandSpec,
        handler: Option<Handler>,
        args: &[&[u8]],
    ) -> Stop {
        self.reply.clear();
        self.reply.protocol = Protocol::Resp2;
        self.keys.command_stats.begin(row_of(spec, args));
        let flow = self.call(session, spec, handler, args, false);
        self.applied(session, flow, args)
    }

    /// What became of a command of the feed: an error is a failure of the whole.
    fn applied(&mut self, session: &mut Session, flow: Flow, args: &[&[u8]]) -> Stop {
        match flow {
            Flow::Host => return Stop::Host,
            Flow::Paused => return self.busy_stop(),
            Flow::Done | Flow::Traced | Flow::Again | Flow::Blocked | Flow::Close => {}
        }
        match self.reply.bytes().first() {
            Some(b'-') => {
                let text = String::from_utf8_lossy(self.reply.bytes());
                let error = text.trim_start_matches('-').lines().next().unwrap_or_default().to_string();
                session.failure = Some(Failure { command: shortened(args), error, is_broken: false });
                Stop::Failed
            }
            _ => Stop::Drained,
        }
    }

    /// A command of the feed that is not even tried. An open transaction is spoilt by it, as a client's would be.
    fn refused(&mut self, session: &mut Session, args: &[&[u8]], error: &[u8]) -> Stop {
        if let Some(multi) = &mut session.multi {
            multi.refused = true;
        }
        self.keys.command_stats.count_error(error);
        let error = String::from_utf8_lossy(error).into_owned();
        session.failure = Some(Failure { command: shortened(args), error, is_broken: false });
        Stop::Failed
    }
}

fn shortened(args: &[&[u8]]) -> String {
    let mut text = args
        .iter()
        .take(8)
        .map(|argument| String::from_utf8_lossy(&argument[..argument.len().min(64)]).into_owned())
        .collect::<Vec<_>>()
        .join(" ");
    if args.len() > 8 {
        text.push_str(" ...");
    }
    text
}
