//! What a command costs in figures that are the same in every run on any machine, however busy: allocations, bytes asked
//! for, instructions. `npm run costs` compares them with costs.txt, the snapshot that a change must own up to.
//!
//! ```text
//!     costs          a line per row: name, allocations and bytes per thousand commands
//!     costs ROW      that row alone, for callgrind, which counts instructions inside of `measured` (scripts/costs.mjs)
//! ```
//!
//! Not a measure of speed: a wait for memory is no instruction. For that there is `commands`, and bench/.

use redtwin_keyspace::effects::encode_command;
use redtwin_keyspace::rng::Rng;
use redtwin_keyspace::session::{SessionId, Stop};
use redtwin_keyspace::store::Store;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The system's allocator, which counts what is asked of it. A block that is resized is asked for once more.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
}

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Keys that are there before a row begins.
const KEYS: usize = 10_000;
/// Commands of a row: enough for what happens now and then (a node that fills, a table that grows) to show its share.
const COMMANDS: usize = 4096;
const NOW_MS: i64 = 1;

/// Writes the command that comes as the `n`th, on a key that is there.
type Write = fn(into: &mut Vec<u8>, key: &str, n: usize);

/// One row: commands in chunks of `depth`, sent by a client, or by the primary whose feed is applied.
struct Row {
    name: &'static str,
    depth: usize,
    is_feed: bool,
    write: Write,
}

const VALUE: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

fn command(into: &mut Vec<u8>, words: &[&str]) {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    encode_command(into, &words);
}

const fn row(name: &'static str, depth: usize, write: Write) -> Row {
    Row { name, depth, is_feed: false, write }
}

const fn feed(name: &'static str, write: Write) -> Row {
    Row { name, depth: 128, is_feed: true, write }
}

const ROWS: &[Row] = &[
    row("PING", 1, |into, _, _| command(into, &["PING"])),
    row("SET", 1, |into, key, _| command(into, &["SET", key, VALUE])),
    row("SET-16", 16, |into, key, _| command(into, &["SET", key, VALUE])),
    row("SET-new-16", 16, |into, _, n| command(into, &["SET", &format!("new:{n:012}"), VALUE])),
    row("GET", 1, |into, key, _| command(into, &["GET", key])),
    row("GET-16", 16, |into, key, _| command(into, &["GET", key])),
    row("GET-missing-16", 16, |into, _, n| command(into, &["GET", &format!("none:{n:012}")])),
    row("INCR", 1, |into, key, _| command(into, &["INCR", &format!("n:{key}")])),
    row("INCR-16", 16, |into, key, _| command(into, &["INCR", &format!("n:{key}")])),
    row("MGET-10", 1, |into, key, _| {
        command(into, &["MGET", key, key, key, key, key, key, key, key, key, key]);
    }),
    row("EXPIRE-16", 16, |into, key, _| command(into, &["EXPIRE", key, "1000"])),
    row("DEL-16", 16, |into, _, n| command(into, &["DEL", &format!("key:{n:012}")])),
    row("LPUSH-16", 16, |into, _, _| command(into, &["LPUSH", "list", VALUE])),
    row("RPOP-16", 16, |into, _, _| command(into, &["RPOP", "letters"])),
    row("LRANGE-100", 1, |into, _, _| command(into, &["LRANGE", "letters", "0", "99"])),
    row("HSET-small-16", 16, |into, _, n| {
        command(into, &["HSET", &format!("hash:{n:012}"), "name", VALUE, "size", "12"]);
    }),
    row("HSET-large-16", 16, |into, key, _| command(into, &["HSET", "hash", key, VALUE])),
    row("HGETALL-small", 1, |into, _, _| command(into, &["HGETALL", "small"])),
    row("SADD-16", 16, |into, key, _| command(into, &["SADD", "set", key])),
    row("SINTER", 1, |into, _, _| command(into, &["SINTER", "evens", "thirds"])),
    row("ZADD-16", 16, |into, key, n| command(into, &["ZADD", "zset", &n.to_string(), key])),
    row("ZRANGE-10", 1, |into, _, _| command(into, &["ZRANGE", "ranks", "50", "59", "WITHSCORES"])),
    row("XADD-16", 16, |into, _, _| command(into, &["XADD", "stream", "*", "field", VALUE])),
    feed("feed-SET", |into, _, n| command(into, &["SET", &format!("new:{n:012}"), VALUE])),
    feed("feed-INCR", |into, key, _| command(into, &["INCR", &format!("n:{key}")])),
    feed("feed-mixed", |into, key, n| match n % 5 {
        0 => command(into, &["SET", key, VALUE]),
        1 => command(into, &["HSET", &format!("hash:{n:012}"), "name", VALUE]),
        2 => command(into, &["RPUSH", &format!("list:{n:012}"), VALUE]),
        3 => command(into, &["ZADD", "zset", &n.to_string(), key]),
        _ => command(into, &["DEL", &format!("key:{n:012}")]),
    }),
];

