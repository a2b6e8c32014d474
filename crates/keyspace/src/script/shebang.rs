//! The first line of a script (`#!lua flags=no-writes`) and of a library (`#!lua name=mylib`).
//!
//! Nothing is run here: what the line asks for is only taken apart and checked.

use std::fmt;

/// What a script or function may do, or does without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    bits: u8,
}

/// Names in Redis's order, which FUNCTION LIST shows.
pub const NAMES: [&str; 5] = ["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"];

impl Flags {
    /// Adds a flag by name; false when there is none of that name.
    pub fn add(&mut self, name: &[u8]) -> bool {
        match NAMES.iter().position(|known| known.as_bytes() == name) {
            Some(bit) => {
                self.bits |= 1 << bit;
                true
            }
            None => false,
        }
    }

    /// Names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.bits & (1 << bit) != 0)
            .map(|(_, name)| name)
    }

    /// Writes nothing.
    #[must_use]
    pub fn no_writes(self) -> bool {
        self.bits & 1 != 0
    }

    /// May run though memory is short.
    #[must_use]
    pub fn allow_oom(self) -> bool {
        self.bits & 2 != 0
    }

    /// May run on a replica whose link is down.
    #[must_use]
    pub fn allow_stale(self) -> bool {
        self.bits & 4 != 0
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(","))
    }
}

/// A script's flags, and where its Lua begins (at the line break, so that lines keep their numbers). None for a script
/// without a `#!` line.
///
/// # Errors
/// Redis's words, without ERR.
pub fn of_script(body: &[u8]) -> Result<Option<(Flags, usize)>, Vec<u8>> {
    if !body.starts_with(b"#!") {
        return Ok(None);
    }
    let Some(end) = body.iter().position(|&byte| byte == b'\n') else {
        return Err(b"Invalid script shebang".to_vec());
    };
    let line = body.get(..end).unwrap_or_default();
    let words = redtwin_resp::split_arguments(line).unwrap_or_default();
    let Some((engine, options)) = words.split_first() else {
        return Err(b"Invalid engine in script shebang".to_vec());
    };
    if engine != b"#!lua" {
        return Err([b"Unexpected engine in script shebang: ", engine.as_slice()].concat());
    }
    let mut flags = Flags::default();
    for option in options {
        let Some(list) = option.strip_prefix(b"flags=") else {
            return Err([b"Unknown lua shebang option: ", option.as_slice()].concat());
        };
        for name in list.split(|&byte| byte == b',').filter(|_| !list.is_empty()) {
            if !flags.add(name) {
                return Err([b"Unexpected flag in script shebang: ", name].concat());
            }
        }
    }
    Ok(Some((flags, end)))
}

/// A library's name, and where its Lua begins.
///
/// # Errors
/// Redis's words, without ERR.
pub fn of_library(code: &[u8]) -> Result<(String, usize), Vec<u8>> {
    if !code.starts_with(b"#!") {
        return Err(b"Missing library metadata".to_vec());
    }
    let Some(end) = code.iter().position(|&byte| byte == b'\n') else {
        return Err(b"Invalid library metadata".to_vec());
    };
    let line = code.get(..end).unwrap_or_default();
    let Some(words) = redtwin_resp::split_arguments(line) else {
        return Err(b"Invalid library metadata".to_vec());
    };
    let mut name = None;
    for option in words.iter().skip(1) {
        let Some((_, value)) =
            option.split_at_checked(5).filter(|(key, _)| key.eq_ignore_ascii_case(b"name="))
        else {
            return Err([b"Invalid metadata value given: ", option.as_slice()].concat());
        };
        if name.is_some() {
            return Err(b"Invalid metadata value, name argument was given multiple times".to_vec());
        }
        name = Some(value.to_vec());
    }
    let Some(name) = name else { return Err(b"Library name was not given".to_vec()) };
    if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return Err(
            b"Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
                .to_vec(),
        );
    }
    let engine = words.first().and_then(|word| word.get(2..)).unwrap_or_default();
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err([b"Engine '", engine, b"' not found"].concat());
    }
    Ok((String::from_utf8_lossy(&name).into_owned(), end))
}
