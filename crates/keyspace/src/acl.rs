//! May this user run this command? The check of restricted sessions, and what was refused to them.
//!
//! ```text
//!   for each selector:   command's bit? --> each key fits a pattern with its rights? --> each channel fits? --> allowed
//! ```
//!
//! When no selector allows it, the refusal that got furthest is told: a channel before a key before the command, and the
//! later word of the same kind (Redis 7.0's ACLCheckAllUserCommandPerm). Commands that need no login need no right
//! either. Rules, passwords and the log are the host's (src/acl); here is their compiled form.

pub(crate) mod keys;

use crate::generated::commands::{CommandId, CommandSpec, FLAG_NO_AUTH, KeySpec, SubcommandSpec};
use crate::glob;
use crate::session::Session;
use crate::watch::SessionId;
use std::collections::HashMap;
use std::rc::Rc;

/// Keys that fit a pattern, and what may be done with them.
#[derive(Debug)]
pub struct KeyPattern {
    /// A glob.
    pub pattern: Vec<u8>,
    /// They may be read.
    pub reads: bool,
    /// They may be written.
    pub writes: bool,
}

/// One of the ways in which a user may do things. See `Selector` in engine.ts.
#[derive(Debug, Default)]
pub struct Selector {
    /// A bit for each row of the command table, low bits first; None for every command.
    pub commands: Option<Vec<u8>>,
    /// Rows, and first arguments with which they are allowed although their bit is not set.
    pub first_arguments: Vec<(u16, Vec<Vec<u8>>)>,
    /// None for every key.
    pub keys: Option<Vec<KeyPattern>>,
    /// Globs; None for every channel.
    pub channels: Option<Vec<Vec<u8>>>,
}

/// What kind of thing is not allowed. In the order of how much it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
}

/// Why a command is not allowed, and which word of it; 0 for the command as a whole.
pub type Verdict = (Reason, usize);

/// Where something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A command by itself.
    Toplevel,
    /// In MULTI or EXEC.
    Multi,
    /// In a script.
    Lua,
}

/// Something that a session did not get. See `Denial` in engine.ts.
#[derive(Debug)]
pub struct Denial {
    /// Who.
    pub session: SessionId,
    /// What kind of thing.
    pub reason: Reason,
    /// Where.
    pub context: Context,
    /// The command's full name, the key or the channel.
    pub object: Vec<u8>,
    /// Full name of the command that the client had sent.
    pub command: String,
    /// Commands of the MULTI it was in; -1 when there was none.
    pub multi: i32,
}

/// A command with the subcommand that its arguments name.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// Its row.
    pub spec: &'static CommandSpec,
    /// Its subcommand's row.
    pub sub: Option<&'static SubcommandSpec>,
}

impl Named {
    /// The rows that arguments mean.
    pub fn new(spec: &'static CommandSpec, args: &[&[u8]]) -> Named {
        let word = args.get(1).filter(|_| !spec.subcommands.is_empty());
        let sub =
            word.and_then(|w| spec.subcommands.iter().find(|s| w.eq_ignore_ascii_case(s.name.as_bytes())));
        Named { spec, sub }
    }

    fn row(&self) -> u16 {
        self.sub.map_or(self.spec.id as u16, |sub| sub.row)
    }

    /// FLAG_* bits.
    pub fn flags(&self) -> u32 {
        self.sub.map_or(self.spec.flags, |sub| sub.flags)
    }

    /// Where its keys are.
    pub fn key_specs(&self) -> &'static [KeySpec] {
        self.sub.map_or(self.spec.key_specs, |sub| sub.key_specs)
    }

    /// `config|get` style.
    pub fn full_name(&self) -> String {
        match self.sub {
            None => self.spec.name.to_string(),
            Some(sub) => format!("{}|{}", self.spec.name, sub.name),
        }
    }
}

/// What one user may do. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Permissions(Rc<[Selector]>);

impl Permissions {
    /// None when the command is allowed. The number of its arguments is right.
    pub fn judge(&self, command: Named, args: &[&[u8]]) -> Option<Verdict> {
        let mut worst = (Reason::Command, 0);
        for selector in self.0.iter() {
            worst = worst.max(selector.judge(command, args)?);
        }
        Some(worst)
    }

