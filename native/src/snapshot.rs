//! `Snapshot` of engine.ts: an RDB of one moment, pulled in chunks.
//!
//! The moment is that of `NativeStore.snapshot()`; commands may run between two reads and are not seen. AUX fields come
//! as latin-1 text, because that is how the interface shows the ones of a load.

use crate::NativeStore;
use napi::bindgen_prelude::{Buffer, Error, Result};
use napi_derive::napi;
use redtwin_keyspace::save::{SaveOptions, Snapshot};
use redtwin_rdb::format::Version;

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
}

/// A snapshot under way.
#[napi]
pub struct NativeSnapshot {
    snapshot: Option<Snapshot>,
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeSnapshot {
    #[napi(catch_unwind)]
    pub fn read(&mut self, bytes: u32) -> Result<Option<Buffer>> {
        let Some(snapshot) = self.snapshot.as_mut() else { return Ok(None) };
        let chunk = snapshot.read(bytes as usize);
        // A file that lost something in silence is worse than none: the caller can ask for a newer version.
        if snapshot.left_out().field_expiries > 0 {
            return Err(Error::from_reason(
                "rdb-unsupported-version|0|this RDB version cannot hold hashes whose fields expire (12 and 80 can)",
            ));
        }
        Ok(chunk.map(Buffer::from))
    }

    #[napi(catch_unwind)]
    pub fn release(&mut self) {
        self.snapshot = None;
    }
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
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
        };
        match Snapshot::new(&self.store.keys, &save) {
            Some(snapshot) => Ok(NativeSnapshot { snapshot: Some(snapshot) }),
            None => Err(Error::from_reason(format!(
                "rdb-unsupported-version|0|RDB version {} cannot be written (9 to 12 and 80 can)",
                options.version
            ))),
        }
    }
}
