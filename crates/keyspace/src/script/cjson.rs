//! The `cjson` library (lua-cjson 2.1.0 as Redis carries it): Lua values to JSON and back, with its error texts.

use super::convert::{format_g, number, number_or_text};
use mlua::{Lua, MultiValue, Table, Value};
use std::cell::Cell;
use std::rc::Rc;

/// What the cjson.encode_... functions set; shared by all scripts, as in Redis.
#[derive(Debug)]
struct Config {
    encode_depth: Cell<i64>,
    decode_depth: Cell<i64>,
    precision: Cell<i64>,
    /// Sparse arrays become objects rather than errors.
    sparse_convert: Cell<bool>,
    /// An array is sparse when it has so many times more places than elements (0: never)...
    sparse_ratio: Cell<i64>,
    /// ...and more places than this.
    sparse_safe: Cell<i64>,
    /// Says nothing here: a buffer is made for each call.
    keep_buffer: Cell<bool>,
    encode_invalid: Cell<Invalid>,
    decode_invalid: Cell<bool>,
}

/// What becomes of numbers that JSON does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Config {
    fn new() -> Config {
        Config {
            encode_depth: Cell::new(1000),
            decode_depth: Cell::new(1000),
            precision: Cell::new(14),
            sparse_convert: Cell::new(false),
            sparse_ratio: Cell::new(2),
            sparse_safe: Cell::new(10),
            keep_buffer: Cell::new(true),
            encode_invalid: Cell::new(Invalid::Refused),
            decode_invalid: Cell::new(true),
        }
    }
}

/// Deeper than this nothing goes, whatever the options say: our own stack is finite.
const DEPTH_MAX: i64 = 4000;

type Fault = Result<(), Vec<u8>>;

fn answer(lua: &Lua, result: Result<Value, Vec<u8>>) -> mlua::Result<(bool, Value)> {
    match result {
        Ok(value) => Ok((true, value)),
        Err(error) => Ok((false, Value::String(lua.create_string(error)?))),
    }
}

fn internal(error: mlua::Error) -> Vec<u8> {
    error.to_string().into_bytes()
}

/// The functions, each answering true and its result or false and the error.
pub fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    let config = Rc::new(Config::new());
    library.set("_NAME", "cjson")?;
    library.set("_VERSION", "2.1.0")?;
    library.set("null", Value::NULL)?;
    let shared = config.clone();
    let encode = move |lua: &Lua, args: MultiValue| {
        let (Some(value), 1) = (args.front(), args.len()) else {
            return answer(lua, Err(b"bad argument #1 to 'encode' (expected 1 argument)".to_vec()));
        };
        let mut out = Vec::new();
        let done = write(&shared, &mut out, value, 0);
        let text = lua.create_string(&out)?;
        answer(lua, done.map(|()| Value::String(text)))
    };
    library.set("encode", lua.create_function(encode)?)?;
    let shared = config.clone();
    let decode = move |lua: &Lua, args: MultiValue| {
        if args.len() != 1 {
            return answer(lua, Err(b"bad argument #1 to 'decode' (expected 1 argument)".to_vec()));
        }
        let Some(text) = args.front().and_then(super::convert::argument) else {
            let got = args.front().map_or("nil", Value::type_name);
            return answer(
                lua,
                Err(format!("bad argument #1 to 'decode' (string expected, got {got})").into()),
            );
        };
        let mut parser = Parser { lua, text: &text, at: 0, depth: 0, config: &shared };
        answer(lua, parser.whole())
    };
    library.set("decode", lua.create_function(decode)?)?;
    options(lua, &library, &config)?;
    Ok(library)
}

