//! RESP: incremental request parser and reply writer.
//!
//! The parser looks at a slice that begins where a command begins and remembers how far it came, so that a
//! command which arrives in a thousand pieces is still read once. It copies nothing: arguments are ranges into
//! that slice. The reply writer appends to one buffer for all commands of a socket read.
//!
//! ```text
//!   chunk: *2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPI
//!          |------ Complete(22) ------||--- Incomplete ---
//!                  args: 8..11 17..18
//! ```
#![deny(missing_docs)]

mod inline;
mod reply;
mod request;

pub use inline::split_arguments;
pub use redtwin_structures::number::parse_i64;
pub use reply::{Protocol, Reply, ReplyMark};
pub use request::{Parser, ProtocolError, RequestLimits, Status, glance_at_key};
