//! Between RESP and Lua, in both directions, by Redis's tables.
//!
//! | RESP             | Lua                                | and back                            |
//! |------------------|------------------------------------|-------------------------------------|
//! | `:1`             | number                             | integer, fraction cut off           |
//! | `$` `+` `-`      | string, {ok=}, {err=}              | the same                            |
//! | `*`              | table 1..n                         | up to the first nil                 |
//! | null             | false (RESP3: nil)                 | nil, and false in RESP2             |
//! | `%` `~`          | {map={}}, {set={member=true}}      | map, set                            |
//! | `,` `(` `=` `#`  | {double=}, {big_number=}, {verbatim_string={format=,string=}}, boolean | the same |

use mlua::{Lua, Table, Value};
use redtwin_resp::Reply;

/// Tables within tables that are followed on their way into a reply.
const DEPTH_MAX: usize = 1000;

/// A number as C's "%.{digits}g" writes it.
pub fn format_g(number: f64, digits: usize) -> String {
    if number.is_nan() {
        return if number.is_sign_negative() { "-nan".into() } else { "nan".into() };
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let digits = digits.max(1);
    let scientific = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        } else {
            text.to_string()
        }
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
    trim(&format!("{number:.decimals$}"))
}

/// A Lua number, whatever mlua makes of it.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(integer) => Some(*integer as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// A number, or text that Lua takes for one: decimal or hexadecimal, with spaces around it.
pub fn number_or_text(value: &Value) -> Option<f64> {
    let Value::String(text) = value else { return number(value) };
    let bytes = text.as_bytes();
    let text = std::str::from_utf8(&bytes).ok()?.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(|number| sign * number as f64),
        None => digits.parse::<f64>().ok().map(|number| sign * number),
    }
}

/// Up to the first zero byte, where C ends a text.
pub fn c_text(bytes: &[u8]) -> &[u8] {
    bytes.get(..memchr::memchr(0, bytes).unwrap_or(bytes.len())).unwrap_or_default()
}

/// An argument of redis.call: strings and numbers.
pub fn argument(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        _ => number(value).map(|number| format_g(number, 17).into_bytes()),
    }
}

/// Field of an error that statistics know of already; scripts can see it, as in Redis.
pub const COUNTED: &str = "ignore_error_stats_update";

/// Do statistics know of this error?
pub fn is_counted(error: &Value) -> bool {
    match error {
        Value::Table(table) => matches!(table.raw_get(COUNTED), Ok(Value::Boolean(true))),
        _ => false,
    }
}

/// `{err = text}`, from an error as it stands in a reply without its dash.
pub fn error_table(lua: &Lua, text: impl AsRef<[u8]>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("err", lua.create_string(text)?)?;
    Ok(table)
}

/// Text of an error that a script ended with.
pub fn error_text(error: &Value) -> Vec<u8> {
    match error {
        Value::Table(table) => match table.raw_get::<Value>("err") {
            Ok(Value::String(text)) => text.as_bytes().to_vec(),
            _ => b"ERR unknown error".to_vec(),
        },
        Value::String(text) => text.as_bytes().to_vec(),
        _ => b"execution failure".to_vec(),
    }
}

/// A reply as Lua sees it. None when the bytes are no complete reply.
pub fn to_lua(lua: &Lua, bytes: &[u8]) -> mlua::Result<Option<Value>> {
    Reader { bytes, lua }.value()
}

struct Reader<'a> {
    bytes: &'a [u8],
    lua: &'a Lua,
}

impl<'a> Reader<'a> {
    fn line(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\r', self.bytes)?;
        let line = self.bytes.get(..end)?;
        self.bytes = self.bytes.get(end + 2..)?;
        Some(line)
    }

