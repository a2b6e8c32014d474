//! Input that comes in the middle of commands.
//!
//! ```text
//!   kept from before    input
//!   SET key va        | lue  SET key value  SET key value  ...  SET k
//!   '---- gathered, some KB ----'
//!                            '------- run where it lies -------'  '-- kept
//! ```
//!
//! Its one idea: a chunk is long and a command short, so only what makes the half command whole is copied behind it. All else
//! runs from the caller's buffer, which the processor's cache has.

use super::Store;
use crate::session::{Session, Stop};

/// As much is copied at once behind half a command, unless it is known to lack more.
const GATHERED_BYTES: usize = 4 * 1024;

/// Room for this much is kept for the next half command.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Runs the commands of a slice: the bytes used up, and why it stopped.
type Run = fn(&mut Store, &mut Session, &[u8]) -> (usize, Stop);

impl Store {
    /// Runs what was kept and `input`, and keeps what is left.
    pub(super) fn run_gathered(&mut self, session: &mut Session, input: &[u8], run: Run) -> Stop {
        let mut rest = input;
        let mut pending = std::mem::take(&mut session.pending);
        let mut ended = None;
        while !pending.is_empty() && ended.is_none() {
            let had = pending.len();
            let more = session.parser.wanted(had).max(GATHERED_BYTES).min(rest.len());
            let (now, later) = rest.split_at(more);
            pending.extend_from_slice(now);
            rest = later;
            let (used, stop) = run(self, session, &pending);
            if stop == Stop::Drained && used >= had {
                // What is left of the copy is the end of what was copied just now.
                let again = pending.len() - used;
                rest = input.get(input.len() - rest.len() - again..).unwrap_or_default();
                pending.clear();
            } else {
                pending.drain(..used);
            }
            if stop != Stop::Drained || rest.is_empty() {
                ended = Some(stop);
            }
        }
        let (used, stop) = match ended {
            Some(stop) => (0, stop),
            None => run(self, session, rest),
        };
        if pending.is_empty() && pending.capacity() > KEPT_BYTES_MAX {
            pending = Vec::new();
        }
        pending.extend_from_slice(rest.get(used..).unwrap_or_default());
        session.pending = pending;
        stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::encode_command;
    use crate::session::SessionId;

    /// Short commands, some that are longer than what is gathered at once, a transaction, and what belongs to the host.
    fn commands() -> Vec<u8> {
        let mut bytes = Vec::new();
        for n in 0..400 {
            let (key, long) = (format!("key:{}", n % 50), vec![b'x'; n * 90 % 30_000]);
            encode_command(&mut bytes, &[b"SET", key.as_bytes(), &long]);
            encode_command(&mut bytes, &[b"MULTI"]);
            encode_command(&mut bytes, &[b"INCR", b"counter"]);
            encode_command(&mut bytes, &[b"EXEC"]);
            encode_command(&mut bytes, &[b"RPUSH", b"list", key.as_bytes()]);
        }
        bytes
    }

    fn all_of(store: &Store) -> (String, Vec<u8>) {
        let mut feed = Vec::new();
        store.feed.read(store.feed.start(), usize::MAX, &mut feed);
        (crate::digest::hex(&crate::digest::of_dataset(&store.keys.dbs)), feed)
    }

    #[test]
    fn where_chunks_are_cut_does_not_matter() {
        let bytes = commands();
        let run = |step: usize, run: fn(&mut Store, SessionId, &[u8], i64) -> Stop| {
            let mut store = Store::new(1, 7, 1 << 30);
            let session = store.open_session();
            let mut replies = Vec::new();
            for chunk in bytes.chunks(step) {
                assert_eq!(run(&mut store, session, chunk, 1), Stop::Drained);
                replies.extend_from_slice(store.reply.bytes());
            }
            (all_of(&store), replies)
        };
        let whole = run(bytes.len(), Store::execute);
        let applied = run(bytes.len(), Store::apply);
        for step in [13, 1000, 4096, 65_536, 131_072] {
            assert!(run(step, Store::execute) == whole, "executed in steps of {step}");
            assert!(run(step, Store::apply) == applied, "applied in steps of {step}");
        }
        assert_eq!(whole.0.0, applied.0.0);
    }

    #[test]
    fn what_stops_leaves_the_rest_for_later() {
        let mut store = Store::new(1, 7, 1 << 20);
        let session = store.open_session();
        assert_eq!(store.execute(session, b"*2\r\n$3\r\nGET\r\n$1\r\n", 1), Stop::Drained);
        let rest = b"a\r\n*1\r\n$4\r\nINFO\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n";
        assert_eq!(store.execute(session, rest, 1), Stop::Host);
        assert_eq!(store.reply.bytes(), b"$-1\r\n");
        assert_eq!(store.resume(session, 1), Stop::Drained);
        assert_eq!(store.reply.bytes(), b":1\r\n");
        assert_eq!(store.execute(session, b"$1\r\na\r\n", 1), Stop::Drained);
        assert_eq!(store.reply.bytes(), b"$1\r\n1\r\n");
    }
}
