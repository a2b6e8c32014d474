//! Every type and opcode of the format, built byte by byte, with what a sink must be told.

use super::{file, long_length, module_id, string, text};

pub struct Case {
    pub name: &'static str,
    pub magic: &'static str,
    pub body: Vec<u8>,
    pub lines: Vec<String>,
}

fn case(name: &'static str, magic: &'static str, body: Vec<u8>, lines: &[&str]) -> Case {
    Case { name, magic, body, lines: lines.iter().map(ToString::to_string).collect() }
}

fn join(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.concat()
}

fn id(ms: u64, seq: u64) -> Vec<u8> {
    [ms.to_be_bytes(), seq.to_be_bytes()].concat()
}

fn about_the_file() -> Vec<Case> {
    let module = long_length(module_id(b"test-type", 1));
    let module_aux = format!(
        "module-aux test-type {}\\x02\\x01\\x01\\x05\\x05\\x02hi\\x03abcd\\x04abcdefgh\\x00",
        text(&module)
    );
    vec![
        case("nothing", "REDIS0010", vec![], &[]),
        case("nothing, first version", "REDIS0001", vec![], &[]),
        case(
            "aux, databases, sizes",
            "REDIS0010",
            join(&[
                b"\xfa",
                &string("redis-ver"),
                &string("7.0.15"),
                b"\xfa",
                &string("bits"),
                b"\xc0\x40",
                b"\xfe\x03",
                b"\xfb\x02\x40\x80",
            ]),
            &["aux redis-ver=7.0.15", "aux bits=64", "db 3", "resize 2 128"],
        ),
        case(
            "function",
            "REDIS0010",
            join(&[b"\xf5", &string("#!lua name=a\n")]),
            &["function #!lua name=a\\n"],
        ),
        case("slot info", "REDIS0012", b"\xf4\x50\x00\x05\x01".to_vec(), &["slot 4096 5 1"]),
        case(
            "slot import",
            "VALKEY080",
            join(&[
                b"\xf3",
                &string([b'j'; 40]),
                b"\x02\x01\x05\x07\x07",
                b"\xf3",
                &string([b'k'; 40]),
                b"\x00",
            ]),
            &[
                "import jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj [(1, 5), (7, 7)]",
                "import kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk []",
            ],
        ),
        case(
            "module aux",
            "REDIS0009",
            join(&[
                b"\xf7",
                &module,
                b"\x02\x01",
                b"\x01\x05",
                b"\x05",
                &string("hi"),
                b"\x03abcd\x04abcdefgh\x00",
                b"\xfe\x00",
            ]),
            &[&module_aux, "db 0"],
        ),
    ]
}

