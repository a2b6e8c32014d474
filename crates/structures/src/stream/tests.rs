//! The stream against a real server's bytes and against a vector of entries.
//!
//! The bytes were taken from redis-server 7.0.15, so that loading and saving cannot share one mistake.

use super::*;
use proptest::prelude::*;

type Pairs = Vec<Vec<u8>>;

fn limits(entries: usize, bytes: usize) -> Limits {
    Limits { stream_node_max_entries: entries, stream_node_max_bytes: bytes, ..Limits::default() }
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

fn texts(entry: &Entry<'_>) -> Pairs {
    entry.fields().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// From redis-server 7.0.15 with `stream-node-max-entries 3`: the nodes inside DUMP s after
/// XADD s 1-1 f v g 10, 1-2 f 300 g -5, 5-0 other x, 6-0 f v, 7-0 f v; XDEL s 1-2.
fn dumped() -> Stream {
    let limits = limits(3, 4096);
    let mut stream = Stream::default();
    let add = |stream: &mut Stream, id, pairs: &[&str]| stream.append(id, pairs, &limits).unwrap();
    add(&mut stream, id(1, 1), &["f", "v", "g", "10"]);
    add(&mut stream, id(1, 2), &["f", "300", "g", "-5"]);
    add(&mut stream, id(5, 0), &["other", "x"]);
    add(&mut stream, id(6, 0), &["f", "v"]);
    add(&mut stream, id(7, 0), &["f", "v"]);
    assert!(stream.delete(id(1, 2)));
    stream
}

#[test]
fn nodes_equal_those_of_redis() {
    let stream = dumped();
    let nodes: Vec<(StreamId, String)> = stream.nodes().map(|(master, pack)| (master, hex(pack))).collect();
    let first = "4500000019000201010102018166028167020001020100010001\
                 8176020a010501030100010101c12c02dffb02050100010401dfff020101856f74686572068178020601ff";
    let second = "280000000f000201000101018166020001020100010001817602040102010101000181760204 01ff";
    assert_eq!(nodes, [(id(1, 1), first.replace(' ', "")), (id(6, 0), second.replace(' ', ""))]);
    assert_eq!((stream.len(), stream.entries_added, stream.last_id), (4, 5, id(7, 0)));
    assert_eq!((stream.first_id(), stream.max_deleted_id), (id(1, 1), id(1, 2)));
}

#[test]
fn loads_what_it_saved_and_refuses_the_rest() {
    let stream = dumped();
    let mut copy = Stream::default();
    for (master, pack) in stream.nodes() {
        copy.load_node(master, pack.to_vec()).unwrap();
        assert!(copy.load_node(master, pack.to_vec()).is_err());
        for at in 0..pack.len() {
            for change in [1, 2, 0x7f, 0xff] {
                let mut broken = pack.to_vec();
                broken[at] ^= change;
                // Whatever is taken must be walked over without a panic.
                let mut other = Stream::default();
                if other.load_node(master, broken).is_ok() {
                    other.iter().with_deleted().for_each(|entry| drop(texts(&entry)));
                    other.trim(Trim::MinId(id(5, 0)), false, 0);
                }
            }
        }
    }
    let meta =
        Meta { length: 4, last_id: id(7, 0), first_id: None, max_deleted_id: None, entries_added: None };
    assert!(Stream::default().load_meta(meta).is_err());
    copy.load_meta(meta).unwrap();
    assert_eq!((copy.first_id(), copy.entries_added), (id(1, 1), 4));
    let group = copy.load_group(b"g", id(1, 0), None).unwrap();
    assert_eq!(group.entries_read, Some(0));
    group.load_pending(id(5, 0), 1000, 1).unwrap();
    assert!(group.load_pending(id(5, 0), 1000, 1).is_err());
    let consumer = group.load_consumer(b"alice", 900, 800).unwrap();
    assert!(group.load_consumer(b"alice", 900, 800).is_err());
    assert!(copy.check_loaded().is_err());
    let group = copy.group_mut(b"g").unwrap();
    assert!(group.load_owned(consumer, id(6, 0)).is_err());
    group.load_owned(consumer, id(5, 0)).unwrap();
    assert!(group.load_owned(consumer, id(5, 0)).is_err());
    assert!(copy.load_group(b"g", id(1, 0), None).is_err());
    assert_eq!(copy.check_loaded(), Ok(()));
}

#[test]
fn groups_keep_both_sides_true() {
    let mut group = Group::default();
    let alice = group.create_consumer(b"alice", 1).unwrap();
    let bob = group.create_consumer(b"bob", 2).unwrap();
    assert_eq!(group.create_consumer(b"bob", 3), None);
    let pending = |consumer, deliveries| Pending { consumer, delivered_ms: 5, deliveries };
    group.assign(id(1, 0), pending(alice, 1));
    group.assign(id(2, 0), pending(alice, 1));
    group.assign(id(1, 0), pending(bob, 2));
    group.assign(id(1, 0), pending(bob, 3));
    assert_eq!(group.consumer(alice).unwrap().owned().len(), 1);
    assert_eq!(group.consumer(bob).unwrap().owned().len(), 1);
    assert_eq!(group.pending()[&id(1, 0)].deliveries, 3);
    assert!(group.acknowledge(id(1, 0)));
    assert!(!group.acknowledge(id(1, 0)));
    assert!(group.consumer(bob).unwrap().owned().is_empty());
    assert_eq!(group.remove_consumer(b"alice"), Some(1));
    assert_eq!(group.remove_consumer(b"alice"), None);
    assert!(group.pending().is_empty());
    // The gap is used again; names stay in order.
    assert_eq!(group.create_consumer(b"zoe", 1), Some(alice));
    group.create_consumer(b"anna", 1).unwrap();
    let names: Vec<&[u8]> = group.consumers().map(|(_, consumer)| consumer.name()).collect();
    assert_eq!(names, [&b"anna"[..], b"bob", b"zoe"]);
}

#[test]
fn reading_is_counted_until_a_gap_hides_it() {
    let mut stream = Stream::default();
    for ms in 1..=5 {
        stream.append(id(ms, 0), &["f", "v"], &Limits::default()).unwrap();
    }
    stream.create_group(b"g", StreamId::MIN, Some(0));
    assert!(stream.advance_group(b"g", id(1, 0)));
    assert!(!stream.advance_group(b"g", id(1, 0)));
    assert_eq!(stream.group(b"g").unwrap().entries_read, Some(1));
    assert_eq!(stream.lag(stream.group(b"g").unwrap()), Some(4));
    stream.delete(id(3, 0));
    assert_eq!(stream.lag(stream.group(b"g").unwrap()), None);
    stream.advance_group(b"g", id(2, 0));
    assert_eq!(stream.group(b"g").unwrap().entries_read, None);
    stream.advance_group(b"g", id(5, 0));
    assert_eq!(stream.lag(stream.group(b"g").unwrap()), Some(0));
}

#[test]
fn ids_are_ordered_and_bounded() {
    assert_eq!(StreamId::MAX.next(), None);
    assert_eq!(StreamId::MIN.previous(), None);
    assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
    assert_eq!(id(2, 0).previous(), Some(id(1, u64::MAX)));
    assert_eq!(StreamId::from_bytes(id(7, 9).to_bytes()), id(7, 9));
    assert_eq!(StreamId::MAX.to_string().len(), ID_TEXT_MAX);
    assert_eq!(StreamId::MAX.text(&mut [0; ID_TEXT_MAX]), StreamId::MAX.to_string().as_bytes());
    assert_eq!(id(15, 0).text(&mut [0; ID_TEXT_MAX]), b"15-0");
    let mut stream = Stream::default();
    assert_eq!(stream.append(StreamId::MIN, &["f", "v"], &Limits::default()), Err(AppendError::IdTooSmall));
    stream.append(StreamId::MAX, &["f", "v"], &Limits::default()).unwrap();
    assert_eq!(stream.append(StreamId::MAX, &["f", "v"], &Limits::default()), Err(AppendError::IdTooSmall));
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64, u64, Pairs),
    Delete(prop::sample::Index),
    MaxLength(u64),
    MinId(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let field = prop::sample::select(vec![&b"a"[..], b"b", b"17"]).prop_map(<[u8]>::to_vec);
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..80),
    ];
    let pairs = prop::collection::vec((field, value), 1..4)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(field, value)| [field, value]).collect());
    prop_oneof![
        8 => (0..3_u64, 0..3_u64, pairs).prop_map(|(ms, seq, pairs)| Step::Append(ms, seq, pairs)),
        3 => any::<prop::sample::Index>().prop_map(Step::Delete),
        1 => (0..30_u64).prop_map(Step::MaxLength),
        1 => (0..90_u64, 0..3_u64).prop_map(|(ms, seq)| Step::MinId(ms, seq)),
    ]
}

