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
    /// Of scripts, and of functions.
    machines: [Option<Machine>; 2],
}

/// Whose Lua: scripts and functions have a state each, as in Redis, so that SCRIPT FLUSH can make the scripts' anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// EVAL and EVALSHA.
    Scripts,
    /// FCALL and FUNCTION.
    Functions,
}

impl Side {
    /// A function's, or a script's.
    #[must_use]
    pub fn of(function: bool) -> Side {
        if function { Side::Functions } else { Side::Scripts }
    }
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
    pub fn machine(&mut self, side: Side) -> Result<Machine, String> {
        let [scripts, functions] = &mut self.machines;
        let machine = if side == Side::Functions { functions } else { scripts };
        if let Some(machine) = machine {
            return Ok(machine.clone());
        }
        let made = Machine::new().map_err(|error| error.to_string())?;
        Ok(machine.insert(made).clone())
    }

    /// The state of what rests.
    fn current_machine(&self) -> Option<(&Current, &Machine)> {
        let current = self.current.as_ref()?;
        let [scripts, functions] = &self.machines;
        let machine = if current.function { functions } else { scripts };
        Some((current, machine.as_ref()?))
    }

    /// Whether the script that rests may be ended.
    #[must_use]
    pub fn may_be_killed(&self) -> Killing {
        let Some((current, machine)) = self.current_machine() else {
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
        if let Some((_, machine)) = self.current_machine() {
            machine.shared().killed.set(true);
        }
    }

    /// Has a script written to the log?
    #[must_use]
    pub fn has_logs(&self) -> bool {
        self.machines.iter().flatten().any(|machine| !machine.shared().logs.borrow().is_empty())
    }

    /// What scripts wrote to the log since the last call: level (0 to 3) and text.
    pub fn take_logs(&mut self) -> Vec<(u8, Vec<u8>)> {
        self.machines.iter().flatten().flat_map(|machine| machine.shared().logs.take()).collect()
    }

    /// Bytes that Lua holds for scripts and for functions; 0 before the first.
    #[must_use]
    pub fn memory_bytes(&self) -> [usize; 2] {
        let rests = self.current.is_some();
        self.machines.each_ref().map(|machine| machine.as_ref().map_or(0, |lua| lua.memory_bytes(rests)))
    }

    /// SCRIPT FLUSH. Lua is made anew, as in Redis.
    pub fn flush(&mut self) {
        self.cache.clear();
        self.cache_bytes = 0;
        if self.current.is_none() && !self.has_logs() {
            let [scripts, _] = &mut self.machines;
            *scripts = None;
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
