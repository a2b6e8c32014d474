//! `Snapshot` of engine.ts: an RDB of one moment, pulled in chunks that a thread of libuv's pool encodes.
//!
//! ```text
//! event loop   snapshot()  read() .................> promise   read() ...        release()
//! pool thread                 \-- encodes a chunk --/             \-- encodes --/    '- lets go of the data
//! ```
//!
//! Nothing is encoded that was not asked for, so who reads slowly holds no more than one chunk. The moment is that of
//! `NativeStore.snapshot()`; commands may run meanwhile and are not seen. AUX fields come as latin-1 text, because that
//! is how the interface shows the ones of a load.

use crate::NativeStore;
use napi::bindgen_prelude::{AsyncTask, Buffer, Error, Result};
use napi::{Env, Task};
use napi_derive::napi;
use redtwin_keyspace::save::{Content, SaveOptions, Snapshot};
use redtwin_rdb::format::Version;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Latin-1 text back to its bytes.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

/// See `SnapshotOptions` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct SnapshotOptions {
    pub version: u32,
    pub compress: bool,
    pub checksum: bool,
    pub now_ms: f64,
    pub aux: Vec<Vec<String>>,
    /// 'all' when absent.
    pub content: Option<String>,
    /// false when absent.
    pub lossy: Option<bool>,
}

/// See `SnapshotStatus` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct SnapshotStatus {
    pub keys: f64,
    pub keys_total: f64,
    pub field_expiries: f64,
    pub stream_tails: f64,
    pub functions: f64,
}

/// What the pool's thread and the event loop share. Only the thread that reads takes the lock for longer than a moment.
struct Shared {
    /// None once it is over.
    snapshot: Mutex<Option<Snapshot>>,
    is_released: AtomicBool,
    lossy: bool,
    keys: AtomicU64,
    field_expiries: AtomicU64,
    stream_tails: AtomicU64,
    functions: AtomicU64,
}

impl Shared {
    /// The next bytes, and what is to be known of them. Lets go of the data when there is nothing more to read.
    fn read(&self, bytes: usize) -> Result<Option<Vec<u8>>> {
        let mut place = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_released.load(Relaxed) {
            *place = None;
        }
        let Some(snapshot) = place.as_mut() else { return Ok(None) };
        let chunk = snapshot.read(bytes);
        let left_out = snapshot.left_out();
        self.keys.store(snapshot.progress().0 as u64, Relaxed);
        self.field_expiries.store(left_out.field_expiries, Relaxed);
        self.stream_tails.store(left_out.stream_tails, Relaxed);
        self.functions.store(left_out.functions, Relaxed);
        let is_refused = left_out.field_expiries > 0 && !self.lossy;
        if chunk.is_none() || is_refused || self.is_released.load(Relaxed) {
            *place = None;
        }
        if is_refused {
            return Err(Error::from_reason(
                "rdb-unsupported-version|0|this RDB version cannot hold hashes whose fields expire (12 and 80 can)",
            ));
        }
        Ok(chunk)
    }
}

/// One chunk, being encoded on a thread of the pool.
pub struct Reading {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Task for Reading {
    type Output = Option<Vec<u8>>;
    type JsValue = Option<Buffer>;

    fn compute(&mut self) -> Result<Self::Output> {
        // A panic must not leave this thread: it becomes an error without a code, with which the store is poisoned.
        catch_unwind(AssertUnwindSafe(|| self.shared.read(self.bytes)))
            .unwrap_or_else(|_| Err(Error::from_reason("a panic while a snapshot was encoded")))
    }

    fn resolve(&mut self, _: Env, output: Self::Output) -> Result<Self::JsValue> {
        Ok(output.map(Buffer::from))
    }
}

/// A snapshot under way.
#[napi]
pub struct NativeSnapshot {
    shared: Arc<Shared>,
    keys_total: usize,
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeSnapshot {
    #[napi]
    pub fn read(&self, bytes: u32) -> AsyncTask<Reading> {
        AsyncTask::new(Reading { shared: self.shared.clone(), bytes: bytes as usize })
    }

    #[napi(catch_unwind)]
    pub fn read_now(&self, bytes: u32) -> Result<Option<Buffer>> {
        Ok(self.shared.read(bytes as usize)?.map(Buffer::from))
    }

    #[napi(catch_unwind)]
    pub fn status(&self) -> SnapshotStatus {
        let count = |place: &AtomicU64| place.load(Relaxed) as f64;
        SnapshotStatus {
            keys: count(&self.shared.keys),
            keys_total: self.keys_total as f64,
            field_expiries: count(&self.shared.field_expiries),
            stream_tails: count(&self.shared.stream_tails),
            functions: count(&self.shared.functions),
        }
    }

    /// The data is let go of by a thread: millions of blocks may be waiting for their last owner to leave.
    #[napi(catch_unwind)]
    pub fn release(&self) {
        if self.shared.is_released.swap(true, Relaxed) {
            return;
        }
        let shared = self.shared.clone();
        let leave = move || {
            *shared.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        };
        if let Err(failed) = std::thread::Builder::new().name("redtwin-release".into()).spawn(leave) {
            // Then the garbage collector lets go of it, later and with a pause.
            drop(failed);
        }
    }
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi]
    pub fn may_hold_field_expiries(&self) -> bool {
        redtwin_keyspace::save::may_hold_field_expiries()
    }

    #[napi(catch_unwind)]
    pub fn snapshot(&self, options: SnapshotOptions) -> Result<NativeSnapshot> {
        let version = Version::of_number(u16::try_from(options.version).unwrap_or(0));
        let aux =
            options.aux.iter().filter_map(|pair| Some((bytes(pair.first()?), bytes(pair.get(1)?)))).collect();
        let save = SaveOptions {
            version,
            compress: options.compress,
            checksum: options.checksum,
            now_ms: options.now_ms as i64,
            aux,
            content: match options.content.as_deref() {
                Some("functions") => Content::Functions,
                Some("none") => Content::Nothing,
                _ => Content::All,
            },
        };
        match Snapshot::new(&self.store.keys, &save) {
            Some(snapshot) => Ok(NativeSnapshot {
                keys_total: snapshot.progress().1,
                shared: Arc::new(Shared {
                    snapshot: Mutex::new(Some(snapshot)),
                    is_released: AtomicBool::new(false),
                    lossy: options.lossy.unwrap_or(false),
                    keys: AtomicU64::new(0),
                    field_expiries: AtomicU64::new(0),
                    stream_tails: AtomicU64::new(0),
                    functions: AtomicU64::new(0),
                }),
            }),
            None => Err(Error::from_reason(format!(
                "rdb-unsupported-version|0|RDB version {} cannot be written (9 to 12 and 80 can)",
                options.version
            ))),
        }
    }
}
