//! An RDB written anew: fewer keys (filter), another version (convert), or only what is sound (repair).
//!
//! ```text
//! the target knows the kind    the value's bytes are copied as they lie there, compressed or not
//! it does not                  hash with expiring fields <-> plain or Valkey's: field by field
//!                              everything else: built, and encoded in the target's form
//! ```
//!
//! Its one idea: what can be copied is not understood, so it is fast, exact, and a value of any size takes no memory.
//! What the target has no place for is left out and counted.

use crate::check::Looks;
use crate::measure::Summary;
use crate::sieve::Job;
use redtwin_checksum::crc64;
use redtwin_keyspace::load::{Builder, Built};
use redtwin_keyspace::save::source_of;
use redtwin_rdb::format::{Class, Kind, Vendor, Version, opcode};
use redtwin_rdb::{Attributes, EncodeOptions, Encoder, Item, Key, Part, Source, Taken, Wish};
use redtwin_structures::limits::{Limits, Malformed};

/// How the copy is to be written.
#[derive(Clone, Copy, Debug)]
pub struct CopyOptions {
    /// None: the version of the file, or the nearest that can be written.
    pub version: Option<Version>,
    /// LZF for strings that are written anew. What is copied stays as it is.
    pub compress: bool,
    /// A CRC64 at the end.
    pub checksum: bool,
    /// Every key is wanted: the file's hints of how many there are stay true.
    pub keeps_hints: bool,
    /// Blocks and values are looked into before they are copied, and what is broken is refused.
    pub careful: bool,
}

/// What the target had no place for. All counts.
#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    /// Fields of hashes that expired once and will no more.
    field_expiries: u64,
    /// Streams whose idempotent producers are gone.
    stream_tails: u64,
    /// Function libraries.
    functions: u64,
    /// Metadata that modules kept of keys.
    key_metadata: u64,
    /// Slot imports under way.
    slot_imports: u64,
}

/// Bytes of a key that a careful copy holds back until it is known to be sound; more of them are given out before.
const HELD_MAX: usize = 2 * 1024 * 1024;

/// How the value under way is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As it lies there.
    Raw,
    /// A hash, field by field; true: each with its expiry behind it.
    Fields(bool),
    /// Built first.
    Built,
}

/// Where the copy can be cut off without harm: behind the last complete key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvage {
    /// Bytes of what was given out that are to be kept.
    pub keep_bytes: u64,
    /// What closes the file.
    pub tail: Vec<u8>,
}

/// The job.
pub struct Copy {
    options: CopyOptions,
    encoder: Encoder,
    /// Whose table the file speaks.
    vendor: Vendor,
    target: Version,
    /// The file's magic was seen, and with it the version to be written.
    begun: bool,
    builder: Builder,
    way: Way,
    name: Vec<u8>,
    attributes: Attributes,
    /// The database that was written last, and the one that comes next.
    db: Option<u64>,
    /// Where the key under way begins among what is ready; None when it stays.
    began: Option<usize>,
    /// Bytes of the key under way were given out, which may yet have to be taken back.
    is_loose: bool,
    /// The key was broken: only so many of the bytes given out are to be kept.
    retracted: Option<u64>,
    /// Bytes given out so far.
    given: u64,
    /// End of the last complete key, counted from the start, and the checksum up to there.
    complete: u64,
    complete_crc: u64,
    lost: Lost,
    looks: Looks,
}

impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copy")
            .field("options", &self.options)
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}

/// The version that a file of `version` is copied to when nothing is asked for: every version reads the kinds before it.
const fn nearest(version: Version) -> Version {
    match version.number {
        0..9 => Version::redis(9),
        13.. => match version.vendor {
            Vendor::Redis => Version::redis(12),
            Vendor::Valkey => Version::VALKEY_80,
        },
        _ => version,
    }
}

/// Whether a reader of `version` knows this kind from a file of `vendor`.
const fn knows(version: Version, vendor: Vendor, kind: Kind) -> bool {
    let since = match kind {
        Kind::HashListpack | Kind::ZsetListpack | Kind::ListQuicklist2 | Kind::Stream2 => 10,
        Kind::SetListpack | Kind::Stream3 => 11,
        Kind::HashExpiring | Kind::HashListpackExpiring => {
            return matches!(version.vendor, Vendor::Redis) && version.number >= 12;
        }
        // Release candidates' forms are read by servers, but no newer file should hold them.
        Kind::HashExpiringPreGa | Kind::HashListpackExpiringPreGa => return false,
        // No version that can be written here knows it.
        Kind::Stream4 => return false,
        Kind::HashExpiringValkey => {
            return matches!(version.vendor, Vendor::Valkey) && matches!(vendor, Vendor::Valkey);
        }
        _ => 9,
    };
    version.number >= since
}

