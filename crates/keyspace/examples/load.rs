//! Loads an RDB and says what came of it: `cargo run --release -p redtwin-keyspace --example load FILE [digest] [save]`.
//!
//! Prints the report, the time and, when asked, the digest, to be held against DEBUG DIGEST of the server that wrote
//! the file, and the time of a save. The file is read in chunks, as a socket would give it.

use redtwin_keyspace::load::{LoadOptions, Loader};
use redtwin_keyspace::save::{SaveOptions, Snapshot};
use redtwin_keyspace::store::Store;
use redtwin_rdb::format::Version;
use std::io::Read;
use std::time::Instant;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("usage: load FILE [digest]");
    let mut file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut store = Store::new(16, 1, 1 << 20);
    let start = Instant::now();
    let options = LoadOptions { now_ms: 0, drop_expired: false, tell_expired: false, checksum: true };
    let mut loader = Loader::new(&store.keys, options);
    let mut chunk = vec![0; 256 * 1024];
    loop {
        let size = file.read(&mut chunk).unwrap_or_else(|error| panic!("{path}: {error}"));
        if size == 0 {
            break;
        }
        loader.write(&chunk[..size]).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let loaded = loader.finish().unwrap_or_else(|error| panic!("{path}: {error}"));
    let report = store.adopt(loaded);
    println!("{:?} in {:.3} s", report, start.elapsed().as_secs_f64());
    let wishes: Vec<String> = arguments.collect();
    if wishes.iter().any(|wish| wish == "save") {
        let start = Instant::now();
        let options = SaveOptions {
            content: redtwin_keyspace::save::Content::All,
            version: Version::redis(10),
            compress: true,
            checksum: true,
            now_ms: 0,
            aux: Vec::new(),
        };
        let mut snapshot = Snapshot::new(&store.keys, &options).expect("version 10 can be written");
        let mut bytes = 0;
        while let Some(chunk) = snapshot.read(256 * 1024) {
            bytes += chunk.len();
        }
        println!("{bytes} bytes saved in {:.3} s", start.elapsed().as_secs_f64());
    }
    if wishes.iter().any(|wish| wish == "digest") {
        let digest = redtwin_keyspace::digest::of_dataset(&store.keys.dbs);
        println!("{}", redtwin_keyspace::digest::hex(&digest));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    // The process ends anyway: taking five million keys apart first would only cost time.
    std::mem::forget(store);
}
