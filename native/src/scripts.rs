//! What the host has to do with scripts: answering the commands it serves, the logs they write, the commands they ran and the
//! figures of INFO and FUNCTION STATS.
//!
//! The scripts themselves run in the core's script/.

use crate::NativeStore;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

/// See `takeScriptLogs` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct ScriptLog {
    pub level: u32,
    pub text: Buffer,
}

/// See `ScriptStats` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct ScriptStats {
    pub scripts_lua_bytes: f64,
    pub functions_lua_bytes: f64,
    pub scripts: f64,
    pub scripts_bytes: f64,
    pub libraries: f64,
    pub functions: f64,
    pub running: Option<RunningScript>,
}

/// A script that rests.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct RunningScript {
    pub name: String,
    pub is_function: bool,
}

/// A command that a script has run; see `takeScripted` in engine.ts.
#[napi(object)]
#[allow(missing_docs, reason = "documented in engine.ts")]
pub struct Scripted {
    pub db: u32,
    pub args: Vec<Buffer>,
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi(catch_unwind)]
    pub fn may_replicate(&mut self, session: u32, args: Vec<Buffer>) -> bool {
        let args: Vec<&[u8]> = args.iter().map(|argument| argument.as_ref()).collect();
        self.store.may_replicate(session, &args)
    }

    #[napi(catch_unwind)]
    pub fn answer_script(&mut self, session: u32, reply: &[u8]) {
        self.store.answer_script(session, reply);
    }

    #[napi(catch_unwind)]
    pub fn take_script_logs(&mut self) -> Vec<ScriptLog> {
        let keys = &mut self.store.keys;
        let others = std::mem::take(&mut keys.logs);
        keys.scripts
            .take_logs()
            .into_iter()
            .chain(others)
            .map(|(level, text)| ScriptLog { level: u32::from(level), text: Buffer::from(text) })
            .collect()
    }

    #[napi(catch_unwind)]
    pub fn script_stats(&mut self) -> ScriptStats {
        let scripts = &self.store.keys.scripts;
        let functions = scripts.functions.as_ref();
        let [scripts_lua_bytes, functions_lua_bytes] = scripts.memory_bytes();
        ScriptStats {
            scripts_lua_bytes: scripts_lua_bytes as f64,
            functions_lua_bytes: functions_lua_bytes as f64,
            scripts: scripts.cache.len() as f64,
            scripts_bytes: scripts.cache_bytes as f64,
            libraries: self.store.keys.libraries.len() as f64,
            functions: functions.map_or(0, |all| all.count()) as f64,
            running: scripts
                .current
                .as_ref()
                .map(|current| RunningScript { name: current.name.clone(), is_function: current.function }),
        }
    }

    #[napi(catch_unwind)]
    pub fn record_scripts(&mut self, on: bool) {
        self.store.keys.scripted = on.then(Vec::new);
    }

    #[napi(catch_unwind)]
    pub fn take_scripted(&mut self) -> Vec<Scripted> {
        let scripted = self.store.keys.scripted.as_mut().map(std::mem::take).unwrap_or_default();
        let told = scripted.into_iter();
        told.map(|(db, args)| Scripted { db: db as u32, args: args.into_iter().map(Buffer::from).collect() })
            .collect()
    }
}
