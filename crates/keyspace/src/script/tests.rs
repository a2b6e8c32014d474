//! Scripts through the store: what clients read, and what goes into the feed. Replies are those of Redis 7.0.15.

use crate::keyspace::Caller;
use crate::session::{SessionId, Stop};
use crate::store::Store;

fn store() -> Store {
    Store::new(16, 7, 1 << 20)
}

fn say(store: &mut Store, id: u32, words: &[&str]) -> String {
    let mut bytes = Vec::new();
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    crate::effects::encode_command(&mut bytes, &words);
    store.execute(id, &bytes, 1_700_000_000_000);
    String::from_utf8_lossy(store.reply.bytes()).into_owned()
}

fn eval(body: &str) -> String {
    let mut store = store();
    let id = store.open_session();
    say(&mut store, id, &["EVAL", body, "1", "key", "arg"])
}

fn feed(store: &Store) -> String {
    let mut bytes = Vec::new();
    store.feed.read(0, usize::MAX, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn values_go_both_ways() {
    assert_eq!(
        eval("return {1, 2.9, 'x', {ok='fine'}, {err='ERR bad'}, true, nil, 7}"),
        "*6\r\n:1\r\n:2\r\n$1\r\nx\r\n+fine\r\n-ERR bad\r\n:1\r\n"
    );
    assert_eq!(eval("return {KEYS[1], ARGV[1]}"), "*2\r\n$3\r\nkey\r\n$3\r\narg\r\n");
    assert_eq!(eval("redis.call('set', KEYS[1], 3.5) return redis.call('get', 'key')"), "$3\r\n3.5\r\n");
    assert_eq!(eval("return redis.call('get', 'none')"), "$-1\r\n");
    assert_eq!(
        eval("redis.call('hset','h','f','1') redis.setresp(3) return redis.call('hgetall','h').map.f"),
        "$1\r\n1\r\n"
    );
}

#[test]
fn errors_say_where() {
    let sha = |body: &str| super::sha1_hex(body.as_bytes());
    for (body, error) in [
        ("return foo", "ERR user_script:1: Script attempted to access nonexistent global variable 'foo'"),
        ("\nfoo = 1", "ERR user_script:2: Attempt to modify a readonly table"),
        ("redis.x = 1", "ERR user_script:1: Attempt to modify a readonly table"),
        ("rawset(_G, 'x', 1)", "ERR Attempt to modify a readonly table"),
        ("setmetatable(_G, {})", "ERR Attempt to modify a readonly table"),
        ("table.insert(_G, 'x')", "ERR Attempt to modify a readonly table"),
        ("getmetatable('').__index = nil", "ERR user_script:1: Attempt to modify a readonly table"),
        ("local x; return x.y", "ERR user_script:1: attempt to index local 'x' (a nil value)"),
        ("return redis.call('nosuch')", "ERR Unknown Redis command called from script"),
        ("return redis.call('get')", "ERR Wrong number of args calling Redis command from script"),
        ("return redis.call('eval', 'return 1', 0)", "ERR This Redis command is not allowed from script"),
        ("error('foo')", "ERR user_script:1: foo"),
        ("error({err='My Err'})", "My Err"),
    ] {
        let line = if body.starts_with('\n') { 2 } else { 1 };
        let whole = format!("-{error} script: {}, on @user_script:{line}.\r\n", sha(body));
        assert_eq!(eval(body), whole, "{body}");
    }
    assert_eq!(
        eval("return redis.pcall('get')"),
        "-ERR Wrong number of args calling Redis command from script\r\n"
    );
    assert_eq!(
        eval("return {pcall(redis.call, 'get')}"),
        "*2\r\n$-1\r\n$58\r\nERR Wrong number of args calling Redis command from script\r\n"
    );
    assert_eq!(
        eval("return ("),
        "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'\r\n"
    );
    assert_eq!(eval("local t = {} t[1] = t return t").lines().last(), Some("-ERR reached lua stack limit"));
}

#[test]
fn no_script_sees_another() {
    let mut store = store();
    let id = store.open_session();
    say(
        &mut store,
        id,
        &[
            "EVAL",
            "for _, t in pairs(_G) do if type(t) == 'table' then pcall(rawset, t, 'leak', 1) \
        pcall(table.insert, t, 1) pcall(setmetatable, t, {}) end end return 1",
            "0",
        ],
    );
    for global in ["string", "redis", "table", "math"] {
        let body = format!("return {{rawget({global}, 'leak'), #{global}}}");
        assert_eq!(say(&mut store, id, &["EVAL", &body, "0"]), "*0\r\n", "{global}");
    }
    assert_eq!(
        eval("return {tostring(loadstring(string.dump(function() return 1 end)))}"),
        "*1\r\n$3\r\nnil\r\n"
    );
    for global in [
        "os", "io", "print", "dofile", "loadfile", "require", "getfenv", "setfenv", "newproxy", "debug",
        "package",
    ] {
        assert!(eval(&format!("return {global}")).contains("nonexistent global variable"), "{global}");
    }
}

#[test]
fn a_script_is_one_unit_of_its_effects() {
    let mut store = store();
    let id = store.open_session();
    say(
        &mut store,
        id,
        &["EVAL", "redis.call('set','a','1') redis.call('get','a') return redis.call('incr','a')", "0"],
    );
    assert!(feed(&store).ends_with("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$4\r\nincr\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n"),
        "{}", feed(&store));
    let before = feed(&store).len();
    say(&mut store, id, &["EVAL", "redis.set_repl(redis.REPL_NONE) return redis.call('incr','a')", "0"]);
    assert_eq!(feed(&store).len(), before);
}

/// Sends a command; tells why it stopped and what was replied so far.
fn turn(store: &mut Store, id: SessionId, words: &[&str]) -> (Stop, String) {
    let mut bytes = Vec::new();
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    crate::effects::encode_command(&mut bytes, &words);
    let stop = store.execute(id, &bytes, 1000);
    (stop, String::from_utf8_lossy(&store.reply.take()).into_owned())
}

/// Gives turns until the script is over.
fn finish(store: &mut Store, id: SessionId) -> String {
    for _ in 0..10_000 {
        match store.resume(id, 2000) {
            Stop::Busy => {}
            stop => {
                assert_eq!(stop, Stop::Drained);
                return String::from_utf8_lossy(&store.reply.take()).into_owned();
            }
        }
    }
    panic!("it does not end");
}

#[test]
fn a_script_that_never_ends_rests_and_can_be_killed() {
    let mut store = store();
    let (id, other) = (store.open_session(), store.open_session());
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local c = coroutine.wrap(function() while true do end end) while true do pcall(c) end",
        "while true do xpcall(function() while true do end end, function(e) while true do end end) end",
        "return ('x'):rep(1000000):gsub('.', function() for i = 1, 10 do redis.call('ping') end end)",
    ] {
        assert_eq!(turn(&mut store, id, &["EVAL", body, "0"]), (Stop::Busy, String::new()));
        assert!(
            turn(&mut store, other, &["PING"])
                .1
                .starts_with("-BUSY Redis is busy running a script. You can only call SCRIPT")
        );
        assert!(turn(&mut store, other, &["FUNCTION", "KILL"]).1.starts_with("-BUSY"));
        assert_eq!(store.resume(id, 1000), Stop::Busy);
        assert_eq!(turn(&mut store, other, &["SCRIPT", "KILL"]).1, "+OK\r\n");
        let reply = finish(&mut store, id);
        assert!(reply.starts_with("-ERR Script killed by user with SCRIPT KILL..."), "{reply}");
        assert!(reply.ends_with(", on @user_script:1.\r\n"), "{reply}");
        assert!(turn(&mut store, other, &["SCRIPT", "KILL"]).1.starts_with("-NOTBUSY"));
    }
    assert_eq!(
        say(&mut store, id, &["EVAL", "local t = {} for i = 1, 100 do t[i] = i end return #t", "0"]),
        ":100\r\n"
    );
}

#[test]
fn a_script_that_rests_is_one_unit_and_stands_in_time() {
    let mut store = store();
    let (id, other) = (store.open_session(), store.open_session());
    let body = "redis.call('set', 'a', 0, 'px', 500) for i = 1, 2000000 do if i % 500000 == 0 then \
                redis.call('incr', 'a') end end return redis.call('get', 'a')";
    assert_eq!(turn(&mut store, id, &["EVAL", body, "0"]).0, Stop::Busy);
    let fed = feed(&store);
    assert!(turn(&mut store, other, &["SCRIPT", "KILL"]).1.starts_with("-UNKILLABLE Sorry"));
    assert_eq!(turn(&mut store, other, &["MULTI"]).1, "+OK\r\n");
    assert!(turn(&mut store, other, &["SET", "a", "9"]).1.starts_with("-BUSY"));
    assert!(turn(&mut store, other, &["EXEC"]).1.starts_with("-EXECABORT"));
    store.cron(5000, 100);
    assert_eq!(feed(&store), fed, "nothing is fed before the unit is over");
    assert_eq!(finish(&mut store, id), "$1\r\n4\r\n");
    let fed = feed(&store);
    assert_eq!(fed.matches("MULTI").count(), 1);
    assert_eq!(fed.matches("incr").count(), 4);
    assert!(!store.is_busy());
}

#[test]
fn a_script_rests_inside_a_transaction() {
    let mut store = store();
    let (id, other) = (store.open_session(), store.open_session());
    let body = "for i = 1, 500000 do end return redis.call('incr', 'n')";
    turn(&mut store, id, &["MULTI"]);
    for _ in 0..2 {
        turn(&mut store, id, &["EVAL", body, "0"]);
    }
    turn(&mut store, id, &["GET", "n"]);
    assert_eq!(turn(&mut store, id, &["EXEC"]), (Stop::Busy, "*3\r\n".into()));
    let mut replies = String::new();
    while store.is_busy() {
        assert!(turn(&mut store, other, &["GET", "n"]).1.starts_with("-BUSY"));
        store.resume(id, 1000);
        replies += &String::from_utf8_lossy(&store.reply.take());
    }
    assert_eq!(replies, ":1\r\n:2\r\n$1\r\n2\r\n");
}

#[test]
fn a_script_whose_client_is_gone_goes_on_to_its_end() {
    let mut store = store();
    let (id, other) = (store.open_session(), store.open_session());
    turn(&mut store, id, &["EVAL", "for i = 1, 500000 do end return redis.call('incr', 'n')", "0"]);
    store.close_session(id);
    while store.resume(id, 1000) == Stop::Busy {}
    assert_eq!(say(&mut store, other, &["GET", "n"]), "$1\r\n1\r\n");
    assert_eq!(store.open_session(), id, "its number is free again");
}

#[test]
fn a_command_of_the_host_is_asked_for() {
    let mut store = store();
    let id = store.open_session();
    let body = "local n = redis.call('publish', 'c', 'm') redis.call('set', 'k', n) return n + 1";
    assert_eq!(turn(&mut store, id, &["EVAL", body, "0"]).0, Stop::Asks);
    let asked = store.session(id).map(|session| std::mem::take(&mut session.host_command)).unwrap();
    assert_eq!(asked, [b"publish".to_vec(), b"c".to_vec(), b"m".to_vec()]);
    store.propagate(id, &[b"publish", b"c", b"m"]);
    store.answer_script(id, b":3\r\n");
    assert_eq!(store.resume(id, 1000), Stop::Drained);
    assert_eq!(store.reply.take(), b":4\r\n");
    let fed = feed(&store);
    assert!(fed.contains("MULTI") && fed.contains("publish") && fed.contains("set"), "{fed}");
}

#[test]
fn the_feed_waits_for_a_script_and_may_bring_one() {
    let mut store = store();
    let (link, client, other) = (store.open_session(), store.open_session(), store.open_session());
    store.keys.gates.replica = true;
    turn(&mut store, client, &["EVAL", "while true do end", "0"]);
    let set = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    assert_eq!(store.apply(link, set, 1000), Stop::Busy);
    assert_eq!(turn(&mut store, other, &["SCRIPT", "KILL"]).1, "+OK\r\n");
    finish(&mut store, client);
    assert_eq!(store.resume_apply(link, 1000), Stop::Drained);
    assert_eq!(say(&mut store, client, &["GET", "a"]), "$1\r\n1\r\n");
    let mut eval = Vec::new();
    let body: &[u8] = b"for i = 1, 500000 do end return redis.call('incr', 'a')";
    crate::effects::encode_command(&mut eval, &[b"EVAL", body, b"0"]);
    let before = store.feed.end();
    assert_eq!(store.apply(link, &eval, 1000), Stop::Busy);
    assert!(turn(&mut store, client, &["SCRIPT", "KILL"]).1.starts_with("-UNKILLABLE The busy script"));
    assert_eq!(store.feed.end(), before);
    while store.resume_apply(link, 1000) == Stop::Busy {}
    assert_eq!(store.feed.end(), before + eval.len() as u64);
    assert_eq!(say(&mut store, client, &["GET", "a"]), "$1\r\n2\r\n");
}

#[test]
fn a_store_may_be_dropped_while_a_script_rests() {
    let mut store = store();
    let id = store.open_session();
    let body = "while true do pcall(function() redis.call('incr', 'n') end) end";
    assert_eq!(turn(&mut store, id, &["EVAL", body, "0"]).0, Stop::Busy);
    drop(store);
}

#[test]
fn libraries_live_in_the_keyspace() {
    let mut store = store();
    let id = store.open_session();
    let code = "#!lua name=lib\nredis.register_function('f', function(keys, args) return {keys[1], args[1]} end)\n\
        redis.register_function{function_name='ro', callback=function() return redis.call('set','a',1) end, flags={'no-writes'}}";
    assert_eq!(say(&mut store, id, &["FUNCTION", "LOAD", code]), "$3\r\nlib\r\n");
    assert_eq!(store.keys.libraries, [code.as_bytes()]);
    assert_eq!(say(&mut store, id, &["FCALL", "F", "1", "k", "x"]), "*2\r\n$1\r\nk\r\n$1\r\nx\r\n");
    assert!(say(&mut store, id, &["FCALL", "ro", "0"]).starts_with(
        "-ERR Write commands are not allowed from read-only scripts. script: ro, on @user_function:3."
    ));
    assert!(feed(&store).contains("LOAD"));
    assert!(
        say(&mut store, id, &["FUNCTION", "LOAD", code]).starts_with("-ERR Library 'lib' already exists")
    );
    // As after an RDB: only the sources are there.
    store.keys.scripts.forget_functions();
    assert_eq!(say(&mut store, id, &["FCALL_RO", "ro", "0"]).get(..5), Some("-ERR "));
    let payload = super::functions::payload(&store.keys.libraries, true).unwrap();
    assert_eq!(super::functions::sources_in(&payload).unwrap(), [code.as_bytes()]);
    assert_eq!(say(&mut store, id, &["FUNCTION", "DELETE", "lib"]), "+OK\r\n");
    assert!(store.keys.libraries.is_empty());
    for end in 0..payload.len() {
        assert!(super::functions::sources_in(&payload[..end]).is_err());
    }
    assert_eq!(store.keys.caller, Caller::Client);
}

#[test]
fn json_as_lua_cjson_writes_and_reads_it() {
    for (body, reply) in [
        ("cjson.encode({1,2,{a=1}})", "[1,2,{\"a\":1}]"),
        ("cjson.encode({}) .. cjson.encode({1,nil,3}) .. cjson.encode({['1']=1})", "{}[1,null,3]{\"1\":1}"),
        (
            "cjson.encode(1e15) .. cjson.encode(0.1) .. cjson.encode(123456789012345678)",
            "1e+150.11.2345678901235e+17",
        ),
        ("cjson.encode('a/b\"\\\\\\n\\1\\127')", "\"a\\/b\\\"\\\\\\n\\u0001\\u007f\""),
        ("cjson.decode('[1,{\"a\":[true,\"x\"]}]')[2].a[2]", "x"),
        ("tostring(cjson.decode('null') == cjson.null)", "true"),
        ("cjson.decode('\"\\\\ud83d\\\\ude00\"')", "\u{1F600}"),
        ("tostring(cjson.decode('0x10')) .. tostring(cjson.decode('1e5'))", "16100000"),
        (
            "select(2, pcall(cjson.decode, '[1,2'))",
            "Expected comma or array end but found T_END at character 5",
        ),
        (
            "select(2, pcall(cjson.decode, '{\"a\":1,}'))",
            "Expected object key string but found T_OBJ_END at character 8",
        ),
        (
            "select(2, pcall(cjson.decode, ('['):rep(1001)))",
            "Found too many nested data structures (1001) at character 1001",
        ),
        (
            "select(2, pcall(cjson.encode, {[1]=1,[100]=3}))",
            "Cannot serialise table: excessively sparse array",
        ),
        ("select(2, pcall(cjson.encode, 0/0))", "Cannot serialise number: must not be NaN or Inf"),
    ] {
        assert_eq!(eval(&format!("return {body}")), format!("${}\r\n{reply}\r\n", reply.len()), "{body}");
    }
    let body = "return cjson.decode('abc')";
    let sha = super::sha1_hex(body.as_bytes());
    assert_eq!(
        eval(body),
        format!(
            "-ERR user_script:1: Expected value but found invalid token at character 1 script: {sha}, on @user_script:1.\r\n"
        )
    );
}

#[test]
fn message_pack_as_redis_packs_it() {
    let hex = "local function hex(s) return (s:gsub('.', function(c) return string.format('%02x', c:byte()) end)) end return ";
    for (body, reply) in [
        (
            "hex(cmsgpack.pack(1,-1,127,128,255,256,65535,65536,2^32,2^53,-32,-33,-128,-129,-32768,-32769,-2^31,-2^31-1))",
            "01ff7fcc80ccffcd0100cdffffce00010000cf0000000100000000cf0020000000000000e0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffff",
        ),
        ("hex(cmsgpack.pack(1.5,0.1,1/0,1e300))", "ca3fc00000cb3fb999999999999aca7f800000cb7e37e43c8800759c"),
        ("hex(cmsgpack.pack({1,2,3}, {a=1}, {}, {1,nil,3}))", "9301020381a1610190820101"),
    ] {
        let got = eval(&format!("{hex}{body}"));
        assert!(got.contains(reply), "{body}: {got}");
    }
    assert_eq!(eval("return {cmsgpack.unpack_one('\\1\\2\\3')}"), "*2\r\n:1\r\n:1\r\n");
    assert_eq!(eval("return {cmsgpack.unpack_limit('\\1\\2\\3',2,1)}"), "*3\r\n:-1\r\n:2\r\n:3\r\n");
    assert_eq!(eval("return cmsgpack.unpack(cmsgpack.pack({a={1,'x',true}})).a[2]"), "$1\r\nx\r\n");
    assert!(eval("return cmsgpack.unpack('\\193')").contains("Bad data format in input."));
    assert!(eval("return cmsgpack.unpack('\\221\\255\\255\\255\\255')").contains("Missing bytes in input."));
}

#[test]
fn structs_as_redis_packs_them() {
    let hex = "local function hex(s) return (s:gsub('.', function(c) return string.format('%02x', c:byte()) end)) end return ";
    for (body, reply) in [
        ("hex(struct.pack('>I2I4', 1, 2))", "000100000002"),
        ("hex(struct.pack('fd', 1.5, 2.5))", "0000c03f0000000000000440"),
        ("hex(struct.pack('!4b i', 1, 2))", "0100000002000000"),
        (
            "hex(struct.pack('s', 'abc') .. struct.pack('c3', 'abcdef') .. struct.pack('<i8', -1))",
            "61626300616263ffffffffffffffff",
        ),
        ("select(2, pcall(struct.pack, 'I33', 1))", "integral size 33 is larger than limit of 32"),
        ("select(2, pcall(struct.size, 'I4294967295'))", "integral size overflow"),
        ("select(2, pcall(struct.unpack, 's', 'abc'))", "unfinished string in data"),
        ("tostring(struct.size('!bi')) .. struct.size('>!8bd')", "816"),
    ] {
        assert_eq!(eval(&format!("{hex}{body}")), format!("${}\r\n{reply}\r\n", reply.len()), "{body}");
    }
    assert_eq!(eval("return {struct.unpack('Bc0', '\\3abcd')}"), "*2\r\n$3\r\nabc\r\n:5\r\n");
    assert_eq!(eval("return {struct.unpack('<i4', '\\255\\255\\255\\255')}"), "*2\r\n:-1\r\n:5\r\n");
    assert!(eval("return struct.unpack('B', 'abcd', 1e300)").contains("data string too short"));
}
