//! The store: runs the input of sessions, and applies the primary's feed.
//!
//! ```text
//!   execute(session, bytes) --> parse --> admit (gates, MULTI queue) --> run --> reply
//!        |                                                               |
//!        '-- stops: Host (the host answers, then resume), Blocked,       '-- effects --> feed
//!            Closing after a protocol error
//!
//!   apply(session, bytes) --> parse --> run, no gates, no reply --> the same bytes --> feed
//! ```
//!
//! A unit is one command or one transaction. Its effects go into the feed together, when it is over.
//! Here are sessions and the running of commands; the other rooms of the store: admission (refusals), transactions
//! (EXEC), waiting (BLPOP and its kin), busy (scripts that rest), apply (the primary's feed).

pub(crate) mod admission;
mod apply;
mod busy;
mod gathering;
mod may_replicate;
mod transactions;
mod waiting;

use crate::acl::Named;
use crate::batch::{Batch, End};
use crate::command::{Call, Done, Handler, Wait};
use crate::command_stats::{RowNumber, row_of};
use crate::eviction::{self, Pool};
use crate::feed_reader::{self, Reader};
use crate::generated::commands::{CommandId, CommandSpec};
use crate::generated::errors;
use crate::keyspace::{Caller, Keyspace, Stopped};
use crate::session::{ReplyMode, Session, SessionId, Stop, Tracking, Waiting};
use crate::settings::SettingValue;
use crate::table::{Hash, Table};
use crate::waiters::Waiters;
use admission::{subcommand, unknown_command};
use redtwin_backlog::Backlog;
use redtwin_resp::{Protocol, Reply, RequestLimits, glance_at_key};
use smallvec::SmallVec;

/// What one command did to the flow of its session.
enum Flow {
    Done,
    Host,
    Blocked,
    Close,
    Traced,
    /// It has not run: what was evicted to make room for it is to be told before its reply.
    Again,
    /// Its script rests; see busy.
    Paused,
}

/// Databases, sessions and the feed.
#[derive(Debug)]
pub struct Store {
    /// The data, and what is true during a call.
    pub keys: Keyspace,
    /// The log of write commands.
    pub feed: Backlog,
    /// Replies of the call under way or just over.
    pub reply: Reply,
    /// Output for sessions other than the one that called.
    pub pushes: Vec<(SessionId, Vec<u8>)>,
    /// The memory of the last batch, for the next.
    batch: Batch<'static>,
    sessions: Vec<Option<Box<Session>>>,
    free: Vec<SessionId>,
    waiters: Waiters,
    /// Database that the feed's readers have selected; None makes the next write begin with SELECT.
    feed_selected: Option<usize>,
    feed_grew: bool,
    /// The feed is written. It is off as long as nobody reads it.
    feed_on: bool,
    /// Memory is over maxmemory and nothing more could be evicted.
    out_of_memory: bool,
    eviction_pool: Pool,
    /// What the last load left out because it had expired, where that is to be told.
    pub(crate) dropped: Vec<crate::load::Dropped>,
    /// A script that rests in the middle.
    busy: Option<Box<busy::Busy>>,
    /// The host has just answered a script: what was replied before it asked still counts.
    is_answered: bool,
}

impl Store {
    /// An empty store.
    pub fn new(databases: usize, seed: u64, backlog_bytes: u64) -> Store {
        Store {
            keys: Keyspace::new(databases, seed),
            feed: Backlog::new(backlog_bytes),
            reply: Reply::default(),
            pushes: Vec::new(),
            batch: Batch::default(),
            sessions: Vec::new(),
            free: Vec::new(),
            waiters: Waiters::default(),
            feed_selected: None,
            feed_grew: false,
            feed_on: true,
            out_of_memory: false,
            eviction_pool: Pool::default(),
            dropped: Vec::new(),
            busy: None,
            is_answered: false,
        }
    }

    /// Sets an option of the engine; false when it has none of that name and kind.
    pub fn configure(&mut self, name: &str, value: &SettingValue<'_>) -> bool {
        let known = self.keys.settings.set(name, value);
        self.keys.command_stats.tracks_latency = self.keys.settings.latency_tracking;
        known
    }

