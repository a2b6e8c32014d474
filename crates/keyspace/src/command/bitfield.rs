//! BITFIELD and BITFIELD_RO: integers of 1 to 64 bits at any place of a string.
//! All subcommands are read before the first is run; then the string is made as long as the farthest write needs, even
//! where that write then fails.

use super::bitmap::{bit_offset, length_for_change};
use super::string::change_string;
use super::{Call, Done, Handler, is, parse_int};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::Stopped;
use redtwin_structures::bits;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Bitfield => |call| bitfield(call, false),
        CommandId::BitfieldRo => |call| bitfield(call, true),
        _ => return None,
    })
}

/// What becomes of a number that does not fit into its field.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

/// A field's type: `i16`, `u8`...
#[derive(Clone, Copy)]
struct Type {
    signed: bool,
    width: u32,
}

impl Type {
    fn parse(text: &[u8]) -> Result<Type, Stopped> {
        const INVALID: &str = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
        let (signed, width_max, digits) = match text {
            [b'i', digits @ ..] => (true, 64, digits),
            [b'u', digits @ ..] => (false, 63, digits),
            _ => return Err(INVALID.into()),
        };
        // Redis reads the width as a C string.
        let digits = digits.split(|byte| *byte == 0).next().unwrap_or_default();
        match parse_int(digits) {
            Ok(width) if (1..=width_max).contains(&width) => Ok(Type { signed, width: width as u32 }),
            _ => Err(INVALID.into()),
        }
    }

    /// What the bits of a field mean.
    fn read(self, field: u64) -> i64 {
        let spare = 64 - self.width;
        if self.signed { (field << spare) as i64 >> spare } else { field as i64 }
    }

    /// A number of SET as Redis sees it. A negative one for an unsigned field is huge; and one that lies more than 2^63
    /// below the greatest of a signed field passes for too great, because the check for overflow overflows itself.
    fn number_to_set(self, number: i64) -> i128 {
        match self.signed {
            false => i128::from(number as u64),
            true if self.width < 64 && ((1_i64 << (self.width - 1)) - 1).checked_sub(number).is_none() => {
                i128::from(number) + (1 << 64)
            }
            true => i128::from(number),
        }
    }

    /// The number as it will be stored; None when it must not be.
    fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = match self.signed {
            true => (-(1_i128 << (self.width - 1)), (1_i128 << (self.width - 1)) - 1),
            false => (0, (1_i128 << self.width) - 1),
        };
        if (min..=max).contains(&number) {
            return Some(number as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.read(number as u64 & (u64::MAX >> (64 - self.width)))),
            Overflow::Saturate => Some(if number > max { max as i64 } else { min as i64 }),
            Overflow::Fail => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

struct Operation {
    kind: Type,
    offset: u64,
    action: Action,
    overflow: Overflow,
}

impl Operation {
    /// Runs it on `bytes` and gives the reply (None: null) and whether the bytes changed.
    fn run(&self, bytes: &mut [u8]) -> (Option<i64>, bool) {
        let (reply, number) = self.plan(bytes);
        let Some(number) = number else { return (reply, false) };
        let old = bits::get_field(bytes, self.offset, self.kind.width);
        bits::set_field(bytes, self.offset, self.kind.width, number as u64);
        (reply, self.kind.read(old) != number)
    }

    /// The reply, and what is to be stored.
    fn plan(&self, bytes: &[u8]) -> (Option<i64>, Option<i64>) {
        let old = self.kind.read(bits::get_field(bytes, self.offset, self.kind.width));
        match self.action {
            Action::Get => (Some(old), None),
            Action::Set(number) => {
                let fitted = self.kind.fit(self.kind.number_to_set(number), self.overflow);
                (fitted.map(|_| old), fitted)
            }
            Action::Add(by) => {
                let fitted = self.kind.fit(i128::from(old) + i128::from(by), self.overflow);
                (fitted, fitted)
            }
        }
    }
}

fn parse(call: &Call<'_>) -> Result<Vec<Operation>, Stopped> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut rest = &call.args[2..];
    while let [word, after @ ..] = rest {
        if let [how, after @ ..] = after
            && is(word, "OVERFLOW")
        {
            overflow = match () {
                () if is(how, "WRAP") => Overflow::Wrap,
                () if is(how, "SAT") => Overflow::Saturate,
                () if is(how, "FAIL") => Overflow::Fail,
                () => return Err("ERR Invalid OVERFLOW type specified".into()),
            };
            rest = after;
            continue;
        }
        let (make, takes): (fn(i64) -> Action, _) = match () {
            () if is(word, "GET") => (|_| Action::Get, 2),
            () if is(word, "SET") => (Action::Set, 3),
            () if is(word, "INCRBY") => (Action::Add, 3),
            () => return Err(errors::SYNTAX.into()),
        };
        let Some((operands, after)) = after.split_at_checked(takes) else {
            return Err(errors::SYNTAX.into());
        };
        let kind = Type::parse(operands[0])?;
        let offset = match operands[1] {
            // `#2` is the third field of this width.
            [b'#', digits @ ..] => bit_offset(call, digits, i64::from(kind.width))?,
            digits => bit_offset(call, digits, 1)?,
        };
        let number = operands.get(2).map_or(Ok(0), |number| parse_int(number))?;
        operations.push(Operation { kind, offset, action: make(number), overflow });
        rest = after;
    }
    Ok(operations)
}

fn reply(call: &mut Call<'_>, number: Option<i64>) {
    match number {
        Some(number) => call.reply.int(number),
        None => call.reply.null(),
    }
}

fn bitfield(call: &mut Call<'_>, read_only: bool) -> Done {
    let key = call.args[1];
    let operations = parse(call)?;
    let writes = operations.iter().filter(|operation| !matches!(operation.action, Action::Get));
    let Some(end) = writes.map(|write| write.offset + u64::from(write.kind.width)).max() else {
        let mut digits = itoa::Buffer::new();
        let text = call.keys.text(key)?;
        let bytes = text.map(|text| text.bytes(&mut digits)).unwrap_or_default();
        let numbers: Vec<_> = operations.iter().map(|operation| operation.plan(bytes).0).collect();
        call.reply.array(numbers.len());
        numbers.into_iter().for_each(|number| reply(call, number));
        return Ok(());
    };
    if read_only {
        return Err("ERR BITFIELD_RO only supports the GET subcommand".into());
    }
    let length = length_for_change(call, key)?;
    let needed = (end - 1) as usize / 8 + 1;
    let grows = length.is_none_or(|length| length < needed);
    let mut results = Vec::with_capacity(operations.len());
    change_string(call, key, |bytes| {
        if bytes.len() < needed {
            bytes.resize(needed, 0);
        }
        results.extend(operations.iter().map(|operation| operation.run(bytes)));
    });
    call.reply.array(results.len());
    let mut changes = 0;
    for (operation, (number, changed)) in operations.iter().zip(results) {
        let stored = number.is_some() && !matches!(operation.action, Action::Get);
        changes += u64::from(changed || grows && stored);
        reply(call, number);
    }
    if changes > 0 {
        call.keys.touched(b'$', "setbit", key, changes);
    } else if grows {
        // OVERFLOW FAIL has made the string longer and nothing else. Redis 7.0.15 keeps that from its replicas.
        call.keys.effects.force();
    }
    Ok(())
}
