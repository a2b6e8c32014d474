//! Loads of files built byte by byte: what Redis refuses, what it leaves out, and what old encodings become. That a
//! whole real file gives the server's own digest is the interop tests' to show.

use super::*;
use crate::digest;
use crate::entry::{Entry, Value};
use crate::object::Object;

fn file(body: &[u8]) -> Vec<u8> {
    let mut file = [b"REDIS0010", body, &[255]].concat();
    let crc = redtwin_checksum::crc64(0, &file);
    file.extend(crc.to_le_bytes());
    file
}

fn load_with(body: &[u8], options: LoadOptions) -> Result<(Store, LoadReport), Error> {
    let mut store = Store::new(2, 7, 1 << 14);
    let mut loader = Loader::new(&store.keys, options);
    for byte in file(body) {
        loader.write(&[byte])?;
    }
    let report = store.adopt(loader.finish()?);
    Ok((store, report))
}

const FROM_A_PRIMARY: LoadOptions =
    LoadOptions { now_ms: 5_000, drop_expired: false, tell_expired: false, checksum: true };

fn load(body: &[u8]) -> Result<(Store, LoadReport), Error> {
    load_with(body, FROM_A_PRIMARY)
}

fn why(body: &[u8]) -> String {
    match load(body) {
        Ok(_) => "loaded".into(),
        Err(error) => error.to_string(),
    }
}

fn encoding(store: &mut Store, key: &[u8]) -> String {
    match store.keys.read(key) {
        Some(Value::Object(object)) => object.encoding().to_string(),
        Some(Value::Int(_)) => "int".to_string(),
        Some(Value::Bytes(_)) => "embstr".to_string(),
        None => "none".to_string(),
    }
}

#[test]
fn keys_in_their_databases_with_their_expiry() {
    let (mut store, report) =
        load(b"\xfe\x00\0\x01a\xc0\x07\xfe\x01\xfc\x88\x13\0\0\0\0\0\0\0\x01a\x01x").unwrap();
    assert_eq!((report.keys, report.bytes), (2, 9 + 23 + 9));
    assert_eq!(encoding(&mut store, b"a"), "int");
    let other = &store.keys.dbs[1].table;
    assert_eq!(other.get(other.hash(b"a"), b"a").unwrap().expire_ms(), Some(5000));
    assert_eq!(other.volatile(), 1);
}

#[test]
fn expired_keys_are_left_out_of_a_servers_own_file_only() {
    let body = b"\xfc\x87\x13\0\0\0\0\0\0\x04\x01h\x01\x01f\x01v\xfc\x88\x13\0\0\0\0\0\0\0\x01b\x01x";
    let (_, report) = load(body).unwrap();
    assert_eq!((report.keys, report.expired_skipped), (2, 0));
    let (_, report) = load_with(body, LoadOptions { drop_expired: true, ..FROM_A_PRIMARY }).unwrap();
    assert_eq!((report.keys, report.expired_skipped), (1, 1));
}

#[test]
fn collections_without_elements_are_left_out() {
    let intset = b"\x0b\x01b\x08\x02\0\0\0\0\0\0\0";
    let listpack = b"\x10\x01c\x07\x07\0\0\0\0\0\xff";
    let stream = b"\x0f\x01d\0\0\0\0\0";
    let (mut store, report) = load(&[&b"\x01\x01a\0"[..], intset, listpack, stream].concat()).unwrap();
    assert_eq!((report.keys, report.empty_skipped), (1, 3));
    assert_eq!(encoding(&mut store, b"d"), "stream");
}

#[test]
fn old_encodings_become_those_of_today() {
    let ziplist = b"\x0f\x0f\0\0\0\x0c\0\0\0\x02\0\0\xf3\x02\xf6\xff";
    let mut body = Vec::new();
    for (kind, name) in [(10u8, b'l'), (13, b'h'), (12, b'z')] {
        body.extend([kind, 1, name]);
        body.extend(ziplist);
    }
    body.extend(b"\x09\x01m\x0c\x01\x03foo\x03\x01bar \xff");
    body.extend(b"\x02\x01s\x02\xc0\x05\xc0\x06");
    let (mut store, report) = load(&body).unwrap();
    assert_eq!(report.keys, 5);
    for (key, expected) in
        [("l", "quicklist"), ("h", "listpack"), ("z", "listpack"), ("m", "listpack"), ("s", "intset")]
    {
        assert_eq!(encoding(&mut store, key.as_bytes()), expected, "{key}");
    }
}

