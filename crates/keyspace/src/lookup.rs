//! From a command's name to its row in the table, whatever its case.
//!
//! The hot path of dispatch: no allocation, and an unknown name costs no more than a known one.

use crate::command::{Handler, handler};
use crate::generated::commands::{COMMANDS, CommandSpec};
use std::sync::LazyLock;

/// Power of two, sparse enough that most names are found at the first place.
const PLACES: usize = 2048;

struct Lookup {
    places: Vec<u16>,
    handlers: Vec<Option<Handler>>,
}

static LOOKUP: LazyLock<Lookup> = LazyLock::new(|| {
    let mut places = vec![u16::MAX; PLACES];
    for (index, spec) in COMMANDS.iter().enumerate() {
        let mut place = place_of(spec.name.as_bytes());
        while places[place] != u16::MAX {
            place = (place + 1) % PLACES;
        }
        places[place] = index as u16;
    }
    Lookup { places, handlers: COMMANDS.iter().map(|spec| handler(spec.id)).collect() }
});

#[inline]
fn place_of(name: &[u8]) -> usize {
    let mut hash = 0x811c_9dc5u32;
    for &byte in name {
        // 0x20 folds the case of letters; other bytes may collide, which the comparison sorts out.
        hash = (hash ^ u32::from(byte | 0x20)).wrapping_mul(0x0100_0193);
    }
    (hash ^ hash >> 15) as usize % PLACES
}

/// The row of a command and its function here; None for a name that Redis does not know either.
#[inline]
pub fn find(name: &[u8]) -> Option<(&'static CommandSpec, Option<Handler>)> {
    let lookup = &*LOOKUP;
    let mut place = place_of(name);
    loop {
        let index = *lookup.places.get(place)?;
        let spec = COMMANDS.get(usize::from(index))?;
        if spec.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some((spec, lookup.handlers[usize::from(index)]));
        }
        place = (place + 1) % PLACES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_command_and_nothing_else() {
        for spec in COMMANDS {
            assert_eq!(find(spec.name.to_uppercase().as_bytes()).map(|(found, _)| found.id), Some(spec.id));
        }
        assert!(find(b"nonsense").is_none());
        assert!(find(b"").is_none());
    }
}