    // --- Sessions -----------------------------------------------------------------------------------------------

    /// Opens a session. Numbers are reused.
    pub fn open_session(&mut self) -> SessionId {
        let id = self.free.pop().unwrap_or(self.sessions.len() as SessionId);
        let session = Some(Box::new(Session::new(id)));
        match self.sessions.get_mut(id as usize) {
            Some(slot) => *slot = session,
            None => self.sessions.push(session),
        }
        id
    }

    /// Closes a session; whatever it had queued, watched or waited for is forgotten.
    pub fn close_session(&mut self, id: SessionId) {
        if self.abandon_script(id) {
            // Its script goes on; `resume` closes the session when that is over.
            return;
        }
        if let Some(mut session) = self.sessions.get_mut(id as usize).and_then(Option::take) {
            self.unwatch(&mut session);
            self.waiters.remove(&session);
            self.keys.changed.wanted = !self.waiters.is_empty();
            self.free.push(id);
        }
    }

    /// A session, unless it is closed.
    pub fn session(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id as usize)?.as_deref_mut()
    }

    /// Back to db 0, RESP2, no MULTI, no WATCH.
    pub fn reset_session(&mut self, id: SessionId) {
        if let Some(mut session) = self.sessions.get_mut(id as usize).and_then(Option::take) {
            self.unwatch(&mut session);
            session.multi = None;
            session.db = 0;
            session.protocol = Protocol::Resp2;
            session.reply_mode = ReplyMode::On;
            session.host_muted = false;
            session.subscriber = false;
            session.replica = false;
            (session.tracking, session.caching) = (Tracking::Off, false);
            self.sessions[id as usize] = Some(session);
        }
    }

    fn unwatch(&mut self, session: &mut Session) {
        for (db, key) in session.watching.drain(..) {
            self.keys.watched.remove(db, &key, session.id);
        }
        self.keys.watched.forgive(session.id);
        session.watch_broken = false;
    }

    pub(crate) fn mark_broken_watches(&mut self) {
        for id in self.keys.watched.take_touched() {
            if let Some(session) = self.session(id) {
                session.watch_broken = true;
            }
        }
    }

    /// The next write begins with SELECT (a new reader, a changed role).
    pub fn forget_feed_selection(&mut self) {
        self.feed_selected = None;
    }

    /// Is the feed written?
    pub fn feed_is_on(&self) -> bool {
        self.feed_on
    }

    /// Begins or ends writing the feed. Off: what is kept is dropped, the end stays where it is.
    pub fn turn_feed(&mut self, on: bool) {
        self.feed_on = on;
        self.feed_selected = None;
        if !on {
            self.feed.pin(None);
            self.feed.restart(self.feed.end());
        }
        self.role_changed();
    }

    /// Our own effects are wanted when they go into a feed that is ours to write.
    pub fn role_changed(&mut self) {
        self.keys.effects.want(self.feed_on && !self.keys.gates.replica);
        if !self.keys.gates.replica {
            self.keys.dbs.iter_mut().for_each(|db| db.own_expiries.clear());
        }
        self.forget_feed_selection();
    }

    /// Feeds a command that the host has run for a session (PUBLISH), in the session's database; a part of its EXEC
    /// when there is one.
    pub fn propagate(&mut self, id: SessionId, arguments: &[&[u8]]) {
        let Some((db, executing)) = self.session(id).map(|session| (session.db, session.exec.is_some()))
        else {
            return;
        };
        if self.propagate_in_script(id, db, arguments) {
            return;
        }
        self.keys.effects.also(db, arguments);
        if !executing {
            self.unit_done();
        }
    }

    /// Has the feed grown since the last call?
    pub fn take_feed_grew(&mut self) -> bool {
        std::mem::take(&mut self.feed_grew)
    }

    // --- Clients ------------------------------------------------------------------------------------------------

    /// Runs every complete command of what was kept and `input`. Replies are in `self.reply`.
    pub fn execute(&mut self, id: SessionId, input: &[u8], now_ms: i64) -> Stop {
        if !std::mem::take(&mut self.is_answered) {
            self.reply.clear();
        }
        let Some(mut session) = self.sessions.get_mut(id as usize).and_then(Option::take) else {
            return Stop::Closing;
        };
        self.keys.now_ms = now_ms;
        self.keys.caller = Caller::Client;
        self.reply.protocol = session.protocol;
        self.keys.traces.session = Some(id);
        let stop = self.run_input(&mut session, input);
        self.sessions[id as usize] = Some(session);
        self.serve_waiters();
        if self.keys.watched.has_touched() {
            self.mark_broken_watches();
        }
        stop
    }

    /// Tells what will run soon: the input of several sessions, of one command each more often than not. Their keys are asked for
    /// together, so that none is waited for long; no more than a hint.
    pub fn expect<'a>(&self, chunks: impl Iterator<Item = (SessionId, &'a [u8])>) {
        let mut ahead: SmallVec<[(&Table, Hash); 64]> = SmallVec::new();
        for (id, chunk) in chunks {
            if let Some(Some(session)) = self.sessions.get(id as usize)
                && let Some(key) = glance_at_key(chunk)
            {
                let table = &self.keys.dbs[session.db].table;
                ahead.push((table, table.hash(key)));
            }
        }
        if ahead.len() > 1 {
            ahead.iter().for_each(|(table, hash)| table.prefetch_segment(*hash));
            ahead.iter().for_each(|(table, hash)| table.prefetch_group(*hash));
            ahead.iter().for_each(|(table, hash)| table.prefetch_entry(*hash));
        }
    }

    /// Goes on after a host command, or after a wake.
    pub fn resume(&mut self, id: SessionId, now_ms: i64) -> Stop {
        if let Some(session) = self.session(id) {
            session.at_host = false;
        }
        let abandoned = self.is_abandoned() && self.is_busy_with(id);
        let stop = self.execute(id, b"", now_ms);
        if abandoned && !self.is_busy_with(id) {
            self.reply.clear();
            self.close_session(id);
            return Stop::Closing;
        }
        stop
    }

    fn run_input(&mut self, session: &mut Session, input: &[u8]) -> Stop {
        if session.waiting.is_some() || session.at_host {
            session.pending.extend_from_slice(input);
            return if session.at_host { Stop::Host } else { Stop::Blocked };
        }
        if self.is_busy_with(session.id) {
            let abandoned = self.is_abandoned();
            if let Flow::Paused = self.go_on(session) {
                session.pending.extend_from_slice(input);
                return self.busy_stop();
            }
            if abandoned {
                // Nobody is there for what follows.
                session.pending.clear();
            }
            if session.exec.is_none() {
                self.unit_done();
                if session.tracking != Tracking::Off
                    && let Flow::Traced = self.after_tracked(session, Flow::Done)
                {
                    session.pending.extend_from_slice(input);
                    return Stop::Traced;
                }
            }
        }
        if session.exec.is_some() {
            self.keys.command_stats.start();
            let flow = self.continue_exec(session);
            self.keys.command_stats.settle();
            match flow {
                Flow::Host | Flow::Paused => {
                    session.pending.extend_from_slice(input);
                    return if let Flow::Host = flow { Stop::Host } else { self.busy_stop() };
                }
                _ => {}
            }
            session.caching = false;
            if session.tracking != Tracking::Off && !self.keys.traces.list.is_empty() {
                session.pending.extend_from_slice(input);
                return Stop::Traced;
            }
        }
        let stop = self.run_gathered(session, input, Store::run_commands);
        self.checked(session, stop)
    }

    /// A client may not make us keep more than the limit.
    fn checked(&mut self, session: &Session, stop: Stop) -> Stop {
        if session.pending.len() > self.keys.settings.client_query_buffer_limit {
            Stop::Closing
        } else {
            stop
        }
    }

    /// Runs commands from `bytes`; gives the bytes used up and why it stopped.
    fn run_commands(&mut self, session: &mut Session, bytes: &[u8]) -> (usize, Stop) {
        let mut used = 0;
        let mut batch: Batch<'_> = std::mem::take(&mut self.batch);
        // The parser is moved out so that the session can change while arguments are borrowed.
        let mut parser = std::mem::take(&mut session.parser);
        let stop = loop {
            let limits = RequestLimits {
                bulk_bytes_max: self.keys.settings.proto_max_bulk_len,
                unauthenticated: !session.authenticated,
            };
            let end = batch.fill(&mut parser, bytes, used, &limits);
            batch.prefetch(&self.keys.dbs[session.db].table);
            self.keys.command_stats.start();
            let mut flow = Flow::Done;
            let mut start = used;
            if let Some(words) = batch.inline.take() {
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                flow = self.run_one(session, &words);
                if session.tracking != Tracking::Off {
                    flow = self.after_tracked(session, flow);
                }
            }
            for index in 0..batch.len() {
                let (args, bytes_end) = batch.command(index);
                flow = self.run_one(session, args);
                if session.tracking != Tracking::Off {
                    flow = self.after_tracked(session, flow);
                }
                if !matches!(flow, Flow::Done) {
                    // What was parsed ahead is parsed again when it may run.
                    batch.used = bytes_end;
                    parser.reset();
                    break;
                }
                start = bytes_end;
            }
            used = if let Flow::Again = flow { start } else { batch.used };
            match flow {
                Flow::Blocked => self.keys.command_stats.settle_waiting(),
                _ => drop(self.keys.command_stats.settle()),
            }
            match (flow, end) {
                (Flow::Host, _) => break Stop::Host,
                (Flow::Blocked, _) => break Stop::Blocked,
                (Flow::Close, _) => break Stop::Closing,
                (Flow::Traced | Flow::Again, _) => break Stop::Traced,
                (Flow::Paused, _) => break self.busy_stop(),
                (Flow::Done, End::More) => {}
                (Flow::Done, End::Incomplete) => break Stop::Drained,
                (Flow::Done, End::Error(error)) => {
                    self.reply.error(&format!("ERR Protocol error: {}", error.0));
                    self.count_errors(None);
                    used = bytes.len();
                    break Stop::Closing;
                }
            }
        };
        parser.trim();
        session.parser = parser;
        self.batch = batch.emptied();
        (used, stop)
    }

    /// A command of a client that tracks its keys is over. What it must hear of its own doings comes right behind the reply.
    #[cold]
    fn after_tracked(&mut self, session: &mut Session, flow: Flow) -> Flow {
        if let Flow::Again = flow {
            return flow;
        }
        session.end_caching();
        match flow {
            Flow::Done if !self.keys.traces.list.is_empty() => Flow::Traced,
            flow => flow,
        }
    }

    /// Admits and runs one command of a client.
    fn run_one(&mut self, session: &mut Session, args: &[&[u8]]) -> Flow {
        let Some(name) = args.first() else { return Flow::Done };
        let Some((spec, handler)) = crate::lookup::find(name) else {
            if is_from_browser(name) {
                self.reply.clear();
                return Flow::Close;
            }
            self.refuse(session, None, args, &unknown_command(args));
            return Flow::Done;
        };
        if self.keys.settings.maxmemory > 0 && self.busy.is_none() {
            let evicted = self.keys.stats.evicted_keys;
            self.make_room();
            if session.tracking != Tracking::Off && evicted != self.keys.stats.evicted_keys {
                return Flow::Again;
            }
        } else {
            self.out_of_memory = false;
        }
        session.last_command = Some(spec);
        session.last_subcommand = subcommand(spec, args);
        if let Some(refusal) = self.refusal(session, spec, args) {
            self.refuse(session, Some(spec), args, &refusal);
            return Flow::Done;
        }
        if let Some(multi) = &mut session.multi
            && !matches!(
                spec.id,
                CommandId::Exec
                    | CommandId::Discard
                    | CommandId::Multi
                    | CommandId::Watch
                    | CommandId::Quit
                    | CommandId::Reset
            )
        {
            multi.queue.push((args.iter().map(|a| a.to_vec()).collect(), spec));
            self.reply_unless_muted(session, |reply| reply.raw(b"+QUEUED\r\n"));
            return Flow::Done;
        }
        let flow = match spec.id {
            CommandId::Exec => self.exec(session),
            CommandId::Quit => {
                self.keys.command_stats.begin(row_of(spec, args));
                self.reply.ok();
                Flow::Close
            }
            _ => {
                self.keys.command_stats.begin(row_of(spec, args));
                let flow = self.call(session, spec, handler, args, true);
                if !matches!(flow, Flow::Host | Flow::Paused) {
                    self.unit_done();
                }
                flow
            }
        };
        self.serve_waiters();
        flow
    }

    /// Evicts until memory is below maxmemory, or says that it cannot.
    fn make_room(&mut self) {
        let keys = &self.keys;
        self.out_of_memory = false;
        if keys.gates.loading
            || keys.gates.paused
            || (keys.gates.replica && keys.settings.replica_ignore_maxmemory)
        {
            return;
        }
        while (self.keys.memory_used)() as u64 > self.keys.settings.maxmemory {
            let Some((db, key)) = eviction::choose(&mut self.keys, &mut self.eviction_pool) else {
                self.out_of_memory = true;
                return;
            };
            self.keys.evict(db, &key);
            // Each eviction is a unit of its own.
            self.unit_done();
        }
    }

    fn reply_unless_muted(&mut self, session: &mut Session, write: impl FnOnce(&mut Reply)) {
        match session.reply_mode {
            ReplyMode::On => write(&mut self.reply),
            ReplyMode::Off => {}
            ReplyMode::Skip => session.reply_mode = ReplyMode::On,
        }
    }

    /// Runs one admitted command and replies.
    fn call(
        &mut self,
        session: &mut Session,
        spec: &'static CommandSpec,
        handler: Option<Handler>,
        args: &[&[u8]],
        may_wait: bool,
    ) -> Flow {
        if spec.host {
            return self.hand_over(session, args);
        }
        debug_assert!(!self.reply.has_errors(), "every command's errors are counted when it ends");
        self.keys.selected = session.db;
        let start = self.reply.len();
        let dirty = self.keys.dirty;
        let mut call =
            Call { args, keys: &mut self.keys, reply: &mut self.reply, session, may_wait, wait: None };
        let done = match handler {
            Some(handler) => handler(&mut call),
            None => Err(errors::NOT_SUPPORTED_YET.into()),
        };
        let wait = call.wait.take();
        self.conclude(session, spec, args, start, dirty, done, wait)
    }

    /// A command's handler has returned: its errors, its effects, its wait, its reply.
    #[allow(
        clippy::too_many_arguments,
        reason = "the end of `call`, which a script that rests comes to later"
    )]
    fn conclude(
        &mut self,
        session: &mut Session,
        spec: &'static CommandSpec,
        args: &[&[u8]],
        start: usize,
        dirty: u64,
        done: Done,
        wait: Option<Wait>,
    ) -> Flow {
        match done {
            Ok(()) => {}
            Err(Stopped::Error(error)) => self.fail(start, error),
            Err(Stopped::Text(error)) => self.fail_bytes(start, &error),
            Err(Stopped::Host) => return self.hand_over(session, args),
            Err(Stopped::Paused) => return self.set_aside(session, spec, args, dirty),
        }
        if self.reply.has_errors() {
            self.count_errors(Some(row_of(spec, args)));
        }
        let dirty = self.keys.dirty != dirty;
        self.keys.effects.command_done(self.keys.selected, args, dirty);
        if self.keys.settings.feed_reader != Reader::Newest {
            feed_reader::translate(&mut self.keys);
        }
        if session.tracking != Tracking::Off && !session.woken {
            self.keys.traces.read(session, Named::new(spec, args), args);
        }
        if let Some(wait) = wait {
            let command = wait.command.unwrap_or_else(|| args.iter().map(|a| a.to_vec()).collect());
            let waiting = Waiting {
                command,
                spec,
                db: session.db,
                keys: wait.keys,
                deadline_ms: wait.deadline_ms,
                null_array: wait.null_array,
            };
            self.waiters.add(session.id, &waiting);
            self.keys.changed.wanted = true;
            session.waiting = Some(waiting);
            return Flow::Blocked;
        }
        match session.reply_mode {
            ReplyMode::On => {}
            ReplyMode::Off => self.reply.truncate(start),
            ReplyMode::Skip => {
                self.reply.truncate(start);
                session.reply_mode = ReplyMode::On;
            }
        }
        Flow::Done
    }

    fn fail(&mut self, start: usize, error: &str) {
        self.fail_bytes(start, error.as_bytes());
    }

    fn fail_bytes(&mut self, start: usize, error: &[u8]) {
        self.reply.truncate(start);
        self.reply.error_bytes(error);
    }

    /// Counts the errors that were written just now; a call that wrote some has failed.
    fn count_errors(&mut self, row: Option<RowNumber>) {
        for text in self.reply.take_errors().into_iter().flatten() {
            self.keys.command_stats.count_error(&text);
        }
        if let Some(row) = row {
            self.keys.command_stats.failed(row);
        }
    }

    fn hand_over(&mut self, session: &mut Session, args: &[&[u8]]) -> Flow {
        session.host_command = args.iter().map(|a| a.to_vec()).collect();
        session.host_muted = session.reply_mode != ReplyMode::On;
        if session.reply_mode == ReplyMode::Skip {
            session.reply_mode = ReplyMode::On;
        }
        session.at_host = true;
        // The host counts its commands itself; only their number is kept here.
        self.keys.command_stats.take_back();
        self.keys.command_stats.commands += 1;
        Flow::Host
    }

    /// The unit is over: its effects go into the feed, unless it came from our primary.
    pub(crate) fn unit_done(&mut self) {
        if self.keys.effects.is_empty() {
            return;
        }
        if self.keys.caller == Caller::Primary || self.keys.gates.replica {
            // A replica's feed is its primary's, byte for byte.
            self.keys.effects.discard();
        } else {
            self.feed_grew |= self.keys.effects.unit_done(&mut self.feed, &mut self.feed_selected);
        }
        if self.keys.changed.wanted {
            self.waiters.note_changes(&mut self.keys);
        }
    }

    /// Empties all databases, without a word in the feed.
    pub fn flush(&mut self) {
        self.keys.traces.flushed();
        for db in 0..self.keys.dbs.len() {
            self.keys.flush_db(db, false);
        }
        self.keys.fields_may_expire = false;
        self.keys.opaque_module_values = 0;
    }

    /// Background work: expiry of keys that nobody asks for, and waits that are over.
    pub fn cron(&mut self, now_ms: i64, budget: usize) {
        if self.is_busy() {
            // The data is in the middle of a unit.
            return;
        }
        self.keys.now_ms = now_ms;
        self.keys.caller = Caller::Client;
        self.keys.traces.session = None;
        self.end_waits(now_ms);
        // Memory may have become scarce without a command: maxmemory was lowered.
        if self.keys.settings.maxmemory > 0 {
            self.make_room();
        }
        if !self.keys.gates.keep_expired() && self.keys.settings.active_expire {
            // Each key is a unit of its own: nothing is wrapped.
            for (db, key) in crate::active_expiry::expired_keys(&mut self.keys, budget) {
                self.keys.selected = db;
                self.keys.expire(&key);
                self.unit_done();
            }
            for (db, key) in crate::active_expiry::hashes_with_expired_fields(&mut self.keys, budget) {
                self.keys.selected = db;
                crate::command::hash_expiry::expire_fields(&mut self.keys, &key, budget);
                self.unit_done();
            }
        } else if self.keys.gates.replica && self.keys.settings.active_expire {
            for (db, key) in crate::active_expiry::own_expired_keys(&mut self.keys, budget) {
                self.keys.selected = db;
                self.keys.delete_expired(&key);
                self.unit_done();
            }
        }
        if self.keys.watched.has_touched() {
            self.mark_broken_watches();
        }
    }
}

/// The first words of what a browser sends that was lured here: such a connection ends without a word, and what was
/// answered before in the same chunk is not sent (Redis 7.0).
fn is_from_browser(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}
