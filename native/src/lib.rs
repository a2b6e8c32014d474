//! N-API glue only: no `if` about Redis lives here.
//!
//! One class, `NativeStore`, mirrors `Store` of src/engine/engine.ts; src/engine/native.ts is its only user and
//! gives it the interface's shape. A panic anywhere below becomes a JavaScript error here (catch_unwind), and the
//! TypeScript side ends the process with it.
//!
//! Here is what runs commands (lane.rs has the short way to it, turns.rs the one past JavaScript); sessions.rs, scripts.rs, feed.rs, acl.rs and stats.rs have the
//! methods of their subjects, output.rs what a call leaves to be fetched, loader.rs and snapshot.rs the RDB's two ways, rdb.rs the toolkit.

mod acl;
mod allocator;
mod background;
mod clock;
mod feed;
mod file;
mod give_back;
mod huge_pages;
mod lane;
mod loader;
mod output;
mod rdb;
mod scripts;
pub mod send;
mod sessions;
mod snapshot;
mod stats;
mod traces;
mod turns;

use napi::bindgen_prelude::{BigInt, Error, Result, Uint8ArraySlice};
use napi_derive::napi;
use redtwin_keyspace::settings::SettingValue;
use redtwin_keyspace::store::Store;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// Must equal `engineAbi` in engine.ts.
const ABI: u32 = 21;

/// The number that tells whether this addon and the TypeScript around it belong together.
#[napi]
pub fn abi() -> u32 {
    ABI
}

/// CRC64 (Jones) of bytes, continuing from `crc`.
#[napi]
pub fn crc64(bytes: &[u8], crc: BigInt) -> BigInt {
    BigInt::from(redtwin_checksum::crc64(crc.get_u64().1, bytes))
}

/// One number for one setting's value, whatever its kind.
#[napi(object)]
pub struct Setting {
    /// A number or a size.
    pub number: Option<f64>,
    /// Text.
    pub text: Option<String>,
    /// yes or no.
    pub flag: Option<bool>,
}

/// See `Gates` in engine.ts; only what is given changes.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Gates {
    pub replica: Option<bool>,
    pub read_only: Option<bool>,
    pub master_down: Option<bool>,
    pub loading: Option<bool>,
    pub misconf: Option<bool>,
    pub no_replicas: Option<bool>,
    pub paused: Option<bool>,
}

/// A store. See engine.ts for what each method does.
#[napi]
pub struct NativeStore {
    store: Store,
    overflow: Vec<u8>,
    peak_bytes: usize,
    give_back: give_back::GiveBack,
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi(constructor)]
    pub fn new(databases: u32, seed: BigInt, backlog_bytes: f64, is_timed: bool) -> Self {
        let mut store = Store::new(databases as usize, seed.get_u64().1, backlog_bytes as u64);
        if is_timed {
            store.keys.command_stats.clock = clock::monotonic_ns;
        }
        store.keys.memory_used = allocator::used_bytes;
        NativeStore { store, overflow: Vec::new(), peak_bytes: 0, give_back: Default::default() }
    }

    #[napi(catch_unwind)]
    pub fn configure(&mut self, name: String, value: Setting) -> Result<bool> {
        let value = match (value.number, &value.text, value.flag) {
            (Some(number), _, _) => SettingValue::Number(number),
            (_, Some(text), _) => SettingValue::Text(text),
            (_, _, Some(flag)) => SettingValue::Flag(flag),
            _ => return Err(Error::from_reason("a setting without a value")),
        };
        Ok(self.store.configure(&name, &value) || huge_pages::configure(&name, &value))
    }

    #[napi(catch_unwind)]
    pub fn gate(&mut self, given: Gates) {
        let gates = &mut self.store.keys.gates;
        let set = |place: &mut bool, value: Option<bool>| *place = value.unwrap_or(*place);
        let was_replica = gates.replica;
        set(&mut gates.replica, given.replica);
        set(&mut gates.read_only, given.read_only);
        set(&mut gates.master_down, given.master_down);
        set(&mut gates.loading, given.loading);
        set(&mut gates.misconf, given.misconf);
        set(&mut gates.no_replicas, given.no_replicas);
        set(&mut gates.paused, given.paused);
        if was_replica != gates.replica {
            self.store.role_changed();
        }
    }

    #[napi(catch_unwind)]
    pub fn execute(
        &mut self,
        session: u32,
        input: &[u8],
        length: u32,
        mut output: Uint8ArraySlice<'_>,
        now_ms: f64,
    ) -> f64 {
        let input = input.get(..length as usize).unwrap_or(input);
        let stop = self.store.execute(session, input, now_ms as i64);
        // SAFETY: the caller lends `output` for this call and reads it only afterwards (engine.ts).
        self.outcome(stop, unsafe { output.as_mut() })
    }

    #[napi(catch_unwind)]
    pub fn resume(&mut self, session: u32, mut output: Uint8ArraySlice<'_>, now_ms: f64) -> f64 {
        let stop = self.store.resume(session, now_ms as i64);
        // SAFETY: as in `execute`.
        self.outcome(stop, unsafe { output.as_mut() })
    }

    #[napi(catch_unwind)]
    pub fn apply(&mut self, session: u32, input: &[u8], length: u32, now_ms: f64) -> f64 {
        let input = input.get(..length as usize).unwrap_or(input);
        let stop = self.store.apply(session, input, now_ms as i64);
        self.outcome(stop, &mut [])
    }

    #[napi(catch_unwind)]
    pub fn resume_apply(&mut self, session: u32, now_ms: f64) -> f64 {
        let stop = self.store.resume_apply(session, now_ms as i64);
        self.outcome(stop, &mut [])
    }

    #[napi(catch_unwind)]
    pub fn flush(&mut self) {
        self.store.flush();
    }

    #[napi(catch_unwind)]
    pub fn cron(&mut self, now_ms: f64, budget: u32) -> u32 {
        self.store.cron(now_ms as i64, budget as usize);
        self.give_back.tick(now_ms as i64, allocator::used_bytes());
        self.notes()
    }

    #[napi(catch_unwind)]
    pub fn digest(&self) -> String {
        redtwin_keyspace::digest::hex(&redtwin_keyspace::digest::of_dataset(&self.store.keys.dbs))
    }

    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        self.store = Store::new(1, 0, 0);
    }
}
