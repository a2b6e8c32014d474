//! For tests: says a line to a store and insists that it is no error.
//!
//! Words are parted by spaces, so values with spaces need another way. The time is always `NOW_MS`.

use crate::store::Store;

/// The moment at which tests of files happen.
pub const NOW_MS: i64 = 5_000;

/// Runs one command; panics when the reply is an error.
pub fn say(store: &mut Store, session: u32, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let mut input = Vec::new();
    crate::effects::encode_command(&mut input, &words);
    store.execute(session, &input, NOW_MS);
    let reply = String::from_utf8_lossy(store.reply.bytes());
    assert!(!reply.starts_with('-'), "{line}: {reply}");
}
