//! One value, piece by piece.
//!
//! Its one idea: a value's form is a small state (how many pieces are left, and of what sort), so that a chunk may end
//! anywhere within a value of any size and nothing is read twice. Each step reads one piece and hands it over.

use super::core::Core;
use super::module::Module;
use super::stream::Stream;
use crate::error::ErrorKind;
use crate::format::Kind;
use crate::input::{Input, Read};
use crate::sink::{Packing, Part, Sink};

/// What comes as many times as a count says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Each {
    Element,
    Field,
    /// With its expiry in Unix ms before it (0: none).
    FieldPreGa,
    /// With the distance from the least expiry, plus 1, before it (0: none).
    FieldFrom(u64),
    /// With its expiry in Unix ms behind it (-1: none).
    FieldValkey,
    /// With its score in text.
    MemberText,
    Member,
    /// A node of a list that is a ziplist.
    Ziplist,
    /// A node of a list that says what it is.
    Node,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    String,
    Count(Each),
    /// The least expiry of a hash, then its count.
    LeastExpiry,
    Many(Each, u64),
    /// The container a list's node is, known; its string, not yet. Then nodes left, this one included.
    Node {
        plain: bool,
        left: u64,
    },
    Block(Packing),
    /// The least expiry of a hash, then its listpack.
    LeastExpiryBlock,
    Stream(Stream),
    Module(Module),
}

impl Value {
    pub(super) fn begin(kind: Kind) -> Self {
        match kind {
            Kind::String => Value::String,
            Kind::List | Kind::Set => Value::Count(Each::Element),
            Kind::Zset => Value::Count(Each::MemberText),
            Kind::Zset2 => Value::Count(Each::Member),
            Kind::Hash => Value::Count(Each::Field),
            Kind::HashExpiringPreGa => Value::Count(Each::FieldPreGa),
            Kind::HashExpiringValkey => Value::Count(Each::FieldValkey),
            Kind::HashExpiring => Value::LeastExpiry,
            Kind::HashZipmap => Value::Block(Packing::Zipmap),
            Kind::ListZiplist | Kind::ZsetZiplist | Kind::HashZiplist => Value::Block(Packing::Ziplist),
            Kind::SetIntset => Value::Block(Packing::Intset),
            Kind::HashListpack | Kind::ZsetListpack | Kind::SetListpack => Value::Block(Packing::Listpack),
            Kind::HashListpackExpiringPreGa => Value::Block(Packing::ExpiringListpack),
            Kind::HashListpackExpiring => Value::LeastExpiryBlock,
            Kind::ListQuicklist => Value::Count(Each::Ziplist),
            Kind::ListQuicklist2 => Value::Count(Each::Node),
            Kind::Stream1 => Value::Stream(Stream::new(1)),
            Kind::Stream2 => Value::Stream(Stream::new(2)),
            Kind::Stream3 => Value::Stream(Stream::new(3)),
            Kind::Stream4 => Value::Stream(Stream::new(4)),
            Kind::Module2 => Value::Module(Module::new()),
        }
    }

    /// Reads one piece and hands it over, if it is wanted. True when the value is complete.
    #[inline]
    pub(super) fn step<S: Sink>(
        &mut self,
        core: &mut Core,
        input: &mut Input<'_>,
        sink: &mut S,
        keep: bool,
    ) -> Read<bool> {
        match self {
            Value::String => {
                let string = core.string(input, keep)?;
                if keep {
                    sink.part(Part::String(string))?;
                }
                Ok(true)
            }
            Value::Many(each, left) => loop {
                let node = many(*each, core, input, sink, keep)?;
                if let Some(plain) = node {
                    *self = Value::Node { plain, left: *left };
                    return Ok(false);
                }
                *left -= 1;
                if *left == 0 {
                    return Ok(true);
                }
                // Each is a piece of its own: what was handed over is not read again.
                core.commit(input);
            },
            Value::Node { plain, left } => {
                let string = core.string(input, keep)?;
                if keep {
                    sink.part(if *plain {
                        Part::Element(string)
                    } else {
                        Part::Packed(Packing::Listpack, string)
                    })?;
                }
                let left = *left - 1;
                *self = Value::Many(Each::Node, left);
                Ok(left == 0)
            }
            Value::Count(each) => {
                let count = input.length()?;
                let each = *each;
                *self = Value::Many(each, count);
                if keep {
                    sink.part(Part::Count(count))?;
                }
                Ok(count == 0)
            }
            Value::LeastExpiry => {
                let least = least_expiry(input)?;
                *self = Value::Count(Each::FieldFrom(least));
                Ok(false)
            }
            Value::LeastExpiryBlock => {
                least_expiry(input)?;
                *self = Value::Block(Packing::ExpiringListpack);
                Ok(false)
            }
            Value::Block(packing) => {
                let block = core.string(input, keep)?;
                if keep {
                    sink.part(Part::Packed(*packing, block))?;
                }
                Ok(true)
            }
            Value::Stream(stream) => stream.step(core, input, sink, keep),
            Value::Module(module) => {
                let Some(id) = module.step(core, input, keep)? else { return Ok(false) };
                let raw = core.take_raw(input).unwrap_or_default();
                if keep {
                    sink.part(Part::Module { id, raw: &raw })?;
                }
                Ok(true)
            }
        }
    }
}

/// Reads one of many pieces. A list's node says first whether it is plain; its string is a piece of its own.
#[inline]
fn many<S: Sink>(
    each: Each,
    core: &mut Core,
    input: &mut Input<'_>,
    sink: &mut S,
    keep: bool,
) -> Read<Option<bool>> {
    let part = match each {
        Each::Element => Part::Element(core.string(input, keep)?),
        Each::Ziplist => Part::Packed(Packing::Ziplist, core.string(input, keep)?),
        Each::Field => {
            let (field, value) = core.pair(input, keep)?;
            Part::Field { field, value, expire_at_ms: None }
        }
        Each::FieldPreGa => {
            let (expiry, field, value) = core.number_and_pair(input, keep)?;
            Part::Field { field, value, expire_at_ms: Some(expiry).filter(|&at| at != 0) }
        }
        Each::FieldFrom(least) => {
            let (distance, field, value) = core.number_and_pair(input, keep)?;
            let expire_at_ms = match distance.checked_sub(1) {
                None => None,
                Some(more) => {
                    Some(least.checked_add(more).ok_or(ErrorKind::Corrupt("field expiry out of range"))?)
                }
            };
            Part::Field { field, value, expire_at_ms }
        }
        Each::FieldValkey => {
            let (field, value, expiry) = core.pair_with(input, keep, Input::i64)?;
            Part::Field { field, value, expire_at_ms: u64::try_from(expiry).ok() }
        }
        Each::MemberText => {
            let (member, score) = core.with_string(input, keep, Input::text_f64)?;
            Part::Member { member, score }
        }
        Each::Member => {
            let (member, score) = core.with_string(input, keep, Input::f64)?;
            Part::Member { member, score }
        }
        Each::Node => {
            return match input.length()? {
                1 => Ok(Some(true)),
                2 => Ok(Some(false)),
                _ => Err(ErrorKind::Corrupt("list node in an unknown container").into()),
            };
        }
    };
    if keep {
        sink.part(part)?;
    }
    Ok(None)
}

fn least_expiry(input: &mut Input<'_>) -> Read<u64> {
    u64::try_from(input.i64()?).map_err(|_| ErrorKind::Corrupt("field expiry out of range").into())
}
