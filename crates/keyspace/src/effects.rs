//! What one unit (a command, or a transaction) puts into the feed.
//!
//! A command is fed as it came unless its handler says otherwise: `replace` gives the deterministic form (several
//! times for several effects), `none` keeps it out, `force` feeds it though nothing changed (PFCOUNT's cache).
//! More than one effect in a unit are wrapped in MULTI and EXEC; SELECT comes where the database changes.
//!
//! ```text
//!   SPOP k 3     -> replace(SREM k a b c)          -> *2 SELECT 0 | *5 SREM k a b c
//!   EXEC of two  -> replace / as it came, twice     -> MULTI | ... | ... | EXEC
//! ```
//!
//! While nobody reads the feed (`wanted` is false), effects are counted but not encoded: a write costs nothing then.

use redtwin_backlog::Backlog;

/// Collects the effects of a unit, already as RESP.
#[derive(Debug)]
pub struct Effects {
    /// Somebody may read the feed. Otherwise effects are only counted.
    wanted: bool,
    /// The encoded commands, one after the other.
    bytes: Vec<u8>,
    /// Where each command begins in `bytes`, and in which database it applies.
    commands: Vec<(usize, usize)>,
    /// So many commands are known to be understood by the feed's readers (`feed_reader`).
    checked: usize,
    /// This command's own form was given (or is unwanted).
    replaced: bool,
    forced: bool,
    /// The effects of this unit have nothing to do with each other.
    apart: bool,
}

