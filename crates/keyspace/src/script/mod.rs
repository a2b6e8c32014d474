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

pub(crate) use inner::Rights;
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
    machine: Option<Machine>,
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

    /// SCRIPT FLUSH.
    pub fn flush(&mut self) {
        self.cache.clear();
    }

    /// The libraries have changed otherwise than through FUNCTION (an RDB was loaded).
    pub fn forget_functions(&mut self) {
        self.functions = None;
    }
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
