//! EVAL, EVALSHA, FCALL and their read-only forms: admitted, run, replied.
//!
//! ```text
//! EVAL body numkeys key... arg...
//!    cache (compiled at the first time) -> may it run now? -> Lua -> reply
//!    its writes are effects of this unit; the command itself is never fed
//! ```

use super::script::{err, known_sha, load};
use super::{Call, Done, Handler};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::keyspace::{Caller, Keyspace, Stopped};
use crate::script::inner::{Inner, out_of_memory};
use crate::script::shebang::Flags;
use crate::script::{Compiled, Outcome, Rights, convert};
use crate::session::Session;
use redtwin_resp::{Protocol, Reply};

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Eval => |call| eval(call, false),
        CommandId::EvalRo => |call| eval(call, true),
        CommandId::Evalsha => |call| evalsha(call, false),
        CommandId::EvalshaRo => |call| evalsha(call, true),
        CommandId::Fcall => |call| fcall(call, false),
        CommandId::FcallRo => |call| fcall(call, true),
        _ => return None,
    })
}

/// What the script or function that a command names says of itself; None for one that says nothing (a script without
/// `#!` line) or cannot be found.
pub(crate) fn declared_flags(keys: &mut Keyspace, id: CommandId, args: &[&[u8]]) -> Option<Flags> {
    let name = args.get(1)?;
    match id {
        CommandId::Fcall | CommandId::FcallRo => {
            super::function::functions(keys).ok()?.find(name).map(|function| function.flags)
        }
        CommandId::Evalsha | CommandId::EvalshaRo => {
            let script = keys.scripts.cache.get(&known_sha(name)?)?;
            (!script.compatible).then_some(script.flags)
        }
        _ => crate::script::shebang::of_script(name).ok()?.map(|(flags, _)| flags),
    }
}

/// What is to be run.
struct Program {
    compiled: Compiled,
    /// As errors name it: the SHA-1, or the function's name.
    name: String,
    flags: Flags,
    /// A script without a `#!` line.
    compatible: bool,
    function: bool,
}

/// Keys and arguments behind their number.
fn split<'a>(
    args: &[&'a [u8]],
    not_a_number: &'static str,
) -> Result<(Vec<&'a [u8]>, Vec<&'a [u8]>), Stopped> {
    let count = args.get(2).and_then(|text| redtwin_resp::parse_i64(text)).ok_or(not_a_number)?;
    let rest = args.get(3..).unwrap_or_default();
    if count > rest.len() as i64 {
        return Err("ERR Number of keys can't be greater than number of args".into());
    }
    let Ok(count) = usize::try_from(count) else {
        return Err("ERR Number of keys can't be negative".into());
    };
    let (keys, argv) = rest.split_at(count);
    Ok((keys.to_vec(), argv.to_vec()))
}

fn eval(call: &mut Call<'_>, read_only: bool) -> Done {
    let (keys, argv) = split(call.args, errors::NOT_INTEGER)?;
    let sha = load(call.keys, call.args[1])?;
    run_cached(call, sha, &keys, &argv, read_only)
}

fn evalsha(call: &mut Call<'_>, read_only: bool) -> Done {
    let Some(sha) = known_sha(call.args[1]) else { return Err(errors::NO_SCRIPT.into()) };
    let (keys, argv) = split(call.args, errors::NOT_INTEGER)?;
    run_cached(call, sha, &keys, &argv, read_only)
}

fn run_cached(call: &mut Call<'_>, sha: String, keys: &[&[u8]], argv: &[&[u8]], read_only: bool) -> Done {
    let Some(script) = call.keys.scripts.cache.get(&sha).cloned() else {
        return Err(errors::NO_SCRIPT.into());
    };
    let program = Program {
        compiled: script.compiled,
        name: sha,
        flags: script.flags,
        compatible: script.compatible,
        function: false,
    };
    run(call, &program, keys, argv, read_only)
}

