//! Scripts and functions: what is known of them, and the Lua that runs them.
//!
//! ```text
//! EVAL, FCALL --> command/script.rs --> machine.rs (Lua 5.1) --> prelude.lua (the sandbox)
//!                                          |  redis.call
//!                                          '--> inner.rs --> the command's handler --> convert.rs --> Lua
//! ```
//!
//! Its one idea: a script is one unit. Each write in it is an effect of that unit, so the feed holds what the script
//! did and never the script itself. Lua is made when the first script or function needs it.

mod bit;
mod cjson;
mod cmsgpack;
pub(crate) mod convert;
pub mod functions;
mod guard;
pub(crate) mod inner;
mod machine;
pub mod shebang;
mod struct_lib;
pub(crate) mod turns;

pub(crate) use inner::Rights;
pub(crate) use machine::Running;
pub(crate) use machine::message;
pub use machine::{Compiled, Machine, Outcome};

use hashbrown::HashMap;

/// SHA-1 of a script's source, as 40 hexadecimal digits: its name.
pub type Sha = String;

/// A script that EVALSHA finds.
#[derive(Clone, Debug)]
pub struct Script {
    /// What the `#!` line says.
    pub flags: shebang::Flags,
    /// Without a `#!` line: old rules.
    pub compatible: bool,
    /// Ready to run.
    pub compiled: Compiled,
}

/// All that is known of scripts and functions.
#[derive(Debug, Default)]
pub struct Scripts {
    /// By their SHA-1.
    pub cache: HashMap<Sha, Script>,
    /// Made from `Keyspace::libraries` when somebody asks; None when those have changed since.
    pub functions: Option<functions::Functions>,
    /// Bytes of the scripts in `cache`.
    pub cache_bytes: usize,
    /// The script that rests in the middle, as far as others may ask for it.
    pub current: Option<Current>,
    /// The same script, on its way from its command to the store.
    pub(crate) paused: Option<(Paused, turns::Rest)>,
    machine: Option<Machine>,
}

/// A script or function that is not over.
#[derive(Clone, Debug)]
pub struct Current {
    /// A function, not a script.
    pub function: bool,
    /// Its name, for FUNCTION STATS.
    pub name: String,
    /// The command that called it.
    pub command: Vec<Vec<u8>>,
    /// Unix ms.
    pub started_ms: i64,
    /// Our primary sent it: nobody here may end it.
    pub from_primary: bool,
}

/// A script that rests, and what is needed when it is over.
#[derive(Debug)]
pub(crate) struct Paused {
    /// It.
    pub script: Running,
    /// As errors name it.
    pub name: String,
    /// A function, not a script.
    pub function: bool,
    /// The caller's database.
    pub selected: usize,
}

impl Scripts {
    /// The Lua state; made at the first call.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn machine(&mut self) -> Result<Machine, String> {
        if let Some(machine) = &self.machine {
            return Ok(machine.clone());
        }
        let machine = Machine::new().map_err(|error| error.to_string())?;
        self.machine = Some(machine.clone());
        Ok(machine)
    }

    /// Whether the script that rests may be ended.
    #[must_use]
    pub fn may_be_killed(&self) -> Killing {
        let (Some(current), Some(machine)) = (&self.current, &self.machine) else {
            return Killing::NothingRuns;
        };
        if current.from_primary {
            Killing::FromPrimary
        } else if machine.shared().wrote.get() {
            Killing::Wrote
        } else {
            Killing::Possible
        }
    }

    /// Ends the script that rests: it fails as soon as it goes on.
    pub fn kill(&self) {
        if let Some(machine) = &self.machine {
            machine.shared().killed.set(true);
        }
    }

    /// Has a script written to the log?
    #[must_use]
    pub fn has_logs(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| !machine.shared().logs.borrow().is_empty())
    }

    /// What scripts wrote to the log since the last call: level (0 to 3) and text.
    pub fn take_logs(&mut self) -> Vec<(u8, Vec<u8>)> {
        self.machine.as_ref().map(|machine| machine.shared().logs.take()).unwrap_or_default()
    }

    /// Bytes that Lua holds; 0 before the first script.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.machine.as_ref().map_or(0, |machine| machine.memory_bytes(self.current.is_some()))
    }

    /// SCRIPT FLUSH. Lua is made anew, as in Redis, unless functions live in it, whose state must stay.
    pub fn flush(&mut self) {
        self.cache.clear();
        self.cache_bytes = 0;
        let has_functions = self.functions.as_ref().is_some_and(|functions| functions.count() > 0);
        if !has_functions && self.current.is_none() && !self.has_logs() {
            self.machine = None;
            self.functions = None;
        }
    }

    /// The libraries have changed otherwise than through FUNCTION (an RDB was loaded).
    pub fn forget_functions(&mut self) {
        self.functions = None;
    }
}

/// Why SCRIPT KILL and FUNCTION KILL may not do what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killing {
    /// They may.
    Possible,
    /// There is none.
    NothingRuns,
    /// It has written: ending it would leave half of its work.
    Wrote,
    /// It came through the feed.
    FromPrimary,
}

/// SHA-1 as lower-case hexadecimal digits.
#[must_use]
pub fn sha1_hex(bytes: &[u8]) -> Sha {
    use sha1::Digest;
    use std::fmt::Write;
    sha1::Sha1::digest(bytes).iter().fold(String::with_capacity(40), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