    /// Is the command allowed and, besides, every key readable? SORT's BY and GET look up keys that nobody named.
    pub fn may_read_all(&self, command: Named, args: &[&[u8]]) -> bool {
        self.0.iter().any(|selector| {
            let every = |pattern: &KeyPattern| pattern.reads && pattern.pattern == b"*";
            selector.judge(command, args).is_none()
                && selector.keys.as_ref().is_none_or(|keys| keys.iter().any(every))
        })
    }
}

/// What every user may do, and what was refused.
#[derive(Debug, Default)]
pub struct Access {
    users: HashMap<u32, Permissions>,
    /// Not fetched yet.
    pub denials: Vec<Denial>,
}

impl Access {
    /// Says what a user may do; None forgets the user.
    pub fn permit(&mut self, user: u32, selectors: Option<Vec<Selector>>) {
        match selectors {
            Some(selectors) => self.users.insert(user, Permissions(selectors.into())),
            None => self.users.remove(&user),
        };
    }

    /// What a user may do: nothing, when nobody knows the user.
    pub fn of(&self, user: u32) -> Permissions {
        self.users.get(&user).cloned().unwrap_or_default()
    }

    /// May the user run a command, given by its words? None also for commands that there are not.
    pub fn judge(&self, user: u32, args: &[&[u8]]) -> Option<Verdict> {
        let (spec, _) = crate::lookup::find(args.first()?)?;
        self.of(user).judge(Named::new(spec, args), args)
    }

    /// Holds a session's command against its user's permissions, and keeps what was refused.
    pub fn refusal(
        &mut self,
        session: &Session,
        command: Named,
        args: &[&[u8]],
        context: Context,
    ) -> Option<Reason> {
        let (reason, at) = self.of(session.user).judge(command, args)?;
        let object = match reason {
            Reason::Command => command.full_name().into_bytes(),
            Reason::Key | Reason::Channel => args.get(at).map(|word| word.to_vec()).unwrap_or_default(),
        };
        let command = session.last_command_name();
        let multi = session.multi_count();
        self.denials.push(Denial { session: session.id, reason, context, object, command, multi });
        Some(reason)
    }
}

impl Selector {
    fn judge(&self, command: Named, args: &[&[u8]]) -> Option<Verdict> {
        if command.flags() & FLAG_NO_AUTH == 0 && !self.allows_command(command.row(), args) {
            return Some((Reason::Command, 0));
        }
        if let Some(patterns) = &self.keys {
            let mut refused = None;
            keys::each(command.spec.id, command.key_specs(), args, |at, reads, writes| {
                let key = args.get(at).copied().unwrap_or_default();
                let fits = patterns.iter().any(|pattern| {
                    (pattern.reads || !reads)
                        && (pattern.writes || !writes)
                        && glob::matches(&pattern.pattern, key, false)
                });
                if !fits && refused.is_none() {
                    refused = Some((Reason::Key, at));
                }
            });
            if refused.is_some() {
                return refused;
            }
        }
        let patterns = self.channels.as_ref()?;
        let (count, are_patterns) = channels_in(command.spec.id, args.len())?;
        for (at, channel) in args.iter().enumerate().skip(1).take(count) {
            // A pattern must be allowed letter by letter: what it matches later nobody knows.
            let fits = |pattern: &Vec<u8>| {
                if are_patterns { pattern == channel } else { glob::matches(pattern, channel, false) }
            };
            if !patterns.iter().any(fits) {
                return Some((Reason::Channel, at));
            }
        }
        None
    }

    fn allows_command(&self, row: u16, args: &[&[u8]]) -> bool {
        let Some(bits) = &self.commands else { return true };
        if bits.get(usize::from(row >> 3)).is_some_and(|byte| byte & (1 << (row & 7)) != 0) {
            return true;
        }
        let words = self.first_arguments.iter().find(|(first, _)| *first == row);
        let first = args.get(1);
        words.zip(first).is_some_and(|((_, words), first)| {
            words.iter().any(|word: &Vec<u8>| word.eq_ignore_ascii_case(first))
        })
    }
}

/// How many of a command's arguments are channels, from the first on, and whether they are patterns.
fn channels_in(id: CommandId, words: usize) -> Option<(usize, bool)> {
    match id {
        CommandId::Subscribe | CommandId::Ssubscribe => Some((words, false)),
        CommandId::Psubscribe => Some((words, true)),
        CommandId::Publish | CommandId::Spublish => Some((1, false)),
        _ => None,
    }
}

