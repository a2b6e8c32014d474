//! What every command has cost so far: calls, time, refusals, failures. INFO commandstats and LATENCY are made of it.
//!
//! Its one idea: equal commands in a row are timed together. The clock is read when the command changes and when a
//! batch ends, so a call costs a comparison and an addition:
//!
//! ```text
//!   batch   GET GET GET SET GET |
//!   clock  ^           ^   ^    ^        three GETs share their time evenly; so do their places in the histogram
//! ```
//!
//! A long feed of mixed commands would read it for nearly every command. There only the first batch of each chunk is timed so; of the
//! others the time is taken as a whole, and shared out by what such calls have taken so far.
//!
//! A client that sends one command at a time is measured exactly as by Redis, and so are totals always. There is no clock
//! down here: `clock` is given by whoever owns the store, and without it every time is 0.

use crate::generated::commands::{COMMANDS, CommandSpec};
use crate::latency_histogram::LatencyHistogram;
use std::collections::BTreeMap;

/// Number of the row that a command counts in: its place in COMMANDS, or behind them all for a subcommand.
pub type RowNumber = usize;

/// Kinds of errors told apart. Redis 7.0 knows no limit, but a script may make up as many as it likes.
const ERROR_KINDS_MAX: usize = 1024;
/// As much of an error's text as its kind is looked for in.
const ERROR_KIND_BYTES_MAX: usize = 32;

/// Counters of one command or subcommand.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Times it ran, failed calls included.
    pub calls: u64,
    /// Time it took in all, in nanoseconds.
    pub ns: u64,
    /// Times it was refused before it ran.
    pub rejected: u64,
    /// Calls that answered an error.
    pub failed: u64,
    /// None as long as nothing was recorded.
    pub latency: Option<LatencyHistogram>,
    /// Calls of a batch that is timed as a whole.
    unshared: u64,
}

/// Rows of all commands, and the run of equal commands under way.
#[derive(Clone, Debug)]
pub struct CommandStats {
    rows: Vec<Row>,
    /// Commands run, those of the host included.
    pub commands: u64,
    /// Error replies.
    pub error_replies: u64,
    /// Error replies by their first word.
    pub errors: BTreeMap<Vec<u8>, u64>,
    /// A monotonic clock in nanoseconds.
    pub clock: fn() -> u64,
    /// Config latency-tracking.
    pub tracks_latency: bool,
    current: RowNumber,
    count: u64,
    since_ns: u64,
    /// Batches are timed as a whole.
    shares: bool,
    /// Rows that have unshared calls.
    unshared: Vec<RowNumber>,
}

impl Default for CommandStats {
    fn default() -> Self {
        let subcommands: usize = COMMANDS.iter().map(|spec| spec.subcommands.len()).sum();
        CommandStats {
            rows: vec![Row::default(); COMMANDS.len() + subcommands],
            commands: 0,
            error_replies: 0,
            errors: BTreeMap::new(),
            clock: || 0,
            tracks_latency: true,
            current: 0,
            count: 0,
            since_ns: 0,
            shares: false,
            unshared: Vec::new(),
        }
    }
}

/// The row of a command with these arguments.
#[inline]
pub fn row_of(spec: &CommandSpec, args: &[&[u8]]) -> RowNumber {
    if spec.subcommands.is_empty() {
        return spec.id as RowNumber;
    }
    let word = args.get(1).copied().unwrap_or_default();
    let sub = spec.subcommands.iter().find(|sub| word.eq_ignore_ascii_case(sub.name.as_bytes()));
    sub.map_or(spec.id as RowNumber, |sub| usize::from(sub.row))
}

impl CommandStats {
    /// A batch begins: what was before does not count.
    #[inline]
    pub fn start(&mut self) {
        self.since_ns = (self.clock)();
    }

    /// From the next `start` on batches are timed as a whole, or not.
    #[inline]
    pub fn share(&mut self, shares: bool) {
        self.shares = shares;
    }

    /// A command is about to run.
    #[inline]
    pub fn begin(&mut self, row: RowNumber) {
        if row != self.current {
            if self.shares {
                self.set_aside();
            } else {
                self.settle();
            }
            self.current = row;
        }
        self.count += 1;
    }

