//! The decoder: chunks of an RDB in, whatever their size, and what is in them out to a `Sink`.
//!
//! ```text
//!          +--> aux, function, module aux ... --+
//! magic -> record <-----------------------------+ <----------------+
//!          |  ^  \-> attribute (expiry, idle..) -> record          |
//!          |  +---------------------------------------+            |
//!          +--> name -> value -> value ... (complete) +            |
//!          +--> trailer -> done                 any piece out of bytes: wait for the next chunk
//! ```
//!
//! Its one idea: the format is cut into pieces so small that one which is not complete can be read again from its
//! start (a length, a number, an id), or so simple that it can be gathered (a string). Everything larger is a state
//! with a count. So the cost is one pass over the bytes whatever the chunks are, and memory is one string.
//!
//! It is pushed to, so it fits a socket, a file and a thread of its own alike; it looks at each chunk once for the
//! checksum. It does not judge blocks (a listpack may be none): who adopts them must.

mod core;
mod module;
mod stream;
mod value;

use self::core::Core;
pub use self::module::is_behind_keys;
use self::module::{KeyMetadata, Module};
use self::value::Value;
use crate::bytes::Bytes;
use crate::error::{Error, ErrorKind};
use crate::format::{Kind, MAGIC_BYTES, Vendor, Version, newer, opcode};
use crate::input::{Halt, Input, Read};
use crate::sink::{Item, Key, Part, Sink, Wish};
use redtwin_checksum::crc64;

/// No piece that is read whole or not at all is longer (the longest is a score in text).
const PIECE_BYTES_MAX: usize = 300;
/// The first version with a checksum at the end.
const CHECKSUM_SINCE: u16 = 5;

/// What became of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the chunk that belong to the RDB: all of them, until the end is in it.
    pub taken: usize,
    /// The end has been seen, and its checksum was right.
    pub done: bool,
}

#[derive(Debug)]
enum State {
    Magic,
    Record,
    Aux,
    Function,
    SlotImport,
    SlotRanges { job: Vec<u8>, ranges: Vec<(u64, u64)>, left: u64 },
    ModuleAux(Module),
    KeyMetadata(KeyMetadata),
    Name(Kind),
    Value(Value),
    Trailer,
    Done,
    Failed(Error),
}

/// What was said of the next key.
#[derive(Debug, Default)]
struct Attributes {
    expire_at_ms: Option<i64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
    metadata: Option<Vec<u8>>,
}

impl Attributes {
    /// The key that they were said of.
    #[inline]
    fn key<'a>(&'a self, name: Bytes<'a>, kind: Kind, offset: u64) -> Key<'a> {
        Key {
            name,
            kind,
            expire_at_ms: self.expire_at_ms,
            idle_seconds: self.idle_seconds,
            frequency: self.frequency,
            metadata: self.metadata.as_deref(),
            offset,
        }
    }
}

/// Reads one RDB. See the module's page for how.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    core: Core,
    version: Version,
    attributes: Attributes,
    wish: Wish,
    /// Where the type byte of the last key stands.
    key_offset: u64,
    /// An incomplete piece from the end of the last chunk.
    carry: Vec<u8>,
    /// Bytes pushed so far that belong to the RDB.
    pushed: u64,
    check: bool,
    crc: u64,
    /// Where the checksummed bytes end, once known.
    crc_end: Option<u64>,
    /// The checksum that the file says.
    expected: u64,
}

impl Decoder {
    /// A decoder at the start of a file. Without `checksum` the sum is neither computed nor compared.
    #[must_use]
    pub fn new(checksum: bool) -> Self {
        Decoder {
            state: State::Magic,
            core: Core::default(),
            version: Version::redis(0),
            attributes: Attributes::default(),
            wish: Wish::Value,
            key_offset: 0,
            carry: Vec::new(),
            pushed: 0,
            check: checksum,
            crc: 0,
            crc_end: None,
            expected: 0,
        }
    }

    /// A decoder of one value of the given kind and nothing else: what a DUMP payload holds. It is done when the
    /// value is complete; the sink hears of neither key nor end.
    #[must_use]
    pub fn of_value(kind: Kind) -> Self {
        let mut decoder = Decoder::new(false);
        decoder.state = State::Value(Value::begin(kind));
        decoder.crc_end = Some(0);
        decoder
    }