#[test]
fn what_redis_refuses_is_refused_with_its_place() {
    assert!(why(b"\0\x01a\x01b\0\x01a\x01c").contains("a key is there twice"));
    assert!(why(b"\xfe\x02").contains("more databases than this server has"));
    assert!(why(b"\x02\x01s\x02\x01a\x01a").contains("set with a member twice"));
    assert!(why(b"\x04\x01h\x02\x01a\x01b\x01a\x01c").contains("hash with a field twice"));
    assert!(why(b"\x03\x01z\x01\x01a\xfd").contains("not a number"));
    assert!(why(b"\x10\x01h\x02lp (at byte").contains("(at byte 14)"));
    assert!(why(b"\x0b\x01s\x08\x03\0\0\0\0\0\0\0").contains("intset"));
}

#[test]
fn function_libraries_have_names_of_their_own() {
    let library = b"\xf5\x0f#!lua name=a\n--";
    let (store, report) = load(library).unwrap();
    assert_eq!((report.functions, store.keys.libraries.len()), (1, 1));
    assert!(why(&[&library[..], library].concat()).contains("a function library twice"));
    assert!(why(b"\xf5\x08#!lua x\n").contains("without a name"));
    assert!(why(b"\xf5\x06name=a").contains("without a name"));
}

#[test]
fn bytes_behind_the_end_and_a_missing_end_are_errors() {
    let store = Store::new(1, 7, 1 << 14);
    let mut loader = Loader::new(&store.keys, FROM_A_PRIMARY);
    let mut bytes = file(b"");
    assert!(!loader.write(&bytes[..5]).unwrap());
    assert_eq!(loader.finish().unwrap_err().kind, ErrorKind::Truncated);
    bytes.push(b'*');
    let mut loader = Loader::new(&store.keys, FROM_A_PRIMARY);
    assert_eq!(loader.write(&bytes).unwrap_err().kind, ErrorKind::TrailingBytes);
}

#[test]
fn a_large_keyspace_makes_way() {
    let mut store = Store::new(1, 7, 1 << 14);
    for n in 0..120_000 {
        store.keys.put_string(format!("key:{n}").as_bytes(), b"x", false);
    }
    let mut loader = Loader::new(&store.keys, FROM_A_PRIMARY);
    loader.write(&file(b"\0\x01a\x01b")).unwrap();
    store.adopt(loader.finish().unwrap());
    assert_eq!(store.keys.dbs[0].table.len(), 1);
}

#[test]
fn modules_are_kept_raw_and_named() {
    let id = b"\x81\xb5\xeb-\xfa\xdc\xa9x\x01";
    let body = [&b"\xf7"[..], id, b"\x02\x01\0", b"\x07\x01k", id, b"\x05\x02hi\0"].concat();
    let (store, report) = load(&body).unwrap();
    assert_eq!((report.opaque_module_aux, report.opaque_module_values), (1, 1));
    assert_eq!(report.modules, ["test-type"]);
    assert_eq!(store.keys.module_aux, [[&id[..], b"\x02\x01\0"].concat()]);
    let table = &store.keys.dbs[0].table;
    let Some(Value::Object(Object::Module(module))) = table.get(table.hash(b"k"), b"k").map(Entry::value)
    else {
        panic!("not a module");
    };
    assert_eq!(module.body, b"\x05\x02hi\0");
    assert_eq!(digest::hex(&digest::of_dataset(&store.keys.dbs)).len(), 40);
}

/// A file of `count` strings and a few sets in two databases, larger than what is read without threads.
fn large_body(count: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for db in [0, 1] {
        body.extend([0xfe, db, 0xfb, 0x80]);
        body.extend((count as u32 / 2).to_be_bytes());
        body.push(0);
        for n in 0..count / 2 {
            let name = format!("key:{n:012}");
            match n % 10 {
                0 => {
                    body.extend([2, name.len() as u8]);
                    body.extend(name.bytes());
                    body.extend(b"\x02\x01a\xc1\x00\x10");
                }
                _ => {
                    body.extend([0, name.len() as u8]);
                    body.extend(name.bytes());
                    body.push(60);
                    body.extend([b'v'; 60]);
                }
            }
        }
    }
    body
}

