//! The shapes of access control at the border: `Selector`, `Verdict` and `Denial` of engine.ts, and the core's own.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use redtwin_keyspace::acl::{self, Context, KeyPattern, Reason};

/// See `Selector` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Selector {
    pub commands: Option<Buffer>,
    pub first_arguments: Vec<FirstArguments>,
    pub keys: Option<Vec<KeyGlob>>,
    pub channels: Option<Vec<Buffer>>,
}

/// First arguments with which a command is allowed.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct FirstArguments {
    pub row: u32,
    pub words: Vec<Buffer>,
}

/// A pattern of keys.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct KeyGlob {
    pub pattern: Buffer,
    pub reads: bool,
    pub writes: bool,
}

/// See `Verdict` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Verdict {
    pub reason: String,
    pub at: u32,
}

/// See `Denial` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Denial {
    pub session: u32,
    pub reason: String,
    pub context: String,
    pub object: Buffer,
    pub command: String,
    pub multi: i32,
}

/// The core's form of a selector.
pub fn selector(given: Selector) -> acl::Selector {
    let pattern =
        |key: KeyGlob| KeyPattern { pattern: key.pattern.to_vec(), reads: key.reads, writes: key.writes };
    let list = |words: Vec<Buffer>| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
    acl::Selector {
        commands: given.commands.map(|bits| bits.to_vec()),
        first_arguments: given
            .first_arguments
            .into_iter()
            .map(|first| (first.row as u16, list(first.words)))
            .collect(),
        keys: given.keys.map(|keys| keys.into_iter().map(pattern).collect()),
        channels: given.channels.map(list),
    }
}

fn word(reason: Reason) -> String {
    match reason {
        Reason::Command => "command",
        Reason::Key => "key",
        Reason::Channel => "channel",
    }
    .to_string()
}

/// A verdict for TypeScript.
pub fn verdict((reason, at): acl::Verdict) -> Verdict {
    Verdict { reason: word(reason), at: at as u32 }
}

/// A denial for TypeScript.
pub fn denial(denial: acl::Denial) -> Denial {
    let context = match denial.context {
        Context::Toplevel => "toplevel",
        Context::Multi => "multi",
        Context::Lua => "lua",
    };
    Denial {
        session: denial.session,
        reason: word(denial.reason),
        context: context.to_string(),
        object: Buffer::from(denial.object),
        command: denial.command,
        multi: denial.multi,
    }
}
