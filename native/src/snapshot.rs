//! `Snapshot` of engine.ts: an RDB of one moment, pulled in chunks that a thread of its own encodes.
//!
//! ```text
//! event loop   snapshot()  read() .................> promise   read() ...        release()
//! pool thread                 \-- waits ------------/             \-- waits ----/    |
//! encoder                      \-- encodes a chunk-/               \-- encodes -/     '- lets go of the data, ends
//! ```
//!
//! The encoder is a thread of its own because it steps back behind those who serve (`background.rs`), which a thread
//! cannot take back without privileges: one of libuv's pool would stay slow for all that comes later.
//!
//! Nothing is encoded that was not asked for, so who reads slowly holds no more than one chunk. The moment is that of
//! `NativeStore.snapshot()`; commands may run meanwhile and are not seen. AUX fields come as latin-1 text, because that
//! is how the interface shows the ones of a load.

use crate::NativeStore;
use crate::background::{HAS_TIME, step_back};
use crate::file;
use napi::bindgen_prelude::{AsyncTask, Buffer, Error, Result};
use napi::{Env, Task};
use napi_derive::napi;
use redtwin_keyspace::save::{Content, SaveOptions, Snapshot};
use redtwin_rdb::format::Version;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So much is encoded before it is written to a file: little enough to stay in the processor's caches, and to be done soon.
const PIECE_BYTES: usize = 64 * 1024;

/// The longest rest after a piece, about what a piece takes when nothing else is at work. One that took longer has waited for
/// the machine, and a longer rest would only make the save long.
const REST_MAX: Duration = Duration::from_micros(500);

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

/// What the encoder and the event loop share. Only who reads takes the lock for longer than a moment.
struct Shared {
    /// None once it is over.
    snapshot: Mutex<Option<Snapshot>>,
    /// Where wishes go; None before the first read, and after the release. The encoder ends when this is gone.
    encoder: Mutex<Option<Sender<Wish>>>,
    is_released: AtomicBool,
    lossy: bool,
    keys: AtomicU64,
    field_expiries: AtomicU64,
    stream_tails: AtomicU64,
    functions: AtomicU64,
}

/// What the encoder is to do.
type Wish = Box<dyn FnOnce(&Shared) + Send>;

/// The encoder: wish after wish, until nobody can have any longer. It lets go of the snapshot, too: millions of blocks may be
/// waiting for their last owner to leave.
fn encode(shared: &Shared, wishes: &Receiver<Wish>) {
    step_back(HAS_TIME);
    while let Ok(wish) = wishes.recv() {
        wish(shared);
    }
    *shared.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

impl Shared {
    /// The encoder, begun when it is not there yet. None when the system gives no thread, and after the release.
    fn encoder(self: &Arc<Shared>) -> Option<Sender<Wish>> {
        let mut place = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_none() && !self.is_released.load(Relaxed) {
            *place = self.begun();
        }
        place.clone()
    }

    /// A new encoder. It ends when nobody has its sender any longer. None when the system gives no thread.
    fn begun(self: &Arc<Shared>) -> Option<Sender<Wish>> {
        let (sender, wishes) = channel();
        let shared = Arc::clone(self);
        let work = move || encode(&shared, &wishes);
        std::thread::Builder::new().name("redtwin-save".into()).spawn(work).ok()?;
        Some(sender)
    }

    /// Has the encoder do something, and waits for it. None: it was released first.
    fn beside<T: Send + 'static>(
        self: &Arc<Shared>,
        work: impl FnOnce(&Shared) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let (answer, done) = channel();
        let wish: Wish = Box::new(move |shared| {
            // A panic must not end the encoder without an answer: it becomes an error without a code, with which the store is
            // poisoned.
            let outcome = catch_unwind(AssertUnwindSafe(|| work(shared)))
                .unwrap_or_else(|_| Err(Error::from_reason("a panic while a snapshot was encoded")));
            // Who asked may be gone: the process is ending.
            let _ = answer.send(outcome);
        });
        match self.encoder() {
            Some(encoder) => drop(encoder.send(wish)),
            None => wish(self),
        }
        done.recv().map_or(Ok(None), |outcome| outcome.map(Some))
    }

    /// Writes the next bytes to a file; how many, or below zero the number of the system's error. Gently: it rests as long as
    /// it works, so that it never has more than half a core, nor the memory and the disk for long.
    fn write(&self, fd: i32, bytes: usize, gently: bool) -> Result<i32> {
        let mut written = 0;
        while written < bytes {
            let began = Instant::now();
            let Some(chunk) = self.read((bytes - written).min(PIECE_BYTES))? else { break };
            if let Err(error) = file::write_all(fd, &chunk) {
                return Ok(-error.raw_os_error().unwrap_or(1));
            }
            written += chunk.len();
            if gently {
                std::thread::sleep(began.elapsed().min(REST_MAX));
            }
        }
        if gently && written > 0 {
            file::begin_flush(fd);
        }
        Ok(i32::try_from(written).unwrap_or(i32::MAX))
    }

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

/// One chunk, being waited for on a thread of the pool.
pub struct Reading {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Task for Reading {
    type Output = Option<Vec<u8>>;
    type JsValue = Option<Buffer>;

    fn compute(&mut self) -> Result<Self::Output> {
        let bytes = self.bytes;
        Ok(self.shared.beside(move |shared| shared.read(bytes))?.flatten())
    }

    fn resolve(&mut self, _: Env, output: Self::Output) -> Result<Self::JsValue> {
        Ok(output.map(Buffer::from))
    }
}

/// The same, written to a file.
pub struct Writing {
    shared: Arc<Shared>,
    fd: i32,
    bytes: usize,
    gently: bool,
}

impl Task for Writing {
    type Output = i32;
    type JsValue = i32;

    fn compute(&mut self) -> Result<Self::Output> {
        let Writing { fd, bytes, gently, .. } = *self;
        Ok(self.shared.beside(move |shared| shared.write(fd, bytes, gently))?.unwrap_or(0))
    }

    fn resolve(&mut self, _: Env, count: Self::Output) -> Result<Self::JsValue> {
        Ok(count)
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

    #[napi(ts_return_type = "Promise<number>")]
    pub fn write(&self, fd: i32, bytes: u32, gently: bool) -> AsyncTask<Writing> {
        AsyncTask::new(Writing { shared: self.shared.clone(), fd, bytes: bytes as usize, gently })
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

    #[napi(catch_unwind)]
    pub fn release(&self) {
        let mut place = self.shared.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        if self.shared.is_released.swap(true, Relaxed) {
            return;
        }
        // The encoder lets go of the data and ends. Where nothing was read it is begun for that: what nobody else holds any
        // longer may be much. If the system gives no thread the garbage collector lets go of it, later and with a pause.
        drop(place.take().or_else(|| self.shared.begun()));
    }
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi]
    pub fn may_hold_field_expiries(&self) -> bool {
        self.store.keys.fields_may_expire
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
                    encoder: Mutex::new(None),
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
