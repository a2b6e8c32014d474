//! RDB, the snapshot format of Redis and Valkey: a streaming decoder, an encoder, and DUMP payloads.
//!
//! ```text
//! chunks --> Decoder --> Sink        Encoder --> bytes        dump: one value with a version and a checksum
//! ```
//!
//! This crate knows the format and the blocks within it. It knows no keyspace, no file and no thread: a decoder is
//! pushed chunks of any size, an encoder is asked for what is ready, and who does so decides where bytes come from
//! and go to.
//!
//! - `format` has the numbers (versions, opcodes, kinds), `sink` the vocabulary in which a decoder speaks.
//! - A value is never gathered on the way in, and blocks (listpacks, intsets...) are handed over as they are.
//! - Nothing is allocated because the input announces it; every error says where.

mod bytes;
mod decoder;
pub mod dump;
mod encoder;
mod error;
pub mod format;
mod input;
mod sink;
mod text;

pub use bytes::{Bytes, Digits};
pub use decoder::{Decoder, Progress, is_behind_keys};
pub use encoder::{Attributes, EncodeOptions, Encoder, LeftOut, Source};
pub use error::{Error, ErrorKind};
pub use sink::{Item, Key, NullSink, Packing, Part, Sink, StreamInfo, Taken, Wish};
