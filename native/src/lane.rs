//! The short way in: a function without arguments, for chunks that lie in the same memory every time.
//!
//! ```text
//!   numbers   [ session | length | now ms | from | descriptor | outcome | sent | elapsed ms ]
//!              '------------- the host writes -------------'   '-- the call writes --'
//!   input     [ chunk, length bytes                    ]
//!   output    [ what waits | replies, from `from` on   ]
//!   sends     [ descriptor | from | until | descriptor ... ]     a turn's replies: with length -1, so many as `session` says
//!                 sent    <--
//! ```
//!
//! With short pipelines, handing over five arguments and checking each costs as much as the commands do (docs/performance.md). So the
//! buffers are lent once, and a call touches nothing of JavaScript but them. A reply that nothing stands in the way of is
//! sent within the same call.

use crate::{NativeStore, clock, send};
use napi::bindgen_prelude::{
    Env, Error, Float64Array, FromNapiValue, Function, Int32Array, Reference, Result, Uint8Array,
};
use napi::sys;
use napi_derive::napi;
use redtwin_keyspace::session::Stop;
use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

/// How many numbers are passed each way.
const NUMBERS: usize = 8;

/// What a lane needs at each call. It belongs to its function, and ends with it.
struct Lane {
    store: Reference<NativeStore>,
    numbers: Float64Array,
    input: Uint8Array,
    output: Uint8Array,
    sends: Int32Array,
}

#[napi]
#[allow(missing_docs, reason = "documented in engine.ts")]
impl NativeStore {
    #[napi]
    pub fn open_lane<'env>(
        &self,
        env: &'env Env,
        store: Reference<NativeStore>,
        numbers: Float64Array,
        input: Uint8Array,
        output: Uint8Array,
        sends: Int32Array,
    ) -> Result<Function<'env, (), ()>> {
        if numbers.len() != NUMBERS {
            return Err(Error::from_reason(format!("a lane has {NUMBERS} numbers")));
        }
        let lane = Box::into_raw(Box::new(Lane { store, numbers, input, output, sends }));
        let mut function = null_mut();
        // SAFETY: the environment is the caller's. The lane is given to the function, whose finalizer frees it; until then
        // only `run` uses it.
        unsafe {
            let made =
                sys::napi_create_function(env.raw(), null_mut(), 0, Some(run), lane.cast(), &mut function);
            if made != sys::Status::napi_ok {
                drop(Box::from_raw(lane));
                return Err(Error::from_reason("a lane's function cannot be made"));
            }
            // Where there is no finalizer the lane stays for good: it is still the function's.
            sys::napi_add_finalizer(env.raw(), function, lane.cast(), Some(finalize), null_mut(), null_mut());
            Function::from_napi_value(env.raw(), function)
        }
    }
}

impl Lane {
    /// Runs the chunk that the numbers tell of.
    fn run(&mut self) {
        if let &[count, -1.0, ..] = self.numbers.as_ref() {
            return self.send(count as usize);
        }
        let began_ns = clock::monotonic_ns();
        // SAFETY: the host lends numbers and output for this call, and JavaScript does not run during it.
        let (numbers, output) = unsafe { (self.numbers.as_mut(), self.output.as_mut()) };
        let &mut [
            session,
            length,
            now_ms,
            from,
            descriptor,
            ref mut outcome,
            ref mut sent,
            ref mut elapsed_ms,
        ] = numbers
        else {
            return;
        };
        let input: &[u8] = self.input.as_ref();
        let input = input.get(..length as usize).unwrap_or(input);
        let output = output.get_mut(from as usize..).unwrap_or_default();
        let store: &mut NativeStore = &mut self.store;
        let stop = store.store.execute(session as u32, input, now_ms as i64);
        *outcome = store.outcome(stop, output);
        let bytes = NativeStore::written(*outcome);
        let is_plain = stop == Stop::Drained && *outcome == bytes as f64 * 4096.0;
        *sent = match output.get(..bytes) {
            Some(reply) if is_plain && descriptor >= 0.0 && bytes > 0 => {
                f64::from(send::send(descriptor as i32, reply))
            }
            _ => 0.0,
        };
        *elapsed_ms = clock::monotonic_ns().saturating_sub(began_ns) as f64 / 1e6;
    }

    /// Sends the first `count` of a turn's replies; how much the system took stands where the descriptor stood. Behind
    /// a reply that it did not take whole nothing more is sent to the same descriptor.
    fn send(&mut self, count: usize) {
        // SAFETY: as in `run`.
        let sends = unsafe { self.sends.as_mut() };
        let output: &[u8] = self.output.as_ref();
        let mut stuck: Vec<i32> = Vec::new();
        for place in sends.chunks_exact_mut(3).take(count) {
            let &mut [ref mut descriptor, from, until] = place else { return };
            let bytes = output.get(from as usize..until as usize).unwrap_or_default();
            let to = *descriptor;
            *descriptor = 0;
            if to >= 0 && !stuck.contains(&to) {
                *descriptor = send::send(to, bytes) as i32;
                if (*descriptor as usize) < bytes.len() {
                    stuck.push(to);
                }
            }
        }
    }
}

/// The function itself. A panic becomes an error, as with every other call.
unsafe extern "C" fn run(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut lane: *mut c_void = null_mut();
    // SAFETY: environment and info are those of this call; what is not wanted of it may be null.
    let status = unsafe { sys::napi_get_cb_info(env, info, null_mut(), null_mut(), null_mut(), &mut lane) };
    if status != sys::Status::napi_ok || lane.is_null() {
        return null_mut();
    }
    // SAFETY: the function was made with its lane, which lives as long; nothing that runs below calls JavaScript, so it is
    // not entered twice.
    let lane = unsafe { &mut *lane.cast::<Lane>() };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| lane.run())) {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = CString::new(text.unwrap_or_else(|| "panic".into())).unwrap_or_default();
        // SAFETY: the text ends with a zero byte and outlives the call, which copies it.
        unsafe { sys::napi_throw_error(env, null_mut(), text.as_ptr()) };
    }
    null_mut()
}

/// Frees the lane of a function that is no more.
unsafe extern "C" fn finalize(_env: sys::napi_env, lane: *mut c_void, _hint: *mut c_void) {
    // SAFETY: this is the pointer that the function was made with, and nobody else has it.
    drop(unsafe { Box::from_raw(lane.cast::<Lane>()) });
}
