//! The Lua state: made once, with the sandbox of prelude.lua in it; compiles and runs scripts and functions.
//!
//! Its one idea: no Rust function that Lua calls raises an error itself. It answers true and its results, or false and
//! the error, and the prelude raises that in Lua, where it has the script's line and can be caught as Redis's can.
//!
//! A script runs on a stack of its own (`turns`) and rests every `TURN_INSTRUCTIONS`; there is no clock here, so how long
//! it may go on is the host's to say. Once it is killed every further instruction fails, so that no pcall holds it back.
//! Nor can it take all memory: beyond `MEMORY_MAX` Lua's allocations fail ("not enough memory").

use super::functions::Registered;
use super::inner::{Inner, Step};
use super::shebang::Flags;
use super::turns::{Rest, Shared, Turn, Turns};
use super::{bit, cjson, cmsgpack, guard, sha1_hex, struct_lib};
use crate::acl::{Named, Permissions};
use crate::keyspace::Keyspace;
use mlua::{Function, HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, Value, Variadic, VmState};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Bytes that all scripts together may hold.
const MEMORY_MAX: usize = 1 << 30;
/// Lua's garbage is collected before its memory is told, up to this many bytes.
const COLLECTED_BYTES_MAX: usize = 1 << 19;
/// Instructions between two rests of a script: about a millisecond.
const TURN_INSTRUCTIONS: u32 = 100_000;
/// Instructions that loading a library may take: about the half second that Redis gives it.
const LOAD_INSTRUCTIONS: u64 = 50_000_000;
/// What a killed script fails with, as Redis says it of scripts and functions alike.
const KILLED: &str = "ERR Script killed by user with SCRIPT KILL...";

/// A compiled script or function.
#[derive(Clone, Debug)]
pub struct Compiled(Function);

/// What a run gave.
#[derive(Debug)]
pub enum Outcome {
    /// The script's (first) result.
    Returned(Value),
    /// The error it ended with: a table with `err`, or something else.
    Failed(Value),
}

/// What the Rust functions of a run share with it.
#[derive(Debug, Default)]
pub struct Run {
    /// redis.setresp(3).
    pub resp3: Cell<bool>,
    /// redis.set_repl: bits 1 (AOF) and 2 (replicas).
    pub replicate: Cell<u8>,
    /// What the caller may do; None for everything.
    pub permissions: RefCell<Option<Permissions>>,
    /// It has written; it may not be killed any longer.
    pub wrote: Cell<bool>,
    /// SCRIPT KILL.
    pub killed: Cell<bool>,
    /// The source and the line where it was killed.
    killed_at: RefCell<Option<(String, usize)>>,
    /// The data it works on, and how it rests.
    pub turns: Rc<Shared>,
    /// redis.log: level and text, until the host fetches them.
    pub logs: RefCell<Vec<(u8, Vec<u8>)>>,
    left: Cell<u64>,
    random: Cell<u64>,
}

/// A script that was started and is not over. Dropped, it is ended.
#[derive(Debug)]
pub(crate) struct Running {
    turns: Turns<mlua::Result<Outcome>>,
    run: Rc<Run>,
}

impl Running {
    /// What the run shares with its functions.
    pub(crate) fn shared(&self) -> &Rc<Run> {
        &self.run
    }

    /// See `Turns::go_on`.
    pub(crate) fn go_on(
        &mut self,
        keys: &mut Keyspace,
        answer: Option<Vec<u8>>,
    ) -> Option<Turn<mlua::Result<Outcome>>> {
        self.turns.go_on(keys, answer)
    }
}

impl Drop for Running {
    /// Frames of C must not be unwound, so the script is killed and goes on until it is over: it has no way to stay.
    fn drop(&mut self) {
        self.run.killed.set(true);
        while let Some(Turn::Rests(_)) = self.turns.go_on_without_data() {}
    }
}

/// The Lua state. Clones are the same state.
#[derive(Clone, Debug)]
pub struct Machine {
    lua: Lua,
    native: Table,
    prelude: Table,
    run: Rc<Run>,
}

