//! N-API glue only: no `if` about Redis lives here.
//!
//! One class, `NativeStore`, mirrors `Store` of src/engine/engine.ts; src/engine/native.ts is its only user and
//! gives it the interface's shape. A panic anywhere below becomes a JavaScript error here (catch_unwind), and the
//! TypeScript side ends the process with it.

mod acl;
mod allocator;
mod background;
mod clock;
mod file;
mod loader;
mod rdb;
pub mod send;
mod snapshot;
mod traces;

use napi::bindgen_prelude::{BigInt, Buffer, Error, Result, Uint8ArraySlice};
use napi_derive::napi;
use redtwin_keyspace::Protocol;
use redtwin_keyspace::command_stats::Row;
use redtwin_keyspace::session::{ReplyMode, Stop, Tracking};
use redtwin_keyspace::settings::SettingValue;
use redtwin_keyspace::store::Store;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// Must equal `engineAbi` in engine.ts.
const ABI: u32 = 15;

/// The number that tells whether this addon and the TypeScript around it belong together.
#[napi]
pub fn abi() -> u32 {
    ABI
}

/// CRC64 (Jones) of bytes, continuing from `crc`.
#[napi]
pub fn crc64(bytes: &[u8], crc: BigInt) -> BigInt {
    BigInt::from(redtwin_checksum::crc64(crc.get_u64().1, bytes))
}

/// One number for one setting's value, whatever its kind.
#[napi(object)]
pub struct Setting {
    /// A number or a size.
    pub number: Option<f64>,
    /// Text.
    pub text: Option<String>,
    /// yes or no.
    pub flag: Option<bool>,
}

/// See `Gates` in engine.ts; only what is given changes.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Gates {
    pub replica: Option<bool>,
    pub read_only: Option<bool>,
    pub master_down: Option<bool>,
    pub loading: Option<bool>,
    pub misconf: Option<bool>,
    pub no_replicas: Option<bool>,
    pub paused: Option<bool>,
}

/// See `SessionSettings` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct SessionSettings {
    pub protocol: Option<u32>,
    pub authenticated: Option<bool>,
    pub reply: Option<String>,
    pub subscriber: Option<bool>,
    pub user: Option<u32>,
    pub tracking: Option<String>,
    pub caching: Option<bool>,
}

/// See `SessionInfo` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct SessionInfo {
    pub db: u32,
    pub protocol: u32,
    pub multi: i32,
    pub watch: u32,
    pub pending_bytes: f64,
    pub last_command: String,
    pub executing: bool,
    pub muted: bool,
    pub caching: bool,
}

/// See `Failure` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Failure {
    pub command: String,
    pub error: String,
}

/// Output for a session that did not ask.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Push {
    pub session: u32,
    pub bytes: Buffer,
}

/// See `takeScriptLogs` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct ScriptLog {
    pub level: u32,
    pub text: Buffer,
}

/// See `ScriptStats` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct ScriptStats {
    pub scripts_lua_bytes: f64,
    pub functions_lua_bytes: f64,
    pub scripts: f64,
    pub scripts_bytes: f64,
    pub libraries: f64,
    pub functions: f64,
    pub running: Option<RunningScript>,
}

/// A script that rests.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct RunningScript {
    pub name: String,
    pub is_function: bool,
}

/// See `takeEvents` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct KeyEvent {
    pub db: u32,
    pub event: String,
    pub key: Buffer,
    pub flags: String,
}

/// A command that a script has run; see `takeScripted` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Scripted {
    pub db: u32,
    pub args: Vec<Buffer>,
}

/// See `StoreStats` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct StoreStats {
    pub commands_processed: f64,
    pub keyspace_hits: f64,
    pub keyspace_misses: f64,
    pub expired_keys: f64,
    pub evicted_keys: f64,
    pub expired_fields: f64,
    pub error_replies: f64,
    pub changes: f64,
    pub lazy_free_pending: f64,
    pub lazy_freed: f64,
    pub feed_translated: f64,
    pub feed_dropped: f64,
    pub feed_field_expiries_dropped: f64,
    pub used_memory_bytes: f64,
    pub used_memory_peak_bytes: f64,
    pub opaque_module_values: f64,
    pub databases: Vec<DatabaseStats>,
}

/// See `CommandStats` in engine.ts; `latency` alternates places and counts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct CommandStats {
    pub name: String,
    pub calls: f64,
    pub micros: f64,
    pub rejected: f64,
    pub failed: f64,
    pub latency: Vec<f64>,
}

/// See `errorStats` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct ErrorStats {
    pub kind: String,
    pub count: f64,
}

