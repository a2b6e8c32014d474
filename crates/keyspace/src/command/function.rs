//! FUNCTION: libraries of functions. Their sources live in `Keyspace::libraries`; a change here changes both.
//!
//! A library lives in the store beside the databases: it is fed, saved into the RDB and emptied by FUNCTION FLUSH.

use super::script::err;
use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::glob::matches;
use crate::keyspace::{Keyspace, Stopped};
use crate::script::Side;
use crate::script::functions::{Functions, Library, payload, sources_in};

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Function => function,
        _ => return None,
    })
}

const HELP: [&str; 37] = [
    "LOAD [REPLACE] <FUNCTION CODE>",
    "    Create a new library with the given library name and code.",
    "DELETE <LIBRARY NAME>",
    "    Delete the given library.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Return general information on all the libraries:",
    "    * Library name",
    "    * The engine used to run the Library",
    "    * Library description",
    "    * Functions list",
    "    * Library code (if WITHCODE is given)",
    "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
    "STATS",
    "    Return information about the current function running:",
    "    * Function name",
    "    * Command used to run the function",
    "    * Duration in MS that the function is running",
    "    If no function is running, return nil",
    "    In addition, returns a list of available engines.",
    "KILL",
    "    Kill the current running function.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all the libraries.",
    "    When called without the optional mode argument, the behavior is determined by the",
    "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
    "    * ASYNC: Asynchronously flush the libraries.",
    "    * SYNC: Synchronously flush the libraries.",
    "DUMP",
    "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
    "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
    "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
    "    control how to handle existing libraries (default APPEND):",
    "    * FLUSH: delete all existing libraries.",
    "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
    "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
    "      libraries with the new libraries (notice that even on this option there is a chance of failure",
    "      in case of functions name collision with another library).",
];

/// The functions, made from the sources when they are not known yet.
pub(super) fn functions(keys: &mut Keyspace) -> Result<&mut Functions, Stopped> {
    if keys.scripts.functions.is_none() {
        let machine = keys.scripts.machine(Side::Functions)?;
        keys.scripts.functions = Some(Functions::of(&machine, &keys.libraries));
    }
    keys.scripts.functions.as_mut().ok_or(Stopped::Error(errors::NOT_SUPPORTED_YET))
}

/// The functions are these from now on.
fn adopt(keys: &mut Keyspace, functions: Functions) {
    keys.libraries = functions.sources();
    keys.scripts.functions = Some(functions);
    keys.dirty += 1;
}

fn function(call: &mut Call<'_>) -> Done {
    let word = call.args[1];
    match call.args {
        [_, _] if is(word, "HELP") => {
            call.help("FUNCTION", &HELP);
            Ok(())
        }
        [_, _, options @ .., code] if is(word, "LOAD") => load(call, options, code),
        [_, _, name] if is(word, "DELETE") => {
            let mut functions = functions(call.keys)?.clone();
            let before = functions.libraries.len();
            functions.libraries.retain(|library| library.name.as_bytes() != *name);
            if functions.libraries.len() == before {
                return Err("ERR Library not found".into());
            }
            adopt(call.keys, functions);
            call.reply.ok();
            Ok(())
        }
        [_, _, mode @ ..] if is(word, "FLUSH") && mode.len() < 2 => {
            if mode.first().is_some_and(|mode| !is(mode, "SYNC") && !is(mode, "ASYNC")) {
                return Err("ERR FUNCTION FLUSH only supports SYNC|ASYNC option".into());
            }
            adopt(call.keys, Functions::default());
            call.reply.ok();
            Ok(())
        }
        [_, _, options @ ..] if is(word, "LIST") => list(call, options),
        [_, _] if is(word, "DUMP") => {
            let compress = call.keys.settings.rdbcompression;
            match payload(&call.keys.libraries, compress) {
                Some(payload) => call.reply.bulk(&payload),
                None => return Err(errors::BAD_DUMP_PAYLOAD.into()),
            }
            Ok(())
        }
        [_, _, payload] if is(word, "RESTORE") => restore(call, payload, b"APPEND"),
        [_, _, payload, policy] if is(word, "RESTORE") => restore(call, payload, policy),
        [_, _] if is(word, "STATS") => {
            let current = call.keys.scripts.current.clone();
            if current.as_ref().is_some_and(|current| !current.function) {
                return Err(errors::BUSY_SCRIPT.into());
            }
            let now_ms = call.keys.now_ms;
            let libraries = &functions(call.keys)?.libraries;
            let count: usize = libraries.iter().map(|library| library.functions.len()).sum();
            let libraries = libraries.len();
            call.reply.map(2);
            call.reply.bulk(b"running_script");
            match current {
                None => call.reply.null(),
                Some(current) => {
                    call.reply.map(3);
                    call.reply.bulk(b"name");
                    call.reply.bulk(current.name.as_bytes());
                    call.reply.bulk(b"command");
                    call.reply.array(current.command.len());
                    current.command.iter().for_each(|word| call.reply.bulk(word));
                    call.reply.bulk(b"duration_ms");
                    call.reply.int((now_ms - current.started_ms).max(0));
                }
            }
            call.reply.bulk(b"engines");
            call.reply.map(1);
            call.reply.bulk(b"LUA");
            call.reply.map(2);
            call.reply.bulk(b"libraries_count");
            call.reply.count(libraries);
            call.reply.bulk(b"functions_count");
            call.reply.count(count);
            Ok(())
        }
        [_, _] if is(word, "KILL") => super::script::kill(call, true),
        _ => {
            let parts: [&[u8]; 3] =
                [b"unknown subcommand or wrong number of arguments for '", word, b"'. Try FUNCTION HELP."];
            Err(err(&parts.concat()))
        }
    }
}