/// Appends a command as RESP.
pub fn encode_command(bytes: &mut Vec<u8>, arguments: &[&[u8]]) {
    let mut digits = itoa::Buffer::new();
    let mut head = |bytes: &mut Vec<u8>, kind: u8, count: usize| {
        bytes.push(kind);
        bytes.extend_from_slice(digits.format(count).as_bytes());
        bytes.extend_from_slice(b"\r\n");
    };
    head(bytes, b'*', arguments.len());
    for argument in arguments {
        head(bytes, b'$', argument.len());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
}

impl Default for Effects {
    fn default() -> Self {
        Effects {
            wanted: true,
            bytes: Vec::new(),
            commands: Vec::new(),
            checked: 0,
            replaced: false,
            forced: false,
            apart: false,
        }
    }
}

impl Effects {
    /// Says whether anybody will read the feed. A unit under way is forgotten when that changes: half of it would be
    /// worse than nothing.
    pub fn want(&mut self, wanted: bool) {
        if self.wanted != wanted {
            self.discard();
            self.wanted = wanted;
        }
    }

    /// Adds an effect in a database beside the command's own (an expired key's DEL); the command itself is still fed.
    pub fn also(&mut self, db: usize, arguments: &[&[u8]]) {
        self.commands.push((self.bytes.len(), db));
        if self.wanted {
            encode_command(&mut self.bytes, arguments);
        }
    }

    /// Feeds this instead of the command. Called again, it adds another effect.
    pub fn replace(&mut self, db: usize, arguments: &[&[u8]]) {
        self.replaced = true;
        self.also(db, arguments);
    }

    /// Feeds nothing for this command.
    pub fn none(&mut self) {
        self.replaced = true;
    }

    /// Feeds the command as it came, though it changed nothing that counts.
    pub fn force(&mut self) {
        self.forced = true;
    }

    /// The unit's effects are told one by one, without MULTI and EXEC around them.
    pub fn apart(&mut self) {
        self.apart = true;
    }

    /// The command is over: when it changed something and gave no form of its own, it is fed as it came.
    pub fn command_done(&mut self, db: usize, arguments: &[&[u8]], dirty: bool) {
        if (dirty || self.forced) && !self.replaced {
            self.also(db, arguments);
        }
        self.replaced = false;
        self.forced = false;
    }

    /// This place, to come back to with `rewind`.
    pub fn mark(&self) -> usize {
        self.commands.len()
    }

    /// Forgets the effects that came after `mark` (a script's redis.set_repl).
    pub fn rewind(&mut self, mark: usize) {
        if let Some(&(start, _)) = self.commands.get(mark) {
            self.bytes.truncate(start);
            self.commands.truncate(mark);
            self.checked = self.checked.min(mark);
        }
    }

    /// The effects since the last `checked`, each with its database; None when there are none, or nobody reads them.
    pub fn unchecked(&self) -> Option<Vec<(usize, Vec<u8>)>> {
        let fresh = self.commands.get(self.checked..).filter(|fresh| self.wanted && !fresh.is_empty())?;
        let ends = fresh.iter().skip(1).map(|next| next.0).chain([self.bytes.len()]);
        let bytes = |start, end| self.bytes.get(start..end).unwrap_or_default().to_vec();
        Some(fresh.iter().zip(ends).map(|(&(start, db), end)| (db, bytes(start, end))).collect())
    }

    /// Forgets the effects that `unchecked` gave.
    pub fn take_unchecked(&mut self) {
        self.rewind(self.checked);
    }

    /// All effects so far are understood.
    pub fn checked(&mut self) {
        self.checked = self.commands.len();
    }

    /// Nothing to feed so far?
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The unit is over: moves everything into the feed. True when the feed grew.
    pub fn unit_done(&mut self, feed: &mut Backlog, selected: &mut Option<usize>) -> bool {
        if self.commands.is_empty() || !self.wanted {
            self.discard();
            return false;
        }
        let wrap = self.commands.len() > 1 && !self.apart;
        let mut select = |feed: &mut Backlog, db: usize| {
            if *selected != Some(db) {
                let mut select = Vec::with_capacity(32);
                encode_command(&mut select, &[b"SELECT", itoa::Buffer::new().format(db).as_bytes()]);
                feed.append(&select);
                *selected = Some(db);
            }
        };
        if let (true, Some(&(_, db))) = (wrap, self.commands.first()) {
            // The first SELECT stands before the MULTI (Redis 7.0).
            select(feed, db);
            feed.append(b"*1\r\n$5\r\nMULTI\r\n");
        }
        for (i, &(start, db)) in self.commands.iter().enumerate() {
            let end = self.commands.get(i + 1).map_or(self.bytes.len(), |next| next.0);
            select(feed, db);
            feed.append(&self.bytes[start..end]);
        }
        if wrap {
            feed.append(b"*1\r\n$4\r\nEXEC\r\n");
        }
        self.discard();
        true
    }

    /// Forgets everything (the unit was the primary's, whose bytes are fed verbatim).
    pub fn discard(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > 1024 * 1024 {
            self.bytes = Vec::new();
        }
        self.commands.clear();
        self.checked = 0;
        self.replaced = false;
        self.forced = false;
        self.apart = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(feed: &Backlog) -> String {
        let mut bytes = Vec::new();
        feed.read(0, usize::MAX, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn one_effect_is_bare_and_two_are_wrapped() {
        let (mut effects, mut feed, mut selected) = (Effects::default(), Backlog::new(1 << 20), None);
        effects.command_done(0, &[b"SET", b"k", b"v"], true);
        assert!(effects.unit_done(&mut feed, &mut selected));
        effects.command_done(0, &[b"GET", b"k"], false);
        assert!(!effects.unit_done(&mut feed, &mut selected));
        effects.replace(0, &[b"DEL", b"k"]);
        effects.command_done(0, &[b"GETDEL", b"k"], true);
        effects.command_done(1, &[b"DEL", b"x"], true);
        assert!(effects.unit_done(&mut feed, &mut selected));
        assert_eq!(
            text(&feed),
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n\
             *1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n\
             *2\r\n$3\r\nDEL\r\n$1\r\nx\r\n*1\r\n$4\r\nEXEC\r\n"
        );
    }

    #[test]
    fn a_transaction_follows_its_first_select() {
        let (mut effects, mut feed, mut selected) = (Effects::default(), Backlog::new(1 << 20), Some(0));
        effects.command_done(3, &[b"DEL", b"x"], true);
        effects.command_done(0, &[b"DEL", b"y"], true);
        assert!(effects.unit_done(&mut feed, &mut selected));
        assert!(text(&feed).starts_with("*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$5\r\nMULTI\r\n"));
    }

    #[test]
    fn nothing_is_encoded_while_nobody_reads() {
        let (mut effects, mut feed, mut selected) = (Effects::default(), Backlog::new(1 << 20), None);
        effects.want(false);
        effects.command_done(0, &[b"SET", b"k", b"v"], true);
        assert!(!effects.is_empty());
        assert!(!effects.unit_done(&mut feed, &mut selected));
        effects.want(true);
        effects.command_done(0, &[b"DEL", b"k"], true);
        assert!(effects.unit_done(&mut feed, &mut selected));
        assert!(text(&feed).ends_with("DEL\r\n$1\r\nk\r\n") && !text(&feed).contains("SET"));
    }
}
