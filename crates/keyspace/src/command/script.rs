//! SCRIPT: the cache that EVALSHA looks into, and the end of a script that takes too long.
//!
//! KILL and FLUSH meet a script that rests (store/busy.rs) or none at all; LOAD and EXISTS only look at the cache. DEBUG
//! answers as when there is no debugger: there is none here.

use super::{Call, Done, Handler, is};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Keyspace, Stopped};
use crate::script::{Killing, Script, Sha, Side, sha1_hex, shebang};

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Script => script,
        _ => return None,
    })
}

const HELP: [&str; 16] = [
    "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DEBUG (YES|SYNC|NO)",
    "    Set the debug mode for subsequent scripts executed.",
    "EXISTS <sha1> [<sha1> ...]",
    "    Return information about the existence of the scripts in the script cache.",
    "FLUSH [ASYNC|SYNC]",
    "    Flush the Lua scripts cache. Very dangerous on replicas.",
    "    When called without the optional mode argument, the behavior is determined by the",
    "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
    "    * ASYNC: Asynchronously flush the scripts cache.",
    "    * SYNC: Synchronously flush the scripts cache.",
    "KILL",
    "    Kill the currently executing Lua script.",
    "LOAD <script>",
    "    Load a script into the scripts cache without executing it.",
    "HELP",
];

/// "ERR " and these bytes.
pub(super) fn err(text: &[u8]) -> Stopped {
    Stopped::Text([b"ERR ", text].concat())
}

fn script(call: &mut Call<'_>) -> Done {
    let word = call.args[1];
    match call.args {
        [_, _] if is(word, "HELP") => {
            call.reply.array(HELP.len() + 1);
            HELP.iter().for_each(|line| call.reply.simple(line));
            call.reply.simple("    Prints this help.");
        }
        [_, _, shas @ ..] if is(word, "EXISTS") => {
            call.reply.array(shas.len());
            for sha in shas {
                let known = known_sha(sha).is_some_and(|sha| call.keys.scripts.cache.contains_key(&sha));
                call.reply.flag(known);
            }
        }
        [_, _, mode @ ..] if is(word, "FLUSH") => {
            match mode {
                [] => {}
                [mode] if is(mode, "SYNC") || is(mode, "ASYNC") => {}
                _ => return Err("ERR SCRIPT FLUSH only support SYNC|ASYNC option".into()),
            }
            call.keys.scripts.flush();
            call.reply.ok();
        }
        [_, _, body] if is(word, "LOAD") => {
            let sha = load(call.keys, body)?;
            call.reply.bulk(sha.as_bytes());
        }
        [_, _] if is(word, "KILL") => kill(call, false)?,
        [_, _, mode] if is(word, "DEBUG") => {
            if is(mode, "NO") {
                call.reply.ok();
            } else if is(mode, "YES") || is(mode, "SYNC") {
                return Err("ERR SCRIPT DEBUG is not supported: there is no Lua debugger here".into());
            } else {
                return Err("ERR Use SCRIPT DEBUG YES/SYNC/NO".into());
            }
        }
        _ => {
            return Err(err(&[
                b"unknown subcommand or wrong number of arguments for '",
                word,
                b"'. Try SCRIPT HELP.",
            ]
            .concat()));
        }
    }
    Ok(())
}

/// SCRIPT KILL, and FUNCTION KILL (`function`), in Redis's order of refusals.
pub(super) fn kill(call: &mut Call<'_>, function: bool) -> Done {
    let scripts = &call.keys.scripts;
    let is_function = scripts.current.as_ref().is_some_and(|current| current.function);
    match scripts.may_be_killed() {
        Killing::NothingRuns => return Err("NOTBUSY No scripts in execution right now.".into()),
        Killing::FromPrimary => return Err(errors::UNKILLABLE_FROM_PRIMARY.into()),
        Killing::Wrote => return Err(errors::UNKILLABLE_WROTE.into()),
        Killing::Possible if is_function && !function => return Err(errors::BUSY_FUNCTION.into()),
        Killing::Possible if function && !is_function => return Err(errors::BUSY_SCRIPT.into()),
        Killing::Possible => {}
    }
    scripts.kill();
    call.reply.ok();
    Ok(())
}

/// A SHA-1 as the cache's names are written; None when it is none.
pub(super) fn known_sha(text: &[u8]) -> Option<Sha> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 40)?;
    Some(text.to_ascii_lowercase())
}

/// Puts a script into the cache, unless it is there. Gives its name.
pub(super) fn load(keys: &mut Keyspace, body: &[u8]) -> Result<Sha, Stopped> {
    let sha = sha1_hex(body);
    if keys.scripts.cache.contains_key(&sha) {
        return Ok(sha);
    }
    let (flags, start) = match shebang::of_script(body).map_err(|error| err(&error))? {
        Some((flags, start)) => (Some(flags), start),
        None => (None, 0),
    };
    let machine = keys.scripts.machine(Side::Scripts)?;
    let compiled = machine
        .compile_script(body.get(start..).unwrap_or_default())
        .map_err(|error| err(&[b"Error compiling script (new function): ", error.as_slice()].concat()))?;
    let script = Script { compatible: flags.is_none(), flags: flags.unwrap_or_default(), compiled };
    keys.scripts.cache_bytes += body.len();
    keys.scripts.cache.insert(sha.clone(), script);
    Ok(sha)
}
