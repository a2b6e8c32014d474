//! How fast the request parser alone is: a file of commands, parsed again and again in chunks of whole commands, as they
//! come from a socket. `npm run bench resp` gives it the bytes that hiredis gets too.
//!
//! `cargo bench -p redtwin-resp --bench parser -- FILE TIMES` prints the commands per second of each time.

use redtwin_resp::{Parser, RequestLimits, Status};
use std::hint::black_box;
use std::time::Instant;

/// A socket's read, about.
const CHUNK_BYTES: usize = 16 * 1024;

/// Parses all commands of `bytes`; how many they are.
fn parse(parser: &mut Parser, bytes: &[u8], limits: &RequestLimits) -> Result<usize, String> {
    let mut commands = 0;
    let mut rest = bytes;
    let mut end = CHUNK_BYTES.min(rest.len());
    while !rest.is_empty() {
        let chunk = rest.get(..end).unwrap_or(rest);
        match parser.next(chunk, limits).map_err(|error| error.0)? {
            Status::Complete(used) => {
                let mut arguments = Vec::with_capacity(3);
                parser.append_arguments(chunk, &mut arguments);
                black_box(&arguments);
                commands += 1;
                rest = rest.get(used..).unwrap_or_default();
                end = end.saturating_sub(used);
            }
            Status::Empty(used) => {
                rest = rest.get(used..).unwrap_or_default();
                end = end.saturating_sub(used);
            }
            // The next read: the slice begins with the same bytes and is longer.
            Status::Incomplete if chunk.len() < rest.len() => end = (end + CHUNK_BYTES).min(rest.len()),
            Status::Incomplete => return Err("the file ends in the middle of a command".into()),
        }
    }
    Ok(commands)
}

fn main() -> Result<(), String> {
    let words: Vec<String> = std::env::args().filter(|word| !word.starts_with("--")).collect();
    let (Some(path), Some(times)) = (words.get(1), words.get(2).and_then(|word| word.parse::<usize>().ok()))
    else {
        println!("parser: give a file of commands and how often to time it");
        return Ok(());
    };
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let limits = RequestLimits { bulk_bytes_max: 512 * 1024 * 1024, unauthenticated: false };
    let mut parser = Parser::new();
    for _ in 0..times {
        let begun = Instant::now();
        let mut commands = 0;
        while begun.elapsed().as_millis() < 200 {
            commands += parse(&mut parser, &bytes, &limits)?;
        }
        println!("{:.0}", commands as f64 / begun.elapsed().as_secs_f64());
    }
    Ok(())
}
