//! The numbers of the format: versions, opcodes, types, and the names that hide in module ids.
//!
//! ```text
//! REDIS0010                                     magic and version: which table of numbers is spoken
//!   FA name value ...                           AUX
//!   FE db  FB keys expires                      SELECTDB, RESIZEDB
//!   [FC ms] [F8 idle | F9 freq] type key value  a key, its attributes before it
//!   ...
//! FF crc64
//! ```
//!
//! Redis and Valkey went separate ways after version 11, and gave the numbers 22, 23, 242 and 243 to different
//! things. So a byte is looked up in the table of the vendor whose magic opened the file, never by itself.

/// Whose table of numbers is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// Magic `REDIS`, versions 1 to 79 (12 and above are foreign to Valkey).
    Redis,
    /// Magic `VALKEY`, versions from 80 on.
    Valkey,
}

impl Vendor {
    /// The word that begins its files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Vendor::Redis => "REDIS",
            Vendor::Valkey => "VALKEY",
        }
    }
}

/// A version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// The table.
    pub vendor: Vendor,
    /// The number behind the magic.
    pub number: u16,
}

/// The size of the magic with its version.
pub const MAGIC_BYTES: usize = 9;

impl Version {
    /// A version of Redis.
    #[must_use]
    pub const fn redis(number: u16) -> Self {
        Version { vendor: Vendor::Redis, number }
    }

    /// What Valkey 9.0 writes.
    pub const VALKEY_80: Version = Version { vendor: Vendor::Valkey, number: 80 };

    /// The version a bare number means: in a DUMP payload and in an option, where no magic tells the vendor.
    #[must_use]
    pub const fn of_number(number: u16) -> Self {
        Version { vendor: if number >= 80 { Vendor::Valkey } else { Vendor::Redis }, number }
    }

    /// Reads `REDIS0010` or `VALKEY080`. None when it is neither.
    #[must_use]
    pub fn of_magic(magic: &[u8; MAGIC_BYTES]) -> Option<Self> {
        let (vendor, digits) = if let Some(digits) = magic.strip_prefix(b"REDIS") {
            (Vendor::Redis, digits)
        } else {
            (Vendor::Valkey, magic.strip_prefix(b"VALKEY")?)
        };
        let mut number = 0u16;
        for digit in digits {
            number = number * 10 + u16::from(digit.checked_sub(b'0').filter(|d| *d < 10)?);
        }
        Some(Version { vendor, number })
    }

    /// The first nine bytes of a file of this version.
    #[must_use]
    pub fn magic(self) -> Vec<u8> {
        match self.vendor {
            Vendor::Redis => format!("REDIS{:04}", self.number).into_bytes(),
            Vendor::Valkey => format!("VALKEY{:03}", self.number).into_bytes(),
        }
    }

    /// Whether the decoder reads its files. Of 14, 15 (Redis 8.8, 8.10) and 81 (Valkey 9.2) it reads what earlier versions
    /// know; what is new in them it refuses by its name, when it meets it (`newer`).
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.is_known()
            || matches!((self.vendor, self.number), (Vendor::Redis, 14 | 15) | (Vendor::Valkey, 81))
    }

    /// Whether the decoder knows all of it.
    #[must_use]
    pub const fn is_known(self) -> bool {
        match self.vendor {
            Vendor::Redis => self.number >= 1 && self.number <= 13,
            Vendor::Valkey => self.number == 80,
        }
    }

    /// Whether the encoder speaks it.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        match self.vendor {
            Vendor::Redis => self.number >= 9 && self.number <= 12,
            Vendor::Valkey => self.number == 80,
        }
    }

    /// Whether hashes can hold fields with a time to live.
    #[must_use]
    pub const fn has_field_expiry(self) -> bool {
        self.number >= 12
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.magic()))
    }
}

