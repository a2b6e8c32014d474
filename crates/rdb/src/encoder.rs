//! The encoder: a file, piece by piece, in the version that its reader understands.
//!
//! ```text
//! new --> aux* module_aux* function* --> { select_db resize_db { key }* }* --> finish
//!   \________________ take() at any time: what is ready, its checksum kept _________/
//! ```
//!
//! Its one idea: one set of structures, many versions. What a version has no form for is written in an older one
//! (listpacks as ziplists for 9); what it cannot hold at all (a field's expiry before 12) is left out and counted, so
//! that whoever asked for that version can say so.

mod legacy;
mod stream;
mod text;
mod value;

pub use value::Source;

use crate::format::{Version, opcode};
use redtwin_checksum::crc64;
use text::Writer;

/// How a file is to be written.
#[derive(Clone, Copy, Debug)]
pub struct EncodeOptions {
    /// One for which `Version::is_writable` is true.
    pub version: Version,
    /// LZF for strings above 20 bytes where it saves something.
    pub compress: bool,
    /// Otherwise 0 stands in the checksum's place.
    pub checksum: bool,
}

/// What stands before a key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes {
    /// Unix ms.
    pub expire_at_ms: Option<i64>,
    /// Seconds since the last access, where an LRU policy is on.
    pub idle_seconds: Option<u64>,
    /// The LFU counter, where an LFU policy is on.
    pub frequency: Option<u8>,
}

/// What a version could not hold and was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Fields of hashes whose expiry is gone (they stay, for ever).
    pub field_expiries: u64,
    /// Streams whose idempotent producers are gone.
    pub stream_tails: u64,
    /// Function libraries that are gone.
    pub functions: u64,
}

/// Writes one file.
#[derive(Debug)]
pub struct Encoder {
    writer: Writer,
    checksum: bool,
    crc: u64,
    left_out: LeftOut,
}

impl Encoder {
    /// The magic is written. None when the version cannot be.
    #[must_use]
    pub fn new(options: EncodeOptions) -> Option<Encoder> {
        options.version.is_writable().then(|| {
            let mut writer = Writer::new(options.version, options.compress);
            writer.out.extend(options.version.magic());
            Encoder { writer, checksum: options.checksum, crc: 0, left_out: LeftOut::default() }
        })
    }

    /// A name and a value about the file.
    pub fn aux(&mut self, name: &[u8], value: &[u8]) {
        self.writer.out.push(opcode::AUX);
        self.writer.string(name);
        self.writer.string(value);
    }

    /// The source of a function library. Versions before 10 know none: it is left out, and counted.
    pub fn function(&mut self, code: &[u8]) {
        if self.writer.version.number >= 10 {
            self.writer.out.push(opcode::FUNCTION);
            self.writer.string(code);
        } else {
            self.left_out.functions += 1;
        }
    }

    /// A module's data, as `Item::ModuleAux` gave it.
    pub fn module_aux(&mut self, raw: &[u8]) {
        self.writer.out.push(opcode::MODULE_AUX);
        self.writer.out.extend_from_slice(raw);
    }

    /// The keys that follow are in this database.
    pub fn select_db(&mut self, db: u64) {
        self.writer.out.push(opcode::SELECT_DB);
        self.writer.length(db);
    }

    /// How many keys and expiries follow in it.
    pub fn resize_db(&mut self, keys: u64, expires: u64) {
        self.writer.out.push(opcode::RESIZE_DB);
        self.writer.length(keys);
        self.writer.length(expires);
    }

    /// A key with its value.
    pub fn key(&mut self, name: &[u8], attributes: &Attributes, value: Source<'_>) {
        self.attributes(attributes);
        value::write(&mut self.writer, Some(name), value, &mut self.left_out);
    }

    /// A key whose value the caller writes itself, with `raw`, `length`, `string` and `number`: copied from another
    /// file, or too large to be held. `byte` is its type in this version's table.
    pub fn begin_key(&mut self, name: &[u8], attributes: &Attributes, byte: u8) {
        self.attributes(attributes);
        self.writer.out.push(byte);
        self.writer.string(name);
    }

    /// Bytes that are in their form already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.writer.out.extend_from_slice(bytes);
    }

    /// A count.
    pub fn length(&mut self, length: u64) {
        self.writer.length(length);
    }

    /// A string, in the shortest of its forms.
    pub fn string(&mut self, bytes: &[u8]) {
        self.writer.string(bytes);
    }

    fn attributes(&mut self, attributes: &Attributes) {
        let out = &mut self.writer.out;
        if let Some(at) = attributes.expire_at_ms {
            out.push(opcode::EXPIRE_MS);
            out.extend(at.to_le_bytes());
        }
        if let Some(seconds) = attributes.idle_seconds {
            out.push(opcode::IDLE);
            self.writer.length(seconds);
        }
        if let Some(frequency) = attributes.frequency {
            self.writer.out.extend([opcode::FREQUENCY, frequency]);
        }
    }

    /// The end mark and the checksum. Nothing may follow.
    pub fn finish(&mut self) {
        self.writer.out.push(opcode::EOF);
        let crc = if self.checksum { crc64(self.crc, &self.writer.out) } else { 0 };
        self.writer.out.extend(crc.to_le_bytes());
    }

    /// Bytes that wait to be taken.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.writer.out.len()
    }

    /// Takes what is ready.
    pub fn take(&mut self) -> Vec<u8> {
        let room = self.writer.out.capacity();
        let out = std::mem::replace(&mut self.writer.out, Vec::with_capacity(room.min(1 << 20)));
        if self.checksum {
            self.crc = crc64(self.crc, &out);
        }
        out
    }

    /// What is ready, to look at.
    #[must_use]
    pub fn peek(&self) -> &[u8] {
        &self.writer.out
    }

    /// Takes the first `bytes` of what is ready.
    pub fn take_first(&mut self, bytes: usize) -> Vec<u8> {
        let rest = self.writer.out.split_off(bytes.min(self.writer.out.len()));
        let out = self.take();
        self.writer.out = rest;
        out
    }

    /// Drops what is ready behind the first `bytes`: it was never written.
    pub fn truncate(&mut self, bytes: usize) {
        self.writer.out.truncate(bytes);
    }

    /// Goes back: nothing is ready, and what was taken counts as far as where the checksum was `crc`.
    pub fn rewind(&mut self, crc: u64) {
        self.writer.out.clear();
        self.crc = crc;
    }

    /// The checksum of everything taken so far, 0 when none is kept.
    #[must_use]
    pub fn checksum(&self) -> u64 {
        self.crc
    }

    /// What could not be written so far.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }
}

/// One value without a key, as DUMP has it: its type byte and its body.
pub(crate) fn value_alone(version: Version, compress: bool, value: Source<'_>) -> Vec<u8> {
    let mut writer = Writer::new(version, compress);
    value::write(&mut writer, None, value, &mut LeftOut::default());
    writer.out
}