    /// A decoder that goes on where a record begins, behind a key: at `offset` of a file of this version whose beginning
    /// another has read. It knows no checksum.
    #[must_use]
    pub fn resumed(version: Version, offset: u64) -> Self {
        let mut decoder = Decoder::new(false);
        (decoder.state, decoder.version, decoder.pushed) = (State::Record, version, offset);
        decoder.core.offset = offset;
        decoder
    }

    /// The version, once the magic has been seen.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        (self.version.number > 0).then_some(self.version)
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pushed
    }

    /// Takes a chunk and tells the sink what is in it. O(chunk), whatever came before.
    ///
    /// # Errors
    /// What is wrong and where. The same error comes for every later push.
    pub fn push<S: Sink>(&mut self, chunk: &[u8], sink: &mut S) -> Result<Progress, Error> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        self.take(chunk, sink).map_err(|kind| {
            let error = Error { kind, offset: self.core.offset };
            self.state = State::Failed(error.clone());
            error
        })
    }

    /// Must be asked when no more chunks will come.
    ///
    /// # Errors
    /// `Truncated` unless the end was seen; or the error that was met before.
    pub fn finish(&self) -> Result<(), Error> {
        match &self.state {
            State::Done => Ok(()),
            State::Failed(error) => Err(error.clone()),
            _ => Err(Error { kind: ErrorKind::Truncated, offset: self.pushed }),
        }
    }

    fn take<S: Sink>(&mut self, chunk: &[u8], sink: &mut S) -> Result<Progress, ErrorKind> {
        let mut at = 0;
        if !self.carry.is_empty() {
            at = self.run_carry(chunk, sink)?;
        }
        if let Some(rest) = chunk.get(at..).filter(|_| self.carry.is_empty()) {
            at += self.run(rest, rest.len(), sink)?;
            if !matches!(self.state, State::Done) {
                self.carry.extend_from_slice(chunk.get(at..).unwrap_or_default());
                at = chunk.len();
            }
        }
        self.sum(chunk.get(..at).unwrap_or_default());
        self.pushed += at as u64;
        let done = matches!(self.state, State::Done);
        if done && self.check && self.expected != 0 && self.expected != self.crc {
            self.core.offset = self.pushed.saturating_sub(8);
            return Err(ErrorKind::Checksum { expected: self.expected, actual: self.crc });
        }
        Ok(Progress { taken: at, done })
    }

    /// Completes the piece that the last chunk left, with the first bytes of this one. Gives how many bytes of the
    /// chunk were taken; when the carry is not empty afterwards, that was all.
    fn run_carry<S: Sink>(&mut self, chunk: &[u8], sink: &mut S) -> Result<usize, ErrorKind> {
        let mut carry = std::mem::take(&mut self.carry);
        let old = carry.len();
        carry.extend_from_slice(chunk.get(..PIECE_BYTES_MAX).unwrap_or(chunk));
        let ran = self.run(&carry, old, sink)?;
        if ran >= old {
            let taken = ran - old;
            carry.clear();
            self.carry = carry;
            return Ok(taken);
        }
        // Not complete with all that: then the chunk is at its end too, since no piece is longer than that.
        carry.drain(..ran);
        self.carry = carry;
        Ok(chunk.len().min(PIECE_BYTES_MAX))
    }

    /// Reads pieces that begin before `until`. Gives how many bytes were committed.
    fn run<S: Sink>(&mut self, bytes: &[u8], until: usize, sink: &mut S) -> Result<usize, ErrorKind> {
        let mut input = Input::new(bytes);
        while input.at < until && !matches!(self.state, State::Done) {
            match self.step(&mut input, sink) {
                Ok(()) => self.core.commit(&mut input),
                Err(Halt::Partial) => {
                    self.core.commit(&mut input);
                    break;
                }
                Err(Halt::More) => break,
                Err(Halt::Error(kind)) => {
                    // The last byte looked at, which is the same in whatever chunks it came.
                    self.core.offset += (input.at - input.mark).saturating_sub(1) as u64;
                    return Err(kind);
                }
            }
        }
        Ok(input.mark)
    }

    fn sum(&mut self, bytes: &[u8]) {
        if !self.check {
            return;
        }
        let until = self
            .crc_end
            .map_or(usize::MAX, |end| usize::try_from(end.saturating_sub(self.pushed)).unwrap_or(usize::MAX));
        self.crc = crc64(self.crc, bytes.get(..until).unwrap_or(bytes));
    }

    #[inline]
    fn step<S: Sink>(&mut self, input: &mut Input<'_>, sink: &mut S) -> Read<()> {
        match &mut self.state {
            State::Record => match self.whole_string(input, sink)? {
                true => Ok(()),
                false => self.record(input, sink),
            },
            State::Name(kind) => {
                let kind = *kind;
                self.name(kind, input, sink)
            }
            State::Value(value) => {
                if let Some(tapped) = self.core.take_tapped() {
                    sink.part(Part::Raw(&tapped))?;
                    self.core.tapped(tapped);
                }
                if value.step(&mut self.core, input, sink, self.wish.wants_value())? {
                    self.end_of_value(input, sink)?;
                }
                Ok(())
            }
            State::Magic => self.magic(input, sink),
            State::Aux => {
                let (name, value) = self.core.pair(input, true)?;
                sink.item(Item::Aux { name, value })?;
                self.state = State::Record;
                Ok(())
            }
            State::Function => {
                sink.item(Item::Function(self.core.string(input, true)?))?;
                self.state = State::Record;
                Ok(())
            }
            State::SlotImport => {
                let (job, left) = self.core.with_string(input, true, Input::length)?;
                self.state = State::SlotRanges { job: job.into_vec(), ranges: Vec::new(), left };
                self.slot_ranges(sink)
            }
            State::SlotRanges { ranges, left, .. } => {
                ranges.push((input.length()?, input.length()?));
                *left -= 1;
                self.slot_ranges(sink)
            }
            State::ModuleAux(module) => {
                if let Some(id) = module.step(&mut self.core, input, false)? {
                    let raw = self.core.take_raw(input).unwrap_or_default();
                    sink.item(Item::ModuleAux { id, raw: &raw })?;
                    self.state = State::Record;
                }
                Ok(())
            }
            State::KeyMetadata(metadata) => {
                if metadata.step(&mut self.core, input)? {
                    self.attributes.metadata = self.core.take_raw(input);
                    self.state = State::Record;
                }
                Ok(())
            }
            State::Trailer => {
                self.expected = u64::from_le_bytes(input.array()?);
                sink.item(Item::End)?;
                self.state = State::Done;
                Ok(())
            }
            State::Done | State::Failed(_) => Ok(()),
        }
    }

    fn magic<S: Sink>(&mut self, input: &mut Input<'_>, sink: &mut S) -> Read<()> {
        // A file that is none is refused at its first wrong byte: it may never send nine.
        let head = input.rest();
        if ![&b"REDIS"[..], b"VALKEY"].iter().any(|name| head.iter().zip(name.iter()).all(|(a, b)| a == b)) {
            return Err(ErrorKind::BadMagic.into());
        }
        let version = Version::of_magic(&input.array::<MAGIC_BYTES>()?).ok_or(ErrorKind::BadMagic)?;
        if !version.is_readable() {
            return Err(ErrorKind::UnsupportedVersion(version).into());
        }
        self.version = version;
        self.state = State::Record;
        sink.item(Item::Header(version))?;
        Ok(())
    }

    /// An opcode with what belongs to it when that is small, or the type byte of a key.
    #[inline]
    fn record<S: Sink>(&mut self, input: &mut Input<'_>, sink: &mut S) -> Read<()> {
        let byte = input.byte()?;
        if byte < opcode::KEY_META {
            let kind = Kind::of_byte(self.version.vendor, byte).ok_or_else(|| self.unknown(byte))?;
            self.key_offset = self.core.offset;
            self.state = State::Name(kind);
            return Ok(());
        }
        match (byte, self.version.vendor) {
            (opcode::EXPIRE_MS, _) => self.attributes.expire_at_ms = Some(input.i64()?),
            (opcode::EXPIRE_SECONDS, _) => {
                self.attributes.expire_at_ms = Some(i64::from(i32::from_le_bytes(input.array()?)) * 1000);
            }
            (opcode::IDLE, _) => self.attributes.idle_seconds = Some(input.length()?),
            (opcode::FREQUENCY, _) => self.attributes.frequency = Some(input.byte()?),
            (opcode::SELECT_DB, _) => sink.item(Item::SelectDb(input.length()?))?,
            (opcode::RESIZE_DB, _) => {
                sink.item(Item::ResizeDb { keys: input.length()?, expires: input.length()? })?;
            }
            (opcode::SLOT_INFO, _) => {
                let (slot, keys, expires) = (input.length()?, input.length()?, input.length()?);
                sink.item(Item::SlotInfo { slot, keys, expires })?;
            }
            (opcode::AUX, _) => self.state = State::Aux,
            (opcode::FUNCTION, _) => self.state = State::Function,
            (opcode::MODULE_AUX, _) => {
                self.core.keep_raw(input);
                self.state = State::ModuleAux(Module::new());
            }
            (opcode::KEY_META, Vendor::Redis) if self.version.number >= 13 => {
                self.core.keep_raw(input);
                self.state = State::KeyMetadata(KeyMetadata::new());
            }
            (opcode::SLOT_IMPORT, Vendor::Valkey) => self.state = State::SlotImport,
            (opcode::FUNCTION_PRE_GA, _) => {
                let what = "a function of a release candidate of Redis 7.0";
                return Err(ErrorKind::Refused(byte, self.version, what).into());
            }
            (opcode::EOF, _) => {
                // The checksum covers this byte, and not what follows it.
                self.crc_end = Some(self.core.offset + 1);
                if self.version.number >= CHECKSUM_SINCE {
                    self.state = State::Trailer;
                } else {
                    self.state = State::Done;
                    sink.item(Item::End)?;
                }
            }
            _ => return Err(self.unknown(byte).into()),
        }
        Ok(())
    }

    /// A key with a string as value, when all of it is in the chunk and neither is compressed: most records are, and
    /// so they need no state. False, and nothing is taken, for everything else.
    #[inline]
    fn whole_string<S: Sink>(&mut self, input: &mut Input<'_>, sink: &mut S) -> Read<bool> {
        if input.rest().first() != Some(&Kind::String.byte()) {
            return Ok(false);
        }
        let start = input.at;
        input.at += 1;
        let name = input.simple_string();
        let value_at = input.at - start;
        let value = name.as_ref().and_then(|_| input.simple_string());
        let (Some(name), Some(value)) = (name, value) else {
            input.at = start;
            return Ok(false);
        };
        let bytes = (input.at - start) as u64;
        let said = std::mem::take(&mut self.attributes);
        let raw = input.since(start).get(value_at..).unwrap_or_default();
        sink.string(said.key(name, Kind::String, self.core.offset), value, raw, bytes)?;
        Ok(true)
    }

    #[inline]
    fn name<S: Sink>(&mut self, kind: Kind, input: &mut Input<'_>, sink: &mut S) -> Read<()> {
        let name = self.core.string(input, true)?;
        let said = std::mem::take(&mut self.attributes);
        self.wish = sink.key(said.key(name, kind, self.key_offset))?;
        if self.wish.wants_raw() {
            // What was read so far is the type and the name: it must be committed before the tap is opened.
            self.core.commit(input);
            self.core.tap(true);
        }
        self.state = State::Value(Value::begin(kind));
        Ok(())
    }

    #[inline]
    fn end_of_value<S: Sink>(&mut self, input: &Input<'_>, sink: &mut S) -> Read<()> {
        if self.crc_end.is_some() {
            // A value on its own: there is no key.
            self.state = State::Done;
            return Ok(());
        }
        if self.wish.wants_raw() {
            if let Some(tapped) = self.core.take_tapped() {
                sink.part(Part::Raw(&tapped))?;
            }
            sink.part(Part::Raw(input.since_mark()))?;
            self.core.tap(false);
        }
        self.state = State::Record;
        let here = self.core.offset + input.since_mark().len() as u64;
        sink.end_of_key(here - self.key_offset)?;
        Ok(())
    }

    fn slot_ranges<S: Sink>(&mut self, sink: &mut S) -> Read<()> {
        if let State::SlotRanges { job, ranges, left: 0 } = &self.state {
            sink.item(Item::SlotImport { job: Bytes::Borrowed(job), ranges })?;
            self.state = State::Record;
        }
        Ok(())
    }

    fn unknown(&self, byte: u8) -> ErrorKind {
        let version = self.version;
        match (byte, newer(version.vendor, byte)) {
            (6, _) => ErrorKind::Refused(byte, version, "a module value of a release candidate of Redis 4.0"),
            (_, Some(what)) => ErrorKind::Refused(byte, version, what),
            (_, None) => ErrorKind::UnknownType(byte, version),
        }
    }
}