    fn bulk(&mut self, len: usize) -> Option<&'a [u8]> {
        let bulk = self.bytes.get(..len)?;
        self.bytes = self.bytes.get(len.checked_add(2)?..)?;
        Some(bulk)
    }

    fn text(&self, text: &[u8]) -> mlua::Result<Option<Value>> {
        Ok(Some(Value::String(self.lua.create_string(text)?)))
    }

    fn tagged(&self, tag: &str, value: Value) -> mlua::Result<Option<Value>> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(tag, value)?;
        Ok(Some(Value::Table(table)))
    }

    /// Replies come from our own commands, whose depth is small.
    fn value(&mut self) -> mlua::Result<Option<Value>> {
        let Some((&kind, rest)) = self.bytes.split_first() else { return Ok(None) };
        self.bytes = rest;
        let Some(line) = self.line() else { return Ok(None) };
        let count = redtwin_resp::parse_i64(line);
        let len = count.and_then(|count| usize::try_from(count).ok());
        match kind {
            b':' => Ok(count.map(|count| Value::Number(count as f64))),
            b'+' => self.tagged("ok", Value::String(self.lua.create_string(line)?)),
            b'-' => Ok(Some(Value::Table(error_table(self.lua, line)?))),
            b'$' | b'*' if len.is_none() => Ok(Some(Value::Boolean(false))),
            b'$' => match self.bulk(len.unwrap_or(0)) {
                Some(bulk) => self.text(bulk),
                None => Ok(None),
            },
            b'*' | b'>' => {
                let table = self.lua.create_table()?;
                for index in 1..=len.unwrap_or(0) {
                    let Some(value) = self.value()? else { return Ok(None) };
                    table.raw_set(index, value)?;
                }
                // Scripts get no pushes: DEBUG PROTOCOL alone has one for them.
                Ok(Some(if kind == b'>' { Value::Nil } else { Value::Table(table) }))
            }
            b'%' | b'~' => {
                let table = self.lua.create_table()?;
                for _ in 0..len.unwrap_or(0) {
                    let Some(key) = self.value()? else { return Ok(None) };
                    let value = if kind == b'~' { Some(Value::Boolean(true)) } else { self.value()? };
                    let Some(value) = value else { return Ok(None) };
                    if !key.is_nil() {
                        table.raw_set(key, value)?;
                    }
                }
                self.tagged(if kind == b'~' { "set" } else { "map" }, Value::Table(table))
            }
            b'|' => {
                // Attributes stand before what they belong to, and scripts do not see them.
                for _ in 0..len.unwrap_or(0).saturating_mul(2) {
                    if self.value()?.is_none() {
                        return Ok(None);
                    }
                }
                self.value()
            }
            b'_' => Ok(Some(Value::Nil)),
            b'#' => Ok(Some(Value::Boolean(line == b"t"))),
            b',' => {
                let number = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
                self.tagged("double", Value::Number(number.unwrap_or(f64::NAN)))
            }
            b'(' => self.tagged("big_number", Value::String(self.lua.create_string(line)?)),
            b'=' => {
                let Some(bulk) = self.bulk(len.unwrap_or(0)) else { return Ok(None) };
                let (format, text) = bulk.split_at_checked(4).unwrap_or((b"txt:", bulk));
                let table = self.lua.create_table()?;
                table.raw_set("string", self.lua.create_string(text)?)?;
                table.raw_set("format", self.lua.create_string(format.get(..3).unwrap_or(b"txt"))?)?;
                self.tagged("verbatim_string", Value::Table(table))
            }
            _ => Ok(None),
        }
    }
}

/// Writes a script's result as a reply. `resp3` is what redis.setresp chose; the reply's own protocol decides the form.
pub fn to_reply(reply: &mut Reply, value: &Value, resp3: bool) -> mlua::Result<()> {
    write(reply, value, resp3, 0)
}

fn integer(number: f64) -> i64 {
    // What C's cast gives on the machines Redis runs on.
    if number > -9_223_372_036_854_775_809.0 && number < 9_223_372_036_854_775_808.0 {
        number as i64
    } else {
        i64::MIN
    }
}

