//! What no case against redis-server 7.0 can say of the collections' commands: fields that expire, what goes into the feed, what
//! a replica does with it, and bounds on random choices. Error texts are those of Redis 8.0.2.

use redtwin_keyspace::effects::encode_command;
use redtwin_keyspace::store::Store;

struct Server {
    store: Store,
    session: u32,
    fed: u64,
    now_ms: i64,
}

impl Server {
    fn new() -> Server {
        let mut store = Store::new(16, 7, 1 << 20);
        let session = store.open_session();
        Server { store, session, fed: 0, now_ms: 1_000_000 }
    }

    fn encode(line: &str) -> Vec<u8> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &words);
        bytes
    }

    /// The reply, line breaks as spaces.
    fn run(&mut self, line: &str) -> String {
        self.store.execute(self.session, &Self::encode(line), self.now_ms);
        String::from_utf8_lossy(self.store.reply.bytes()).replace("\r\n", " ").trim_end().to_string()
    }

    /// What went into the feed since the last call, a word list per command; SELECT left out.
    fn feed(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        self.store.feed.read(self.fed, usize::MAX, &mut bytes);
        self.fed += bytes.len() as u64;
        let text = String::from_utf8(bytes).unwrap();
        let words = |command: &str| {
            command.split("\r\n").skip(1).filter(|word| !word.starts_with('$')).collect::<Vec<_>>().join(" ")
        };
        let commands = text.split('*').skip(1).map(words).map(|line| line.trim_end().to_string());
        commands.filter(|line| !line.starts_with("SELECT")).collect()
    }

    fn fed_for(&mut self, line: &str) -> Vec<String> {
        self.feed();
        self.run(line);
        self.feed()
    }
}

#[test]
fn fields_expire_for_clients_and_the_cron_feeds_their_end() {
    let mut server = Server::new();
    server.run("HSET h a 1 b 2 c 3");
    assert_eq!(server.run("HPEXPIRE h 100 FIELDS 3 a b zz"), "*3 :1 :1 :-2");
    assert_eq!(server.run("HPTTL h FIELDS 3 a c zz"), "*3 :100 :-1 :-2");
    assert_eq!(server.run("HTTL h FIELDS 1 a"), "*1 :1");
    assert_eq!(server.run("HPEXPIRETIME h FIELDS 1 a"), "*1 :1000100");
    assert_eq!(server.run("OBJECT ENCODING h"), "$10 listpackex");
    server.now_ms += 101;
    server.feed();
    assert_eq!(server.run("HGETALL h"), "*2 $1 c $1 3");
    assert_eq!(server.run("HMGET h a c"), "*2 $-1 $1 3");
    assert_eq!(server.run("HEXISTS h a"), ":0");
    assert_eq!(server.run("HRANDFIELD h 10"), "*1 $1 c");
    assert_eq!(server.run("HSCAN h 0"), "*2 $1 0 *2 $1 c $1 3");
    assert_eq!(server.run("HDEL h a"), ":0");
    assert!(server.feed().is_empty(), "reading must not write");
    assert_eq!(server.run("HLEN h"), ":3");
    server.store.cron(server.now_ms, 10_000);
    let mut fed = server.feed();
    fed.sort();
    assert!(fed == ["HDEL h a b"] || fed == ["HDEL h b a"], "{fed:?}");
    assert_eq!(server.run("HLEN h"), ":1");
    server.run("HPEXPIRE h 1 FIELDS 1 c");
    server.now_ms += 2;
    server.store.cron(server.now_ms, 10_000);
    assert_eq!(server.run("EXISTS h"), ":0");
}

#[test]
fn writing_over_an_expired_field_makes_it_anew() {
    let mut server = Server::new();
    server.run("HSET h a 5 b 1");
    server.run("HPEXPIRE h 10 FIELDS 1 a");
    server.now_ms += 11;
    assert_eq!(server.run("HINCRBY h a 2"), ":2");
    assert_eq!(server.run("HPTTL h FIELDS 1 a"), "*1 :-1");
    server.run("HPEXPIRE h 10 FIELDS 1 a");
    assert_eq!(server.run("HINCRBY h a 2"), ":4");
    assert_eq!(server.run("HPTTL h FIELDS 1 a"), "*1 :10");
    server.now_ms += 11;
    assert_eq!(server.run("HSETNX h a 9"), ":1");
    server.run("HPEXPIRE h 10 FIELDS 1 a");
    assert_eq!(server.run("HSET h a 9"), ":0");
    assert_eq!(server.run("HPTTL h FIELDS 1 a"), "*1 :-1");
}

