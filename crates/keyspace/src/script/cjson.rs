//! The `cjson` library (lua-cjson 2.1.0 as Redis carries it): Lua values to JSON and back, with its error texts.

use super::convert::{format_g, number};
use mlua::{Lua, MultiValue, Table, Value};
use std::cell::Cell;
use std::rc::Rc;

/// What the cjson.encode_... functions set; shared by all scripts, as in Redis.
#[derive(Debug)]
struct Config {
    encode_depth: Cell<i64>,
    decode_depth: Cell<i64>,
    precision: Cell<i64>,
}

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
    let config = Rc::new(Config {
        encode_depth: Cell::new(1000),
        decode_depth: Cell::new(1000),
        precision: Cell::new(14),
    });
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
        let mut parser = Parser { lua, text: &text, at: 0, depth: 0, depth_max: shared.decode_depth.get() };
        answer(lua, parser.whole())
    };
    library.set("decode", lua.create_function(decode)?)?;
    let limits: [(&'static str, fn(&Config) -> &Cell<i64>, i64); 3] = [
        ("encode_max_depth", |config| &config.encode_depth, i64::from(i32::MAX)),
        ("decode_max_depth", |config| &config.decode_depth, i64::from(i32::MAX)),
        ("encode_number_precision", |config| &config.precision, 14),
    ];
    for (name, cell, max) in limits {
        let shared = config.clone();
        let function = move |lua: &Lua, args: MultiValue| {
            if let Some(wanted) = args.front() {
                match number(wanted).map(|wanted| wanted as i64).filter(|wanted| (1..=max).contains(wanted)) {
                    Some(wanted) => cell(&shared).set(wanted.min(1000)),
                    None => {
                        let error =
                            format!("bad argument #1 to '{name}' (expected integer between 1 and {max})");
                        return answer(lua, Err(error.into()));
                    }
                }
            }
            answer(lua, Ok(Value::Integer(cell(&shared).get())))
        };
        library.set(name, lua.create_function(function)?)?;
    }
    Ok(library)
}

/// The length of a table that is an array: its keys are whole numbers from 1 on. None for an object.
fn array_length(table: &Table) -> Result<Option<i64>, Vec<u8>> {
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
    if max > items.saturating_mul(2) && max > 10 {
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
            Some(_) => return Err(b"Cannot serialise number: must not be NaN or Inf".to_vec()),
            None => return Err(format!("Cannot serialise {}: type not supported", other.type_name()).into()),
        },
    }
    Ok(())
}

fn write_table(config: &Config, out: &mut Vec<u8>, table: &Table, depth: i64) -> Fault {
    if depth > config.encode_depth.get() {
        return Err(format!("Cannot serialise, excessive nesting ({depth})").into());
    }
    if let Some(length) = array_length(table)? {
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
    depth_max: i64,
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
        match parse_number(rest) {
            Some((number, len)) => {
                self.at += len;
                (Token::Number(number), start)
            }
            None if first == b'-' => (Token::Wrong("invalid number"), start),
            None => (Token::Wrong("invalid token"), start),
        }
    }

    fn string(&mut self) -> (Token, usize) {
        let start = self.at + 1;
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.text.get(self.at) {
                None => return (Token::Wrong("unexpected end of string"), self.at + 1),
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
        if self.depth > self.depth_max {
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

/// What strtod reads: decimal and hexadecimal numbers, infinities and NaN. None when there is none of them.
fn parse_number(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let from = usize::from(negative);
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
        return Some((f64::NAN.copysign(sign), from + 3));
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
