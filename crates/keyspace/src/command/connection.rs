//! Commands about the connection that need nothing of the host: PING, ECHO, SELECT.
//!
//! SELECT belongs here because the selected database is the session's and decides where every later command looks.

use super::{Call, Done, Handler};
use crate::generated::commands::CommandId;
use crate::generated::errors;
use redtwin_resp::Protocol;

pub fn handler(id: CommandId) -> Option<Handler> {
    Some(match id {
        CommandId::Ping => ping,
        CommandId::Echo => echo,
        CommandId::Select => select,
        CommandId::Time => time,
        _ => return None,
    })
}

fn ping(call: &mut Call<'_>) -> Done {
    match call.args {
        [_] | [_, _] if call.session.subscriber && call.session.protocol == Protocol::Resp2 => {
            // Shaped like a message, because that is what such a client reads.
            call.reply.array(2);
            call.reply.bulk(b"pong");
            call.reply.bulk(call.args.get(1).copied().unwrap_or_default());
        }
        [_] => call.reply.simple("PONG"),
        [_, message] => call.reply.bulk(message),
        _ => return Err("ERR wrong number of arguments for 'ping' command".into()),
    }
    Ok(())
}

fn echo(call: &mut Call<'_>) -> Done {
    call.reply.bulk(call.args[1]);
    Ok(())
}

fn select(call: &mut Call<'_>) -> Done {
    let index = super::parse_int32(call.args[1])?;
    if index < 0 || index as usize >= call.keys.dbs.len() {
        return Err(errors::DB_INDEX_OUT_OF_RANGE.into());
    }
    call.session.db = index as usize;
    call.reply.ok();
    Ok(())
}

fn time(call: &mut Call<'_>) -> Done {
    let now_ms = call.keys.now_ms;
    call.reply.array(2);
    call.reply.bulk_int(now_ms / 1000);
    // The clock of a call has milliseconds.
    call.reply.bulk_int(now_ms % 1000 * 1000);
    Ok(())
}