/// What a type or an opcode is that versions bring which are not known in full. None for all others.
#[must_use]
pub const fn newer(vendor: Vendor, byte: u8) -> Option<&'static str> {
    match (vendor, byte) {
        (Vendor::Redis, 27) => Some("a stream with entries given back, of Redis 8.8"),
        (Vendor::Redis, 28) => Some("an array of Redis 8.8"),
        (Vendor::Redis, 29..=32) => Some("a hash that refers to a template, of Redis 8.10"),
        (Vendor::Redis, 33) => Some("a rate limiter of Redis 8.10"),
        (Vendor::Redis, 242) => Some("a template of hashes, of Redis 8.10"),
        (Vendor::Valkey, 23) => Some("a path hash of Valkey 9.2"),
        (Vendor::Valkey, 242) => Some("a command within a snapshot, of Valkey 9.2"),
        _ => None,
    }
}

/// Opcodes: the bytes that may stand where a type could.
pub mod opcode {
    /// End of file; the CRC64 follows.
    pub const EOF: u8 = 255;
    /// The database of the keys that follow.
    pub const SELECT_DB: u8 = 254;
    /// Expiry of the next key, Unix seconds, i32.
    pub const EXPIRE_SECONDS: u8 = 253;
    /// Expiry of the next key, Unix milliseconds, i64.
    pub const EXPIRE_MS: u8 = 252;
    /// Number of keys and of expiries of the selected database.
    pub const RESIZE_DB: u8 = 251;
    /// A name and a value about the file.
    pub const AUX: u8 = 250;
    /// LFU counter of the next key, one byte.
    pub const FREQUENCY: u8 = 249;
    /// Idle seconds of the next key.
    pub const IDLE: u8 = 248;
    /// Data of a module that belongs to no key.
    pub const MODULE_AUX: u8 = 247;
    /// A function as the release candidates of 7.0 wrote it. Refused, as Redis does.
    pub const FUNCTION_PRE_GA: u8 = 246;
    /// The source of a function library.
    pub const FUNCTION: u8 = 245;
    /// Cluster: slot, number of keys, number of expiries. A hint (Redis 7.4).
    pub const SLOT_INFO: u8 = 244;
    /// Redis 8.6: metadata of modules for the next key.
    pub const KEY_META: u8 = 243;
    /// Valkey 9: a slot import under way.
    pub const SLOT_IMPORT: u8 = 243;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $byte:literal, $vendor:ident, $class:ident;)*) => {
        /// How a value is written: the type byte, seen through the table of its vendor.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            /// The type byte.
            #[must_use]
            pub const fn byte(self) -> u8 {
                match self { $(Kind::$name => $byte,)* }
            }

            /// What sort of value it holds.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Kind::$name => Class::$class,)* }
            }

            const fn vendor(self) -> Spoken {
                match self { $(Kind::$name => Spoken::$vendor,)* }
            }
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoken {
    Both,
    Redis,
    Valkey,
}

kinds! {
    /// One string.
    String = 0, Both, String;
    /// Elements one by one.
    List = 1, Both, List;
    /// Members one by one.
    Set = 2, Both, Set;
    /// Members with scores in text.
    Zset = 3, Both, Zset;
    /// Fields and values one by one.
    Hash = 4, Both, Hash;
    /// Members with binary scores.
    Zset2 = 5, Both, Zset;
    /// A module's value, with opcodes by which it can be skipped.
    Module2 = 7, Both, Module;
    /// Hash in a zipmap (Redis 2.2 to 2.4).
    HashZipmap = 9, Both, Hash;
    /// List in one ziplist (to 3.0).
    ListZiplist = 10, Both, List;
    /// Set in an intset.
    SetIntset = 11, Both, Set;
    /// Sorted set in a ziplist (to 6.2).
    ZsetZiplist = 12, Both, Zset;
    /// Hash in a ziplist (to 6.2).
    HashZiplist = 13, Both, Hash;
    /// List in nodes, each a ziplist (3.2 to 6.2).
    ListQuicklist = 14, Both, List;
    /// Stream of 5.0.
    Stream1 = 15, Both, Stream;
    /// Hash in a listpack (7.0).
    HashListpack = 16, Both, Hash;
    /// Sorted set in a listpack (7.0).
    ZsetListpack = 17, Both, Zset;
    /// List in nodes, each a listpack or one long element (7.0).
    ListQuicklist2 = 18, Both, List;
    /// Stream of 7.0.
    Stream2 = 19, Both, Stream;
    /// Set in a listpack (7.2).
    SetListpack = 20, Both, Set;
    /// Stream of 7.2.
    Stream3 = 21, Both, Stream;
    /// Hash with field expiries, as release candidates of 7.4 wrote it.
    HashExpiringPreGa = 22, Redis, Hash;
    /// The same in a listpack.
    HashListpackExpiringPreGa = 23, Redis, Hash;
    /// Hash with field expiries (7.4).
    HashExpiring = 24, Redis, Hash;
    /// The same in a listpack of field, value, expiry.
    HashListpackExpiring = 25, Redis, Hash;
    /// Stream of 8.6, with what makes its producers idempotent.
    Stream4 = 26, Redis, Stream;
    /// Hash with field expiries (Valkey 9).
    HashExpiringValkey = 22, Valkey, Hash;
}