    /// The command that has just begun is another's to count (it is handed to the host).
    pub fn take_back(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// The run is over (the batch ends, another command comes): its time is shared out. The moment, in ns.
    pub fn settle(&mut self) -> u64 {
        let now_ns = (self.clock)();
        if !self.unshared.is_empty() {
            self.set_aside();
            self.share_out(now_ns.saturating_sub(self.since_ns));
        } else if self.count > 0 {
            let (row, count) = (self.current, std::mem::take(&mut self.count));
            self.add(row, now_ns.saturating_sub(self.since_ns), count, count);
        }
        self.since_ns = now_ns;
        now_ns
    }

    /// The run is over, but its time is taken later.
    #[inline]
    fn set_aside(&mut self) {
        let count = std::mem::take(&mut self.count);
        if let Some(row) = self.rows.get_mut(self.current).filter(|_| count > 0) {
            if row.unshared == 0 {
                self.unshared.push(self.current);
            }
            row.unshared += count;
        }
    }

    /// The runs that were set aside took this long together: each gets its part, in proportion to what its calls took so far. One
    /// whose command is new counts as the others do on average.
    fn share_out(&mut self, ns: u64) {
        let of = |number: &RowNumber| self.rows.get(*number);
        let known = || self.unshared.iter().filter_map(of).filter(|row| row.calls > 0);
        let calls: u64 = self.unshared.iter().filter_map(of).map(|row| row.unshared).sum();
        let mean = |row: &Row| row.ns as f64 / row.calls as f64;
        let sums = known().fold((0.0, 0.0), |(ns, calls), row| {
            let count = row.unshared as f64;
            (ns + mean(row) * count, calls + count)
        });
        let usual = if sums.0 > 0.0 { sums.0 / sums.1 } else { 1.0 };
        let expected = sums.0 + usual * (calls as f64 - sums.1);
        let scale = if sums.0 > 0.0 { ns as f64 / expected } else { ns as f64 / calls as f64 };
        let mut left_ns = ns;
        let mut numbers = std::mem::take(&mut self.unshared);
        for (index, &number) in numbers.iter().enumerate() {
            let Some(row) = self.rows.get_mut(number) else { continue };
            let count = std::mem::take(&mut row.unshared);
            let each = if sums.0 > 0.0 && row.calls > 0 { mean(row) } else { usual };
            // The last one takes what rounding has left, so that totals are exact.
            let is_last = index + 1 == numbers.len();
            let part = if is_last { left_ns } else { left_ns.min((each * scale * count as f64) as u64) };
            left_ns -= part;
            self.add(number, part, count, count);
        }
        numbers.clear();
        self.unshared = numbers;
    }

    /// The last command waits: it has been called, but how long it takes is known only when it has its answer.
    pub fn settle_waiting(&mut self) {
        let now_ns = (self.clock)();
        let count = std::mem::take(&mut self.count);
        self.add(self.current, now_ns.saturating_sub(self.since_ns), count, count.saturating_sub(1));
        self.since_ns = now_ns;
    }

    /// A command that began at `from_ns` is over; others may have run inside it.
    pub fn finish(&mut self, row: RowNumber, from_ns: u64) {
        let now_ns = self.settle();
        self.add(row, now_ns.saturating_sub(from_ns), 1, 1);
    }

    /// A command that had waited since an earlier call has got its answer now.
    pub fn finish_waiting(&mut self, row: RowNumber, from_ns: u64) {
        let now_ns = self.settle();
        self.add(row, now_ns.saturating_sub(from_ns), 0, 1);
    }

    /// A command that ran inside another one (in a script), whose time goes on.
    pub fn inside(&mut self, row: RowNumber, from_ns: u64) {
        let ns = (self.clock)().saturating_sub(from_ns);
        self.add(row, ns, 1, 1);
    }

    fn add(&mut self, row: RowNumber, ns: u64, calls: u64, timed: u64) {
        self.commands += calls;
        let Some(row) = self.rows.get_mut(row) else { return };
        row.calls += calls;
        row.ns += ns;
        if self.tracks_latency && timed > 0 {
            // Where commands alternate each is timed alone, and a division would cost as much as all else here.
            let each_ns = if timed == 1 { ns } else { ns / timed };
            row.latency.get_or_insert_default().record(each_ns, timed);
        }
    }

    /// A command was refused before it ran.
    pub fn rejected(&mut self, row: RowNumber) {
        if let Some(row) = self.rows.get_mut(row) {
            row.rejected += 1;
        }
    }

    /// A call answered an error.
    pub fn failed(&mut self, row: RowNumber) {
        if let Some(row) = self.rows.get_mut(row) {
            row.failed += 1;
        }
    }

    /// An error reply, with its text but without the dash. Its kind is its first word; a text of one word is an ERR.
    pub fn count_error(&mut self, text: &[u8]) {
        self.error_replies += 1;
        // One less than Redis's 32: it looks at the dash too.
        let place = text.iter().take(ERROR_KIND_BYTES_MAX - 1).position(|&byte| byte == b' ');
        let kind = place.and_then(|end| text.get(..end)).unwrap_or(b"ERR");
        if let Some(count) = self.errors.get_mut(kind) {
            *count += 1;
        } else if self.errors.len() < ERROR_KINDS_MAX {
            self.errors.insert(kind.to_vec(), 1);
        }
    }

    /// Everything counted from zero again (CONFIG RESETSTAT).
    pub fn reset(&mut self) {
        *self = CommandStats { clock: self.clock, tracks_latency: self.tracks_latency, ..Self::default() };
    }

    /// Rows of what was called or refused, with their names (`config|get` style).
    pub fn used(&self) -> impl Iterator<Item = (String, &Row)> {
        let commands = COMMANDS.iter().map(|spec| spec.name.to_string());
        let subcommands = COMMANDS
            .iter()
            .flat_map(|spec| spec.subcommands.iter().map(move |sub| format!("{}|{}", spec.name, sub.name)));
        let named = commands.chain(subcommands).zip(&self.rows);
        named.filter(|(_, row)| row.calls + row.rejected + row.failed > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static NOW: Cell<u64> = const { Cell::new(0) };
    }

    fn stats() -> CommandStats {
        CommandStats { clock: || NOW.get(), ..CommandStats::default() }
    }

    fn pass(ns: u64) {
        NOW.set(NOW.get() + ns);
    }

    #[test]
    fn equal_commands_in_a_row_share_their_time() {
        let mut stats = stats();
        pass(5000);
        stats.start();
        for row in [3, 3, 3, 4, 3] {
            stats.begin(row);
            pass(if row == 4 { 70 } else { 10 });
        }
        stats.settle();
        let told = |row: usize| (stats.rows[row].calls, stats.rows[row].ns);
        assert_eq!((told(3), told(4), stats.commands), ((4, 40), (1, 70), 5));
        let latency = stats.rows[3].latency.as_ref().map(|histogram| histogram.pairs().collect::<Vec<_>>());
        assert_eq!(latency, Some(vec![(10, 4)]));
    }

    #[test]
    fn a_batch_is_timed_as_a_whole_and_shared_out_by_what_is_known() {
        let mut stats = stats();
        stats.start();
        for (row, ns) in [(3, 10), (4, 30)] {
            stats.begin(row);
            pass(ns);
        }
        stats.settle();
        stats.share(true);
        stats.start();
        // Row 5 is new: it counts as the others do on average, 20.
        for row in [3, 4, 3, 4, 5, 5] {
            stats.begin(row);
        }
        pass(240);
        stats.settle();
        let told = |row: usize| (stats.rows[row].calls, stats.rows[row].ns);
        assert_eq!((told(3), told(4), told(5)), ((3, 10 + 40), (3, 30 + 120), (2, 80)));
        assert_eq!(stats.commands, 8);
        stats.share(false);
        stats.start();
        stats.begin(4);
        pass(7);
        stats.settle();
        assert_eq!((stats.rows[4].calls, stats.rows[4].ns), (4, 157));
    }

    #[test]
    fn time_that_is_shared_out_without_any_knowledge_is_not_lost() {
        for rows in [&[3usize, 4, 5][..], &[3, 3, 3]] {
            let mut stats = stats();
            stats.share(true);
            stats.start();
            rows.iter().for_each(|&row| stats.begin(row));
            pass(100);
            stats.settle();
            assert_eq!(
                stats.rows.iter().map(|row| (row.calls, row.ns)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
                (3, 100)
            );
        }
    }

    #[test]
    fn who_waits_is_timed_when_served() {
        let mut stats = stats();
        stats.start();
        stats.begin(7);
        pass(100);
        stats.settle_waiting();
        assert!(stats.rows[7].latency.is_none());
        pass(1_000_000);
        let from_ns = stats.settle();
        pass(50);
        stats.finish_waiting(7, from_ns);
        assert_eq!((stats.rows[7].calls, stats.rows[7].ns), (1, 150));
        assert!(stats.rows[7].latency.is_some());
    }

    #[test]
    fn the_kind_of_an_error_is_its_first_word() {
        let mut stats = stats();
        for text in ["WRONGTYPE no", "ERR a", "My b", "alone", "0123456789012345678901234567890123456789 x"] {
            stats.count_error(text.as_bytes());
        }
        let kinds: Vec<(&[u8], u64)> =
            stats.errors.iter().map(|(kind, count)| (kind.as_slice(), *count)).collect();
        assert_eq!(kinds, [(b"ERR".as_slice(), 3), (b"My", 1), (b"WRONGTYPE", 1)]);
    }

    #[test]
    fn subcommands_have_rows_of_their_own() {
        let (spec, _) = crate::lookup::find(b"object").unwrap();
        let row = row_of(spec, &[b"object", b"ENCODING", b"k"]);
        let mut stats = stats();
        stats.begin(row);
        stats.settle();
        assert_eq!(stats.used().map(|(name, _)| name).collect::<Vec<_>>(), ["object|encoding"]);
    }
}
