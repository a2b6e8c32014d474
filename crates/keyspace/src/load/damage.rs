//! Damaged files: whatever is flipped in a file that holds every type, loading it ends in an error or in a keyspace that
//! can be walked, digested and saved again. Never in a panic, and never in more memory than the file accounts for.

use super::{LoadOptions, Loader};
use crate::digest;
use crate::save::{SaveOptions, Snapshot};
use crate::saying::say;
use crate::store::Store;
use proptest::prelude::*;
use redtwin_rdb::format::Version;
use std::sync::LazyLock;

const OPTIONS: LoadOptions =
    LoadOptions { now_ms: 5_000, drop_expired: false, tell_expired: false, checksum: false };

fn saved(store: &Store, number: u16) -> Vec<u8> {
    let options = SaveOptions {
        version: Version::of_number(number),
        compress: number.is_multiple_of(2),
        checksum: true,
        now_ms: 5_000,
        aux: vec![(b"redis-ver".to_vec(), b"7.0.15".to_vec())],
        content: crate::save::Content::All,
    };
    let mut snapshot = Snapshot::new(&store.keys, &options).unwrap();
    std::iter::from_fn(|| snapshot.read(1 << 16)).flatten().collect()
}

/// Every type, small and large, in every version that is written.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut store = Store::new(2, 3, 1 << 14);
    let session = store.open_session();
    let many = |word: &str| (0..140).map(|n| format!(" {word}{n} {n}")).collect::<String>();
    for line in [
        "SET text hello".to_string(),
        "SET int 70000 PX 100000".into(),
        format!("SET long {}", "ab".repeat(60)),
        "RPUSH list a 1 -5000 70000 x".into(),
        "SADD ints 1 2 70000".into(),
        "SADD names a b c".into(),
        "HSET hash f v g 7".into(),
        format!("HSET large{}", many("f")),
        "ZADD zset 1.5 a -3 b inf c".into(),
        format!("ZADD sorted{}", (0..140).map(|n| format!(" {n}.5 m{n}")).collect::<String>()),
        "XADD stream 5-1 f v".into(),
        "XADD stream 6-1 f w g x".into(),
        "XGROUP CREATE stream g 0".into(),
        "XREADGROUP GROUP g c COUNT 1 STREAMS stream >".into(),
        "PFADD hll a b c".into(),
    ] {
        say(&mut store, session, &line);
    }
    [9, 10, 11, 12, 80].map(|number| saved(&store, number)).to_vec()
});

fn load(file: &[u8], chunk: usize) -> Option<Store> {
    let mut store = Store::new(2, 5, 1 << 14);
    let mut loader = Loader::new(&store.keys, OPTIONS);
    for piece in file.chunks(chunk) {
        loader.write(piece).ok()?;
    }
    let loaded = loader.finish().ok()?;
    store.adopt(loaded);
    Some(store)
}

fn digest_of(store: &Store) -> String {
    digest::hex(&digest::of_dataset(&store.keys.dbs))
}

#[test]
fn undamaged_files_of_all_versions_are_equal() {
    let digests: Vec<String> = FILES.iter().map(|file| digest_of(&load(file, 100).unwrap())).collect();
    assert!(digests.iter().all(|digest| *digest == digests[0] && digest.len() == 40));
    assert_ne!(digests[0], "0".repeat(40));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn damage_ends_in_an_error_or_in_a_keyspace_that_holds(
        which in 0usize..5,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        chunk in 1usize..600,
    ) {
        let mut file = FILES[which].clone();
        for (at, value) in flips {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Some(store) = load(&file, chunk) {
            let again = load(&saved(&store, 10), 1 << 16).unwrap();
            prop_assert_eq!(digest_of(&again), digest_of(&store));
        }
    }
}
