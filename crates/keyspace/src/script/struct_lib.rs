//! The `struct` library (Roberto Ierusalimschy's, as Redis carries it): numbers and text to packed bytes and back.
//!
//! Formats: `<` `>` byte order, `!n` alignment, `b B h H l L T i[n] I[n]` integers, `f d` floats, `s` text up to a zero
//! byte, `c[n]` n bytes (`c0`: all, or as many as the number read before says), `x` a padding byte.

use super::convert::{argument, number, number_or_text};
use mlua::{Lua, MultiValue, Table, Value};

const INTEGER_BYTES_MAX: usize = 32;

/// Walks through a format.
struct Format<'a> {
    rest: &'a [u8],
    big: bool,
    align: usize,
}

impl<'a> Format<'a> {
    fn new(text: &'a [u8]) -> Format<'a> {
        Format { rest: text, big: false, align: 1 }
    }

    fn count(&mut self, default: usize) -> Result<usize, String> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at_checked(digits).unwrap_or((&[], self.rest));
        self.rest = rest;
        let text = std::str::from_utf8(number).unwrap_or_default();
        match text.parse::<i32>() {
            _ if digits == 0 => Ok(default),
            Ok(number) => Ok(number as usize),
            Err(_) => Err("integral size overflow".into()),
        }
    }

    /// The next option that stands for data: its letter, its size, and the padding before it at `len`.
    fn next(&mut self, len: usize, function: &str) -> Result<Option<(u8, usize, usize)>, String> {
        while let Some((&option, rest)) = self.rest.split_first() {
            self.rest = rest;
            let size = match option {
                b' ' => continue,
                b'<' | b'>' => {
                    self.big = option == b'>';
                    continue;
                }
                b'!' => {
                    let align = self.count(8)?;
                    if !align.is_power_of_two() {
                        return Err(format!("alignment {align} is not a power of 2"));
                    }
                    self.align = align;
                    continue;
                }
                b'b' | b'B' | b'x' => 1,
                b'h' | b'H' => 2,
                b'f' => 4,
                b'l' | b'L' | b'T' | b'd' => 8,
                b'c' => self.count(1)?,
                b's' => 0,
                b'i' | b'I' => {
                    let size = self.count(4)?;
                    if size > INTEGER_BYTES_MAX {
                        return Err(format!(
                            "integral size {size} is larger than limit of {INTEGER_BYTES_MAX}"
                        ));
                    }
                    size
                }
                // Nobody looks closely only to add sizes up.
                _ if function == "size" => 0,
                _ => {
                    let letter = option as char;
                    return Err(format!(
                        "bad argument #1 to '{function}' (invalid format option '{letter}')"
                    ));
                }
            };
            let align = if option == b'c' { 0 } else { size.min(self.align) };
            let padding = if align > 1 { align.wrapping_sub(len & (align - 1)) & (align - 1) } else { 0 };
            return Ok(Some((option, size, padding)));
        }
        Ok(None)
    }
}

fn wrong(position: usize, function: &str, wanted: &str, got: Option<&Value>) -> String {
    // To pack, a missing argument is nil; to unpack, it is none.
    let missing = if function == "pack" { "nil" } else { "no value" };
    let got = got.map_or(missing, Value::type_name);
    format!("bad argument #{position} to '{function}' ({wanted} expected, got {got})")
}

fn text_argument(args: &MultiValue, at: usize, function: &str) -> Result<Vec<u8>, String> {
    args.get(at).and_then(argument).ok_or_else(|| match args.get(at) {
        None if at == 0 => format!("bad argument #1 to '{function}' (string expected, got no value)"),
        got => wrong(at + 1, function, "string", got),
    })
}

fn ordered(mut little: Vec<u8>, big: bool) -> Vec<u8> {
    if big {
        little.reverse();
    }
    little
}

fn pack(args: &MultiValue) -> Result<Vec<u8>, String> {
    let text = text_argument(args, 0, "pack")?;
    let (mut format, mut out, mut at) = (Format::new(&text), Vec::new(), 1);
    while let Some((option, size, padding)) = format.next(out.len(), "pack")? {
        out.resize(out.len() + padding, 0);
        match option {
            b'x' => out.push(0),
            b's' | b'c' => {
                let bytes = text_argument(args, at, "pack")?;
                at += 1;
                let take = if option == b's' || size == 0 { bytes.len() } else { size };
                let Some(bytes) = bytes.get(..take) else {
                    return Err(format!("bad argument #{} to 'pack' (string too short)", at + 1));
                };
                out.extend_from_slice(bytes);
                if option == b's' {
                    out.push(0);
                }
            }
            _ => {
                let value = args.get(at).and_then(number_or_text);
                let value = value.ok_or_else(|| wrong(at + 1, "pack", "number", args.get(at)))?;
                at += 1;
                let bytes = match option {
                    b'f' => (value as f32).to_le_bytes().to_vec(),
                    b'd' => value.to_le_bytes().to_vec(),
                    _ => {
                        let whole = match value {
                            _ if value < 0.0 => value as i64 as u64,
                            // What C's cast leaves of it.
                            _ if value >= 18_446_744_073_709_551_616.0 => 0,
                            _ => value as u64,
                        };
                        let mut bytes = whole.to_le_bytes().to_vec();
                        bytes.resize(size, 0);
                        bytes
                    }
                };
                out.extend(ordered(bytes, format.big));
            }
        }
    }
    Ok(out)
}

