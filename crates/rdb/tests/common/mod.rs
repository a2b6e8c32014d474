//! Helpers of the decoder's tests: a sink that writes down what it is told, and bytes built by hand.
//!
//! Its one idea: whatever the chunks, the journal must be the same, so a test compares lines of text.
#![allow(dead_code, reason = "each test file uses a part of this")]

pub mod cases;

use redtwin_checksum::crc64;
use redtwin_rdb::{Decoder, Error, Item, Key, Part, Sink, Taken, Wish};

/// Writes one line for each thing it is told.
#[derive(Default)]
pub struct Journal {
    /// The lines.
    pub lines: Vec<String>,
    /// Wants no values of keys with this first letter.
    pub skips: Option<u8>,
}

pub fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

impl Sink for Journal {
    fn item(&mut self, item: Item<'_>) -> Taken {
        self.lines.push(match item {
            Item::Header(version) => format!("header {version}"),
            Item::Aux { name, value } => format!("aux {}={}", text(&name), text(&value)),
            Item::SelectDb(db) => format!("db {db}"),
            Item::ResizeDb { keys, expires } => format!("resize {keys} {expires}"),
            Item::SlotInfo { slot, keys, expires } => format!("slot {slot} {keys} {expires}"),
            Item::SlotImport { job, ranges } => format!("import {} {ranges:?}", text(&job)),
            Item::Function(code) => format!("function {}", text(&code)),
            Item::ModuleAux { id, raw } => {
                format!("module-aux {} {}", redtwin_rdb::format::module_name(id), text(raw))
            }
            Item::End => "end".to_string(),
        });
        Ok(())
    }

    fn key(&mut self, key: Key<'_>) -> Taken<Wish> {
        let mut line = format!("key {} {:?}", text(&key.name), key.kind);
        if let Some(at) = key.expire_at_ms {
            line += &format!(" expire={at}");
        }
        if let Some(idle) = key.idle_seconds {
            line += &format!(" idle={idle}");
        }
        if let Some(frequency) = key.frequency {
            line += &format!(" freq={frequency}");
        }
        if let Some(metadata) = key.metadata {
            line += &format!(" meta={}", text(metadata));
        }
        self.lines.push(line);
        Ok(if self.skips.is_some() && key.name.first().copied() == self.skips {
            Wish::Skip
        } else {
            Wish::Value
        })
    }

    fn part(&mut self, part: Part<'_>) -> Taken {
        self.lines.push(match part {
            Part::Raw(bytes) => format!("raw {}", text(bytes)),
            Part::String(bytes) => format!("string {}", text(&bytes)),
            Part::Count(count) => format!("count {count}"),
            Part::Element(bytes) => format!("element {}", text(&bytes)),
            Part::Field { field, value, expire_at_ms } => {
                format!("field {}={} {expire_at_ms:?}", text(&field), text(&value))
            }
            Part::Member { member, score } => format!("member {} {score}", text(&member)),
            Part::Packed(packing, bytes) => format!("packed {packing:?} {}", text(&bytes)),
            Part::StreamNode { base, listpack } => {
                format!("node {}-{} {}", base.ms, base.seq, text(&listpack))
            }
            Part::StreamInfo(info) => format!("{info:?}"),
            Part::StreamGroup { name, last, entries_read } => {
                format!("group {} {}-{} {entries_read:?}", text(&name), last.ms, last.seq)
            }
            Part::StreamPending { id, delivery_ms, deliveries } => {
                format!("pending {}-{} {delivery_ms} {deliveries}", id.ms, id.seq)
            }
            Part::StreamConsumer { name, seen_ms, active_ms } => {
                format!("consumer {} {seen_ms} {active_ms:?}", text(&name))
            }
            Part::StreamOwned(id) => format!("owned {}-{}", id.ms, id.seq),
            Part::StreamTail(raw) => format!("tail {}", text(raw)),
            Part::Module { id, raw } => {
                format!("module {} {}", redtwin_rdb::format::module_name(id), text(raw))
            }
        });
        Ok(())
    }

    fn end_of_key(&mut self, bytes: u64) -> Taken {
        self.lines.push(format!("{bytes} bytes"));
        Ok(())
    }
}

/// Decodes in chunks of `size` bytes.
pub fn decode(file: &[u8], size: usize, journal: &mut Journal) -> Result<(), Error> {
    let mut decoder = Decoder::new(true);
    for chunk in file.chunks(size.max(1)) {
        let progress = decoder.push(chunk, journal)?;
        assert!(progress.done || progress.taken == chunk.len());
    }
    decoder.finish()
}

/// A file: magic, body, the end with its checksum.
pub fn file(magic: &str, body: &[u8]) -> Vec<u8> {
    let mut file = [magic.as_bytes(), body, &[255]].concat();
    let crc = crc64(0, &file);
    file.extend(crc.to_le_bytes());
    file
}

/// A short string, as a file has it.
pub fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    assert!(bytes.len() < 64);
    [&[bytes.len() as u8], bytes].concat()
}

/// The id of a module's type.
pub fn module_id(name: &[u8; 9], version: u64) -> u64 {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    name.iter().fold(0, |id, c| id << 6 | letters.iter().position(|l| l == c).unwrap() as u64) << 10 | version
}

/// A length in its nine-byte form.
pub fn long_length(length: u64) -> Vec<u8> {
    [&[0x81][..], &length.to_be_bytes()].concat()
}
