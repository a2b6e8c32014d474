//! The RDB toolkit: jobs that read one RDB and say something of it.
//!
//! ```text
//! chunks --> Decoder --> Sieve --> Job --> bytes: JSON, commands, CSV, batches of entries, another RDB
//!                        |   \--> Measure: elements, encoding, memory in Redis
//!                        '-- keys that are not wanted are stepped over by length
//! ```
//!
//! Its one idea: a job is pushed chunks and gives back what is ready, so memory is bounded by a chunk and one string of
//! the file, whatever the file holds; who reads and who writes is not its business. Nothing here knows files, clocks
//! or N-API.
//!
//! - `scan` is the driver and `crew` the one with several threads, `sieve` the filters, `measure` and `memory` the sizes, `spread` takes packed blocks apart;
//! - `json`, `commands`, `table`, `tally`, `copy`, `batch`, `check`, `digests` are the jobs.
#![deny(missing_docs)]

pub mod batch;
pub mod check;
pub mod commands;
pub mod copy;
pub mod crew;
pub mod digests;
mod distinct;
mod draft;
pub mod json;
pub mod measure;
mod memory;
pub mod scan;
pub mod sieve;
pub mod spread;
pub mod table;
pub mod tally;
mod text;
pub mod writer;
