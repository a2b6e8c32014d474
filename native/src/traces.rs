//! The shape of CLIENT TRACKING's traces at the border: `Trace` of engine.ts.
//!
//! What they mean and who keeps them is in the core's traces.rs; this only turns one into the other.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use redtwin_keyspace::traces::{self, TraceKind};

/// See `Trace` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Trace {
    pub kind: String,
    pub session: i32,
    pub key: Buffer,
}

/// A trace for TypeScript.
pub fn trace(trace: traces::Trace) -> Trace {
    let kind = match trace.kind {
        TraceKind::Read => "read",
        TraceKind::Changed => "changed",
        TraceKind::Gone => "gone",
        TraceKind::Flushed => "flushed",
    };
    Trace {
        kind: kind.to_string(),
        session: trace.session.map_or(-1, |session| session as i32),
        key: Buffer::from(trace.key),
    }
}