fn load_in(chunk: usize, file: &[u8], checksum: bool) -> Result<(Store, LoadReport), Error> {
    let mut store = Store::new(2, 7, 1 << 14);
    let mut loader = Loader::new(&store.keys, LoadOptions { checksum, ..FROM_A_PRIMARY });
    for piece in file.chunks(chunk) {
        loader.write(piece)?;
    }
    let bytes = loader.bytes();
    assert_eq!(bytes, file.len() as u64);
    assert!(loader.pending_bytes()? <= bytes);
    loader.settle()?;
    assert_eq!(loader.pending_bytes()?, 0);
    let keys = loader.count_keys()?;
    let report = store.adopt(loader.finish()?);
    assert_eq!(keys, report.keys + report.expired_skipped + report.empty_skipped);
    Ok((store, report))
}

#[test]
fn threads_make_the_same_as_one_chunk_does() {
    let file = file(&large_body(60_000));
    assert!(file.len() as u64 > 3 * HERE_BYTES);
    let (one, report) = load_in(file.len(), &file, true).unwrap();
    assert_eq!((report.keys, report.bytes), (60_000, file.len() as u64));
    for chunk in [7_001, 1 << 20] {
        let (store, report) = load_in(chunk, &file, true).unwrap();
        assert_eq!(report.keys, 60_000);
        for (db, other) in store.keys.dbs.iter().zip(&one.keys.dbs) {
            assert_eq!(db.table.len(), 30_000);
            // The same keys, and in the same places.
            assert!(db.table.iter().map(Entry::key).eq(other.table.iter().map(Entry::key)));
            assert!(
                db.table.iter().all(|entry| db.table.get(db.table.hash(entry.key()), entry.key()).is_some())
            );
        }
        assert_eq!(digest::of_dataset(&store.keys.dbs), digest::of_dataset(&one.keys.dbs));
    }
}

#[test]
fn the_first_error_of_the_file_is_told_whoever_meets_it() {
    let whole = file(&large_body(60_000));
    let damaged = |at: usize, byte: u8| {
        let mut file = whole.clone();
        file[at] = byte;
        file
    };
    // A type that does not exist, a set whose members are equal, both, and a checksum that is not right.
    let set = whole.windows(4).rposition(|bytes| bytes == b"\x02\x01a\xc1").unwrap();
    let mut twice = damaged(set + 3, 1);
    twice[set + 4] = b'a';
    let mut both = twice.clone();
    both[whole.len() - 100_000..].fill(0xf0);
    for (file, what) in [
        (&twice, "set with a member twice"),
        (&both, ""),
        (&damaged(whole.len() - 1, 0), "checksum"),
        (&[&whole[..], b"x"].concat(), "bytes after"),
        (&whole[..whole.len() - 9].to_vec(), "too early"),
    ] {
        let one = load_in(file.len(), file, true).map(|_| ()).unwrap_err();
        assert!(one.to_string().to_lowercase().contains(what), "{one}");
        for chunk in [7_001, 1 << 18] {
            let error = load_in(chunk, file, true).map(|_| ()).unwrap_err();
            assert_eq!((error.kind, error.offset), (one.kind.clone(), one.offset));
        }
    }
}

#[test]
fn an_error_comes_with_a_later_write_and_a_load_can_be_given_up() {
    let mut file = file(&large_body(60_000));
    let at = HERE_BYTES as usize + 300_000;
    file[at..at + 200].fill(0xf0);
    let store = Store::new(2, 7, 1 << 14);
    let mut loader = Loader::new(&store.keys, FROM_A_PRIMARY);
    let mut pieces = file.chunks(1 << 16).cycle();
    // Not more than the queues hold: then the error is known.
    let error = (0..400).find_map(|_| loader.write(pieces.next()?).err()).expect("an error");
    assert!(error.offset >= at as u64 && error.offset < at as u64 + 200, "{error}");
    assert_eq!(loader.write(b"more").unwrap_err(), error);
    assert_eq!(loader.pending_bytes().unwrap_err(), error);
    assert_eq!(loader.finish().unwrap_err(), error);
    let mut given_up = Loader::new(&store.keys, FROM_A_PRIMARY);
    for piece in file[..at].chunks(1 << 16) {
        given_up.write(piece).unwrap();
    }
    drop(given_up);
    // Nor must anybody write again to hear of it.
    let mut stalled = Loader::new(&store.keys, FROM_A_PRIMARY);
    stalled.write(&file[..at]).unwrap();
    // A quick thread may tell of it at once.
    if let Err(told) = stalled.write(&file[at..at + (1 << 20)]) {
        assert_eq!(told, error);
    }
    while stalled.pending_bytes().is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(stalled.finish().unwrap_err(), error);
}
