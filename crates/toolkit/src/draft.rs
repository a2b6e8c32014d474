//! Output whose last piece may yet be taken back.
//!
//! ```text
//!   | certain ............ | the key under way, until it is settled |
//!   0                      began                                    end
//! ```

/// Bytes on their way out.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Everything that was written and not taken.
    pub(crate) out: Vec<u8>,
    began: Option<usize>,
}

impl Draft {
    /// What is written from here on is one piece.
    pub(crate) fn begin(&mut self) {
        self.began = Some(self.out.len());
    }

    /// The piece stays, also what will still be written of it.
    pub(crate) fn settle(&mut self) {
        self.began = None;
    }

    /// The piece was never written.
    pub(crate) fn undo(&mut self) {
        if let Some(began) = self.began.take() {
            self.out.truncate(began);
        }
    }

    /// Goes on in this room, when there is nothing yet that would have to be moved there.
    pub(crate) fn reuse(&mut self, room: Vec<u8>) {
        if self.out.is_empty() && self.out.capacity() < room.capacity() {
            self.out = room;
        }
    }

    /// Takes what is certain.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        match self.began {
            None => std::mem::take(&mut self.out),
            Some(began) => {
                let rest = self.out.split_off(began);
                self.began = Some(0);
                std::mem::replace(&mut self.out, rest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_waits_until_it_is_settled() {
        let mut draft = Draft::default();
        draft.out.extend(b"certain ");
        draft.begin();
        draft.out.extend(b"per");
        assert_eq!(draft.take(), b"certain ");
        draft.out.extend(b"haps");
        assert_eq!(draft.take(), b"");
        draft.undo();
        draft.begin();
        draft.out.extend(b"yes");
        draft.settle();
        assert_eq!(draft.take(), b"yes");
    }
}
