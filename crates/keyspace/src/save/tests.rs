//! What is saved is loaded again, equal, in every version; and the moment holds while writes go on.

use super::*;
use crate::digest;
use crate::load::{LoadOptions, Loader};
use crate::saying::say;
use crate::store::Store;

const OPTIONS: LoadOptions =
    LoadOptions { now_ms: 5_000, drop_expired: false, tell_expired: false, checksum: true };

fn filled() -> (Store, u32) {
    let mut store = Store::new(3, 9, 1 << 14);
    let session = store.open_session();
    for n in 0..3000 {
        say(&mut store, session, &format!("SET key:{n} value:{}", n * 7));
    }
    for line in [
        "SET int -12345",
        "SET gone soon PX 100000",
        "RPUSH list a 1 b",
        "SADD ints 1 2 3",
        "SADD names a b",
        "SELECT 2",
        "SET other db",
    ] {
        say(&mut store, session, line);
    }
    say(&mut store, session, "SELECT 0");
    (store, session)
}

fn options(number: u16) -> SaveOptions {
    SaveOptions {
        version: Version::of_number(number),
        compress: true,
        checksum: true,
        now_ms: 5_000,
        aux: vec![(b"redis-ver".to_vec(), b"7.0.15".to_vec())],
        content: Content::All,
    }
}

fn digest_of(store: &Store) -> String {
    digest::hex(&digest::of_dataset(&store.keys.dbs))
}

fn loaded(file: &[u8]) -> Store {
    let mut store = Store::new(3, 77, 1 << 14);
    let mut loader = Loader::new(&store.keys, OPTIONS);
    assert!(loader.write(file).unwrap());
    let loaded = loader.finish().unwrap();
    assert_eq!(loaded.report.aux, [(b"redis-ver".to_vec(), b"7.0.15".to_vec())]);
    store.adopt(loaded);
    store
}

fn whole(mut snapshot: Snapshot, bytes: usize) -> Vec<u8> {
    let mut file = Vec::new();
    while let Some(chunk) = snapshot.read(bytes) {
        assert!(chunk.len() <= bytes);
        file.extend(chunk);
    }
    assert_eq!(snapshot.read(bytes), None);
    file
}

#[test]
fn every_version_comes_back_equal() {
    let (store, _) = filled();
    for number in [9, 10, 11, 12, 80] {
        let file = whole(Snapshot::new(&store.keys, &options(number)).unwrap(), 10_000);
        assert_eq!(digest_of(&loaded(&file)), digest_of(&store), "version {number}");
    }
    assert!(Snapshot::new(&store.keys, &options(13)).is_none());
}

#[test]
fn the_moment_holds_while_writes_go_on() {
    let (mut store, session) = filled();
    let before = digest_of(&store);
    let mut snapshot = Snapshot::new(&store.keys, &options(10)).unwrap();
    let mut file = Vec::new();
    let mut n = 0;
    while let Some(chunk) = snapshot.read(1000) {
        file.extend(chunk);
        for line in [
            format!("SET key:{n} changed"),
            format!("DEL key:{}", 2999 - n),
            "RPUSH list more".into(),
            format!("SET new:{n} x"),
        ] {
            say(&mut store, session, &line);
        }
        n += 1;
    }
    assert!(n > 20, "writes went on between {n} chunks");
    assert_ne!(digest_of(&store), before);
    assert_eq!(digest_of(&loaded(&file)), before);
}

#[test]
fn an_empty_keyspace_is_a_file_too() {
    let store = Store::new(1, 1, 1 << 14);
    let file = whole(Snapshot::new(&store.keys, &options(11)).unwrap(), 3);
    assert_eq!(digest_of(&loaded(&file)), "0".repeat(40));
}

#[test]
fn frequencies_are_kept_under_an_lfu_policy() {
    let (mut store, session) = filled();
    store.keys.settings.maxmemory_policy = "allkeys-lfu".into();
    say(&mut store, session, "SET hot x");
    let hash = store.keys.hash(b"hot");
    store.keys.db().table.get(hash, b"hot").unwrap().set_clock(crate::access::lfu_with(99, 5_000));
    let file = whole(Snapshot::new(&store.keys, &options(10)).unwrap(), 1 << 20);
    let mut twin = Store::new(3, 1, 1 << 14);
    twin.keys.settings.maxmemory_policy = "allkeys-lfu".into();
    let mut loader = Loader::new(&twin.keys, OPTIONS);
    loader.write(&file).unwrap();
    twin.adopt(loader.finish().unwrap());
    let hash = twin.keys.hash(b"hot");
    assert_eq!(twin.keys.db().table.get(hash, b"hot").unwrap().clock() & 0xff, 99);
}

#[test]
fn who_wants_functions_alone_gets_no_keys() {
    let (mut store, _) = filled();
    store.keys.libraries.clear();
    for (content, expected) in [(Content::Functions, 1), (Content::Nothing, 0)] {
        store.keys.libraries = vec![b"#!lua name=lib\n".to_vec()];
        let options = SaveOptions { content, ..options(10) };
        let file = whole(Snapshot::new(&store.keys, &options).unwrap(), 1000);
        let twin = loaded(&file);
        assert_eq!(twin.keys.libraries.len(), expected);
        assert_eq!(digest_of(&twin), "0".repeat(40));
    }
}

#[test]
fn another_thread_reads_while_writes_go_on() {
    let (mut store, session) = filled();
    let before = digest_of(&store);
    for round in 0..20 {
        let snapshot = Snapshot::new(&store.keys, &options(10)).unwrap();
        let reader = std::thread::spawn(move || whole(snapshot, 500));
        for n in 0..3000 {
            say(&mut store, session, &format!("SET key:{n} round:{round}"));
            say(&mut store, session, "RPUSH list more");
        }
        let file = reader.join().unwrap();
        for n in 0..3000 {
            say(&mut store, session, &format!("SET key:{n} value:{}", n * 7));
        }
        say(&mut store, session, "LTRIM list 0 2");
        assert_eq!(digest_of(&store), before);
        assert_eq!(digest_of(&loaded(&file)), before);
    }
}