impl Copy {
    /// At the start of a file. None when the version cannot be written.
    #[must_use]
    pub fn new(options: CopyOptions) -> Option<Self> {
        let target = options.version.unwrap_or(Version::redis(12));
        Some(Copy {
            options,
            encoder: Self::encoder(&options, target)?,
            vendor: Vendor::Redis,
            target,
            begun: false,
            builder: Builder::new(Limits::default(), None),
            way: Way::Raw,
            name: Vec::new(),
            attributes: Attributes::default(),
            db: None,
            began: None,
            is_loose: false,
            retracted: None,
            given: 0,
            complete: 0,
            complete_crc: 0,
            lost: Lost::default(),
            looks: Looks::default(),
        })
    }

    fn encoder(options: &CopyOptions, version: Version) -> Option<Encoder> {
        Encoder::new(EncodeOptions { version, compress: options.compress, checksum: options.checksum })
    }

    /// After a key that was so large that a part of it was given out, and turned out to be broken: how many of all the bytes given
    /// out before are to be kept. Asked for before more is taken. Only of a careful copy.
    pub fn retracted(&mut self) -> Option<u64> {
        self.retracted.take()
    }

    /// The version that is written.
    #[must_use]
    pub fn target(&self) -> Version {
        self.target
    }

    /// Ends the copy behind the last complete key, whatever became of the file.
    pub fn salvage(&mut self) -> Salvage {
        self.remember_sum(self.complete);
        let mut tail =
            self.encoder.take_first(usize::try_from(self.complete.saturating_sub(self.given)).unwrap_or(0));
        tail.push(opcode::EOF);
        let crc = if self.options.checksum { crc64(self.complete_crc, &[opcode::EOF]) } else { 0 };
        tail.extend(crc.to_le_bytes());
        Salvage { keep_bytes: self.complete.min(self.given), tail }
    }

    /// Computes the checksum at `complete`, which lies in what is ready.
    fn remember_sum(&mut self, complete: u64) {
        if self.options.checksum && complete > self.given {
            let within = usize::try_from(complete - self.given).unwrap_or(usize::MAX);
            self.complete_crc =
                crc64(self.encoder.checksum(), self.encoder.peek().get(..within).unwrap_or_default());
        }
    }

    fn select(&mut self, db: u64) {
        if self.db != Some(db) {
            self.db = Some(db);
            self.encoder.select_db(db);
        }
    }
}

impl Job for Copy {
    fn item(&mut self, item: Item<'_>) -> Taken {
        match item {
            Item::Header(version) => {
                self.vendor = version.vendor;
                self.begun = true;
                if self.options.version.is_none() {
                    self.target = nearest(version);
                    self.encoder = Self::encoder(&self.options, self.target)
                        .ok_or(Malformed("a version that cannot be written"))?;
                }
            }
            Item::Aux { name, value } => self.encoder.aux(&name, &value),
            Item::ResizeDb { keys, expires } if self.options.keeps_hints => {
                self.encoder.resize_db(keys, expires);
            }
            Item::Function(_) if self.target.number < 10 => self.lost.functions += 1,
            Item::Function(code) => self.encoder.function(&code),
            // Where it stood, before or behind the keys, it stands again.
            Item::ModuleAux { raw, .. } => self.encoder.module_aux(raw),
            Item::SelectDb(db) => self.select(db),
            Item::SlotImport { .. } => self.lost.slot_imports += 1,
            Item::ResizeDb { .. } | Item::SlotInfo { .. } | Item::End => {}
        }
        self.complete = self.given + self.encoder.ready() as u64;
        Ok(())
    }