fn load(call: &mut Call<'_>, options: &[&[u8]], code: &[u8]) -> Done {
    let mut replace = false;
    for option in options {
        if !is(option, "REPLACE") {
            return Err(err(&[b"Unknown option given: ", *option].concat()));
        }
        replace = true;
    }
    let mut known = functions(call.keys)?.clone();
    let machine = call.keys.scripts.machine(Side::Functions)?;
    let library = Library::load(&machine, code, |name| {
        let there = known.libraries.iter().any(|library| library.name == name);
        if there && !replace { Err(format!("Library '{name}' already exists").into_bytes()) } else { Ok(()) }
    })
    .map_err(|error| err(&error))?;
    let name = library.name.clone();
    known.add(library, replace).map_err(|error| err(&error))?;
    adopt(call.keys, known);
    call.reply.bulk(name.as_bytes());
    Ok(())
}

fn list(call: &mut Call<'_>, options: &[&[u8]]) -> Done {
    let (mut with_code, mut pattern) = (false, None);
    let mut rest = options;
    while let [word, after @ ..] = rest {
        rest = after;
        if !with_code && is(word, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && is(word, "LIBRARYNAME") {
            let [wanted, after @ ..] = rest else {
                return Err("ERR library name argument was not given".into());
            };
            pattern = Some(*wanted);
            rest = after;
        } else {
            return Err(err(&[b"Unknown argument ", *word].concat()));
        }
    }
    let wanted =
        |library: &&Library| pattern.is_none_or(|pattern| matches(pattern, library.name.as_bytes(), true));
    let functions = functions(call.keys)?.clone();
    let libraries: Vec<&Library> = functions.libraries.iter().filter(wanted).collect();
    let reply = &mut *call.reply;
    reply.array(libraries.len());
    for library in libraries {
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(library.name.as_bytes());
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        reply.bulk(b"functions");
        reply.array(library.functions.len());
        for function in &library.functions {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(function.name.as_bytes());
            reply.bulk(b"description");
            reply.bulk_or_null(function.description.as_deref());
            reply.bulk(b"flags");
            reply.set(function.flags.names().count());
            function.flags.names().for_each(|flag| reply.simple(flag));
        }
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.code);
        }
    }
    Ok(())
}

fn restore(call: &mut Call<'_>, payload: &[u8], policy: &[u8]) -> Done {
    let (flush, replace) = (is(policy, "FLUSH"), is(policy, "REPLACE"));
    if !flush && !replace && !is(policy, "APPEND") {
        return Err("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.".into());
    }
    let sources = sources_in(payload).map_err(|error| err(error.as_bytes()))?;
    let machine = call.keys.scripts.machine(Side::Functions)?;
    // Nothing changes unless all of it can be loaded.
    let mut functions = if flush { Functions::default() } else { functions(call.keys)?.clone() };
    let mut fresh = Functions::default();
    for source in sources {
        let library = Library::load(&machine, &source, |_| Ok(())).map_err(|error| err(&error))?;
        fresh.add(library, false).map_err(|error| err(&error))?;
    }
    for library in fresh.libraries {
        functions.add(library, replace).map_err(|error| err(&error))?;
    }
    adopt(call.keys, functions);
    call.reply.ok();
    Ok(())
}