fn integer(bytes: &[u8], big: bool, signed: bool) -> f64 {
    let bytes = ordered(bytes.to_vec(), big);
    let value = bytes.iter().take(8).rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    if !signed {
        return value as f64;
    }
    let unused = 64 - 8 * bytes.len().min(8) as u32;
    (value.checked_shl(unused).unwrap_or(0) as i64).checked_shr(unused).unwrap_or(0) as f64
}

fn unpack(lua: &Lua, args: &MultiValue) -> mlua::Result<Result<Vec<Value>, String>> {
    const SHORT: &str = "bad argument #2 to 'unpack' (data string too short)";
    let inputs = text_argument(args, 0, "unpack").and_then(|f| Ok((f, text_argument(args, 1, "unpack")?)));
    let (text, data) = match inputs {
        Ok(inputs) => inputs,
        Err(error) => return Ok(Err(error)),
    };
    let from = match args.get(2).filter(|value| !value.is_nil()) {
        None => 1.0,
        Some(value) => match number_or_text(value) {
            Some(from) => from,
            None => return Ok(Err(wrong(3, "unpack", "number", Some(value)))),
        },
    };
    let from = from as i64;
    if from == 0 {
        return Ok(Err("bad argument #3 to 'unpack' (offset must be 1 or greater)".into()));
    }
    // Below 0 it is a size_t beyond every end.
    let start = usize::try_from(from - 1).unwrap_or(usize::MAX);
    let (mut format, mut at, mut values) = (Format::new(&text), start, Vec::new());
    loop {
        let (option, mut size, padding) = match format.next(at, "unpack") {
            Ok(Some(option)) => option,
            Ok(None) => break,
            Err(error) => return Ok(Err(error)),
        };
        at = at.saturating_add(padding);
        let rest = data.get(at..).unwrap_or_default();
        if at > data.len() || size > rest.len() {
            return Ok(Err(SHORT.into()));
        }
        if option == b's' {
            let Some(end) = memchr::memchr(0, rest) else {
                return Ok(Err("unfinished string in data".into()));
            };
            values.push(Value::String(lua.create_string(rest.get(..end).unwrap_or_default())?));
            at += end + 1;
            continue;
        }
        if option == b'c' && size == 0 {
            let Some(len) = values.last().and_then(number) else {
                return Ok(Err("format 'c0' needs a previous size".into()));
            };
            values.pop();
            if len < 0.0 {
                return Ok(Err(SHORT.into()));
            }
            size = len as usize;
        }
        let Some(bytes) = rest.get(..size) else { return Ok(Err(SHORT.into())) };
        at += size;
        let little = |bytes: &[u8]| ordered(bytes.to_vec(), format.big);
        match option {
            b'x' => {}
            b'c' => values.push(Value::String(lua.create_string(bytes)?)),
            b'f' => {
                let bits = little(bytes).first_chunk().map_or(0.0, |bits| f32::from_le_bytes(*bits));
                values.push(Value::Number(f64::from(bits)));
            }
            b'd' => {
                let bits = little(bytes).first_chunk().map_or(0.0, |bits| f64::from_le_bytes(*bits));
                values.push(Value::Number(bits));
            }
            _ => values.push(Value::Number(integer(bytes, format.big, option.is_ascii_lowercase()))),
        }
    }
    values.push(Value::Number((at + 1) as f64));
    Ok(Ok(values))
}

fn size(args: &MultiValue) -> Result<usize, String> {
    let text = text_argument(args, 0, "size")?;
    let (mut format, mut total) = (Format::new(&text), 0usize);
    while let Some((option, size, padding)) = format.next(total, "size")? {
        if option == b's' || (option == b'c' && size == 0) {
            let name = if option == b's' { "s" } else { "c0" };
            return Err(format!("bad argument #1 to 'size' (option '{name}' has no fixed size)"));
        }
        total = total.saturating_add(padding).saturating_add(size);
    }
    Ok(total)
}

fn answer(lua: &Lua, result: Result<Vec<Value>, String>) -> mlua::Result<MultiValue> {
    Ok(match result {
        Ok(values) => std::iter::once(Value::Boolean(true)).chain(values).collect(),
        Err(error) => [Value::Boolean(false), Value::String(lua.create_string(error)?)].into_iter().collect(),
    })
}

/// The functions, each answering true and its results or false and the error.
pub fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    let packed = |lua: &Lua, args: MultiValue| match pack(&args) {
        Ok(bytes) => answer(lua, Ok(vec![Value::String(lua.create_string(bytes)?)])),
        Err(error) => answer(lua, Err(error)),
    };
    library.set("pack", lua.create_function(packed)?)?;
    let unpacked = |lua: &Lua, args: MultiValue| {
        let values = unpack(lua, &args)?;
        answer(lua, values)
    };
    library.set("unpack", lua.create_function(unpacked)?)?;
    let sized =
        |lua: &Lua, args: MultiValue| answer(lua, size(&args).map(|size| vec![Value::Number(size as f64)]));
    library.set("size", lua.create_function(sized)?)?;
    Ok(library)
}