/// The functions that show and set an option.
fn options(lua: &Lua, library: &Table, config: &Rc<Config>) -> mlua::Result<()> {
    const INT_MAX: i64 = i32::MAX as i64;
    let numbers: [(&'static str, fn(&Config) -> &Cell<i64>, i64); 3] = [
        ("encode_max_depth", |config| &config.encode_depth, INT_MAX),
        ("decode_max_depth", |config| &config.decode_depth, INT_MAX),
        ("encode_number_precision", |config| &config.precision, 14),
    ];
    for (name, cell, max) in numbers {
        let shared = config.clone();
        let function = move |lua: &Lua, args: MultiValue| {
            let set = at_most(&args, 1, name)
                .and_then(|()| integer(args.front(), 1, name, 1..=max))
                .map(|wanted| wanted.map(|wanted| cell(&shared).set(wanted)));
            answer(lua, set.map(|_| Value::Integer(cell(&shared).get())))
        };
        library.set(name, lua.create_function(function)?)?;
    }
    let flags: [(&'static str, fn(&Config) -> &Cell<bool>); 2] = [
        ("encode_keep_buffer", |config| &config.keep_buffer),
        ("decode_invalid_numbers", |config| &config.decode_invalid),
    ];
    for (name, cell) in flags {
        let shared = config.clone();
        let function = move |lua: &Lua, args: MultiValue| {
            let set = at_most(&args, 1, name)
                .and_then(|()| choice(args.front(), name, &["off", "on"]))
                .map(|chosen| chosen.map(|chosen| cell(&shared).set(chosen == 1)));
            answer(lua, set.map(|_| Value::Boolean(cell(&shared).get())))
        };
        library.set(name, lua.create_function(function)?)?;
    }
    let shared = config.clone();
    let invalid = move |lua: &Lua, args: MultiValue| {
        let name = "encode_invalid_numbers";
        let chosen =
            at_most(&args, 1, name).and_then(|()| choice(args.front(), name, &["off", "on", "null"]));
        match chosen {
            Ok(Some(0)) => shared.encode_invalid.set(Invalid::Refused),
            Ok(Some(1)) => shared.encode_invalid.set(Invalid::Written),
            Ok(Some(_)) => shared.encode_invalid.set(Invalid::Null),
            Ok(None) => {}
            Err(error) => return answer(lua, Err(error)),
        }
        answer(
            lua,
            Ok(match shared.encode_invalid.get() {
                Invalid::Refused => Value::Boolean(false),
                Invalid::Written => Value::Boolean(true),
                Invalid::Null => Value::String(lua.create_string("null")?),
            }),
        )
    };
    library.set("encode_invalid_numbers", lua.create_function(invalid)?)?;
    let shared = config.clone();
    let sparse = move |lua: &Lua, args: MultiValue| {
        let set = set_sparse(&shared, &args);
        let (done, first) = answer(lua, set.map(|()| Value::Boolean(shared.sparse_convert.get())))?;
        let rest = [shared.sparse_ratio.get(), shared.sparse_safe.get()].map(Value::Integer);
        Ok(MultiValue::from_iter([Value::Boolean(done), first].into_iter().chain(rest)))
    };
    library.set("encode_sparse_array", lua.create_function(sparse)?)
}

/// What comes first is set, though something behind it is refused: as in Redis.
fn set_sparse(config: &Config, args: &MultiValue) -> Fault {
    const NAME: &str = "encode_sparse_array";
    at_most(args, 3, NAME)?;
    if let Some(chosen) = choice(args.front(), NAME, &["off", "on"])? {
        config.sparse_convert.set(chosen == 1);
    }
    for (at, cell) in [(1, &config.sparse_ratio), (2, &config.sparse_safe)] {
        if let Some(wanted) = integer(args.get(at), at + 1, NAME, 0..=i64::from(i32::MAX))? {
            cell.set(wanted);
        }
    }
    Ok(())
}

fn at_most(args: &MultiValue, count: usize, name: &str) -> Fault {
    if args.len() > count {
        return Err(format!("bad argument #{} to '{name}' (found too many arguments)", count + 1).into());
    }
    Ok(())
}

/// An integer of C's int, if one was given.
fn integer(
    value: Option<&Value>,
    position: usize,
    name: &str,
    allowed: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, Vec<u8>> {
    let Some(value) = value.filter(|value| !value.is_nil()) else { return Ok(None) };
    let Some(number) = number_or_text(value) else {
        let got = value.type_name();
        return Err(format!("bad argument #{position} to '{name}' (number expected, got {got})").into());
    };
    let number = i64::from(number as i64 as i32);
    if !allowed.contains(&number) {
        let (min, max) = allowed.into_inner();
        // The position is always 1 here, as lua-cjson has it.
        return Err(format!("bad argument #1 to '{name}' (expected integer between {min} and {max})").into());
    }
    Ok(Some(number))
}

/// One of some words, or a boolean for the first two; if one was given.
fn choice(value: Option<&Value>, name: &str, words: &[&str]) -> Result<Option<usize>, Vec<u8>> {
    match value {
        None | Some(Value::Nil) => Ok(None),
        Some(Value::Boolean(flag)) => Ok(Some(usize::from(*flag))),
        Some(value) => {
            let Some(text) = super::convert::argument(value) else {
                let got = value.type_name();
                return Err(format!("bad argument #1 to '{name}' (string expected, got {got})").into());
            };
            match words.iter().position(|word| word.as_bytes() == text.as_slice()) {
                Some(at) => Ok(Some(at)),
                None => {
                    Err([b"bad argument #1 to '", name.as_bytes(), b"' (invalid option '", &text, b"')"]
                        .concat())
                }
            }
        }
    }
}

/// The length of a table that is an array: its keys are whole numbers from 1 on. None for an object.
fn array_length(config: &Config, table: &Table) -> Result<Option<i64>, Vec<u8>> {
    let (mut max, mut items) = (0i64, 0i64);
    for pair in table.pairs::<Value, Value>() {
        let (key, _) = pair.map_err(internal)?;
        match number(&key) {
            Some(key) if key >= 1.0 && key.fract() == 0.0 && key <= 9e15 => {
                max = max.max(key as i64);
                items += 1;
            }
            _ => return Ok(None),
        }
    }
    let ratio = config.sparse_ratio.get();
    if ratio > 0 && max > items.saturating_mul(ratio) && max > config.sparse_safe.get() {
        if config.sparse_convert.get() {
            return Ok(None);
        }
        return Err(b"Cannot serialise table: excessively sparse array".to_vec());
    }
    Ok((max > 0).then_some(max))
}

fn write(config: &Config, out: &mut Vec<u8>, value: &Value, depth: i64) -> Fault {
    match value {
        Value::Nil => out.extend(b"null"),
        Value::LightUserData(data) if data.0.is_null() => out.extend(b"null"),
        Value::Boolean(flag) => out.extend(if *flag { &b"true"[..] } else { b"false" }),
        Value::String(text) => write_string(out, &text.as_bytes()),
        Value::Table(table) => return write_table(config, out, table, depth + 1),
        other => match number(other) {
            Some(number) if number.is_finite() => {
                out.extend(format_g(number, config.precision.get() as usize).as_bytes());
            }
            Some(number) => match config.encode_invalid.get() {
                Invalid::Refused => return Err(b"Cannot serialise number: must not be NaN or Inf".to_vec()),
                Invalid::Written if number.is_nan() => out.extend(b"nan"),
                Invalid::Written => out.extend(if number > 0.0 { &b"inf"[..] } else { b"-inf" }),
                Invalid::Null => out.extend(b"null"),
            },
            None => return Err(format!("Cannot serialise {}: type not supported", other.type_name()).into()),
        },
    }
    Ok(())
}

fn write_table(config: &Config, out: &mut Vec<u8>, table: &Table, depth: i64) -> Fault {
    if depth > config.encode_depth.get().min(DEPTH_MAX) {
        return Err(format!("Cannot serialise, excessive nesting ({depth})").into());
    }
    if let Some(length) = array_length(config, table)? {
        out.push(b'[');
        for index in 1..=length {
            if index > 1 {
                out.push(b',');
            }
            write(config, out, &table.raw_get::<Value>(index).map_err(internal)?, depth)?;
        }
        out.push(b']');
        return Ok(());
    }
    out.push(b'{');
    let mut first = true;
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(internal)?;
        if !std::mem::replace(&mut first, false) {
            out.push(b',');
        }
        match &key {
            Value::String(text) => write_string(out, &text.as_bytes()),
            key => match number(key) {
                Some(number) => {
                    let digits = format_g(number, config.precision.get() as usize);
                    out.extend([b"\"", digits.as_bytes(), b"\""].concat());
                }
                None => {
                    let kind = key.type_name();
                    return Err(
                        format!("Cannot serialise {kind}: table key must be a number or string").into()
                    );
                }
            },
        }
        out.push(b':');
        write(config, out, &value, depth)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' | b'/' => out.extend([b'\\', byte]),
            8 => out.extend(b"\\b"),
            b'\t' => out.extend(b"\\t"),
            b'\n' => out.extend(b"\\n"),
            12 => out.extend(b"\\f"),
            b'\r' => out.extend(b"\\r"),
            0..32 | 127 => out.extend(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

enum Token {
    Mark(&'static str),
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Wrong(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::Mark(name) | Token::Wrong(name) => name,
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
        }
    }
}

struct Parser<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    depth: i64,
    config: &'a Config,
}

impl Parser<'_> {
    fn whole(&mut self) -> Result<Value, Vec<u8>> {
        if matches!(self.text, [0, _, ..] | [_, 0, ..]) {
            return Err(b"JSON parser does not support UTF-16 or UTF-32".to_vec());
        }
        let (token, at) = self.token();
        let value = self.value(token, at)?;
        match self.token() {
            (Token::Mark("T_END"), _) => Ok(value),
            (token, at) => Err(expected("the end", &token, at)),
        }
    }

    /// The next token, and where it begins (from 1).
    fn token(&mut self) -> (Token, usize) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let start = self.at + 1;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(&first) = rest.first() else { return (Token::Mark("T_END"), start) };
        let mark = match first {
            b'{' => "T_OBJ_BEGIN",
            b'}' => "T_OBJ_END",
            b'[' => "T_ARR_BEGIN",
            b']' => "T_ARR_END",
            b',' => "T_COMMA",
            b':' => "T_COLON",
            b'"' => return self.string(),
            _ => "",
        };
        if !mark.is_empty() {
            self.at += 1;
            return (Token::Mark(mark), start);
        }
        for (word, token) in
            [(&b"true"[..], Token::Boolean(true)), (b"false", Token::Boolean(false)), (b"null", Token::Null)]
        {
            if rest.starts_with(word) {
                self.at += word.len();
                return (token, start);
            }
        }
        // Without leave for numbers that are not JSON's, few letters may begin one at all.
        let strict = !self.config.decode_invalid.get();
        match parse_number(rest).filter(|_| !strict || !is_invalid_number(rest)) {
            Some((number, len)) => {
                self.at += len;
                (Token::Number(number), start)
            }
            None if first == b'-' || first.is_ascii_digit() => (Token::Wrong("invalid number"), start),
            None => (Token::Wrong("invalid token"), start),
        }
    }

    fn string(&mut self) -> (Token, usize) {
        let start = self.at + 1;
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.text.get(self.at) {
                // lua-cjson takes a zero byte for the end.
                None | Some(0) => return (Token::Wrong("unexpected end of string"), self.at + 1),
                Some(b'"') => {
                    self.at += 1;
                    return (Token::Text(out), start);
                }
                Some(b'\\') => {
                    let plain = match self.text.get(self.at + 1) {
                        Some(b'b') => 8,
                        Some(b'f') => 12,
                        Some(b'n') => b'\n',
                        Some(b'r') => b'\r',
                        Some(b't') => b'\t',
                        Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
                        Some(b'u') => {
                            let Some((letter, len)) = self.unicode() else {
                                return (Token::Wrong("invalid unicode escape code"), self.at + 1);
                            };
                            out.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
                            self.at += len;
                            continue;
                        }
                        _ => return (Token::Wrong("invalid escape code"), self.at + 1),
                    };
                    out.push(plain);
                    self.at += 2;
                }
                Some(&byte) => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// The letter of one or two \u escapes, and their length.
    fn unicode(&self) -> Option<(char, usize)> {
        let code = |from: usize| {
            let digits = self.text.get(from..from + 6)?.strip_prefix(b"\\u")?;
            let digits =
                std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
            u32::from_str_radix(digits, 16).ok()
        };
        let high = code(self.at)?;
        if (0xD800..0xDC00).contains(&high) {
            let low = code(self.at + 6).filter(|low| (0xDC00..0xE000).contains(low))?;
            return Some((char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))?, 12));
        }
        Some((char::from_u32(high)?, 6))
    }

    fn value(&mut self, token: Token, at: usize) -> Result<Value, Vec<u8>> {
        match token {
            Token::Text(text) => self.lua.create_string(text).map(Value::String).map_err(internal),
            Token::Number(number) => Ok(Value::Number(number)),
            Token::Boolean(flag) => Ok(Value::Boolean(flag)),
            Token::Null => Ok(Value::NULL),
            Token::Mark("T_OBJ_BEGIN") => self.nested(Self::object),
            Token::Mark("T_ARR_BEGIN") => self.nested(Self::array),
            other => Err(expected("value", &other, at)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Vec<u8>>) -> Result<Value, Vec<u8>> {
        self.depth += 1;
        if self.depth > self.config.decode_depth.get().min(DEPTH_MAX) {
            let (depth, at) = (self.depth, self.at);
            return Err(format!("Found too many nested data structures ({depth}) at character {at}").into());
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value, Vec<u8>> {
        let table = self.lua.create_table().map_err(internal)?;
        let (mut token, mut at) = self.token();
        if let Token::Mark("T_OBJ_END") = token {
            return Ok(Value::Table(table));
        }
        loop {
            let Token::Text(key) = token else { return Err(expected("object key string", &token, at)) };
            match self.token() {
                (Token::Mark("T_COLON"), _) => {}
                (other, at) => return Err(expected("colon", &other, at)),
            }
            (token, at) = self.token();
            let value = self.value(token, at)?;
            let key = self.lua.create_string(key).map_err(internal)?;
            table.raw_set(key, value).map_err(internal)?;
            match self.token() {
                (Token::Mark("T_OBJ_END"), _) => return Ok(Value::Table(table)),
                (Token::Mark("T_COMMA"), _) => (token, at) = self.token(),
                (other, at) => return Err(expected("comma or object end", &other, at)),
            }
        }
    }

    fn array(&mut self) -> Result<Value, Vec<u8>> {
        let table = self.lua.create_table().map_err(internal)?;
        let (mut token, mut at) = self.token();
        if let Token::Mark("T_ARR_END") = token {
            return Ok(Value::Table(table));
        }
        for index in 1.. {
            let value = self.value(token, at)?;
            table.raw_set(index, value).map_err(internal)?;
            match self.token() {
                (Token::Mark("T_ARR_END"), _) => break,
                (Token::Mark("T_COMMA"), _) => (token, at) = self.token(),
                (other, at) => return Err(expected("comma or array end", &other, at)),
            }
        }
        Ok(Value::Table(table))
    }
}

fn expected(what: &str, found: &Token, at: usize) -> Vec<u8> {
    format!("Expected {what} but found {} at character {at}", found.name()).into_bytes()
}

/// A number that strtod reads, but JSON does not have: +1, 01, 0x1, infinities and NaN.
fn is_invalid_number(text: &[u8]) -> bool {
    match text.strip_prefix(b"-").unwrap_or(text) {
        [b'0', next, ..] => next.is_ascii_digit() || next.eq_ignore_ascii_case(&b'x'),
        [first, ..] => *first == b'+' || text.starts_with(b"+") || *first > b'9',
        [] => false,
    }
}

/// What strtod reads: decimal and hexadecimal numbers, infinities and NaN. None when there is none of them.
fn parse_number(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let from = usize::from(negative || text.first() == Some(&b'+'));
    let body = text.get(from..)?;
    let sign = if negative { -1.0 } else { 1.0 };
    let starts = |word: &[u8]| body.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    if starts(b"infinity") {
        return Some((sign * f64::INFINITY, from + 8));
    }
    if starts(b"inf") {
        return Some((sign * f64::INFINITY, from + 3));
    }
    if starts(b"nan") {
        // With something in brackets, or without.
        let inner = body.get(3..).unwrap_or_default().strip_prefix(b"(").and_then(|rest| {
            let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            (rest.get(len) == Some(&b')')).then_some(len + 2)
        });
        return Some((f64::NAN.copysign(sign), from + 3 + inner.unwrap_or(0)));
    }
    if starts(b"0x") {
        let digits = body.iter().skip(2).take_while(|byte| byte.is_ascii_hexdigit());
        let (value, count) = digits.fold((0.0, 0), |(value, count), &byte| {
            (value * 16.0 + f64::from((byte as char).to_digit(16).unwrap_or(0)), count + 1)
        });
        if count > 0 {
            return Some((sign * value, from + 2 + count));
        }
    }
    let digits = |at: usize| body.iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if end == 0 {
        return None;
    }
    if body.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(body.get(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(body.get(end + 1), Some(b'+' | b'-')));
        let count = digits(end + 1 + signed);
        if count > 0 {
            end += 1 + signed + count;
        }
    }
    let number: f64 = std::str::from_utf8(body.get(..end)?).ok()?.parse().ok()?;
    Some((sign * number, from + end))
}