#[test]
fn field_expiry_is_fed_in_absolute_form() {
    let mut server = Server::new();
    server.run("HSET h a 1 b 2 c 3");
    assert_eq!(server.fed_for("HEXPIRE h 10 NX FIELDS 3 a zz b"), ["HPEXPIREAT h 1010000 FIELDS 2 a b"]);
    assert_eq!(server.fed_for("HEXPIRE h 10 NX FIELDS 1 a"), [""; 0]);
    assert_eq!(server.fed_for("HPERSIST h FIELDS 2 a c"), ["HPERSIST h FIELDS 1 a"]);
    assert_eq!(server.fed_for("HEXPIREAT h 1 FIELDS 1 a"), ["HDEL h a"]);
    assert_eq!(server.fed_for("HGETEX h PX 500 FIELDS 2 b zz"), ["HPEXPIREAT h 1000500 FIELDS 1 b"]);
    assert_eq!(server.fed_for("HGETEX h PERSIST FIELDS 1 b"), ["HPERSIST h FIELDS 1 b"]);
    assert_eq!(server.fed_for("HGETEX h FIELDS 1 b"), [""; 0]);
    assert_eq!(server.fed_for("HSETEX h FNX PX 5 FIELDS 1 n v"), ["HSETEX h PXAT 1000005 FIELDS 1 n v"]);
    assert_eq!(server.fed_for("HSETEX h FNX FIELDS 1 n w"), [""; 0]);
    assert_eq!(server.fed_for("HSETEX h KEEPTTL FIELDS 1 n w"), ["HSETEX h KEEPTTL FIELDS 1 n w"]);
    assert_eq!(server.run("HPTTL h FIELDS 1 n"), "*1 :5");
    assert_eq!(
        server.fed_for("HINCRBYFLOAT h n2 1.5"),
        ["HSET h n2 1.5"],
        "a replica is told the sum, not the summand"
    );
    server.run("HPEXPIRE h 50 FIELDS 1 n2");
    assert_eq!(
        server.fed_for("HINCRBYFLOAT h n2 1.5"),
        ["MULTI", "HSET h n2 3", "HPEXPIREAT h 1000050 FIELDS 1 n2", "EXEC"]
    );
    assert_eq!(server.fed_for("HGETDEL h FIELDS 3 b c zz"), ["HDEL h b c"]);
    assert_eq!(server.fed_for("HGETDEL h FIELDS 2 n n2"), ["HDEL h n n2"]);
    assert_eq!(server.run("EXISTS h"), ":0");
}

