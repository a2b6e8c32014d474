//! Access control at the border: `Selector`, `Verdict` and `Denial` of engine.ts, and what they are in the core.

use crate::NativeStore;
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
fn selector(given: Selector) -> acl::Selector {
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
fn verdict((reason, at): acl::Verdict) -> Verdict {
    Verdict { reason: word(reason), at: at as u32 }
}

/// A denial for TypeScript.
fn denial(denial: acl::Denial) -> Denial {
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

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi(catch_unwind)]
    pub fn take_denials(&mut self) -> Vec<Denial> {
        std::mem::take(&mut self.store.keys.acl.denials).into_iter().map(denial).collect()
    }

    #[napi(catch_unwind)]
    pub fn permit(&mut self, user: u32, selectors: Option<Vec<Selector>>) {
        self.store.keys.acl.permit(user, selectors.map(|all| all.into_iter().map(selector).collect()));
    }

    #[napi(catch_unwind)]
    pub fn judge(&self, user: u32, args: Vec<Buffer>) -> Option<Verdict> {
        let args: Vec<&[u8]> = args.iter().map(|word| &word[..]).collect();
        self.store.keys.acl.judge(user, &args).map(verdict)
    }
}