impl Machine {
    /// A state with nothing in it but the sandbox.
    pub(super) fn new() -> mlua::Result<Machine> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(false))?;
        lua.set_memory_limit(MEMORY_MAX)?;
        let run = Rc::new(Run { random: Cell::new(0x1234_ABCD_330E), ..Run::default() });
        let native = lua.create_table()?;
        native.set("version", "7.0.15")?;
        native.set("version_number", 0x0007_000F)?;
        native.set("flags", lua.create_table_from(super::shebang::NAMES.map(|name| (name, true)))?)?;
        native.set("around", lua.create_function(around)?)?;
        native.set("matching", lua.create_function(guard::matching)?)?;
        native.set("caller", lua.create_function(guard::caller)?)?;
        native.set("where", lua.create_function(|lua, ()| Ok(place(lua)))?)?;
        let sha1 = |lua: &Lua, text: mlua::String| lua.create_string(sha1_hex(&text.as_bytes()));
        native.set("sha1hex", lua.create_function(sha1)?)?;
        let shared = run.clone();
        let acl_check_cmd = move |lua: &Lua, args: MultiValue| acl_check_cmd(lua, &args, &shared);
        native.set("acl_check_cmd", lua.create_function(acl_check_cmd)?)?;
        let shared = run.clone();
        let setresp = move |_: &Lua, version: f64| {
            shared.resp3.set(version == 3.0);
            Ok(())
        };
        native.set("setresp", lua.create_function(setresp)?)?;
        let shared = run.clone();
        let set_repl = move |_: &Lua, bits: f64| {
            shared.replicate.set(bits as u8);
            Ok(())
        };
        native.set("set_repl", lua.create_function(set_repl)?)?;
        let shared = run.clone();
        let log = move |_: &Lua, (level, text): (u8, mlua::String)| {
            let line = text.as_bytes().to_vec();
            shared.logs.borrow_mut().push((level, line));
            Ok(())
        };
        native.set("log", lua.create_function(log)?)?;
        let shared = run.clone();
        native.set("killed", lua.create_function(move |_, ()| Ok(shared.killed.get()))?)?;
        let shared = run.clone();
        native.set("random", lua.create_function(move |_, ()| Ok(shared.next_random()))?)?;
        let shared = run.clone();
        let seed = move |_: &Lua, seed: f64| {
            shared.random.set(((seed as i64 as u32 as u64) << 16) | 0x330E);
            Ok(())
        };
        native.set("seed", lua.create_function(seed)?)?;
        native.set("guard", lua.create_function(guard::reading)?)?;
        native.set("unpack", lua.create_function(guard::unpacking)?)?;
        native.set("new_cjson", lua.create_function(|lua, ()| cjson::library(lua))?)?;
        let modules = lua.create_table()?;
        modules.set("bit", bit::library(&lua)?)?;
        modules.set("cjson", cjson::library(&lua)?)?;
        modules.set("cmsgpack", cmsgpack::library(&lua)?)?;
        modules.set("struct", struct_lib::library(&lua)?)?;
        native.set("libraries", modules)?;
        let chunk = lua.load(include_str!("prelude.lua")).set_name("=redtwin");
        let prelude: Table = chunk.call(&native)?;
        // Chunks that scripts load themselves see what scripts see.
        lua.set_globals(prelude.get("eval_env")?)?;
        Ok(Machine { lua, native, prelude, run })
    }

    /// Bytes that Lua's values take. While they are few, the garbage among them is collected first (less than a
    /// millisecond), because what nobody can reach any more is nobody's memory; `is_resting` forbids it.
    pub fn memory_bytes(&self, is_resting: bool) -> usize {
        if !is_resting && self.lua.used_memory() < COLLECTED_BYTES_MAX {
            // Twice, because what mlua holds is let go in the first round. It fails only in finalizers; scripts can make none.
            self.lua.gc_collect().and_then(|()| self.lua.gc_collect()).ok();
        }
        self.lua.used_memory()
    }

    /// What a run shares with its functions.
    pub(crate) fn shared(&self) -> &Rc<Run> {
        &self.run
    }

    fn compile(&self, code: &[u8], name: &str, environment: Table) -> Result<Function, Vec<u8>> {
        // Never anything but text: what string.dump gives would be trusted. The space makes it an error of syntax.
        let code = if code.first() == Some(&27) { [b" ", code].concat() } else { code.to_vec() };
        let chunk = self.lua.load(code).set_name(name).set_mode(mlua::ChunkMode::Text);
        chunk.set_environment(environment).into_function().map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message.into_bytes(),
            other => other.to_string().into_bytes(),
        })
    }

    /// Compiles a script.
    ///
    /// # Errors
    /// Lua's message.
    pub fn compile_script(&self, code: &[u8]) -> Result<Compiled, Vec<u8>> {
        let environment = self.prelude.get("eval_env").map_err(message)?;
        Ok(Compiled(self.compile(code, "@user_script", environment)?))
    }

    /// Runs a library's code once.
    ///
    /// # Errors
    /// Redis's words, without ERR.
    pub fn load_library(&self, code: &[u8]) -> Result<Vec<Registered>, Vec<u8>> {
        let make: Function = self.prelude.get("library_env").map_err(message)?;
        let (environment, behind): (Table, Table) = make.call(()).map_err(message)?;
        let code = self
            .compile(code, "@user_function", environment)
            .map_err(|error| [b"Error compiling function: ", error.as_slice()].concat())?;
        let load: Function = self.prelude.get("load").map_err(message)?;
        self.begin_load().map_err(message)?;
        let done = load.call::<(bool, Value)>((code, behind));
        let killed = self.end_load();
        let failed = |why: &[u8]| [b"Error registering functions: ", why].concat();
        if killed {
            return Err(failed(b"ERR FUNCTION LOAD timeout"));
        }
        match done {
            Ok((true, Value::Table(list))) => list
                .sequence_values::<Table>()
                .map(|item| item.and_then(|item| registered(&item)).map_err(message))
                .collect(),
            Ok((_, error)) => Err(failed(&super::convert::error_text(&error))),
            Err(error) => Err(failed(&message(error))),
        }
    }

    /// Makes a script (`function` false) or a function ready to run; `Running::go_on` runs it.
    pub(crate) fn start(
        &self,
        compiled: &Compiled,
        function: bool,
        keys: &[&[u8]],
        argv: &[&[u8]],
        mut inner: Inner,
    ) -> mlua::Result<Running> {
        let list = |words: &[&[u8]]| {
            let table = self.lua.create_table_with_capacity(words.len(), 0)?;
            for word in words {
                table.raw_push(self.lua.create_string(word)?)?;
            }
            Ok::<Table, mlua::Error>(table)
        };
        let body: Function = self.prelude.get(if function { "fcall" } else { "eval" })?;
        let (keys, argv) = (list(keys)?, list(argv)?);
        self.run.resp3.set(false);
        self.run.replicate.set(3);
        self.run.wrote.set(false);
        self.run.killed.set(false);
        let (machine, compiled) = (self.clone(), compiled.0.clone());
        let script = move || {
            let call = |lua: &Lua, args: Variadic<Value>| machine.run.call(lua, &mut inner, &args);
            let done = machine.lua.scope(|scope| {
                machine.native.raw_set("call", scope.create_function_mut(call)?)?;
                machine.begin_turns()?;
                body.call::<(bool, Value)>((compiled, keys, argv))
            });
            machine.outcome(done)
        };
        let turns = Turns::new(&self.run.turns, script).map_err(mlua::Error::external)?;
        Ok(Running { turns, run: self.run.clone() })
    }

    /// What a run gave, the hooks being gone.
    fn outcome(&self, done: mlua::Result<(bool, Value)>) -> mlua::Result<Outcome> {
        self.lua.remove_global_hook();
        self.lua.remove_hook();
        if self.run.killed.get() {
            let error = super::convert::error_table(&self.lua, KILLED)?;
            if let Some((source, line)) = self.run.killed_at.take() {
                error.raw_set("source", source)?;
                error.raw_set("line", line)?;
            }
            return Ok(Outcome::Failed(Value::Table(error)));
        }
        match done? {
            (true, value) => Ok(Outcome::Returned(value)),
            (false, error) => Ok(Outcome::Failed(error)),
        }
    }

    /// From now on Lua rests after every turn, and ends where it is killed.
    fn begin_turns(&self) -> mlua::Result<()> {
        let run = self.run.clone();
        let every = HookTriggers::new().every_nth_instruction(TURN_INSTRUCTIONS);
        self.lua.set_global_hook(every, move |lua, _| {
            run.turns.rest(Rest::Busy);
            if !run.killed.get() {
                return Ok(VmState::Continue);
            }
            run.killed_at.replace(place_from(lua, 0));
            end_here(lua)
        })
    }

    /// From now on Lua ends after `LOAD_INSTRUCTIONS`.
    fn begin_load(&self) -> mlua::Result<()> {
        self.run.left.set(LOAD_INSTRUCTIONS);
        self.run.killed.set(false);
        let run = self.run.clone();
        let every = HookTriggers::new().every_nth_instruction(TURN_INSTRUCTIONS);
        self.lua.set_global_hook(every, move |lua, _| {
            let left = run.left.get().saturating_sub(u64::from(TURN_INSTRUCTIONS));
            run.left.set(left);
            if left > 0 {
                return Ok(VmState::Continue);
            }
            run.killed.set(true);
            end_here(lua)
        })
    }

    /// True when loading took too long.
    fn end_load(&self) -> bool {
        self.lua.remove_global_hook();
        self.lua.remove_hook();
        self.run.killed.get()
    }
}

