//! `Loader` of engine.ts: chunks of an RDB in, a new keyspace at the end.
//!
//! Errors cross the border as "code|offset|text", which src/engine/native.ts makes a RedtwinError of.

use crate::NativeStore;
use crate::background::{WAITED_FOR, step_back};
use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;
use redtwin_keyspace::load::{LoadOptions, Loader};

fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

pub(crate) fn refused(error: &redtwin_rdb::Error) -> Error {
    // The offset stands for itself: who says the text says it too, once.
    Error::from_reason(format!("{}|{}|{}", error.kind.code(), error.offset, error.kind))
}

/// See `LoadReport` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct LoadReport {
    pub magic: String,
    pub version: u32,
    pub aux: Vec<Vec<String>>,
    pub keys: f64,
    pub expired_skipped: f64,
    pub empty_skipped: f64,
    pub functions: f64,
    pub opaque_module_values: f64,
    pub opaque_module_aux: f64,
    pub modules: Vec<String>,
    pub bytes: f64,
}

/// A load under way.
#[napi]
pub struct NativeLoader {
    loader: Option<Loader>,
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeLoader {
    fn loader(&mut self) -> Result<&mut Loader> {
        self.loader.as_mut().ok_or_else(|| Error::from_reason("the load is over"))
    }

    #[napi(catch_unwind)]
    pub fn write(&mut self, chunk: &[u8]) -> Result<bool> {
        self.loader()?.write(chunk).map_err(|error| refused(&error))
    }

    #[napi(catch_unwind)]
    pub fn pending_bytes(&mut self) -> Result<f64> {
        let pending = self.loader.as_mut().map_or(Ok(0), Loader::pending_bytes);
        pending.map(|bytes| bytes as f64).map_err(|error| refused(&error))
    }

    #[napi(catch_unwind)]
    pub fn settle(&mut self) -> Result<bool> {
        self.loader()?.settle().map_err(|error| refused(&error))
    }

    #[napi(catch_unwind)]
    pub fn count_keys(&mut self) -> Result<f64> {
        self.loader()?.count_keys().map(|keys| keys as f64).map_err(|error| refused(&error))
    }

    #[napi(catch_unwind)]
    pub fn bytes(&self) -> f64 {
        self.loader.as_ref().map_or(0.0, |loader| loader.bytes() as f64)
    }

    #[napi(catch_unwind)]
    pub fn abort(&mut self) {
        self.loader = None;
    }
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi(catch_unwind)]
    pub fn loader(
        &self,
        now_ms: f64,
        drop_expired: bool,
        tell_expired: bool,
        checksum: bool,
    ) -> NativeLoader {
        let options = LoadOptions { now_ms: now_ms as i64, drop_expired, tell_expired, checksum };
        // Beside whoever makes the snapshot, if that is on this machine, and the event loop, which has to fetch it.
        let loader = Loader::new(&self.store.keys, options).at_thread_start(|| step_back(WAITED_FOR));
        NativeLoader { loader: Some(loader) }
    }

    #[napi(catch_unwind)]
    pub fn tell_dropped(&mut self) {
        self.store.tell_dropped();
    }

    #[napi(catch_unwind)]
    pub fn commit_load(&mut self, loader: &mut NativeLoader) -> Result<LoadReport> {
        let Some(loader) = loader.loader.take() else { return Err(Error::from_reason("the load is over")) };
        let loaded = loader.finish().map_err(|error| refused(&error))?;
        let report = self.store.adopt(loaded);
        self.give_back.loaded(self.store.keys.now_ms);
        let (magic, version) = report.version.map_or(("", 0), |v| (v.vendor.name(), u32::from(v.number)));
        Ok(LoadReport {
            magic: magic.to_string(),
            version,
            aux: report.aux.iter().map(|(name, value)| vec![text(name), text(value)]).collect(),
            keys: report.keys as f64,
            expired_skipped: report.expired_skipped as f64,
            empty_skipped: report.empty_skipped as f64,
            functions: report.functions as f64,
            opaque_module_values: report.opaque_module_values as f64,
            opaque_module_aux: report.opaque_module_aux as f64,
            modules: report.modules,
            bytes: report.bytes as f64,
        })
    }
}
