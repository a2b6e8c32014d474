//! How fast the keyspace runs commands, and what a key costs, without Node around it.
//!
//! `cargo bench -p redtwin-keyspace -- [keys] [NAME...]` prints thousands of commands per second of CPU time at
//! each pipeline depth, of all commands or those named, and bytes per key.

#[path = "../../../native/src/allocator.rs"]
mod allocator;

use redtwin_keyspace::store::Store;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn command(into: &mut Vec<u8>, args: &[&[u8]]) {
    redtwin_keyspace::effects::encode_command(into, args);
}

/// Chunks of `depth` commands on random ones of `keys` keys.
fn chunks(depth: usize, keys: usize, make: impl Fn(&mut Vec<u8>, &[u8])) -> Vec<Vec<u8>> {
    let mut rng = redtwin_keyspace::rng::Rng::new(7);
    (0..400_000 / depth)
        .map(|_| {
            let mut chunk = Vec::new();
            (0..depth).for_each(|_| make(&mut chunk, format!("key:{:012}", rng.below(keys)).as_bytes()));
            chunk
        })
        .collect()
}

/// CPU time of this process: a busy machine makes it no longer. In steps of ten milliseconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Writes a command on a key.
type Write<'a> = &'a dyn Fn(&mut Vec<u8>, &[u8]);

fn main() {
    let keys: usize = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(1_000_000);
    let mut store = Store::new(16, 1, 1 << 20);
    let session = store.open_session();
    let before = resident_bytes();
    let start = Instant::now();
    let mut chunk = Vec::new();
    for i in 0..keys {
        command(&mut chunk, &[b"SET", format!("key:{i:012}").as_bytes(), &[b'x'; 32]]);
        if i % 100 == 99 || i + 1 == keys {
            store.execute(session, &chunk, 1);
            chunk.clear();
        }
    }
    println!(
        "{keys} keys: {:.2} s to set, {} bytes a key resident, {} in use",
        start.elapsed().as_secs_f64(),
        (resident_bytes() - before) / keys,
        allocator::used_bytes() / keys
    );
    let value = [b'x'; 64];
    // As bench/throughput.ts has them: 500 and 334 members, of which 167 are in both.
    let names = |step: usize| (0..1000).step_by(step).map(|i| format!("member:{i}")).collect::<Vec<_>>();
    for (set, step) in [("evens", 2), ("thirds", 3)] {
        let members = names(step);
        let args = ["SADD", set].into_iter().chain(members.iter().map(String::as_str));
        let mut into = Vec::new();
        command(&mut into, &args.map(str::as_bytes).collect::<Vec<_>>());
        store.execute(session, &into, 1);
    }
    let families: [(&str, Write<'_>); 10] = [
        ("SET", &|into, key| command(into, &[b"SET", key, &value])),
        ("GET", &|into, key| command(into, &[b"GET", key])),
        ("INCR", &|into, key| command(into, &[b"INCR", &[key, b":n"].concat()])),
        // The keys of these are members of one large collection.
        ("HSET", &|into, key| command(into, &[b"HSET", b"hash", key, &value[..32]])),
        ("HGET", &|into, key| command(into, &[b"HGET", b"hash", key])),
        ("SADD", &|into, key| command(into, &[b"SADD", b"set", key])),
        ("ZADD", &|into, key| command(into, &[b"ZADD", b"zset", &key[8..], key])),
        ("LPUSH", &|into, _| command(into, &[b"LPUSH", b"list", &value[..32]])),
        ("XADD", &|into, _| command(into, &[b"XADD", b"stream", b"*", b"field", &value[..32]])),
        ("SINTER", &|into, _| command(into, &[b"SINTER", b"evens", b"thirds"])),
    ];
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|a| families.iter().any(|(name, _)| name == a)).collect();
    for (name, make) in families {
        if !chosen.is_empty() && !chosen.iter().any(|a| a == name) {
            continue;
        }
        for depth in [1, 16, 128] {
            let chunks = chunks(depth, keys, make);
            let mut best = 0.0f64;
            for _ in 0..3 {
                let start = cpu_seconds();
                for chunk in &chunks {
                    store.execute(session, chunk, 1);
                }
                best = best.max(400_000.0 / (cpu_seconds() - start).max(0.01));
            }
            println!("{name} -P {depth}: {:.0} thousand a second", best / 1000.0);
        }
    }
}