fn fcall(call: &mut Call<'_>, read_only: bool) -> Done {
    let functions = super::function::functions(call.keys)?;
    let Some(function) = functions.find(call.args[1]) else { return Err("ERR Function not found".into()) };
    let program = Program {
        compiled: function.compiled.clone(),
        name: function.name.clone(),
        flags: function.flags,
        compatible: false,
        function: true,
    };
    let (keys, argv) = split(call.args, "ERR Bad number of keys provided")?;
    run(call, &program, &keys, &argv, read_only)
}

/// Why a script may not run now, in Redis's order (script.c, scriptPrepareForRun).
fn refusal(keys: &Keyspace, program: &Program, read_only: bool) -> Option<&'static str> {
    let Keyspace { gates, .. } = keys;
    let client = keys.caller == Caller::Client;
    let writes = !program.flags.no_writes();
    if program.compatible {
        return (gates.master_down && client).then_some(errors::MASTER_DOWN);
    }
    if gates.master_down && client && !program.flags.allow_stale() {
        return Some(
            "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is \
             not set on the script.",
        );
    }
    if writes && client {
        if read_only {
            return Some("ERR Can not execute a script with write flag using *_ro command.");
        }
        if gates.read_only {
            return Some("READONLY Can not run script with write flag on readonly replica.");
        }
        if gates.misconf && !gates.replica {
            return Some(errors::MISCONF);
        }
        if gates.no_replicas && !gates.replica {
            return Some(errors::NO_REPLICAS);
        }
    }
    if writes && !program.flags.allow_oom() && out_of_memory(keys) {
        return Some(
            "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
        );
    }
    None
}

fn run(call: &mut Call<'_>, program: &Program, keys: &[&[u8]], argv: &[&[u8]], read_only: bool) -> Done {
    if let Some(error) = refusal(call.keys, program, read_only) {
        return Err(error.into());
    }
    let machine = call.keys.scripts.machine()?;
    let selected = call.keys.selected;
    let instructions = call.keys.settings.script_instructions_max;
    let mut session = Session::new(call.session.id);
    session.db = call.session.db;
    session.in_script = true;
    session.user = call.session.user;
    (session.tracking, session.caching) = (call.session.tracking, call.session.caching);
    (session.last_command, session.last_subcommand) =
        (call.session.last_command, call.session.last_subcommand);
    let permissions = (session.user != 0).then(|| call.keys.acl.of(session.user));
    machine.shared().permissions.replace(permissions);
    let rights = Rights {
        read_only: read_only || (!program.compatible && program.flags.no_writes()),
        allow_oom: program.flags.allow_oom(),
        wrote: false,
    };
    let reply = Reply::new(Protocol::Resp2);
    let mut inner = Inner { keys: call.keys, session, reply, rights, machine: &machine, declared: keys };
    let outcome = machine.run(&program.compiled, program.function, keys, argv, instructions, |lua, args| {
        inner.call(lua, &args)
    });
    call.keys.selected = selected;
    // The effects are in; the command itself is not fed.
    call.keys.effects.none();
    match outcome {
        Ok(Outcome::Returned(value)) => {
            let start = call.reply.len();
            let resp3 = machine.shared().resp3.get();
            if let Err(error) = convert::to_reply(call.reply, &value, resp3) {
                call.reply.truncate(start);
                return Err(err(&crate::script::message(error)));
            }
            Ok(())
        }
        Ok(Outcome::Failed(error)) if convert::is_counted(&error) => {
            call.reply.told_error_bytes(&convert::failure(&error, &program.name));
            Ok(())
        }
        Ok(Outcome::Failed(error)) => Err(Stopped::Text(convert::failure(&error, &program.name))),
        Ok(Outcome::Killed) => Err(Stopped::Text(
            format!(
                "ERR Script killed: it ran for too long (busy-reply-threshold). script: {}",
                program.name
            )
            .into(),
        )),
        Err(error) => {
            let text = crate::script::message(error);
            let text = text.get(..text.len().min(100)).unwrap_or_default();
            Err(Stopped::Text([b"ERR Error running script ", program.name.as_bytes(), b", ", text].concat()))
        }
    }
}
