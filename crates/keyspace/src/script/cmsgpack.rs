//! The `cmsgpack` library (lua-cmsgpack 0.4.0 as Redis carries it): MessagePack without extensions and binaries.
//!
//! Numbers take the shortest form that holds them, as Redis's library chooses it; input is never trusted in its lengths.

use super::convert::{argument, number};
use mlua::{Lua, MultiValue, Table, Value};

/// Tables deeper than this are packed as nil.
const PACK_DEPTH_MAX: usize = 16;
/// Whole numbers from its negative on and below it are packed as integers.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
/// Deeper input is refused.
const UNPACK_DEPTH_MAX: usize = 1000;

const MISSING: &str = "Missing bytes in input.";
const BAD: &str = "Bad data format in input.";

/// The functions, each answering true and its results or false and the error.
pub fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    library.set("_NAME", "cmsgpack")?;
    library.set("_VERSION", "lua-cmsgpack 0.4.0")?;
    library.set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    library.set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    let pack = |lua: &Lua, args: MultiValue| {
        if args.is_empty() {
            return failed(lua, "bad argument #0 to 'pack' (MessagePack pack needs input.)");
        }
        let mut out = Vec::new();
        for value in &args {
            write(&mut out, value, 0)?;
        }
        Ok(MultiValue::from_iter([Value::Boolean(true), Value::String(lua.create_string(out)?)]))
    };
    library.set("pack", lua.create_function(pack)?)?;
    let all = |lua: &Lua, args: MultiValue| unpack(lua, &args, "unpack", 0, 0);
    library.set("unpack", lua.create_function(all)?)?;
    let one = |lua: &Lua, args: MultiValue| {
        let offset = args.get(1).and_then(number).unwrap_or(0.0) as i64;
        unpack(lua, &args, "unpack_one", 1, offset)
    };
    library.set("unpack_one", lua.create_function(one)?)?;
    let limited = |lua: &Lua, args: MultiValue| {
        let Some(limit) = args.get(1).and_then(number) else {
            let got = args.get(1).map_or("no value", Value::type_name);
            return failed(lua, &format!("bad argument #2 to 'unpack_limit' (number expected, got {got})"));
        };
        let offset = args.get(2).and_then(number).unwrap_or(0.0) as i64;
        unpack(lua, &args, "unpack_limit", limit as i64, offset)
    };
    library.set("unpack_limit", lua.create_function(limited)?)?;
    Ok(library)
}

fn failed(lua: &Lua, error: &str) -> mlua::Result<MultiValue> {
    Ok(MultiValue::from_iter([Value::Boolean(false), Value::String(lua.create_string(error)?)]))
}

/// Head of text, an array or a map: short, 8, 16 or 32 bits of length. 0 as a form is one that does not exist.
fn head(out: &mut Vec<u8>, len: usize, short: (u8, usize), forms: [u8; 3]) {
    if len <= short.1 {
        out.push(short.0 | len as u8);
    } else if len <= 0xFF && forms[0] != 0 {
        out.extend([forms[0], len as u8]);
    } else if len <= 0xFFFF {
        out.push(forms[1]);
        out.extend((len as u16).to_be_bytes());
    } else {
        out.push(forms[2]);
        out.extend((len as u32).to_be_bytes());
    }
}

fn write_integer(out: &mut Vec<u8>, value: i64) {
    match value {
        -32..=127 => out.push(value as u8),
        128..=0xFF => out.extend([0xCC, value as u8]),
        0x100..=0xFFFF => out.extend([&[0xCD][..], &(value as u16).to_be_bytes()].concat()),
        0x1_0000..=0xFFFF_FFFF => out.extend([&[0xCE][..], &(value as u32).to_be_bytes()].concat()),
        0x1_0000_0000.. => out.extend([&[0xCF][..], &value.to_be_bytes()].concat()),
        -128..-32 => out.extend([0xD0, value as u8]),
        -0x8000..-128 => out.extend([&[0xD1][..], &(value as i16).to_be_bytes()].concat()),
        -0x8000_0000..-0x8000 => out.extend([&[0xD2][..], &(value as i32).to_be_bytes()].concat()),
        _ => out.extend([&[0xD3][..], &value.to_be_bytes()].concat()),
    }
}

fn write(out: &mut Vec<u8>, value: &Value, depth: usize) -> mlua::Result<()> {
    match value {
        Value::String(text) => {
            head(out, text.as_bytes().len(), (0xA0, 31), [0xD9, 0xDA, 0xDB]);
            out.extend_from_slice(&text.as_bytes());
        }
        Value::Boolean(flag) => out.push(if *flag { 0xC3 } else { 0xC2 }),
        Value::Table(table) if depth < PACK_DEPTH_MAX => write_table(out, table, depth + 1)?,
        other => match number(other) {
            Some(number) if number.fract() == 0.0 && (-TWO_63..TWO_63).contains(&number) => {
                write_integer(out, number as i64)
            }
            Some(number) if f64::from(number as f32) == number => {
                out.push(0xCA);
                out.extend((number as f32).to_be_bytes());
            }
            Some(number) => {
                out.push(0xCB);
                out.extend(number.to_be_bytes());
            }
            None => out.push(0xC0),
        },
    }
    Ok(())
}

fn write_table(out: &mut Vec<u8>, table: &Table, depth: usize) -> mlua::Result<()> {
    let (mut count, mut max, mut array) = (0usize, 0.0f64, true);
    for pair in table.pairs::<Value, Value>() {
        count += 1;
        match number(&pair?.0) {
            Some(key) if key >= 1.0 && key.fract() == 0.0 => max = max.max(key),
            _ => array = false,
        }
    }
    if array && max == count as f64 {
        head(out, count, (0x90, 15), [0, 0xDC, 0xDD]);
        for index in 1..=count {
            write(out, &table.raw_get::<Value>(index)?, depth)?;
        }
        return Ok(());
    }
    head(out, count, (0x80, 15), [0, 0xDE, 0xDF]);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        write(out, &key, depth)?;
        write(out, &value, depth)?;
    }
    Ok(())
}

