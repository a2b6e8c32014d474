//! One connection as the engine sees it: what it has selected, queued, watched, and the input not yet run.

use crate::generated::commands::{CommandId, CommandSpec};
use redtwin_resp::{Parser, Protocol};

pub use crate::watch::SessionId;

/// A command's name and arguments, owned.
pub type OwnedCommand = Vec<Vec<u8>>;

/// A command of the primary that could not be applied. See `Failure` in engine.ts.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The command and its arguments, shortened for a log line.
    pub command: String,
    /// The error it caused, without '-' and CRLF.
    pub error: String,
    /// These bytes are no request, so nothing behind them can be understood: there is no passing this over.
    pub is_broken: bool,
}

/// An open MULTI.
#[derive(Debug, Default)]
pub struct Multi {
    /// What has been queued.
    pub queue: Vec<(OwnedCommand, &'static CommandSpec)>,
    /// A queued command was refused: EXEC will refuse too.
    pub refused: bool,
}

/// An EXEC under way; it may stop at host commands.
#[derive(Debug)]
pub struct Exec {
    /// What is still to run, last first.
    pub left: Vec<(OwnedCommand, &'static CommandSpec)>,
    /// When it began, by the clock of the statistics.
    pub since_ns: u64,
    /// How many it had to begin with.
    pub count: usize,
}

/// A command that waits for its keys.
#[derive(Debug)]
pub struct Waiting {
    /// The command, to be tried again.
    pub command: OwnedCommand,
    /// Its row in the table.
    pub spec: &'static CommandSpec,
    /// The database it waits in.
    pub db: usize,
    /// The keys it waits for.
    pub keys: Vec<Vec<u8>>,
    /// When it gives up (Unix ms); None to wait for ever.
    pub deadline_ms: Option<i64>,
    /// Its reply when it gives up is a null array rather than a null.
    pub null_array: bool,
}

/// What CLIENT REPLY asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReplyMode {
    /// As usual.
    #[default]
    On,
    /// Nothing until it is switched on again.
    Off,
    /// Nothing for the next command.
    Skip,
}

/// CLIENT TRACKING without BCAST: which reads are noted. See `SessionSettings` in engine.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tracking {
    /// None.
    #[default]
    Off,
    /// All.
    All,
    /// Only those of commands behind CLIENT CACHING YES.
    OptIn,
    /// All but those of commands behind CLIENT CACHING NO.
    OptOut,
}

/// Why a session stopped running commands. Numbers as `Stop` in engine.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub enum Stop {
    Drained = 0,
    Host = 1,
    Blocked = 2,
    Closing = 3,
    Failed = 4,
    Busy = 5,
    Asks = 6,
    Traced = 7,
}

/// A session. See `SessionSettings` and `SessionInfo` in engine.ts.
#[derive(Debug)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Selected database.
    pub db: usize,
    /// RESP version of its replies.
    pub protocol: Protocol,
    /// May run commands without the no_auth flag.
    pub authenticated: bool,
    /// CLIENT TRACKING: which of the keys it reads are noted.
    pub tracking: Tracking,
    /// CLIENT CACHING was said: the next command (or transaction) is the exception that it asks for.
    pub caching: bool,
    /// Whose permissions its commands are held against; 0: it may do everything.
    pub user: u32,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// Reads its requests.
    pub parser: Parser,
    /// Input that has not been run: a part of a command, or what follows a stop.
    pub pending: Vec<u8>,
    /// An open MULTI.
    pub multi: Option<Multi>,
    /// An EXEC that stopped at a host command.
    pub exec: Option<Exec>,
    /// A watched key has changed.
    pub watch_broken: bool,
    /// Watched keys.
    pub watching: Vec<(usize, Vec<u8>)>,
    /// The host command it stopped at.
    pub host_command: OwnedCommand,
    /// A command that waits.
    pub waiting: Option<Waiting>,
    /// The command that runs had to wait and is tried again: what is no use to it is no error now.
    pub woken: bool,
    /// The last command.
    pub last_command: Option<&'static CommandSpec>,
    /// Only for the primary's feed: bytes of the unit under way, fed when it is complete.
    pub unit: Vec<u8>,
    /// Only for the primary's feed: why it stopped.
    pub failure: Option<Failure>,
    /// The last command's subcommand, where it has one.
    pub last_subcommand: Option<&'static str>,
    /// CLIENT REPLY was off or skip when it stopped at the host command.
    pub host_muted: bool,
    /// Has subscriptions: in RESP2 few commands are allowed then.
    pub subscriber: bool,
    /// A replica of ours or a MONITOR: keys are not its business.
    pub replica: bool,
    /// Made for the commands of a script.
    pub in_script: bool,
    /// The host is answering; its bytes of the feed wait in `unit`.
    pub at_host: bool,
}

impl Session {
    /// A session as it is after connecting.
    pub fn new(id: SessionId) -> Session {
        Session {
            id,
            db: 0,
            protocol: Protocol::Resp2,
            authenticated: true,
            user: 0,
            tracking: Tracking::Off,
            caching: false,
            reply_mode: ReplyMode::On,
            parser: Parser::new(),
            pending: Vec::new(),
            multi: None,
            exec: None,
            watch_broken: false,
            watching: Vec::new(),
            host_command: Vec::new(),
            waiting: None,
            woken: false,
            last_command: None,
            unit: Vec::new(),
            failure: None,
            last_subcommand: None,
            host_muted: false,
            subscriber: false,
            replica: false,
            in_script: false,
            at_host: false,
        }
    }

    /// Are the keys noted that it reads now?
    pub fn remembers_reads(&self) -> bool {
        match self.tracking {
            Tracking::Off => false,
            Tracking::All => true,
            Tracking::OptIn => self.caching,
            Tracking::OptOut => !self.caching,
        }
    }

    /// A command is over: CLIENT CACHING was for it, unless it is CLIENT itself or part of a transaction.
    pub fn end_caching(&mut self) {
        let is_client = self.last_command.is_some_and(|spec| spec.id == CommandId::Client);
        self.caching &= is_client || self.multi.is_some() || self.exec.is_some();
    }

    /// Commands of the open MULTI or the EXEC under way; -1 for none.
    pub fn multi_count(&self) -> i32 {
        let queued = self.multi.as_ref().map(|multi| multi.queue.len());
        queued.or(self.exec.as_ref().map(|exec| exec.count)).map_or(-1, |count| count as i32)
    }

    /// Name of the last command, `config|get` style; empty before the first.
    pub fn last_command_name(&self) -> String {
        match (self.last_command, self.last_subcommand) {
            (None, _) => String::new(),
            (Some(spec), None) => spec.name.to_string(),
            (Some(spec), Some(sub)) => format!("{}|{sub}", spec.name),
        }
    }
}
