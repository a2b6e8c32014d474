//! A text of up to 63 bytes that is looked for among entries: nearly all keys and members are such.
//!
//! ```text
//! entry    | 10 length | text ............ | backlen |
//!            ^ head                ^^^^^^^^ tail: the text's last eight bytes, as one number
//! ```
//!
//! Its one idea: members of a collection mostly begin alike and end differently ("member:17"), so an entry that is another
//! one is told by its length and its end, two comparisons of numbers, without a call to compare memory.

/// What the text's entry has to look like.
pub(super) struct ShortText<'a> {
    text: &'a [u8],
    /// 0, which no entry of a short text begins with, when the text is a longer one.
    head: u8,
    tail: u64,
    /// The bits of the tail that belong to the text.
    mask: u64,
}

/// Bytes of a tail.
const TAIL_BYTES: usize = 8;

/// The last bytes before `end`, the last of them in the highest bits. None when there are fewer than eight.
#[inline]
fn tail_before(bytes: &[u8], end: usize) -> Option<u64> {
    let tail = bytes.get(end.checked_sub(TAIL_BYTES)?..end)?;
    Some(u64::from_le_bytes(*tail.first_chunk()?))
}

impl<'a> ShortText<'a> {
    /// Makes ready to look for `text`.
    #[inline]
    pub(super) fn of(text: &'a [u8]) -> Self {
        let (tail, mask) = match tail_before(text, text.len()) {
            Some(tail) => (tail, !0),
            None => {
                let mut word = [0; TAIL_BYTES];
                word[TAIL_BYTES - text.len()..].copy_from_slice(text);
                let mask = if text.is_empty() { 0 } else { !0 << (8 * (TAIL_BYTES - text.len())) };
                (u64::from_le_bytes(word), mask)
            }
        };
        let head = if text.len() < 64 { 0x80 | text.len() as u8 } else { 0 };
        ShortText { text, head, tail, mask }
    }

    /// Where the text of the entry at `position` ends, one byte before the next entry; None when it is no short text.
    #[inline]
    pub(super) fn end_at(bytes: &[u8], position: usize) -> Option<usize> {
        let head = *bytes.get(position)?;
        (head & 0xC0 == 0x80).then_some(position + 1 + (head & 0x3F) as usize)
    }

    /// Whether the entry at `position`, whose text ends at `end`, is this text.
    #[inline]
    pub(super) fn is_at(&self, bytes: &[u8], position: usize, end: usize) -> bool {
        bytes.get(position) == Some(&self.head)
            // Before the first text there are the listpack's header and a head, so only an empty text has no tail.
            && tail_before(bytes, end).is_none_or(|tail| tail & self.mask == self.tail)
            && (self.text.len() <= TAIL_BYTES || bytes.get(position + 1..end) == Some(self.text))
    }
}

#[cfg(test)]
mod tests {
    use crate::listpack::Listpack;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_walk_finds(
            texts in proptest::collection::vec("[ab]{0,3}|x{5,12}[ab]{0,2}|[ab]x{60,66}|[0-9]{1,5}", 0..20),
            needle in "[ab]{0,3}|x{5,12}[ab]{0,2}|[ab]x{60,66}|[0-9]{1,5}",
            stride in 1usize..3,
        ) {
            let texts = &texts[..texts.len() / stride * stride];
            let mut pack = Listpack::new();
            texts.iter().for_each(|text| pack.push(text.as_bytes()));
            let index = texts.iter().step_by(stride).position(|text| *text == needle).map(|at| at * stride);
            prop_assert_eq!(
                pack.first().and_then(|first| pack.find(needle.as_bytes(), first, stride)),
                index.and_then(|index| pack.seek(index))
            );
        }
    }
}