/// Redis's words for a command that was refused before it ran.
pub fn no_permission(reason: Reason, command: Named) -> String {
    match reason {
        Reason::Command => {
            format!("NOPERM this user has no permissions to run the '{}' command", command.full_name())
        }
        Reason::Key => {
            "NOPERM this user has no permissions to access one of the keys used as arguments".to_string()
        }
        Reason::Channel => {
            "NOPERM this user has no permissions to access one of the channels used as arguments".to_string()
        }
    }
}

/// The words for a queued command that is not allowed any more when EXEC comes.
pub fn no_longer_allowed(reason: Reason) -> String {
    let why = match reason {
        Reason::Command => "no permission to execute the command or subcommand",
        Reason::Key => "no permission to touch the specified keys",
        Reason::Channel => "no permission to access one of the channels used as arguments",
    };
    format!(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command \
         is no longer allowed for the following reason: {why}"
    )
}

/// The words for a command of a script.
pub fn not_in_script(reason: Reason) -> &'static str {
    match reason {
        Reason::Command => "ERR The user executing the script can't run this command or subcommand",
        Reason::Key => {
            "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"
        }
        Reason::Channel => {
            "ERR The user executing the script can't publish to the channel mentioned in the command"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(args: &[&[u8]]) -> Named {
        Named::new(crate::lookup::find(args[0]).unwrap().0, args)
    }

    fn words(line: &str) -> Vec<&[u8]> {
        line.split(' ').map(str::as_bytes).collect()
    }

    fn selector(commands: &[&str], keys: &[(&str, bool, bool)], channels: &[&str]) -> Selector {
        let mut bits = vec![0u8; 64];
        for name in commands {
            let row = named(&[name.as_bytes()]).row();
            bits[usize::from(row >> 3)] |= 1 << (row & 7);
        }
        let pattern = |&(pattern, reads, writes): &(&str, bool, bool)| KeyPattern {
            pattern: pattern.as_bytes().to_vec(),
            reads,
            writes,
        };
        Selector {
            commands: Some(bits),
            first_arguments: Vec::new(),
            keys: Some(keys.iter().map(pattern).collect()),
            channels: Some(channels.iter().map(|channel| channel.as_bytes().to_vec()).collect()),
        }
    }

    fn verdict(access: &Access, line: &str) -> Option<Verdict> {
        let args = words(line);
        access.of(1).judge(named(&args), &args)
    }

    #[test]
    fn one_selector_must_allow_all_of_a_command() {
        let mut access = Access::default();
        let reader = selector(&["get", "copy"], &[("a*", true, false)], &["news"]);
        let writer = selector(&["set", "copy"], &[("b*", true, true)], &[]);
        access.permit(1, Some(vec![reader, writer]));
        assert_eq!(verdict(&access, "GET a1"), None);
        assert_eq!(verdict(&access, "SET b1 x"), None);
        assert_eq!(verdict(&access, "SET b1 x GET"), None);
        assert_eq!(verdict(&access, "COPY b1 b2"), None);
        assert_eq!(verdict(&access, "COPY a1 b2"), Some((Reason::Key, 2)));
        assert_eq!(verdict(&access, "GET b1"), Some((Reason::Key, 1)));
        assert_eq!(verdict(&access, "DEL a1"), Some((Reason::Command, 0)));
        assert_eq!(verdict(&access, "AUTH x"), None);
    }

    #[test]
    fn users_that_are_not_known_may_do_nothing() {
        let access = Access::default();
        assert_eq!(verdict(&access, "GET a"), Some((Reason::Command, 0)));
    }

    #[test]
    fn channels_fit_and_patterns_are_equal() {
        let mut access = Access::default();
        let commands = ["publish", "subscribe", "psubscribe"];
        access.permit(1, Some(vec![selector(&commands, &[], &["n*"])]));
        assert_eq!(verdict(&access, "PUBLISH news x"), None);
        assert_eq!(verdict(&access, "SUBSCRIBE news other"), Some((Reason::Channel, 2)));
        assert_eq!(verdict(&access, "PSUBSCRIBE n*"), None);
        assert_eq!(verdict(&access, "PSUBSCRIBE news"), Some((Reason::Channel, 1)));
    }
}