/// Fails here and at every further instruction: no pcall holds it back.
fn end_here(lua: &Lua) -> mlua::Result<VmState> {
    let over = |_: &Lua, _: &mlua::Debug<'_>| Err(mlua::Error::runtime("script killed"));
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(1), over)?;
    Err(mlua::Error::runtime("script killed"))
}

impl Run {
    /// redis.call and redis.pcall: true and the result, or false and an error table.
    fn call(&self, lua: &Lua, inner: &mut Inner, args: &[Value]) -> mlua::Result<(bool, Value)> {
        let gone = || {
            let table = super::convert::error_table(lua, "ERR the script is being ended")?;
            Ok((false, Value::Table(table)))
        };
        let list;
        let args = match args {
            // More arguments than Lua's stack has room for beside them come as a list.
            [Value::LightUserData(mark), Value::Table(table)] if mark.0 == guard::list_mark() => {
                list = table.sequence_values().collect::<mlua::Result<Vec<Value>>>()?;
                &list
            }
            args => args,
        };
        let step = match self.turns.with_keys(|keys| inner.call(keys, lua, args)) {
            Some(step) => step?,
            None => return gone(),
        };
        match step {
            Step::Done(ok, value) => Ok((ok, value)),
            Step::Ask(words) => match self.turns.rest(Rest::Asks(words)) {
                Some(answer) => inner.answered(lua, &answer),
                None => gone(),
            },
        }
    }