    fn key(&mut self, db: u64, key: Key<'_>) -> Taken<Wish> {
        self.select(db);
        self.began = Some(self.encoder.ready());
        if key.metadata.is_some() {
            self.lost.key_metadata += 1;
        }
        self.attributes = Attributes {
            expire_at_ms: key.expire_at_ms,
            idle_seconds: key.idle_seconds,
            frequency: key.frequency,
        };
        if knows(self.target, self.vendor, key.kind) {
            self.way = Way::Raw;
            self.encoder.begin_key(&key.name, &self.attributes, key.kind.byte());
            return Ok(if self.options.careful { Wish::Both } else { Wish::Raw });
        }
        let fields_one_by_one =
            matches!(key.kind, Kind::HashExpiring | Kind::HashExpiringPreGa | Kind::HashExpiringValkey);
        match (fields_one_by_one, self.target) {
            (true, Version { vendor: Vendor::Valkey, .. }) => {
                self.way = Way::Fields(true);
                self.encoder.begin_key(&key.name, &self.attributes, Kind::HashExpiringValkey.byte());
            }
            (true, target) if !target.has_field_expiry() => {
                self.way = Way::Fields(false);
                self.encoder.begin_key(&key.name, &self.attributes, Kind::Hash.byte());
            }
            _ => {
                self.way = Way::Built;
                self.name.clear();
                self.name.extend_from_slice(&key.name);
                self.builder.begin(key.kind);
            }
        }
        Ok(Wish::Value)
    }

    fn part(&mut self, class: Class, part: Part<'_>) -> Taken {
        match (self.way, part) {
            (Way::Raw, Part::Raw(bytes)) => self.encoder.raw(bytes),
            (Way::Raw, part) => {
                // The elements of a list may be the same.
                if self.options.careful && class != Class::List {
                    crate::spread::spread(class, &part, &mut self.looks)?;
                }
            }
            (Way::Fields(_), Part::Count(count)) => self.encoder.length(count),
            (Way::Fields(keeps), Part::Field { field, value, expire_at_ms }) => {
                self.encoder.string(&field);
                self.encoder.string(&value);
                if keeps {
                    let at = expire_at_ms.map_or(Ok(-1), i64::try_from);
                    let at = at.map_err(|_| Malformed("field expiry out of range"))?;
                    self.encoder.raw(&at.to_le_bytes());
                } else if expire_at_ms.is_some() {
                    self.lost.field_expiries += 1;
                }
            }
            (Way::Fields(_), _) => {}
            (Way::Built, part) => self.builder.part(part)?,
        }
        Ok(())
    }

    fn end(&mut self, _: &Summary) -> Taken {
        self.looks.end_of_value()?;
        if self.way == Way::Built {
            match self.builder.finish()? {
                Some(Built::Object(object)) => {
                    self.encoder.key(&self.name, &self.attributes, source_of(&object))
                }
                Some(Built::Str(bytes)) => {
                    self.encoder.key(&self.name, &self.attributes, Source::Text(&bytes))
                }
                // A collection without elements: servers skip it too.
                None => {}
            }
        }
        self.began = None;
        self.is_loose = false;
        self.complete = self.given + self.encoder.ready() as u64;
        Ok(())
    }

    fn settle(&mut self) {
        // A careful copy may yet find the key broken.
        if !self.options.careful {
            self.began = None;
        }
    }

    fn undo(&mut self) {
        // Whether its groups were complete does not matter any more.
        let _ = self.looks.end_of_value();
        let began = self.began.take();
        if std::mem::take(&mut self.is_loose) {
            // `complete_crc` is that of `complete`: it was computed before bytes behind it were given out.
            self.encoder.rewind(self.complete_crc);
            self.given = self.complete;
            self.retracted = Some(self.complete);
            // Perhaps that was taken back too.
            self.db = None;
        } else if let Some(began) = began {
            self.encoder.truncate(began);
        }
    }

    fn take(&mut self) -> Vec<u8> {
        if !self.begun {
            return Vec::new();
        }
        let all = self.encoder.ready();
        let ready = match self.began {
            Some(began) if !self.options.careful || all - began <= HELD_MAX => began,
            Some(_) => {
                self.is_loose = true;
                all
            }
            None => all,
        };
        if ready == 0 {
            return Vec::new();
        }
        self.remember_sum(self.complete);
        let out = self.encoder.take_first(ready);
        self.given += out.len() as u64;
        self.began = self.began.map(|_| 0);
        out
    }

    fn finish(&mut self) -> Taken<Vec<u8>> {
        self.encoder.finish();
        Ok(self.encoder.take())
    }

    fn losses(&self) -> Vec<(&'static str, u64)> {
        let encoder = self.encoder.left_out();
        vec![
            ("field-expiries", self.lost.field_expiries + encoder.field_expiries),
            ("stream-tails", self.lost.stream_tails + encoder.stream_tails),
            ("functions", self.lost.functions),
            ("key-metadata", self.lost.key_metadata),
            ("slot-imports", self.lost.slot_imports),
        ]
    }
}