/// A store with what the rows need.
fn prepared() -> (Store, SessionId) {
    let mut store = Store::new(16, 1, 1 << 20);
    store.turn_feed(false);
    let session = store.open_session();
    let mut setup = Vec::new();
    for n in 0..KEYS {
        command(&mut setup, &["SET", &format!("key:{n:012}"), VALUE]);
        command(&mut setup, &["SET", &format!("n:key:{n:012}"), &n.to_string()]);
        command(&mut setup, &["RPUSH", "letters", "abc"]);
    }
    for n in 0..1000 {
        let member = format!("member:{n}");
        command(&mut setup, &["ZADD", "ranks", &n.to_string(), &member]);
        for (set, step) in [("evens", 2), ("thirds", 3)] {
            if n % step == 0 {
                command(&mut setup, &["SADD", set, &member]);
            }
        }
    }
    command(&mut setup, &["HSET", "small", "name", VALUE, "size", "12", "colour", "red"]);
    let stop = store.execute(session, &setup, NOW_MS);
    assert!(stop == Stop::Drained && !store.reply.bytes().contains(&b'-'), "the rows' data cannot be made");
    (store, session)
}

/// The chunks of a row, the same in every run.
fn chunks(row: &Row) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(7);
    let mut write = |into: &mut Vec<u8>, n| (row.write)(into, &format!("key:{:012}", rng.below(KEYS)), n);
    (0..COMMANDS / row.depth)
        .map(|chunk| {
            let mut bytes = Vec::new();
            (0..row.depth).for_each(|place| write(&mut bytes, chunk * row.depth + place));
            bytes
        })
        .collect()
}

/// What callgrind looks at: the commands and nothing of their making.
#[inline(never)]
fn measured(row: &Row, store: &mut Store, session: SessionId, chunks: &[Vec<u8>]) {
    for chunk in chunks {
        let stop = if row.is_feed {
            store.apply(session, chunk, NOW_MS)
        } else {
            store.execute(session, chunk, NOW_MS)
        };
        assert!(stop == Stop::Drained && !store.reply.bytes().starts_with(b"-"), "{} does not run", row.name);
    }
}

fn main() {
    let alone = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    for row in ROWS.iter().filter(|row| alone.as_ref().is_none_or(|name| name == row.name)) {
        let chunks = chunks(row);
        let (mut store, session) = prepared();
        let before = [&ALLOCATIONS, &BYTES].map(|count| count.load(Relaxed));
        measured(row, &mut store, session, &chunks);
        let [allocations, bytes] = [(&ALLOCATIONS, before[0]), (&BYTES, before[1])]
            .map(|(count, before)| (count.load(Relaxed) - before) as f64 * 1000.0 / COMMANDS as f64);
        println!("{} {allocations:.0} {bytes:.0} {COMMANDS}", row.name);
    }
}