    /// lrand48 over its range, as math.random of Redis's scripts.
    fn next_random(&self) -> f64 {
        let next = self.random.get().wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & 0xFFFF_FFFF_FFFF;
        self.random.set(next);
        let number = (next >> 17) as u32 & 0x7FFF_FFFF;
        f64::from(number % 0x7FFF_FFFF) / f64::from(0x7FFF_FFFFu32)
    }
}

/// An error of mlua's own, as text.
pub(crate) fn message(error: mlua::Error) -> Vec<u8> {
    error.to_string().into_bytes()
}

/// A C function around a Lua function: see `expose` in prelude.lua.
fn around(lua: &Lua, function: Function) -> mlua::Result<Function> {
    // SAFETY: the function is the one value on the stack, and becomes the closure's upvalue; nothing else is touched.
    unsafe { lua.exec_raw(function, |state| mlua::ffi::lua_pushcclosure(state, call_through, 1)) }
}

/// Calls upvalue 1 with the arguments and gives its results.
unsafe extern "C-unwind" fn call_through(state: *mut mlua::ffi::lua_State) -> std::ffi::c_int {
    use mlua::ffi;
    // SAFETY: Lua calls this with its arguments and `LUA_MINSTACK` free places. An error leaves through this frame, which
    // holds nothing that would have to be dropped.
    unsafe {
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, ffi::lua_gettop(state) - 1, ffi::LUA_MULTRET);
        ffi::lua_gettop(state)
    }
}

/// Source and line of the script that runs, from inside a function called by prelude.lua's handler.
fn place(lua: &Lua) -> (Option<String>, Option<usize>) {
    place_from(lua, 1).unzip()
}

/// Source and line of the innermost function of a script, from this level on.
fn place_from(lua: &Lua, mut level: usize) -> Option<(String, usize)> {
    loop {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let text = source.source.map(|text| text.into_owned()).unwrap_or_default();
            let own = source.what == "C" || source.what == "tail" || text == "=redtwin";
            (!own).then(|| (text, debug.current_line()))
        });
        match found? {
            Some((source, Some(line))) => return Some((source, line)),
            _ => level += 1,
        }
    }
}

fn registered(item: &Table) -> mlua::Result<Registered> {
    let mut flags = Flags::default();
    for flag in item.get::<Table>("flags")?.sequence_values::<mlua::String>() {
        flags.add(&flag?.as_bytes());
    }
    let description: Option<mlua::String> = item.get("description")?;
    Ok(Registered {
        name: item.get::<mlua::String>("name")?.to_string_lossy(),
        description: description.map(|text| text.as_bytes().to_vec()),
        flags,
        compiled: Compiled(item.get("callback")?),
    })
}

/// redis.acl_check_cmd: may the caller run this command?
fn acl_check_cmd(lua: &Lua, args: &MultiValue, run: &Run) -> mlua::Result<(bool, Value)> {
    let refuse = |text| super::convert::error_table(lua, text).map(|table| (false, Value::Table(table)));
    if args.is_empty() {
        return refuse("ERR Please specify at least one argument for this redis lib call");
    }
    let Some(words) = args.iter().map(super::convert::argument).collect::<Option<Vec<_>>>() else {
        return refuse("ERR Lua redis lib command arguments must be strings or integers");
    };
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let Some((spec, ..)) = super::inner::known(&words) else {
        return refuse("ERR Invalid command passed to redis.acl_check_cmd()");
    };
    let permissions = run.permissions.borrow();
    let named = Named::new(spec, &words);
    let is_allowed = permissions.as_ref().is_none_or(|all| all.judge(named, &words).is_none());
    Ok((true, Value::Boolean(is_allowed)))
}