proptest! {
    #[test]
    fn equals_a_vector(
        steps in prop::collection::vec(step(), 1..120),
        entries_max in 0..8_usize,
        range in (0..100_u64, 0..100_u64),
    ) {
        let limits = limits(entries_max, 200);
        let mut stream = Stream::default();
        let mut twin: Vec<(StreamId, Pairs)> = Vec::new();
        let mut added = 0;
        for step in steps {
            match step {
                Step::Append(ms, seq, pairs) => {
                    let at = if ms == 0 { id(stream.last_id.ms, stream.last_id.seq + seq) } else { id(stream.last_id.ms + ms, seq) };
                    let result = stream.append(at, &pairs, &limits);
                    prop_assert_eq!(result.is_ok(), !(ms == 0 && seq == 0));
                    if result.is_ok() {
                        added += 1;
                        twin.push((at, pairs));
                    }
                }
                Step::Delete(index) => {
                    if !twin.is_empty() {
                        let (at, _) = twin.remove(index.index(twin.len()));
                        prop_assert!(stream.delete(at));
                        prop_assert!(!stream.delete(at));
                    }
                }
                Step::MaxLength(length) => {
                    let surplus = twin.len().saturating_sub(length as usize);
                    let rough = stream.clone().trim(Trim::MaxLength(length), true, 0);
                    prop_assert!(rough <= surplus as u64);
                    prop_assert_eq!(stream.trim(Trim::MaxLength(length), false, 0), surplus as u64);
                    twin.drain(..surplus);
                }
                Step::MinId(ms, seq) => {
                    let surplus = twin.partition_point(|(at, _)| *at < id(ms, seq));
                    let rough = stream.clone().trim(Trim::MinId(id(ms, seq)), true, 3);
                    prop_assert!(rough <= 3.min(surplus as u64));
                    prop_assert_eq!(stream.trim(Trim::MinId(id(ms, seq)), false, 0), surplus as u64);
                    twin.drain(..surplus);
                }
            }
            prop_assert_eq!(stream.len(), twin.len() as u64);
            prop_assert_eq!(stream.first_id(), twin.first().map_or(StreamId::MIN, |(at, _)| *at));
            prop_assert_eq!(stream.last_entry_id(), twin.last().map_or(StreamId::MIN, |(at, _)| *at));
        }
        prop_assert_eq!(stream.entries_added, added);
        let all: Vec<(StreamId, Pairs)> = stream.iter().map(|entry| (entry.id, texts(&entry))).collect();
        prop_assert_eq!(&all, &twin);
        let (start, end) = (id(range.0, 1), id(range.1, 1));
        let wanted: Vec<StreamId> = twin.iter().map(|(at, _)| *at).filter(|at| (start..=end).contains(at)).collect();
        let forward: Vec<StreamId> = stream.entries(start, end, Direction::Forward).map(|entry| entry.id).collect();
        let mut backward: Vec<StreamId> = stream.entries(start, end, Direction::Backward).map(|entry| entry.id).collect();
        backward.reverse();
        prop_assert_eq!(&forward, &wanted);
        prop_assert_eq!(&backward, &wanted);
        let mut copy = Stream::default();
        for (master, pack) in stream.nodes() {
            copy.load_node(master, pack.to_vec()).unwrap();
        }
        let copied: Vec<(StreamId, Pairs)> = copy.iter().map(|entry| (entry.id, texts(&entry))).collect();
        prop_assert_eq!(copied, twin);
    }
}
