//! From a command's name to its row in the table, whatever its case.
//!
//! The hot path of dispatch: no allocation, and an unknown name costs no more than a known one.
//!
//! ```text
//!   SET or set   --> a number of up to eight bytes --> equal to one in `words`: found
//!   sEt, longer  --> hash of the folded letters    --> places --> compare byte by byte
//! ```

use crate::command::{Handler, handler};
use crate::generated::commands::{COMMANDS, CommandSpec};
use std::sync::LazyLock;

/// Power of two, sparse enough that most names are found at the first place.
const PLACES: usize = 2048;

/// As names are nearly always written: short, all letters of one case. Power of two, four times as many as there can be.
const WORDS: usize = 4096;

/// A short name in one case, and the number of its row. None has length 0.
#[derive(Clone, Copy, Default)]
struct Word {
    bytes: u64,
    len: u8,
    index: u16,
}

struct Lookup {
    words: Vec<Word>,
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
    let mut words = vec![Word::default(); WORDS];
    for (index, spec) in (0u16..).zip(COMMANDS) {
        for name in [spec.name.to_lowercase(), spec.name.to_uppercase()] {
            let Some(bytes) = packed(name.as_bytes()) else { continue };
            let len = name.len() as u8;
            let mut place = place_of_word(bytes, len);
            while words[place].len != 0 {
                place = (place + 1) % WORDS;
            }
            words[place] = Word { bytes, len, index };
        }
    }
    Lookup { words, places, handlers: COMMANDS.iter().map(|spec| handler(spec.id)).collect() }
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

/// The bytes of a short name as a number; with its length it is the name.
#[inline]
fn packed(name: &[u8]) -> Option<u64> {
    Some(if let (4..=8, Some(first), Some(last)) = (name.len(), name.first_chunk(), name.last_chunk()) {
        u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
    } else if let (2..=3, Some(first), Some(last)) = (name.len(), name.first_chunk(), name.last_chunk()) {
        u64::from(u16::from_le_bytes(*first)) | u64::from(u16::from_le_bytes(*last)) << 16
    } else {
        return None;
    })
}

#[inline]
fn place_of_word(bytes: u64, len: u8) -> usize {
    ((bytes ^ u64::from(len)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % WORDS
}

/// The row of a command and its function here; None for a name that Redis does not know either.
#[inline]
pub fn find(name: &[u8]) -> Option<(&'static CommandSpec, Option<Handler>)> {
    let lookup = &*LOOKUP;
    if let Some(bytes) = packed(name) {
        let len = name.len() as u8;
        let mut place = place_of_word(bytes, len);
        while let Some(word) = lookup.words.get(place).filter(|word| word.len != 0) {
            if (word.bytes, word.len) == (bytes, len) {
                let index = usize::from(word.index);
                return Some((COMMANDS.get(index)?, *lookup.handlers.get(index)?));
            }
            place = (place + 1) % WORDS;
        }
    }
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
            let mut mixed = spec.name.to_string();
            mixed[..1].make_ascii_uppercase();
            for name in [spec.name.to_string(), spec.name.to_uppercase(), mixed] {
                assert_eq!(find(name.as_bytes()).map(|(found, _)| found.id), Some(spec.id), "{name}");
            }
        }
        for almost in ["ge", "gett", "get\0", "ett", "s\u{5}t", "incrincr"] {
            assert!(find(almost.as_bytes()).is_none(), "{almost}");
        }
        assert!(LOOKUP.words.iter().filter(|word| word.len != 0).count() < WORDS / 2);
        assert!(find(b"nonsense").is_none());
        assert!(find(b"").is_none());
    }
}
