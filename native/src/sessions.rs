//! Sessions at the border: opening and closing them, what the host sets of them and what it asks.
//!
//! What a session is and does is in the core's session.rs; here its words become the core's and back.

use crate::NativeStore;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use redtwin_keyspace::Protocol;
use redtwin_keyspace::session::{ReplyMode, Tracking};

/// See `SessionSettings` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct SessionSettings {
    pub protocol: Option<u32>,
    pub authenticated: Option<bool>,
    pub reply: Option<String>,
    pub subscriber: Option<bool>,
    pub replica: Option<bool>,
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
    pub is_broken: bool,
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
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
        if let Some(replica) = given.replica {
            session.replica = replica;
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

    #[napi(catch_unwind)]
    pub fn select_db(&mut self, session: u32, db: u32) {
        let databases = self.store.keys.dbs.len();
        if let Some(session) = self.store.session(session) {
            session.db = (db as usize).min(databases - 1);
        }
    }

    #[napi(catch_unwind)]
    pub fn failure(&mut self, session: u32) -> Option<Failure> {
        let redtwin_keyspace::session::Failure { command, error, is_broken } =
            self.store.session(session)?.failure.clone()?;
        Some(Failure { command, error, is_broken })
    }

    #[napi(catch_unwind)]
    pub fn command(&mut self, session: u32) -> Vec<Buffer> {
        self.store
            .session(session)
            .map(|session| std::mem::take(&mut session.host_command).into_iter().map(Buffer::from).collect())
            .unwrap_or_default()
    }

    #[napi(catch_unwind)]
    pub fn unblock(&mut self, session: u32, error: Option<String>) -> bool {
        self.store.end_wait(session, error.as_deref())
    }
}
