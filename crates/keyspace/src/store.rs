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

use crate::batch::{Batch, End};
use crate::command::{Call, Handler};
use crate::eviction::{self, Pool};
use crate::generated::commands::{
    CommandId, CommandSpec, FLAG_DENYOOM, FLAG_LOADING, FLAG_NO_AUTH, FLAG_NO_MULTI, FLAG_STALE, FLAG_WRITE,
};
use crate::generated::errors;
use crate::keyspace::{Caller, Keyspace, Stopped};
use crate::session::{Exec, Multi, OwnedCommand, ReplyMode, Session, SessionId, Stop, Waiting};
use crate::waiters::Waiters;
use redtwin_backlog::Backlog;
use redtwin_resp::{Protocol, Reply, RequestLimits};

/// What one command did to the flow of its session.
enum Flow {
    Done,
    Host,
    Blocked,
    Close,
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
    sessions: Vec<Option<Box<Session>>>,
    free: Vec<SessionId>,
    waiters: Waiters,
    /// Database that the feed's readers have selected; None makes the next write begin with SELECT.
    feed_selected: Option<usize>,
    feed_grew: bool,
    /// Memory is over maxmemory and nothing more could be evicted.
    out_of_memory: bool,
    eviction_pool: Pool,
}

impl Store {
    /// An empty store.
    pub fn new(databases: usize, seed: u64, backlog_bytes: u64) -> Store {
        Store {
            keys: Keyspace::new(databases, seed),
            feed: Backlog::new(backlog_bytes),
            reply: Reply::default(),
            pushes: Vec::new(),
            sessions: Vec::new(),
            free: Vec::new(),
            waiters: Waiters::default(),
            feed_selected: None,
            feed_grew: false,
            out_of_memory: false,
            eviction_pool: Pool::default(),
        }
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
            self.sessions[id as usize] = Some(session);
        }
    }

    fn unwatch(&mut self, session: &mut Session) {
        for (db, key, _) in session.watching.drain(..) {
            self.keys.watched.remove(db, &key, session.id);
        }
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

    /// Has the feed grown since the last call?
    pub fn take_feed_grew(&mut self) -> bool {
        std::mem::take(&mut self.feed_grew)
    }

    // --- Clients ------------------------------------------------------------------------------------------------

    /// Runs every complete command of what was kept and `input`. Replies are in `self.reply`.
    pub fn execute(&mut self, id: SessionId, input: &[u8], now_ms: i64) -> Stop {
        self.reply.clear();
        let Some(mut session) = self.sessions.get_mut(id as usize).and_then(Option::take) else {
            return Stop::Closing;
        };
        self.keys.now_ms = now_ms;
        self.keys.caller = Caller::Client;
        self.reply.protocol = session.protocol;
        let stop = self.run_input(&mut session, input);
        self.sessions[id as usize] = Some(session);
        self.serve_waiters();
        if self.keys.watched.has_touched() {
            self.mark_broken_watches();
        }
        stop
    }

    /// Goes on after a host command, or after a wake.
    pub fn resume(&mut self, id: SessionId, now_ms: i64) -> Stop {
        if let Some(session) = self.session(id) {
            session.at_host = false;
        }
        self.execute(id, b"", now_ms)
    }

    fn run_input(&mut self, session: &mut Session, input: &[u8]) -> Stop {
        if session.waiting.is_some() || session.at_host {
            session.pending.extend_from_slice(input);
            return if session.at_host { Stop::Host } else { Stop::Blocked };
        }
        if session.exec.is_some()
            && let Flow::Host = self.continue_exec(session)
        {
            session.pending.extend_from_slice(input);
            return Stop::Host;
        }
        if session.pending.is_empty() {
            let (used, stop) = self.run_commands(session, input);
            session.pending.extend_from_slice(input.get(used..).unwrap_or_default());
            return self.checked(session, stop);
        }
        let mut pending = std::mem::take(&mut session.pending);
        pending.extend_from_slice(input);
        let (used, stop) = self.run_commands(session, &pending);
        if used == pending.len() {
            pending.clear();
            if pending.capacity() > 64 * 1024 {
                pending = Vec::new();
            }
        } else if used > 0 {
            pending.drain(..used);
        }
        session.pending = pending;
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
        let mut batch = Batch::default();
        // The parser is moved out so that the session can change while arguments are borrowed.
        let mut parser = std::mem::take(&mut session.parser);
        let stop = loop {
            let limits = RequestLimits {
                bulk_bytes_max: self.keys.settings.proto_max_bulk_len,
                unauthenticated: !session.authenticated,
            };
            let end = batch.fill(&mut parser, bytes, used, &limits);
            batch.prefetch(&self.keys.dbs[session.db].table);
            let mut flow = Flow::Done;
            if let Some(words) = batch.inline.take() {
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                flow = self.run_one(session, &words);
            }
            for index in 0..batch.len() {
                let (args, bytes_end) = batch.command(index);
                flow = self.run_one(session, args);
                if !matches!(flow, Flow::Done) {
                    // What was parsed ahead is parsed again when it may run.
                    batch.used = bytes_end;
                    parser.reset();
                    break;
                }
            }
            used = batch.used;
            match (flow, end) {
                (Flow::Host, _) => break Stop::Host,
                (Flow::Blocked, _) => break Stop::Blocked,
                (Flow::Close, _) => break Stop::Closing,
                (Flow::Done, End::More) => {}
                (Flow::Done, End::Incomplete) => break Stop::Drained,
                (Flow::Done, End::Error(error)) => {
                    self.reply.error(&format!("ERR Protocol error: {}", error.0));
                    used = bytes.len();
                    break Stop::Closing;
                }
            }
        };
        session.parser = parser;
        (used, stop)
    }

    /// Admits and runs one command of a client.
    fn run_one(&mut self, session: &mut Session, args: &[&[u8]]) -> Flow {
        let Some(name) = args.first() else { return Flow::Done };
        let Some((spec, handler)) = crate::lookup::find(name) else {
            self.refuse(session, None, &unknown_command(args));
            return Flow::Done;
        };
        if self.keys.settings.maxmemory > 0 {
            self.make_room();
        } else {
            self.out_of_memory = false;
        }
        if let Some(refusal) = self.refusal(session, spec, args) {
            self.refuse(session, Some(spec), &refusal);
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
        session.last_command = Some(spec);
        session.last_subcommand = subcommand(spec, args);
        let flow = match spec.id {
            CommandId::Exec => self.exec(session),
            CommandId::Quit => {
                self.reply.ok();
                Flow::Close
            }
            _ => {
                let flow = self.call(session, spec, handler, args, true);
                if !matches!(flow, Flow::Host) {
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
        if keys.gates.loading || (keys.gates.replica && keys.settings.replica_ignore_maxmemory) {
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

    /// Refuses a command before it ran; an open MULTI will not be executed any more.
    fn refuse(&mut self, session: &mut Session, spec: Option<&CommandSpec>, error: &[u8]) {
        self.keys.stats.error_replies += 1;
        if let Some(CommandId::Exec) = spec.map(|spec| spec.id) {
            // A refused EXEC is the end of its transaction.
            session.multi = None;
            self.unwatch(session);
            let why = error.strip_prefix(b"ERR ").unwrap_or(error);
            let error = [b"EXECABORT Transaction discarded because of: ", why].concat();
            self.reply_unless_muted(session, |reply| reply.error_bytes(&error));
            return;
        }
        if let Some(multi) = &mut session.multi {
            multi.refused = true;
        }
        self.reply_unless_muted(session, |reply| reply.error_bytes(error));
    }

    /// Why this session may not run this command now, in Redis's order of checks.
    fn refusal(&self, session: &Session, spec: &'static CommandSpec, args: &[&[u8]]) -> Option<Vec<u8>> {
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
        let gates = &self.keys.gates;
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
        let writes = flags & FLAG_WRITE != 0
            || (spec.id == CommandId::Exec
                && session.multi.as_ref().is_some_and(|multi| {
                    multi.queue.iter().any(|(_, queued)| queued.flags & FLAG_WRITE != 0)
                }));
        if self.out_of_memory && flags & FLAG_DENYOOM != 0 && !gates.replica {
            return Some(errors::OOM.into());
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
        if gates.master_down && flags & FLAG_STALE == 0 {
            return Some(errors::MASTER_DOWN.into());
        }
        if gates.loading && flags & FLAG_LOADING == 0 {
            return Some(errors::LOADING.into());
        }
        None
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
        self.keys.stats.commands += 1;
        match done {
            Ok(()) => {}
            Err(Stopped::Error(error)) => self.fail(start, error),
            Err(Stopped::Text(error)) => self.fail_bytes(start, &error),
            Err(Stopped::Host) => return self.hand_over(session, args),
        }
        let dirty = self.keys.dirty != dirty;
        self.keys.effects.command_done(self.keys.selected, args, dirty);
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
        self.keys.stats.error_replies += 1;
        self.reply.truncate(start);
        self.reply.error_bytes(error);
    }

    fn hand_over(&mut self, session: &mut Session, args: &[&[u8]]) -> Flow {
        session.host_command = args.iter().map(|a| a.to_vec()).collect();
        session.host_muted = session.reply_mode != ReplyMode::On;
        if session.reply_mode == ReplyMode::Skip {
            session.reply_mode = ReplyMode::On;
        }
        session.at_host = true;
        self.keys.stats.commands += 1;
        Flow::Host
    }

    /// The unit is over: its effects go into the feed, unless it came from our primary.
    fn unit_done(&mut self) {
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

    // --- Transactions -------------------------------------------------------------------------------------------

    fn exec(&mut self, session: &mut Session) -> Flow {
        let Some(multi) = session.multi.take() else {
            self.fail(self.reply.len(), errors::EXEC_WITHOUT_MULTI);
            return Flow::Done;
        };
        // A key that has expired since WATCH counts as changed.
        let now_ms = self.keys.now_ms;
        let expired = session.watching.iter().any(|(db, key, was_expired)| {
            let table = &self.keys.dbs[*db].table;
            let entry = table.get(table.hash(key), key);
            !was_expired && entry.is_some_and(|e| e.expire_ms().is_some_and(|at| at < now_ms))
        });
        let broken = session.watch_broken || expired || self.watch_touched(session);
        self.unwatch(session);
        if multi.refused {
            self.fail(self.reply.len(), errors::EXEC_ABORT);
            return Flow::Done;
        }
        if broken {
            self.reply.null_array();
            return Flow::Done;
        }
        self.reply.array(multi.queue.len());
        let Multi { mut queue, .. } = multi;
        queue.reverse();
        session.exec = Some(Exec { left: queue });
        self.continue_exec(session)
    }

    /// The session itself is not in the list while it runs, so its own mark is asked for here.
    fn watch_touched(&mut self, session: &Session) -> bool {
        let touched = self.keys.watched.take_touched();
        let mine = touched.contains(&session.id);
        for id in touched {
            if let Some(other) = self.session(id) {
                other.watch_broken = true;
            }
        }
        mine
    }

    fn continue_exec(&mut self, session: &mut Session) -> Flow {
        while let Some((command, spec)) = session.exec.as_mut().and_then(|exec| exec.left.pop()) {
            let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            let handler = crate::lookup::find(args[0]).and_then(|(_, handler)| handler);
            if let Flow::Host = self.call(session, spec, handler, &args, false) {
                return Flow::Host;
            }
        }
        session.exec = None;
        self.unit_done();
        Flow::Done
    }

    // --- Waiting ------------------------------------------------------------------------------------------------

    /// Tries the commands again that wait for a key which has changed.
    fn serve_waiters(&mut self) {
        if !self.keys.changed.wanted {
            return;
        }
        let caller = std::mem::replace(&mut self.keys.caller, Caller::Client);
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
                let flow = self.call(&mut session, waiting.spec, handler, &args, true);
                session.woken = false;
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
                    _ => self.pushes.push((id, bytes)),
                }
            }
            self.sessions[id as usize] = Some(session);
        }
        self.keys.caller = caller;
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
        let mut reply = Reply::new(session.protocol);
        match error {
            Some(error) => reply.error(error),
            None if waiting.null_array => reply.null_array(),
            None => reply.null(),
        }
        self.waiters.remove_keys(id, &waiting);
        self.keys.changed.wanted = !self.waiters.is_empty();
        self.pushes.push((id, reply.take()));
        true
    }

    // --- The primary's feed -------------------------------------------------------------------------------------

    /// Applies the primary's feed. See `Store.apply` in engine.ts.
    pub fn apply(&mut self, id: SessionId, input: &[u8], now_ms: i64) -> Stop {
        self.reply.clear();
        let Some(mut session) = self.sessions.get_mut(id as usize).and_then(Option::take) else {
            return Stop::Failed;
        };
        self.keys.now_ms = now_ms;
        self.keys.caller = Caller::Primary;
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

    /// Goes on after the host has seen to its command; that command's bytes are counted now.
    pub fn resume_apply(&mut self, id: SessionId, now_ms: i64) -> Stop {
        if let Some(session) = self.session(id) {
            session.at_host = false;
        }
        self.apply(id, b"", now_ms)
    }

    fn apply_input(&mut self, session: &mut Session, input: &[u8]) -> Stop {
        if session.failure.is_some() {
            return Stop::Failed;
        }
        if session.at_host {
            session.pending.extend_from_slice(input);
            return Stop::Host;
        }
        if session.exec.is_some() {
            let flow = self.continue_apply_exec(session);
            if flow != Stop::Drained {
                session.pending.extend_from_slice(input);
                return flow;
            }
        }
        self.feed_unit(session);
        if session.pending.is_empty() {
            let (used, stop) = self.apply_commands(session, input);
            session.pending.extend_from_slice(input.get(used..).unwrap_or_default());
            return stop;
        }
        let mut pending = std::mem::take(&mut session.pending);
        pending.extend_from_slice(input);
        let (used, stop) = self.apply_commands(session, &pending);
        pending.drain(..used);
        session.pending = pending;
        stop
    }

    /// Moves the bytes of a complete unit into our own feed: now they count as applied.
    fn feed_unit(&mut self, session: &mut Session) {
        if session.multi.is_none() && session.exec.is_none() && !session.unit.is_empty() {
            self.relay(&session.unit);
            session.unit.clear();
        }
    }

    /// Bytes of our primary go on to our own replicas as they came. Which database they select is not known here, so
    /// our own next write (after a promotion) says its own.
    fn relay(&mut self, bytes: &[u8]) {
        self.feed.append(bytes);
        self.feed_selected = None;
        self.feed_grew = true;
    }

    fn apply_commands(&mut self, session: &mut Session, bytes: &[u8]) -> (usize, Stop) {
        let limits = RequestLimits { bulk_bytes_max: i64::MAX, unauthenticated: false };
        let mut used = 0;
        // From here to `used` the bytes are complete units not yet fed; inside a unit they go to session.unit.
        let mut fed = 0;
        let mut batch = Batch::default();
        let mut parser = std::mem::take(&mut session.parser);
        let stop = loop {
            let end = batch.fill(&mut parser, bytes, used, &limits);
            batch.prefetch(&self.keys.dbs[session.db].table);
            let mut stop = Stop::Drained;
            if let Some(words) = batch.inline.take() {
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                stop = self.apply_one(session, &words);
                if stop != Stop::Failed {
                    self.unit_bytes(session, bytes, &mut fed, used, batch.used, stop);
                    used = batch.used;
                }
            }
            for index in 0..batch.len() {
                let (args, bytes_end) = batch.command(index);
                stop = self.apply_one(session, args);
                if stop == Stop::Failed {
                    break;
                }
                self.unit_bytes(session, bytes, &mut fed, used, bytes_end, stop);
                used = bytes_end;
                if stop == Stop::Host {
                    parser.reset();
                    break;
                }
            }
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
                    session.failure = Some((String::new(), format!("Protocol error: {}", error.0)));
                    break Stop::Failed;
                }
            }
        };
        if used > fed {
            self.relay(&bytes[fed..used]);
        }
        session.parser = parser;
        (used, stop)
    }

    /// A command of the feed (or an empty line) has been taken: `bytes[from..to]`. Inside a unit that is not complete
    /// its bytes wait in the session; otherwise `bytes[fed..]` goes into our feed, at the latest when the chunk ends.
    fn unit_bytes(
        &mut self,
        session: &mut Session,
        bytes: &[u8],
        fed: &mut usize,
        from: usize,
        to: usize,
        stop: Stop,
    ) {
        let unit_open = session.multi.is_some() || session.exec.is_some() || stop == Stop::Host;
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

    fn apply_one(&mut self, session: &mut Session, args: &[&[u8]]) -> Stop {
        let Some((spec, handler)) = args.first().and_then(|name| crate::lookup::find(name)) else {
            let error = String::from_utf8_lossy(&unknown_command(args)).into_owned();
            session.failure = Some((shortened(args), error));
            return Stop::Failed;
        };
        if !arity_fits(spec.arity, args.len()) {
            session.failure =
                Some((shortened(args), format!("ERR wrong number of arguments for '{}' command", spec.name)));
            return Stop::Failed;
        }
        session.last_command = Some(spec);
        match spec.id {
            CommandId::Multi if session.multi.is_none() => {
                session.multi = Some(Multi::default());
                Stop::Drained
            }
            CommandId::Exec if session.multi.is_some() => {
                let mut queue = session.multi.take().map(|multi| multi.queue).unwrap_or_default();
                queue.reverse();
                session.exec = Some(Exec { left: queue });
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

    fn continue_apply_exec(&mut self, session: &mut Session) -> Stop {
        while let Some((command, spec)) = session.exec.as_mut().and_then(|exec| exec.left.pop()) {
            let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            let handler = crate::lookup::find(args[0]).and_then(|(_, handler)| handler);
            let stop = self.apply_call(session, spec, handler, &args);
            if stop != Stop::Drained {
                return stop;
            }
        }
        session.exec = None;
        self.unit_done();
        Stop::Drained
    }

    fn apply_call(
        &mut self,
        session: &mut Session,
        spec: &'static CommandSpec,
        handler: Option<Handler>,
        args: &[&[u8]],
    ) -> Stop {
        self.reply.clear();
        self.reply.protocol = Protocol::Resp2;
        if let Flow::Host = self.call(session, spec, handler, args, false) {
            return Stop::Host;
        }
        match self.reply.bytes().first() {
            Some(b'-') => {
                let text = String::from_utf8_lossy(self.reply.bytes());
                let error = text.trim_start_matches('-').lines().next().unwrap_or_default().to_string();
                session.failure = Some((shortened(args), error));
                Stop::Failed
            }
            _ => Stop::Drained,
        }
    }

    /// Empties all databases, without a word in the feed.
    pub fn flush(&mut self) {
        for db in 0..self.keys.dbs.len() {
            self.keys.flush_db(db);
        }
        self.keys.opaque_module_values = 0;
    }

    /// Background work: expiry of keys that nobody asks for, and waits that are over.
    pub fn cron(&mut self, now_ms: i64, budget: usize) {
        self.keys.now_ms = now_ms;
        self.keys.caller = Caller::Client;
        self.end_waits(now_ms);
        if !self.keys.gates.replica && self.keys.settings.active_expire {
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
            if self.keys.watched.has_touched() {
                self.mark_broken_watches();
            }
        }
    }
}

/// Does the number of arguments fit the arity?
pub fn arity_fits(arity: i32, count: usize) -> bool {
    if arity >= 0 { count == arity as usize } else { count >= arity.unsigned_abs() as usize }
}

/// The subcommand that the arguments name, as the table spells it.
fn subcommand(spec: &CommandSpec, args: &[&[u8]]) -> Option<&'static str> {
    let word = args.get(1).filter(|_| !spec.subcommands.is_empty())?;
    spec.subcommands.iter().find(|sub| word.eq_ignore_ascii_case(sub.name.as_bytes())).map(|sub| sub.name)
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
pub fn unknown_command(args: &[&[u8]]) -> Vec<u8> {
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

/// A command owned by nobody else.
pub fn owned(args: &[&[u8]]) -> OwnedCommand {
    args.iter().map(|argument| argument.to_vec()).collect()
}