#[test]
fn errors_of_field_expiry_are_those_of_redis_8() {
    let mut server = Server::new();
    server.run("HSET h a 1");
    let missing = "-ERR Mandatory argument FIELDS is missing or not at the right position";
    let mismatch = "-ERR The `numfields` parameter must match the number of arguments";
    for (command, error) in [
        ("HEXPIRE h x FIELDS 1 a", "-ERR value is not an integer or out of range"),
        ("HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"),
        ("HEXPIRE h 99999999999999999 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
        ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command"),
        ("HEXPIRE h 10 NX XX FIELDS 1 a", missing),
        ("HEXPIRE h 10 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 10 FIELDS 2 a", mismatch),
        ("HTTL h FOO 1 a", missing),
        ("HTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer"),
        ("HTTL h FIELDS 9223372036854775807 a", mismatch),
        ("HGETDEL h FIELDS 2 a", mismatch),
        ("HGETEX h EX 10 PX 10 FIELDS 1 a", missing),
        ("HSETEX h FNX FXX FIELDS 1 a 1", "-ERR Only one of FXX or FNX arguments can be specified"),
        ("HSETEX h FIELDS 2 a 1", "-ERR wrong number of arguments for 'hsetex' command"),
        ("HSETEX h FIELDS 9223372036854775807 a 1", "-ERR wrong number of arguments for 'hsetex' command"),
        ("HSETEX h FIELDS 0 a 1", "-ERR invalid number of fields"),
    ] {
        assert_eq!(server.run(command), error, "{command}");
    }
}

#[test]
fn a_replica_keeps_expired_fields_until_its_primary_deletes_them() {
    let mut replica = Server::new();
    replica.store.keys.gates.replica = true;
    let feed = replica.store.open_session();
    for line in ["SELECT 0", "HSET h a 1 b 2", "HPEXPIREAT h 5 FIELDS 1 a", "HSETEX h PXAT 6 FIELDS 1 c 3"] {
        replica.store.apply(feed, &Server::encode(line), replica.now_ms);
        assert!(replica.store.session(feed).is_some_and(|session| session.failure.is_none()), "{line}");
    }
    replica.store.cron(replica.now_ms, 10_000);
    assert_eq!(replica.run("HGETALL h"), "*2 $1 b $1 2");
    assert_eq!(replica.run("HLEN h"), ":3");
    // The feed sees them, as its primary did when it wrote.
    replica.store.apply(feed, &Server::encode("HINCRBY h a 1"), replica.now_ms);
    replica.store.apply(feed, &Server::encode("HPERSIST h FIELDS 1 a"), replica.now_ms);
    assert_eq!(replica.run("HGET h a"), "$1 2");
    replica.store.apply(feed, &Server::encode("HDEL h c"), replica.now_ms);
    assert_eq!(replica.run("HLEN h"), ":2");
}

#[test]
fn what_is_random_or_waits_is_fed_as_what_it_did() {
    let mut server = Server::new();
    server.run("SADD s a b c d");
    let fed = server.fed_for("SPOP s 2");
    assert!(fed.len() == 1 && fed[0].starts_with("SREM s ") && fed[0].len() == "SREM s x y".len(), "{fed:?}");
    assert_eq!(server.fed_for("SPOP s 9"), ["DEL s"]);
    server.run("RPUSH l a b c d e f g");
    assert_eq!(server.fed_for("BLPOP l 1"), ["LPOP l"]);
    assert_eq!(server.fed_for("BLMOVE l l left right 1"), ["LMOVE l l left right"]);
    assert_eq!(server.fed_for("BRPOPLPUSH l l 1"), ["RPOPLPUSH l l"]);
    assert_eq!(server.fed_for("BLMPOP 1 2 x l right COUNT 2"), ["RPOP l 2"]);
    assert_eq!(server.fed_for("LMPOP 1 l LEFT COUNT 100"), ["LPOP l 4"]);
    server.run("ZADD z 1 a 2 b 3 c");
    assert_eq!(server.fed_for("BZPOPMIN z 1"), ["ZPOPMIN z"]);
    assert_eq!(server.fed_for("ZMPOP 1 z MAX COUNT 9"), ["ZPOPMAX z 2"]);
    assert_eq!(server.fed_for("LTRIM none 0 1"), [""; 0]);
    assert_eq!(server.fed_for("SMOVE none s a"), [""; 0]);
}

#[test]
fn no_count_makes_an_endless_reply() {
    let mut server = Server::new();
    server.run("HSET h f v");
    server.run("SADD s m");
    server.run("ZADD z 1 m");
    for command in ["HRANDFIELD h", "SRANDMEMBER s", "ZRANDMEMBER z"] {
        assert_eq!(server.run(&format!("{command} -9223372036854775807")), "-ERR value is out of range");
        assert!(server.run(&format!("{command} 9223372036854775807")).starts_with("*1 "));
        assert!(server.run(&format!("{command} -3")).starts_with("*3 "));
    }
    assert_eq!(server.run("HRANDFIELD h -4611686018427387904 WITHVALUES"), "-ERR value is out of range");
    server.run("RPUSH l a");
    assert_eq!(server.run("LRANGE l -9223372036854775808 9223372036854775807"), "*1 $1 a");
    assert_eq!(server.run("LPOP l 9223372036854775807"), "*1 $1 a");
    assert_eq!(server.run("LMPOP 9223372036854775807 l LEFT"), "-ERR syntax error");
    assert_eq!(server.run("ZUNION 9223372036854775807 z"), "-ERR syntax error");
}