/// One database in `StoreStats`.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct DatabaseStats {
    pub db: u32,
    pub keys: f64,
    pub expires: f64,
    pub avg_ttl_ms: f64,
}

/// A store. See engine.ts for what each method does.
#[napi]
pub struct NativeStore {
    store: Store,
    overflow: Vec<u8>,
    peak_bytes: usize,
}

/// Bits of `Note` in engine.ts.
const NOTE_PUSHES: u32 = 1;
const NOTE_FEED_GREW: u32 = 2;
const NOTE_OVERFLOW: u32 = 4;
const NOTE_EVENTS: u32 = 8;
const NOTE_DENIALS: u32 = 16;
const NOTE_LOGS: u32 = 32;
const NOTE_TRACES: u32 = 64;

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi(constructor)]
    pub fn new(databases: u32, seed: BigInt, backlog_bytes: f64, is_timed: bool) -> Self {
        let mut store = Store::new(databases as usize, seed.get_u64().1, backlog_bytes as u64);
        if is_timed {
            store.keys.command_stats.clock = clock::monotonic_ns;
        }
        store.keys.memory_used = allocator::used_bytes;
        NativeStore { store, overflow: Vec::new(), peak_bytes: 0 }
    }

    #[napi(catch_unwind)]
    pub fn configure(&mut self, name: String, value: Setting) -> Result<bool> {
        let value = match (value.number, &value.text, value.flag) {
            (Some(number), _, _) => SettingValue::Number(number),
            (_, Some(text), _) => SettingValue::Text(text),
            (_, _, Some(flag)) => SettingValue::Flag(flag),
            _ => return Err(Error::from_reason("a setting without a value")),
        };
        Ok(self.store.configure(&name, &value))
    }

    #[napi(catch_unwind)]
    pub fn gate(&mut self, given: Gates) {
        let gates = &mut self.store.keys.gates;
        let set = |place: &mut bool, value: Option<bool>| *place = value.unwrap_or(*place);
        let was_replica = gates.replica;
        set(&mut gates.replica, given.replica);
        set(&mut gates.read_only, given.read_only);
        set(&mut gates.master_down, given.master_down);
        set(&mut gates.loading, given.loading);
        set(&mut gates.misconf, given.misconf);
        set(&mut gates.no_replicas, given.no_replicas);
        set(&mut gates.paused, given.paused);
        if was_replica != gates.replica {
            self.store.role_changed();
        }
    }

    #[napi(catch_unwind)]
    pub fn open_session(&mut self) -> u32 {
        self.store.open_session()
    }

    #[napi(catch_unwind)]
    pub fn close_session(&mut self, session: u32) {
        self.store.close_session(session);
    }

    #[napi(catch_unwind)]
    pub fn set_session(&mut self, session: u32, given: SessionSettings) {
        let Some(session) = self.store.session(session) else { return };
        match given.protocol {
            Some(3) => session.protocol = Protocol::Resp3,
            Some(_) => session.protocol = Protocol::Resp2,
            None => {}
        }
        if let Some(authenticated) = given.authenticated {
            session.authenticated = authenticated;
        }
        if let Some(subscriber) = given.subscriber {
            session.subscriber = subscriber;
        }
        if let Some(user) = given.user {
            session.user = user;
        }
        match given.tracking.as_deref() {
            Some("all") => session.tracking = Tracking::All,
            Some("optin") => session.tracking = Tracking::OptIn,
            Some("optout") => session.tracking = Tracking::OptOut,
            Some(_) => session.tracking = Tracking::Off,
            None => {}
        }
        if let Some(caching) = given.caching {
            session.caching = caching;
        }
        if given.reply.is_some() {
            session.host_muted = false;
        }
        match given.reply.as_deref() {
            Some("off") => session.reply_mode = ReplyMode::Off,
            Some("skip") => session.reply_mode = ReplyMode::Skip,
            Some(_) => session.reply_mode = ReplyMode::On,
            None => {}
        }
    }

    #[napi(catch_unwind)]
    pub fn session_info(&mut self, session: u32) -> Option<SessionInfo> {
        let session = self.store.session(session)?;
        Some(SessionInfo {
            db: session.db as u32,
            protocol: if session.protocol == Protocol::Resp3 { 3 } else { 2 },
            multi: session.multi_count(),
            watch: session.watching.len() as u32,
            pending_bytes: session.pending.len() as f64,
            last_command: session.last_command_name(),
            executing: session.exec.is_some(),
            muted: session.host_muted,
            caching: session.caching,
        })
    }

    #[napi(catch_unwind)]
    pub fn reset_session(&mut self, session: u32) {
        self.store.reset_session(session);
    }

    fn outcome(&mut self, stop: Stop, output: &mut [u8]) -> f64 {
        if stop == Stop::Asks {
            // In the middle of a command: what is written so far is told with the rest.
            return f64::from(stop as u32);
        }
        let reply = self.store.reply.bytes();
        let fits = reply.len().min(output.len());
        let (now, later) = reply.split_at(fits);
        if let Some(place) = output.get_mut(..fits) {
            place.copy_from_slice(now);
        }
        let overflow = if later.is_empty() {
            0
        } else {
            self.overflow = later.to_vec();
            NOTE_OVERFLOW
        };
        let notes = self.notes() | overflow;
        self.store.reply.clear();
        f64::from(stop as u32) + f64::from(notes) * 16.0 + fits as f64 * 4096.0
    }

    fn notes(&mut self) -> u32 {
        let mut notes = 0;
        if !self.store.pushes.is_empty() {
            notes |= NOTE_PUSHES;
        }
        if self.store.take_feed_grew() {
            notes |= NOTE_FEED_GREW;
        }
        if !self.store.keys.events.is_empty() {
            notes |= NOTE_EVENTS;
        }
        if !self.store.keys.acl.denials.is_empty() {
            notes |= NOTE_DENIALS;
        }
        if !self.store.keys.traces.list.is_empty() {
            notes |= NOTE_TRACES;
        }
        if self.store.keys.scripts.has_logs() {
            notes |= NOTE_LOGS;
        }
        notes
    }

    #[napi(catch_unwind)]
    pub fn execute(
        &mut self,
        session: u32,
        input: &[u8],
        length: u32,
        mut output: Uint8ArraySlice<'_>,
        now_ms: f64,
    ) -> f64 {
        let input = input.get(..length as usize).unwrap_or(input);
        let stop = self.store.execute(session, input, now_ms as i64);
        // SAFETY: the caller lends `output` for this call and reads it only afterwards (engine.ts).
        self.outcome(stop, unsafe { output.as_mut() })
    }

    #[napi(catch_unwind)]
    pub fn resume(&mut self, session: u32, mut output: Uint8ArraySlice<'_>, now_ms: f64) -> f64 {
        let stop = self.store.resume(session, now_ms as i64);
        // SAFETY: as in `execute`.
        self.outcome(stop, unsafe { output.as_mut() })
    }

    #[napi(catch_unwind)]
    pub fn command(&mut self, session: u32) -> Vec<Buffer> {
        self.store
            .session(session)
            .map(|session| std::mem::take(&mut session.host_command).into_iter().map(Buffer::from).collect())
            .unwrap_or_default()
    }

    #[napi(catch_unwind)]
    pub fn may_replicate(&mut self, session: u32, args: Vec<Buffer>) -> bool {
        let args: Vec<&[u8]> = args.iter().map(|argument| argument.as_ref()).collect();
        self.store.may_replicate(session, &args)
    }

    #[napi(catch_unwind)]
    pub fn answer_script(&mut self, session: u32, reply: &[u8]) {
        self.store.answer_script(session, reply);
    }

    #[napi(catch_unwind)]
    pub fn take_script_logs(&mut self) -> Vec<ScriptLog> {
        let logs = self.store.keys.scripts.take_logs();
        logs.into_iter()
            .map(|(level, text)| ScriptLog { level: u32::from(level), text: Buffer::from(text) })
            .collect()
    }

    #[napi(catch_unwind)]
    pub fn script_stats(&mut self) -> ScriptStats {
        let scripts = &self.store.keys.scripts;
        let functions = scripts.functions.as_ref();
        let [scripts_lua_bytes, functions_lua_bytes] = scripts.memory_bytes();
        ScriptStats {
            scripts_lua_bytes: scripts_lua_bytes as f64,
            functions_lua_bytes: functions_lua_bytes as f64,
            scripts: scripts.cache.len() as f64,
            scripts_bytes: scripts.cache_bytes as f64,
            libraries: self.store.keys.libraries.len() as f64,
            functions: functions.map_or(0, |all| all.count()) as f64,
            running: scripts
                .current
                .as_ref()
                .map(|current| RunningScript { name: current.name.clone(), is_function: current.function }),
        }
    }

    #[napi(catch_unwind)]
    pub fn take_overflow(&mut self) -> Buffer {
        Buffer::from(std::mem::take(&mut self.overflow))
    }

    #[napi(catch_unwind)]
    pub fn take_pushes(&mut self) -> Vec<Push> {
        std::mem::take(&mut self.store.pushes)
            .into_iter()
            .map(|(session, bytes)| Push { session, bytes: Buffer::from(bytes) })
            .collect()
    }

    #[napi(catch_unwind)]
    pub fn record_scripts(&mut self, on: bool) {
        self.store.keys.scripted = on.then(Vec::new);
    }

    #[napi(catch_unwind)]
    pub fn take_scripted(&mut self) -> Vec<Scripted> {
        let scripted = self.store.keys.scripted.as_mut().map(std::mem::take).unwrap_or_default();
        let told = scripted.into_iter();
        told.map(|(db, args)| Scripted { db: db as u32, args: args.into_iter().map(Buffer::from).collect() })
            .collect()
    }

    #[napi(catch_unwind)]
    pub fn take_events(&mut self) -> Vec<KeyEvent> {
        std::mem::take(&mut self.store.keys.events)
            .into_iter()
            .map(|event| KeyEvent {
                db: event.db as u32,
                event: event.event.to_string(),
                key: Buffer::from(event.key),
                flags: char::from(event.class).to_string(),
            })
            .collect()
    }

    #[napi(catch_unwind)]
    pub fn trace(&mut self, on: bool) {
        self.store.keys.traces.wanted = on;
    }

    #[napi(catch_unwind)]
    pub fn take_traces(&mut self) -> Vec<traces::Trace> {
        std::mem::take(&mut self.store.keys.traces.list).into_iter().map(traces::trace).collect()
    }

    #[napi(catch_unwind)]
    pub fn take_denials(&mut self) -> Vec<acl::Denial> {
        std::mem::take(&mut self.store.keys.acl.denials).into_iter().map(acl::denial).collect()
    }

    #[napi(catch_unwind)]
    pub fn permit(&mut self, user: u32, selectors: Option<Vec<acl::Selector>>) {
        self.store.keys.acl.permit(user, selectors.map(|all| all.into_iter().map(acl::selector).collect()));
    }

    #[napi(catch_unwind)]
    pub fn judge(&self, user: u32, args: Vec<Buffer>) -> Option<acl::Verdict> {
        let args: Vec<&[u8]> = args.iter().map(|word| &word[..]).collect();
        self.store.keys.acl.judge(user, &args).map(acl::verdict)
    }

    #[napi(catch_unwind)]
    pub fn apply(&mut self, session: u32, input: &[u8], length: u32, now_ms: f64) -> f64 {
        let input = input.get(..length as usize).unwrap_or(input);
        let stop = self.store.apply(session, input, now_ms as i64);
        self.outcome(stop, &mut [])
    }

    #[napi(catch_unwind)]
    pub fn resume_apply(&mut self, session: u32, now_ms: f64) -> f64 {
        let stop = self.store.resume_apply(session, now_ms as i64);
        self.outcome(stop, &mut [])
    }

    #[napi(catch_unwind)]
    pub fn failure(&mut self, session: u32) -> Option<Failure> {
        let (command, error) = self.store.session(session)?.failure.clone()?;
        Some(Failure { command, error })
    }

    #[napi(catch_unwind)]
    pub fn select_db(&mut self, session: u32, db: u32) {
        let databases = self.store.keys.dbs.len();
        if let Some(session) = self.store.session(session) {
            session.db = (db as usize).min(databases - 1);
        }
    }

    #[napi(catch_unwind)]
    pub fn feed_end(&self) -> f64 {
        self.store.feed.end() as f64
    }

    #[napi(catch_unwind)]
    pub fn feed_start(&self) -> f64 {
        self.store.feed.start() as f64
    }

    #[napi(catch_unwind)]
    pub fn feed_resize(&mut self, backlog_bytes: f64) {
        self.store.feed.resize(backlog_bytes as u64);
    }

    #[napi(catch_unwind)]
    pub fn feed_restart(&mut self, offset: f64) {
        self.store.feed.restart(offset as u64);
        self.store.forget_feed_selection();
    }

    #[napi(catch_unwind)]
    pub fn feed_is_on(&self) -> bool {
        self.store.feed_is_on()
    }

    #[napi(catch_unwind)]
    pub fn feed_turn(&mut self, on: bool) {
        self.store.turn_feed(on);
    }

    #[napi(catch_unwind)]
    pub fn feed_forget_selection(&mut self) {
        self.store.forget_feed_selection();
    }

    #[napi(catch_unwind)]
    pub fn feed_pin(&mut self, offset: Option<f64>) {
        self.store.feed.pin(offset.map(|offset| offset as u64));
    }

    #[napi(catch_unwind)]
    pub fn propagate(&mut self, session: u32, command: Vec<Buffer>) {
        let words: Vec<&[u8]> = command.iter().map(|word| word.as_ref()).collect();
        self.store.propagate(session, &words);
    }

    #[napi(catch_unwind)]
    pub fn feed_append(&mut self, bytes: &[u8]) {
        self.store.feed.append(bytes);
    }

    #[napi(catch_unwind)]
    pub fn feed_read(&self, offset: f64, max_bytes: f64) -> Option<Buffer> {
        let mut bytes = Vec::new();
        self.store.feed.read(offset as u64, max_bytes as usize, &mut bytes).then(|| Buffer::from(bytes))
    }

    #[napi(catch_unwind)]
    pub fn feed_read_into(&self, offset: f64, mut into: Uint8ArraySlice<'_>) -> f64 {
        // SAFETY: the caller lends `into` for this call and reads it only afterwards (engine.ts).
        let read = self.store.feed.read_into(offset as u64, unsafe { into.as_mut() });
        read.map_or(-1.0, |bytes| bytes as f64)
    }

    #[napi(catch_unwind)]
    pub fn flush(&mut self) {
        self.store.flush();
    }

    #[napi(catch_unwind)]
    pub fn cron(&mut self, now_ms: f64, budget: u32) -> u32 {
        self.store.cron(now_ms as i64, budget as usize);
        self.notes()
    }

    #[napi(catch_unwind)]
    pub fn unblock(&mut self, session: u32, error: Option<String>) -> bool {
        self.store.end_wait(session, error.as_deref())
    }

    #[napi(catch_unwind)]
    pub fn stats(&mut self) -> StoreStats {
        let used = allocator::used_bytes();
        self.peak_bytes = self.peak_bytes.max(used);
        let databases = self.store.keys.dbs.iter().enumerate();
        let databases = databases
            .filter(|(_, db)| !db.table.is_empty())
            .map(|(index, db)| DatabaseStats {
                db: index as u32,
                keys: db.table.len() as f64,
                expires: db.table.volatile() as f64,
                avg_ttl_ms: db.avg_ttl_ms as f64,
            })
            .collect();
        let stats = &self.store.keys.stats;
        let commands = &self.store.keys.command_stats;
        StoreStats {
            commands_processed: commands.commands as f64,
            keyspace_hits: stats.hits as f64,
            keyspace_misses: stats.misses as f64,
            expired_keys: stats.expired_keys as f64,
            evicted_keys: stats.evicted_keys as f64,
            expired_fields: stats.expired_fields as f64,
            error_replies: commands.error_replies as f64,
            changes: self.store.keys.dirty as f64,
            lazy_free_pending: self.store.keys.lazy_free.pending() as f64,
            lazy_freed: self.store.keys.lazy_free.freed() as f64,
            feed_translated: self.store.keys.untold.translated as f64,
            feed_dropped: self.store.keys.untold.dropped as f64,
            feed_field_expiries_dropped: self.store.keys.untold.field_expiries as f64,
            used_memory_bytes: used as f64,
            used_memory_peak_bytes: self.peak_bytes as f64,
            opaque_module_values: self.store.keys.opaque_module_values as f64,
            databases,
        }
    }

    #[napi(catch_unwind)]
    pub fn command_stats(&self) -> Vec<CommandStats> {
        let told = |(name, row): (String, &Row)| CommandStats {
            name,
            calls: row.calls as f64,
            micros: row.ns as f64 / 1000.0,
            rejected: row.rejected as f64,
            failed: row.failed as f64,
            latency: row.latency.iter().flat_map(|latency| latency.pairs()).fold(
                Vec::new(),
                |mut pairs, (place, count)| {
                    pairs.extend([place as f64, count as f64]);
                    pairs
                },
            ),
        };
        self.store.keys.command_stats.used().map(told).collect()
    }

    #[napi(catch_unwind)]
    pub fn error_stats(&self) -> Vec<ErrorStats> {
        let errors = &self.store.keys.command_stats.errors;
        let told = |(kind, count): (&Vec<u8>, &u64)| ErrorStats {
            kind: kind.iter().copied().map(char::from).collect(),
            count: *count as f64,
        };
        errors.iter().map(told).collect()
    }

    #[napi(catch_unwind)]
    pub fn reset_stats(&mut self) {
        self.store.keys.stats = Default::default();
        self.store.keys.command_stats.reset();
        self.store.keys.lazy_free.reset();
        self.store.keys.untold = Default::default();
        self.peak_bytes = 0;
    }

    #[napi(catch_unwind)]
    pub fn digest(&self) -> String {
        redtwin_keyspace::digest::hex(&redtwin_keyspace::digest::of_dataset(&self.store.keys.dbs))
    }

    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        self.store = Store::new(1, 0, 0);
    }
}