/// The sorts of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A string.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
    /// A value of a module.
    Module,
}

/// Type bytes are all below this.
const KIND_BYTES: usize = 32;

const fn table(foreign: Spoken) -> [Option<Kind>; KIND_BYTES] {
    let mut table = [None; KIND_BYTES];
    let mut at = 0;
    while at < Kind::ALL.len() {
        let kind = Kind::ALL[at];
        if kind.vendor() as u8 != foreign as u8 {
            table[kind.byte() as usize] = Some(kind);
        }
        at += 1;
    }
    table
}

static REDIS: [Option<Kind>; KIND_BYTES] = table(Spoken::Valkey);
static VALKEY: [Option<Kind>; KIND_BYTES] = table(Spoken::Redis);

impl Kind {
    /// The kind a type byte means in a vendor's table. None when it means none that is read here.
    #[must_use]
    #[inline]
    pub fn of_byte(vendor: Vendor, byte: u8) -> Option<Kind> {
        let table = match vendor {
            Vendor::Redis => &REDIS,
            Vendor::Valkey => &VALKEY,
        };
        table.get(usize::from(byte)).copied().flatten()
    }
}

/// The nine-letter name of a module's type, from the 64-bit id that stands in the file (6 bits a letter, then 10 bits
/// of version).
#[must_use]
pub fn module_name(id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).rev().map(|place| char::from(LETTERS[(id >> (10 + 6 * place) & 63) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magics() {
        assert_eq!(Version::of_magic(b"REDIS0011"), Some(Version::redis(11)));
        assert_eq!(Version::of_magic(b"VALKEY080"), Some(Version::VALKEY_80));
        assert_eq!(Version::of_magic(b"REDIS00x1"), None);
        assert_eq!(Version::of_magic(b"VALKEE080"), None);
        assert_eq!(Version::redis(9).magic(), b"REDIS0009");
        assert_eq!(Version::VALKEY_80.to_string(), "VALKEY080");
        assert_eq!(Version::of_number(80), Version::VALKEY_80);
        for (number, readable) in [(0, false), (1, true), (15, true), (16, false), (81, true), (82, false)] {
            assert_eq!(Version::of_number(number).is_readable(), readable, "{number}");
        }
    }

    #[test]
    fn numbers_mean_what_their_vendor_says() {
        assert_eq!(Kind::of_byte(Vendor::Redis, 22), Some(Kind::HashExpiringPreGa));
        assert_eq!(Kind::of_byte(Vendor::Valkey, 22), Some(Kind::HashExpiringValkey));
        assert_eq!(Kind::of_byte(Vendor::Valkey, 24), None);
        assert_eq!(Kind::of_byte(Vendor::Redis, 24), Some(Kind::HashExpiring));
        for byte in [6, 8, 27, 33, 100] {
            assert_eq!(Kind::of_byte(Vendor::Redis, byte), None);
        }
    }

    #[test]
    fn module_ids_hold_names() {
        let name = b"ReJSON-RL";
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let id =
            name.iter().fold(0u64, |id, c| id << 6 | letters.iter().position(|l| l == c).unwrap() as u64)
                << 10
                | 3;
        assert_eq!(module_name(id), "ReJSON-RL");
    }
}
