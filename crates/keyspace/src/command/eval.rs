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
use crate::script::turns::Turn;
use crate::script::{Compiled, Current, Outcome, Paused, Rights, Side, convert};
use crate::session::{Session, Tracking};
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
    if call.keys.scripts.current.is_some() {
        return Err(errors::BUSY_SCRIPT.into());
    }
    if !call.keys.libraries.is_empty() {
        // Made now: FUNCTION STATS may ask for them while Lua is in the middle of something.
        super::function::functions(call.keys)?;
    }
    let machine = call.keys.scripts.machine(Side::of(program.function))?;
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
    let declared = match session.tracking {
        Tracking::Off => Vec::new(),
        _ => keys.iter().map(|key| key.to_vec()).collect(),
    };
    let run = machine.shared().clone();
    let inner = Inner { session, reply: Reply::new(Protocol::Resp2), rights, declared, run };
    let script = machine
        .start(&program.compiled, program.function, keys, argv, inner)
        .map_err(|error| broken(&program.name, error))?;
    let paused = Paused {
        script,
        name: program.name.clone(),
        function: program.function,
        selected: call.keys.selected,
    };
    go_on(call, paused, None)
}

/// Runs a script until it rests (then `Stopped::Paused`, and `Scripts::paused` has it) or is over. `answer` is the host's
/// reply to what the script asked.
pub(crate) fn go_on(call: &mut Call<'_>, mut paused: Paused, answer: Option<Vec<u8>>) -> Done {
    match paused.script.go_on(call.keys, answer) {
        Some(Turn::Over(outcome)) => {
            call.keys.scripts.current = None;
            call.keys.selected = paused.selected;
            // The effects are in; the command itself is not fed.
            call.keys.effects.none();
            let resp3 = paused.script.shared().resp3.get();
            reply_with(call, &paused.name, outcome, resp3)
        }
        Some(Turn::Rests(rest)) => {
            if call.keys.scripts.current.is_none() {
                call.keys.scripts.current = Some(Current {
                    function: paused.function,
                    name: paused.name.clone(),
                    command: call.args.iter().map(|word| word.to_vec()).collect(),
                    started_ms: call.keys.now_ms,
                    from_primary: call.keys.caller == Caller::Primary,
                });
            }
            call.keys.scripts.paused = Some((paused, rest));
            Err(Stopped::Paused)
        }
        None => Ok(()),
    }
}

fn reply_with(call: &mut Call<'_>, name: &str, outcome: mlua::Result<Outcome>, resp3: bool) -> Done {
    match outcome {
        Ok(Outcome::Returned(value)) => {
            let start = call.reply.len();
            if let Err(error) = convert::to_reply(call.reply, &value, resp3) {
                call.reply.truncate(start);
                return Err(err(&crate::script::message(error)));
            }
            Ok(())
        }
        Ok(Outcome::Failed(error)) if convert::is_counted(&error) => {
            call.reply.told_error_bytes(&convert::failure(&error, name));
            Ok(())
        }
        Ok(Outcome::Failed(error)) => Err(Stopped::Text(convert::failure(&error, name))),
        Err(error) => Err(broken(name, error)),
    }
}

/// Lua itself had trouble.
fn broken(name: &str, error: mlua::Error) -> Stopped {
    let text = crate::script::message(error);
    let text = text.get(..text.len().min(100)).unwrap_or_default();
    Stopped::Text([b"ERR Error running script ", name.as_bytes(), b", ", text].concat())
}
