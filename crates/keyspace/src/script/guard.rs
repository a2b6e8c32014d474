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
use std::ffi::{CStr, c_int, c_void};

const READONLY: &CStr = c"Attempt to modify a readonly table";
const TOO_COMPLEX: &CStr = c"pattern too complex";
/// Matching recurses once for each item of the pattern, and a script's stack is finite.
const PATTERN_BYTES_MAX: usize = 20_000;
const TOO_MANY: &CStr = c"too many results to unpack";

/// A guard around a function written in C: a proxy as its first argument is replaced by the table behind it; with from
/// `min` to `max` arguments, by which it would be changed, it is refused.
pub fn reading(lua: &Lua, wanted: (Function, Table, i32, i32)) -> mlua::Result<Function> {
    // SAFETY: the four values are on the stack, and become the closure's upvalues; nothing else is touched.
    unsafe { lua.exec_raw(wanted, |state| ffi::lua_pushcclosure(state, guarded, 4)) }
}

/// A guard around find, match, gmatch and gsub: their pattern is of a bearable length.
pub fn matching(lua: &Lua, wanted: Function) -> mlua::Result<Function> {
    // SAFETY: as in `reading`, with one value.
    unsafe { lua.exec_raw(wanted, |state| ffi::lua_pushcclosure(state, match_guarded, 1)) }
}

unsafe extern "C-unwind" fn match_guarded(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with its arguments; the upvalue is that of `matching`.
    unsafe {
        if ffi::lua_type(state, 2) == ffi::LUA_TSTRING && ffi::lua_objlen(state, 2) > PATTERN_BYTES_MAX {
            ffi::luaL_error(state, TOO_COMPLEX.as_ptr());
        }
        become_wrapped(state)
    }
}

/// The same for unpack, with an eye on the range.
pub fn unpacking(lua: &Lua, wanted: (Function, Table)) -> mlua::Result<Function> {
    // SAFETY: as in `reading`, with two values.
    unsafe { lua.exec_raw(wanted, |state| ffi::lua_pushcclosure(state, unpack, 2)) }
}

/// redis.call (`raises`) or redis.pcall: what `native.call` answers, or its error raised. A C function, because Lua would
/// hold all arguments twice, and its stack is bounded.
pub fn caller(lua: &Lua, wanted: (Table, bool)) -> mlua::Result<Function> {
    // SAFETY: as in `reading`, with two values.
    unsafe { lua.exec_raw(wanted, |state| ffi::lua_pushcclosure(state, call_native, 2)) }
}

/// As many arguments are passed on as they are; more as a list behind `list_mark`.
const PLAIN_ARGUMENTS_MAX: c_int = 200;

/// What no script can make: a light userdata that says a list follows.
pub fn list_mark() -> *mut c_void {
    static MARK: u8 = 0;
    std::ptr::from_ref(&MARK).cast_mut().cast()
}

unsafe extern "C-unwind" fn call_native(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with its arguments and `LUA_MINSTACK` free places, of which five are used; the upvalues are
    // those of `caller`. An error leaves through this frame, which holds nothing that would have to be dropped.
    unsafe {
        let count = ffi::lua_gettop(state);
        let mut passed = count;
        if count > PLAIN_ARGUMENTS_MAX {
            ffi::lua_createtable(state, count, 0);
            for index in 1..=count {
                ffi::lua_pushvalue(state, index);
                ffi::lua_rawseti(state, -2, index as ffi::lua_Integer);
            }
            ffi::lua_replace(state, 1);
            ffi::lua_settop(state, 1);
            ffi::lua_pushlightuserdata(state, list_mark());
            ffi::lua_insert(state, 1);
            passed = 2;
        }
        ffi::lua_getfield(state, ffi::lua_upvalueindex(1), c"call".as_ptr());
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, passed, 2);
        if ffi::lua_toboolean(state, -2) == 0 && ffi::lua_toboolean(state, ffi::lua_upvalueindex(2)) != 0 {
            ffi::lua_error(state);
        }
        1
    }
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
