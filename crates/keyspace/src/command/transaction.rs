//! MULTI, DISCARD, WATCH, UNWATCH. EXEC is in the store, because it may stop at host commands and go on.

use super::{Call, Done, Handler};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use crate::session::Multi;
use crate::watch::Presence;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Multi => multi,
        CommandId::Discard => discard,
        CommandId::Watch => watch,
        CommandId::Unwatch => unwatch,
        _ => return None,
    })
}

fn multi(call: &mut Call<'_>) -> Done {
    if call.session.multi.is_some() {
        return Err(errors::NESTED_MULTI.into());
    }
    call.session.multi = Some(Multi::default());
    call.reply.ok();
    Ok(())
}

fn discard(call: &mut Call<'_>) -> Done {
    if call.session.multi.take().is_none() {
        return Err(errors::DISCARD_WITHOUT_MULTI.into());
    }
    forget_watched(call);
    call.reply.ok();
    Ok(())
}

fn forget_watched(call: &mut Call<'_>) {
    for (db, key) in call.session.watching.drain(..) {
        call.keys.watched.remove(db, &key, call.session.id);
    }
    call.keys.watched.forgive(call.session.id);
    call.session.watch_broken = false;
}

fn watch(call: &mut Call<'_>) -> Done {
    if call.session.multi.is_some() {
        return Err(errors::WATCH_INSIDE_MULTI.into());
    }
    // A transaction that is lost already needs no more keys.
    if !call.session.watch_broken {
        for key in &call.args[1..] {
            let db = call.session.db;
            if call.session.watching.iter().any(|(at, known)| *at == db && known == key) {
                continue;
            }
            let stale = call.keys.presence(db, key) == Presence::Stale;
            call.session.watching.push((db, key.to_vec()));
            call.keys.watched.add(db, key, call.session.id, stale);
        }
    }
    call.reply.ok();
    Ok(())
}

fn unwatch(call: &mut Call<'_>) -> Done {
    forget_watched(call);
    call.reply.ok();
    Ok(())
}