fn write(reply: &mut Reply, value: &Value, resp3: bool, depth: usize) -> mlua::Result<()> {
    match value {
        Value::String(text) => reply.bulk(&text.as_bytes()),
        Value::Boolean(flag) if resp3 => reply.boolean(*flag),
        Value::Boolean(true) => reply.int(1),
        Value::Integer(number) => reply.int(*number),
        Value::Number(number) => reply.int(integer(*number)),
        Value::Table(_) if depth >= DEPTH_MAX => reply.error("ERR reached lua stack limit"),
        Value::Table(table) => write_table(reply, table, resp3, depth)?,
        _ => reply.null(),
    }
    Ok(())
}

/// Text that ends at a line break must not: Redis writes spaces.
fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|&byte| if byte == b'\r' || byte == b'\n' { b' ' } else { byte }).collect()
}

fn write_table(reply: &mut Reply, table: &Table, resp3: bool, depth: usize) -> mlua::Result<()> {
    if let Value::String(text) = table.raw_get("err")? {
        match table.raw_get(COUNTED)? {
            Value::Boolean(true) => reply.told_error_bytes(c_text(&text.as_bytes())),
            _ => reply.error_bytes(c_text(&text.as_bytes())),
        }
        return Ok(());
    }
    if let Value::String(text) = table.raw_get("ok")? {
        reply.raw(&[b"+", one_line(c_text(&text.as_bytes())).as_slice(), b"\r\n"].concat());
        return Ok(());
    }
    if let Some(double) = number(&table.raw_get("double")?) {
        reply.double_text(format_g(double, 17).as_bytes());
        return Ok(());
    }
    if let Value::Table(map) = table.raw_get("map")? {
        let mark = reply.mark();
        let mut pairs = 0;
        for pair in map.pairs::<Value, Value>() {
            let (key, value) = pair?;
            write(reply, &key, resp3, depth + 1)?;
            write(reply, &value, resp3, depth + 1)?;
            pairs += 1;
        }
        reply.map_at(mark, pairs);
        return Ok(());
    }
    if let Value::Table(set) = table.raw_get("set")? {
        let mark = reply.mark();
        let mut members = 0;
        for pair in set.pairs::<Value, Value>() {
            write(reply, &pair?.0, resp3, depth + 1)?;
            members += 1;
        }
        reply.set_at(mark, members);
        return Ok(());
    }
    if let Value::String(digits) = table.raw_get("big_number")? {
        reply.big_number(&String::from_utf8_lossy(&one_line(&digits.as_bytes())));
        return Ok(());
    }
    if let Value::Table(verbatim) = table.raw_get("verbatim_string")?
        && let Value::String(text) = verbatim.raw_get("string")?
        && let Value::String(format) = verbatim.raw_get("format")?
    {
        let format = format.to_string_lossy();
        let three: String = format.chars().chain("   ".chars()).take(3).collect();
        reply.verbatim(&three, &text.as_bytes());
        return Ok(());
    }
    let mark = reply.mark();
    let mut count = 0;
    loop {
        let value: Value = table.raw_get(count + 1)?;
        if value.is_nil() {
            break;
        }
        write(reply, &value, resp3, depth + 1)?;
        count += 1;
    }
    reply.array_at(mark, count);
    Ok(())
}

/// What a client reads of an error that a script ended with: its text, and where it was.
pub fn failure(error: &Value, name: &str) -> Vec<u8> {
    let Value::Table(table) = error else {
        let text = error_text(error);
        let text = text.get(..text.len().min(100)).unwrap_or_default();
        return [b"ERR Error running script ", name.as_bytes(), b", ", text].concat();
    };
    let mut text = error_text(error);
    if let (Ok(Value::String(source)), Ok(line)) = (table.raw_get("source"), table.raw_get::<Value>("line"))
        && let Some(line) = number(&line)
    {
        let place = format!(" script: {name}, on {}:{line}.", source.to_string_lossy());
        text.extend_from_slice(place.as_bytes());
    }
    text
}
