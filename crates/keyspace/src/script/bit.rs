//! The `bit` library (Mike Pall's BitOp, as Redis carries it): operations on 32-bit integers.
//!
//! Operands are cut to 32 bits and results are signed, as LuaBitOp does, so that scripts written for Redis agree.

use super::convert::number_or_text;
use mlua::{Lua, MultiValue, Table, Value};

type Answer = mlua::Result<(bool, Value)>;

/// A number's lowest 32 bits, rounded to the nearest even as BitOp does. Text that is a number counts as one.
fn bits(value: Option<&Value>, function: &str, position: usize) -> Result<i32, String> {
    let wrong = |got: &str| format!("bad argument #{position} to '{function}' (number expected, got {got})");
    let Some(value) = value else { return Err(wrong("no value")) };
    match number_or_text(value) {
        // The trick of BitOp: adding 2^52 + 2^51 rounds, and leaves the integer in the low bits.
        Some(number) => Ok((number + 6_755_399_441_055_744.0).to_bits() as u32 as i32),
        None => Err(wrong(value.type_name())),
    }
}

fn answer(lua: &Lua, result: Result<i32, String>) -> Answer {
    Ok(match result {
        Ok(bits) => (true, Value::Number(f64::from(bits))),
        Err(error) => (false, Value::String(lua.create_string(error)?)),
    })
}

/// The functions, each answering true and its result or false and the error.
pub fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    let unary: [(&'static str, fn(i32) -> i32); 3] =
        [("tobit", |a| a), ("bnot", |a| !a), ("bswap", i32::swap_bytes)];
    for (name, operation) in unary {
        let function =
            move |lua: &Lua, args: MultiValue| answer(lua, bits(args.front(), name, 1).map(operation));
        library.set(name, lua.create_function(function)?)?;
    }
    let folds: [(&'static str, fn(i32, i32) -> i32); 3] =
        [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, operation) in folds {
        let function = move |lua: &Lua, args: MultiValue| {
            let first = bits(args.front(), name, 1);
            let rest = args.iter().enumerate().skip(1);
            answer(
                lua,
                rest.fold(first, |sum, (at, arg)| Ok(operation(sum?, bits(Some(arg), name, at + 1)?))),
            )
        };
        library.set(name, lua.create_function(function)?)?;
    }
    let shifts: [(&'static str, fn(i32, u32) -> i32); 5] = [
        ("lshift", |a, n| a.wrapping_shl(n)),
        ("rshift", |a, n| (a as u32).wrapping_shr(n) as i32),
        ("arshift", |a, n| a.wrapping_shr(n)),
        ("rol", |a, n| a.rotate_left(n)),
        ("ror", |a, n| a.rotate_right(n)),
    ];
    for (name, operation) in shifts {
        let function = move |lua: &Lua, args: MultiValue| {
            let pair = bits(args.front(), name, 1).and_then(|a| Ok((a, bits(args.get(1), name, 2)?)));
            answer(lua, pair.map(|(a, n)| operation(a, n as u32 & 31)))
        };
        library.set(name, lua.create_function(function)?)?;
    }
    let tohex = |lua: &Lua, args: MultiValue| {
        let digits = if args.len() < 2 { Ok(8) } else { bits(args.get(1), "tohex", 2) };
        let text = bits(args.front(), "tohex", 1).and_then(|number| {
            let digits = digits?;
            let count = (digits.unsigned_abs() as usize).min(8);
            let text = if digits < 0 { format!("{number:08X}") } else { format!("{number:08x}") };
            Ok(text.get(8 - count..).unwrap_or_default().to_string())
        });
        Ok(match text {
            Ok(text) => (true, Value::String(lua.create_string(text)?)),
            Err(error) => (false, Value::String(lua.create_string(error)?)),
        })
    };
    library.set("tohex", lua.create_function(tohex)?)?;
    Ok(library)
}