/// `limit` values from `offset`; 0 and 0 for all of them, and then the offset behind them is not told.
fn unpack(lua: &Lua, args: &MultiValue, name: &str, limit: i64, offset: i64) -> mlua::Result<MultiValue> {
    let Some(text) = args.front().and_then(argument) else {
        let got = args.front().map_or("no value", Value::type_name);
        return failed(lua, &format!("bad argument #1 to '{name}' (string expected, got {got})"));
    };
    let len = text.len();
    let Some(start) = usize::try_from(offset).ok().filter(|_| limit >= 0) else {
        return failed(
            lua,
            &format!("Invalid request to unpack with offset of {offset} and limit of {len}."),
        );
    };
    let Some(rest) = text.get(start..) else {
        return failed(lua, &format!("Start offset {offset} greater than input length {len}."));
    };
    let all = limit == 0 && offset == 0;
    let mut reader = Reader { lua, rest };
    let mut results = vec![Value::Boolean(true)];
    let mut count = 0;
    while !reader.rest.is_empty() && (all || count < limit) {
        match reader.value(0)? {
            Ok(value) => results.push(value),
            Err(error) => return failed(lua, error),
        }
        count += 1;
    }
    if !all {
        let at = if reader.rest.is_empty() { -1 } else { (len - reader.rest.len()) as i64 };
        results.insert(1, Value::Integer(at));
    }
    Ok(MultiValue::from_iter(results))
}

struct Reader<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn unsigned(&mut self, len: usize) -> Option<u64> {
        Some(self.take(len)?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn text(&mut self, len: Option<usize>) -> mlua::Result<Option<Value>> {
        match len.and_then(|len| self.take(len)) {
            Some(text) => Ok(Some(Value::String(self.lua.create_string(text)?))),
            None => Ok(None),
        }
    }

    fn value(&mut self, depth: usize) -> mlua::Result<Result<Value, &'static str>> {
        let Some(&first) = self.take(1).and_then(|byte| byte.first()) else { return Ok(Err(MISSING)) };
        let count = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
        // Numbers beyond 2^63 come out negative, as Redis's library makes them.
        let whole = |value: u64| Value::Number(value as i64 as f64);
        let signed = |value: i64| Value::Number(value as f64);
        let value = match first {
            0..=0x7F => Some(whole(u64::from(first))),
            0xE0..=0xFF => Some(signed(i64::from(first as i8))),
            0xC0 => Some(Value::Nil),
            0xC2 | 0xC3 => Some(Value::Boolean(first == 0xC3)),
            0xCA => self.unsigned(4).map(|bits| Value::Number(f64::from(f32::from_bits(bits as u32)))),
            0xCB => self.unsigned(8).map(|bits| Value::Number(f64::from_bits(bits))),
            0xCC..=0xCF => self.unsigned(1 << (first - 0xCC)).map(whole),
            0xD0 => self.unsigned(1).map(|bits| signed(i64::from(bits as i8))),
            0xD1 => self.unsigned(2).map(|bits| signed(i64::from(bits as i16))),
            0xD2 => self.unsigned(4).map(|bits| signed(i64::from(bits as i32))),
            0xD3 => self.unsigned(8).map(|bits| signed(bits as i64)),
            0xA0..=0xBF => self.text(Some(usize::from(first & 31)))?,
            0xD9..=0xDB => {
                let len = count(self.unsigned(1 << (first - 0xD9)));
                self.text(len)?
            }
            0x90..=0x9F => return self.array(Some(usize::from(first & 15)), depth + 1),
            0xDC | 0xDD => {
                let len = count(self.unsigned(2 << (first - 0xDC)));
                return self.array(len, depth + 1);
            }
            0x80..=0x8F => return self.map(Some(usize::from(first & 15)), depth + 1),
            0xDE | 0xDF => {
                let len = count(self.unsigned(2 << (first - 0xDE)));
                return self.map(len, depth + 1);
            }
            _ => return Ok(Err(BAD)),
        };
        Ok(value.ok_or(MISSING))
    }

    fn array(&mut self, len: Option<usize>, depth: usize) -> mlua::Result<Result<Value, &'static str>> {
        let Some(len) = len else { return Ok(Err(MISSING)) };
        if depth > UNPACK_DEPTH_MAX {
            return Ok(Err(BAD));
        }
        let table = self.lua.create_table()?;
        for index in 1..=len {
            match self.value(depth)? {
                Ok(value) => table.raw_set(index, value)?,
                error => return Ok(error),
            }
        }
        Ok(Ok(Value::Table(table)))
    }

    fn map(&mut self, len: Option<usize>, depth: usize) -> mlua::Result<Result<Value, &'static str>> {
        let Some(len) = len else { return Ok(Err(MISSING)) };
        if depth > UNPACK_DEPTH_MAX {
            return Ok(Err(BAD));
        }
        let table = self.lua.create_table()?;
        for _ in 0..len {
            let key = match self.value(depth)? {
                Ok(key) => key,
                error => return Ok(error),
            };
            let value = match self.value(depth)? {
                Ok(value) => value,
                error => return Ok(error),
            };
            // No table of Lua has such keys.
            if key.is_nil() || number(&key).is_some_and(f64::is_nan) {
                return Ok(Err(BAD));
            }
            table.raw_set(key, value)?;
        }
        Ok(Ok(Value::Table(table)))
    }
}
