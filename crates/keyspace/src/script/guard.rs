//! Lua's own functions, made safe to be given a proxy of prelude.lua or a range that deceives them.
//!
//! Its one idea: the guard is a C function that looks at the arguments and then *becomes* Lua's function, in the same
//! frame. So errors keep the name and the line that Lua gives them, which a call through another function would lose.
//!
//! ```text
//! script: table.insert(redis, 1) --> guarded --> behind[redis]? refuse : the table behind --> Lua's insert
//! ```

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Table};
use std::ffi::{CStr, c_int};

const READONLY: &CStr = c"Attempt to modify a readonly table";
const TOO_MANY: &CStr = c"too many results to unpack";

/// A guard around a function written in C: a proxy as its first argument is replaced by the table behind it; with from
/// `min` to `max` arguments, by which it would be changed, it is refused.
pub fn reading(lua: &Lua, wanted: (Function, Table, i32, i32)) -> mlua::Result<Function> {
    // SAFETY: the four values are on the stack, and become the closure's upvalues; nothing else is touched.
    unsafe { lua.exec_raw(wanted, |state| ffi::lua_pushcclosure(state, guarded, 4)) }
}

/// The same for unpack, with an eye on the range.
pub fn unpacking(lua: &Lua, wanted: (Function, Table)) -> mlua::Result<Function> {
    // SAFETY: as in `reading`, with two values.
    unsafe { lua.exec_raw(wanted, |state| ffi::lua_pushcclosure(state, unpack, 2)) }
}

/// Replaces a proxy by the table behind it; true when there was one and `refuse` would have it refused.
///
/// # Safety
/// Only from a C function that Lua calls, with the table of proxies as upvalue 2.
unsafe fn look_behind(state: *mut lua_State, refuse: bool) -> bool {
    // SAFETY: Lua gives a C function `LUA_MINSTACK` free places; two are used.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            return false;
        }
        ffi::lua_pushvalue(state, 1);
        ffi::lua_rawget(state, ffi::lua_upvalueindex(2));
        let found = ffi::lua_type(state, -1) == ffi::LUA_TTABLE;
        if found && !refuse {
            ffi::lua_replace(state, 1);
        } else {
            ffi::lua_settop(state, -2);
        }
        found && refuse
    }
}

/// Goes on as the C function that is upvalue 1.
///
/// # Safety
/// Only from a C function that Lua calls, with a C function that has no upvalues of its own as upvalue 1.
unsafe fn become_wrapped(state: *mut lua_State) -> c_int {
    // SAFETY: the wrapped function finds the frame as if Lua had called it. An error leaves through this frame, which
    // holds nothing that would have to be dropped.
    unsafe {
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
            Some(function) => function(state),
            None => 0,
        }
    }
}

unsafe extern "C-unwind" fn guarded(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with its arguments; the upvalues are those of `reading`.
    unsafe {
        let bound = |index| ffi::lua_tonumber(state, ffi::lua_upvalueindex(index)) as c_int;
        let refuse = (bound(3)..=bound(4)).contains(&ffi::lua_gettop(state));
        if look_behind(state, refuse) {
            ffi::lua_pushstring(state, READONLY.as_ptr());
            ffi::lua_error(state);
        }
        become_wrapped(state)
    }
}

unsafe extern "C-unwind" fn unpack(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with its arguments; the upvalues are those of `unpacking`.
    unsafe {
        look_behind(state, false);
        if ffi::lua_isnumber(state, 2) != 0 && ffi::lua_isnumber(state, 3) != 0 {
            // As C makes ints of them.
            let bound = |index| i64::from(ffi::lua_tonumber(state, index) as i64 as i32);
            if bound(3) - bound(2) >= i64::from(i32::MAX) {
                ffi::luaL_error(state, TOO_MANY.as_ptr());
            }
        }
        become_wrapped(state)
    }
}