fn strings_and_attributes() -> Vec<Case> {
    vec![
        case(
            "string",
            "REDIS0010",
            join(&[b"\0", &string("k"), &string("v")]),
            &["key k String", "string v", "5 bytes"],
        ),
        case(
            "integers",
            "REDIS0010",
            b"\0\xc0\x05\xc1\x00\x80".to_vec(),
            &["key 5 String", "string -32768", "6 bytes"],
        ),
        case(
            "compressed",
            "REDIS0006",
            b"\0\x01k\xc3\x09\x28\x01aa\xe0\x1b\x00\x01aa".to_vec(),
            &["key k String", "string aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "15 bytes"],
        ),
        case(
            "expiry in seconds and in milliseconds",
            "REDIS0003",
            b"\xfd\x01\0\0\0\0\x01a\x01b\xfc\x02\0\0\0\0\0\0\0\0\x01c\x01d".to_vec(),
            &[
                "key a String expire=1000",
                "string b",
                "5 bytes",
                "key c String expire=2",
                "string d",
                "5 bytes",
            ],
        ),
        case(
            "idle and frequency hold for one key",
            "REDIS0009",
            b"\xf8\x44\x01\0\x01a\x01b\xf9\xff\0\x01c\x01d\0\x01e\x01f".to_vec(),
            &[
                "key a String idle=1025",
                "string b",
                "5 bytes",
                "key c String freq=255",
                "string d",
                "5 bytes",
                "key e String",
                "string f",
                "5 bytes",
            ],
        ),
        case(
            "key metadata",
            "REDIS0013",
            b"\xf3\x02abcd\x01\x05\x05\x02hi\x00efgh\x00\0\x01a\x01b".to_vec(),
            &["key a String meta=\\x02abcd\\x01\\x05\\x05\\x02hi\\x00efgh\\x00", "string b", "5 bytes"],
        ),
    ]
}

fn collections() -> Vec<Case> {
    let score = 2.5f64.to_le_bytes();
    let module = long_length(module_id(b"ReJSON-RL", 3));
    let module_value = "module ReJSON-RL \\x02\\x05\\x05\\x05hello\\x00";
    vec![
        case(
            "list",
            "REDIS0001",
            b"\x01\x01k\x02\x01a\xc0\x07".to_vec(),
            &["key k List", "count 2", "element a", "element 7", "8 bytes"],
        ),
        case("empty list", "REDIS0001", b"\x01\x01k\x00".to_vec(), &["key k List", "count 0", "4 bytes"]),
        case(
            "set",
            "REDIS0001",
            b"\x02\x01k\x01\x01a".to_vec(),
            &["key k Set", "count 1", "element a", "6 bytes"],
        ),
        case(
            "sorted set with scores in text",
            "REDIS0001",
            b"\x03\x01k\x03\x01a\x031.5\x01b\xfe\x01c\xff".to_vec(),
            &["key k Zset", "count 3", "member a 1.5", "member b inf", "member c -inf", "16 bytes"],
        ),
        case(
            "sorted set",
            "REDIS0008",
            join(&[b"\x05\x01k\x01\x01a", &score]),
            &["key k Zset2", "count 1", "member a 2.5", "14 bytes"],
        ),
        case(
            "hash",
            "REDIS0001",
            b"\x04\x01k\x02\x01a\x01b\x01c\x00".to_vec(),
            &["key k Hash", "count 2", "field a=b None", "field c= None", "11 bytes"],
        ),
        case(
            "zipmap",
            "REDIS0002",
            join(&[b"\x09\x01k", &string(b"\x01\x01a\x01\0b\xff")]),
            &["key k HashZipmap", "packed Zipmap \\x01\\x01a\\x01\\x00b\\xff", "11 bytes"],
        ),
        case(
            "blocks",
            "REDIS0010",
            [10u8, 11, 12, 13, 16, 17]
                .iter()
                .flat_map(|kind| join(&[&[*kind], &string("k"), &string("block")]))
                .collect(),
            &[
                "key k ListZiplist",
                "packed Ziplist block",
                "9 bytes",
                "key k SetIntset",
                "packed Intset block",
                "9 bytes",
                "key k ZsetZiplist",
                "packed Ziplist block",
                "9 bytes",
                "key k HashZiplist",
                "packed Ziplist block",
                "9 bytes",
                "key k HashListpack",
                "packed Listpack block",
                "9 bytes",
                "key k ZsetListpack",
                "packed Listpack block",
                "9 bytes",
            ],
        ),
        case(
            "set in a listpack",
            "REDIS0011",
            join(&[b"\x14\x01k", &string("lp")]),
            &["key k SetListpack", "packed Listpack lp", "6 bytes"],
        ),
        case(
            "quicklists",
            "REDIS0010",
            b"\x0e\x01k\x02\x03zl1\x03zl2\x12\x01k\x02\x01\x05plain\x02\x02lp".to_vec(),
            &[
                "key k ListQuicklist",
                "count 2",
                "packed Ziplist zl1",
                "packed Ziplist zl2",
                "12 bytes",
                "key k ListQuicklist2",
                "count 2",
                "element plain",
                "packed Listpack lp",
                "15 bytes",
            ],
        ),
        case(
            "field expiry before release",
            "REDIS0012",
            b"\x16\x01k\x02\x00\x01a\x01b\x44\x00\x01c\x01d\x17\x01l\x02lp".to_vec(),
            &[
                "key k HashExpiringPreGa",
                "count 2",
                "field a=b None",
                "field c=d Some(1024)",
                "15 bytes",
                "key l HashListpackExpiringPreGa",
                "packed ExpiringListpack lp",
                "6 bytes",
            ],
        ),
        case(
            "field expiry of Redis",
            "REDIS0012",
            join(&[
                b"\x18\x01k",
                &1000i64.to_le_bytes(),
                b"\x03\x00\x01a\x01b\x01\x01c\x01d\x06\x01e\x01f\x19\x01l",
                &0i64.to_le_bytes(),
                b"\x02lp",
            ]),
            &[
                "key k HashExpiring",
                "count 3",
                "field a=b None",
                "field c=d Some(1000)",
                "field e=f Some(1005)",
                "27 bytes",
                "key l HashListpackExpiring",
                "packed ExpiringListpack lp",
                "14 bytes",
            ],
        ),
        case(
            "field expiry of Valkey",
            "VALKEY080",
            join(&[b"\x16\x01k\x02\x01a\x01b", &(-1i64).to_le_bytes(), b"\x01c\x01d", &7i64.to_le_bytes()]),
            &["key k HashExpiringValkey", "count 2", "field a=b None", "field c=d Some(7)", "28 bytes"],
        ),
        case(
            "module",
            "REDIS0008",
            join(&[b"\x07\x01k", &module, b"\x02\x05\x05\x05hello\x00\0\x01k\x01v"]),
            &["key k Module2", module_value, "22 bytes", "key k String", "string v", "5 bytes"],
        ),
    ]
}

fn streams() -> Vec<Case> {
    let head = join(&[b"\x01", &string(id(5, 1)), &string("lp"), b"\x02\x05\x02"]);
    let seven = b"\x05\x01\x00\x00\x09".to_vec();
    let pending = join(&[b"\x01", &id(5, 1), &77i64.to_le_bytes(), b"\x03"]);
    let (seen, active) = (88i64.to_le_bytes(), 99i64.to_le_bytes());
    let owned = join(&[b"\x01", &id(5, 1)]);
    let unknown = long_length(u64::MAX);
    let info = |rest: &str| format!("StreamInfo {{ length: 2, last: StreamId {{ ms: 5, seq: 2 }}, {rest} }}");
    let info5 = info("first: None, max_deleted: None, entries_added: None");
    let info7 = info(
        "first: Some(StreamId { ms: 5, seq: 1 }), max_deleted: Some(StreamId { ms: 0, seq: 0 }), entries_added: Some(9)",
    );
    let tail = join(&[
        b"\x40\x64\x40\xff\x02",
        &string("p"),
        b"\x01",
        &string("i"),
        b"\x05\x01",
        &string("q"),
        b"\x00",
        b"\x07\x08",
    ]);
    let tail_text = format!("tail {}", text(&tail));
    vec![
        case(
            "stream of 5.0",
            "REDIS0009",
            join(&[
                b"\x0f\x01s",
                &head,
                b"\x02",
                &string("g"),
                b"\x05\x01",
                &pending,
                b"\x01",
                &string("c"),
                &seen,
                &owned,
                &string("h"),
                b"\0\0\0\0",
            ]),
            &[
                "key s Stream1",
                "count 1",
                "node 5-1 lp",
                &info5,
                "group g 5-1 None",
                "pending 5-1 77 3",
                "consumer c 88 None",
                "owned 5-1",
                "group h 0-0 None",
                "92 bytes",
            ],
        ),
        case(
            "stream of 7.0",
            "REDIS0010",
            join(&[
                b"\x13\x01s",
                &head,
                &seven,
                b"\x01",
                &string("g"),
                b"\x05\x01",
                &unknown,
                b"\x00\x01",
                &string("c"),
                &seen,
                b"\x00",
            ]),
            &[
                "key s Stream2",
                "count 1",
                "node 5-1 lp",
                &info7,
                "group g 5-1 Some(18446744073709551615)",
                "consumer c 88 None",
                "59 bytes",
            ],
        ),
        case(
            "stream of 7.2",
            "REDIS0011",
            join(&[
                b"\x15\x01s",
                &head,
                &seven,
                b"\x01",
                &string("g"),
                b"\x05\x01\x09",
                &pending,
                b"\x01",
                &string("c"),
                &seen,
                &active,
                &owned,
            ]),
            &[
                "key s Stream3",
                "count 1",
                "node 5-1 lp",
                &info7,
                "group g 5-1 Some(9)",
                "pending 5-1 77 3",
                "consumer c 88 Some(99)",
                "owned 5-1",
                "100 bytes",
            ],
        ),
        case(
            "stream of 8.6",
            "REDIS0013",
            join(&[b"\x1a\x01s", &head, &seven, b"\x00", &tail, b"\0\x01k\x01v"]),
            &[
                "key s Stream4",
                "count 1",
                "node 5-1 lp",
                &info7,
                &tail_text,
                "50 bytes",
                "key k String",
                "string v",
                "5 bytes",
            ],
        ),
        case(
            "empty stream",
            "REDIS0009",
            b"\x0f\x01s\x00\x00\x00\x00\x00".to_vec(),
            &[
                "key s Stream1",
                "count 0",
                "StreamInfo { length: 0, last: StreamId { ms: 0, seq: 0 }, first: None, max_deleted: None, entries_added: None }",
                "8 bytes",
            ],
        ),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut cases = about_the_file();
    cases.extend(strings_and_attributes());
    cases.extend(collections());
    cases.extend(streams());
    cases
}

pub fn expected(case: &Case) -> Vec<String> {
    let mut lines = vec![format!("header {}", case.magic)];
    lines.extend(case.lines.iter().cloned());
    lines.push("end".into());
    lines
}

pub fn bytes(case: &Case) -> Vec<u8> {
    let mut bytes = file(case.magic, &case.body);
    if case.magic < "REDIS0005" {
        bytes.truncate(bytes.len() - 8);
    }
    bytes
}
