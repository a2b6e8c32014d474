//! What can be wrong with an RDB, and where.
//!
//! "Needs more bytes" is no error: the decoder says so by not being at the end. Each kind has a code that never
//! changes (what a program looks at) and a sentence (what a person reads).

use crate::format::Version;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes do not begin with `REDIS` or `VALKEY` and a number.
    BadMagic,
    /// A version that is not spoken here.
    UnsupportedVersion(Version),
    /// A byte where a type or an opcode must stand that is neither in the table of this version's vendor.
    UnknownType(u8, Version),
    /// A type or opcode that is known and not read: what it is.
    Refused(u8, Version, &'static str),
    /// The form is broken: what and why.
    Corrupt(&'static str),
    /// The CRC64 at the end is another than that of the bytes.
    Checksum {
        /// What the file says.
        expected: u64,
        /// What its bytes give.
        actual: u64,
    },
    /// The input ended before the RDB did.
    Truncated,
    /// Bytes after the end.
    TrailingBytes,
}

/// What is wrong with an RDB, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Position in the RDB of the byte at which it became clear: a wrong type byte itself, the last byte of a block
    /// that is none. For `Truncated`, the bytes there were; for `Checksum`, where it is written.
    pub offset: u64,
}

impl ErrorKind {
    /// A code for programs, of the table in src/errors.ts. Never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            ErrorKind::BadMagic => "rdb-bad-magic",
            ErrorKind::UnsupportedVersion(_) => "rdb-unsupported-version",
            ErrorKind::UnknownType(..) | ErrorKind::Refused(..) => "rdb-unknown-type",
            ErrorKind::Corrupt(_) => "rdb-corrupt",
            ErrorKind::Checksum { .. } => "rdb-checksum",
            ErrorKind::Truncated => "rdb-truncated",
            ErrorKind::TrailingBytes => "rdb-trailing-bytes",
        }
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ErrorKind::BadMagic => {
                write!(f, "not an RDB: it begins with neither REDIS nor VALKEY and a version")
            }
            ErrorKind::UnsupportedVersion(version) => {
                write!(f, "RDB version {version} cannot be read (REDIS 1 to 15, VALKEY 80 and 81 can)")
            }
            ErrorKind::UnknownType(byte, version) => {
                write!(f, "unknown RDB type or opcode {byte} in {version}")
            }
            ErrorKind::Refused(byte, version, what) => {
                write!(f, "RDB type or opcode {byte} in {version} is not read: {what}")
            }
            ErrorKind::Corrupt(what) => write!(f, "corrupt RDB: {what}"),
            ErrorKind::Checksum { expected, actual } => {
                write!(f, "wrong RDB checksum: {expected:016x} is written, the bytes give {actual:016x}")
            }
            ErrorKind::Truncated => write!(f, "the RDB ends too early"),
            ErrorKind::TrailingBytes => write!(f, "bytes after the end of the RDB"),
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (at byte {})", self.kind, self.offset)
    }
}

impl std::error::Error for Error {}
