//! One value in the form that a version has for it.
//!
//! ```text
//!              9                   10, 11            12                       80
//! list         14 of ziplists      18                18                       18
//! hash         13 or 4             16 or 4           16 or 4, 24 expiring     16 or 4, 22 expiring
//! sorted set   12 or 5             17 or 5           17 or 5                  17 or 5
//! stream       15                  19, 21            21                       21
//! set          11 or 2 everywhere
//! ```
//!
//! Its one idea: the packed form is written as the block it is (a sorted set's with its scores as text); everything else
//! element by element.

use super::text::Writer;
use super::{LeftOut, legacy, stream};
use crate::format::{Kind, Vendor};
use redtwin_structures::hash::Hash;
use redtwin_structures::list::{List, NodeBytes};
use redtwin_structures::listpack::Value;
use redtwin_structures::set::Set;
use redtwin_structures::stream::Stream;
use redtwin_structures::zset::Zset;

/// A value to be written. Collections must not be empty: servers refuse those (streams may be).
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A string.
    Text(&'a [u8]),
    /// A string that is an integer.
    Integer(i64),
    /// A list.
    List(&'a List),
    /// A set.
    Set(&'a Set),
    /// A hash.
    Hash(&'a Hash),
    /// A sorted set.
    Zset(&'a Zset),
    /// A stream.
    Stream(&'a Stream),
    /// A module's value, as `Part::Module` gave it.
    Module {
        /// The module's type.
        id: u64,
        /// Everything behind the id.
        body: &'a [u8],
    },
}

/// Writes type, name (DUMP has none) and value.
pub(super) fn write(writer: &mut Writer, name: Option<&[u8]>, value: Source<'_>, left_out: &mut LeftOut) {
    let kind = kind_of(writer, value);
    writer.out.push(kind.byte());
    if let Some(name) = name {
        writer.string(name);
    }
    match value {
        Source::Text(bytes) => writer.string(bytes),
        Source::Integer(integer) => writer.integer(integer),
        Source::List(list) => write_list(writer, list, kind),
        Source::Set(set) => match set.as_intset() {
            Some(ints) => writer.string(ints.as_bytes()),
            None => {
                writer.length(set.len() as u64);
                set.iter().for_each(|member| element(writer, member));
            }
        },
        Source::Hash(hash) => write_hash(writer, hash, kind, left_out),
        Source::Zset(zset) => match zset.listpack() {
            Some(pack) => block(writer, pack.as_bytes(), kind == Kind::ZsetZiplist),
            None => {
                writer.length(zset.len() as u64);
                // Highest first: so a reader may always insert at its list's head.
                for (member, score) in zset.range_back(0, zset.len()) {
                    element(writer, member);
                    writer.out.extend(score.to_le_bytes());
                }
            }
        },
        Source::Stream(stream) => stream::write(writer, stream, left_out),
        Source::Module { id, body } => {
            writer.length(id);
            writer.out.extend_from_slice(body);
        }
    }
}

fn kind_of(writer: &Writer, value: Source<'_>) -> Kind {
    let old = writer.version.number < 10;
    match value {
        Source::Text(_) | Source::Integer(_) => Kind::String,
        Source::List(_) if old => Kind::ListQuicklist,
        Source::List(_) => Kind::ListQuicklist2,
        Source::Set(set) if set.as_intset().is_some() => Kind::SetIntset,
        Source::Set(_) => Kind::Set,
        Source::Hash(hash) if hash.expiring_len() > 0 && writer.version.has_field_expiry() => {
            match writer.version.vendor {
                Vendor::Redis => Kind::HashExpiring,
                Vendor::Valkey => Kind::HashExpiringValkey,
            }
        }
        Source::Hash(hash) if hash.as_listpack().is_none() => Kind::Hash,
        Source::Hash(_) if old => Kind::HashZiplist,
        Source::Hash(_) => Kind::HashListpack,
        Source::Zset(zset) if !zset.is_packed() => Kind::Zset2,
        Source::Zset(_) if old => Kind::ZsetZiplist,
        Source::Zset(_) => Kind::ZsetListpack,
        Source::Stream(_) => match writer.version.number {
            ..10 => Kind::Stream1,
            10 => Kind::Stream2,
            _ => Kind::Stream3,
        },
        Source::Module { .. } => Kind::Module2,
    }
}

fn element(writer: &mut Writer, value: Value<'_>) {
    match value {
        Value::Int(integer) => writer.integer(integer),
        Value::Bytes(bytes) => writer.string(bytes),
    }
}

fn block(writer: &mut Writer, listpack: &[u8], as_ziplist: bool) {
    if as_ziplist {
        writer.string(&legacy::ziplist_of(listpack));
    } else {
        writer.string(listpack);
    }
}

fn write_list(writer: &mut Writer, list: &List, kind: Kind) {
    let nodes = list.nodes();
    writer.length(nodes.len() as u64);
    for node in nodes {
        match (node, kind) {
            (NodeBytes::Packed(pack), Kind::ListQuicklist) => block(writer, pack, true),
            (NodeBytes::Plain(element), Kind::ListQuicklist) => writer.string(&legacy::ziplist_with(element)),
            (NodeBytes::Plain(element), _) => {
                writer.length(1);
                writer.string(element);
            }
            (NodeBytes::Packed(pack), _) => {
                writer.length(2);
                writer.string(pack);
            }
        }
    }
}

fn write_hash(writer: &mut Writer, hash: &Hash, kind: Kind, left_out: &mut LeftOut) {
    if let Some(pack) = hash.as_listpack() {
        return block(writer, pack.as_bytes(), kind == Kind::HashZiplist);
    }
    let least = hash.iter().filter_map(|field| field.expires_ms).min().unwrap_or(0);
    if kind == Kind::HashExpiring {
        writer.out.extend(least.to_le_bytes());
    }
    writer.length(hash.len() as u64);
    for field in hash.iter() {
        if kind == Kind::HashExpiring {
            // The distance from the least, plus 1, so that 0 can say: for ever.
            writer.length(field.expires_ms.map_or(0, |at| at.abs_diff(least) + 1));
        }
        element(writer, field.name);
        element(writer, field.value);
        match (kind, field.expires_ms) {
            (Kind::HashExpiringValkey, at) => writer.out.extend(at.unwrap_or(-1).to_le_bytes()),
            (Kind::Hash, Some(_)) => left_out.field_expiries += 1,
            _ => {}
        }
    }
}
