//! Data of modules: opcodes say of what form each piece is, so that who does not know the module can step over it.
//!
//! ```text
//! 1 length (signed)   2 length (unsigned)   3 f32   4 f64   5 string   0 end
//! ```
//!
//! Its one idea: nothing here is understood, it is kept raw, byte for byte, to be written again as it was.

use super::core::Core;
use crate::error::ErrorKind;
use crate::input::{Input, Read};

/// A run of such pieces up to the end mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pieces {
    Opcode,
    /// Within a string, which may be long.
    Text,
}

impl Pieces {
    /// Steps over one piece. True when it was the end.
    pub(super) fn step(&mut self, core: &mut Core, input: &mut Input<'_>) -> Read<bool> {
        match self {
            Pieces::Text => {
                core.string(input, false)?;
                *self = Pieces::Opcode;
            }
            Pieces::Opcode => match input.length()? {
                0 => return Ok(true),
                1 | 2 => {
                    input.length()?;
                }
                3 => {
                    input.array::<4>()?;
                }
                4 => {
                    input.array::<8>()?;
                }
                5 => *self = Pieces::Text,
                _ => return Err(ErrorKind::Corrupt("module data with an unknown opcode").into()),
            },
        }
        Ok(false)
    }
}

/// A module's id, then its pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Module {
    id: Option<u64>,
    pieces: Pieces,
}

impl Module {
    pub(super) const fn new() -> Self {
        Module { id: None, pieces: Pieces::Opcode }
    }

    /// Steps over one piece. The id when it was the end. With `keep`, what follows the id is kept raw.
    pub(super) fn step(&mut self, core: &mut Core, input: &mut Input<'_>, keep: bool) -> Read<Option<u64>> {
        let Some(id) = self.id else {
            self.id = Some(input.length()?);
            if keep {
                core.keep_raw(input);
            }
            return Ok(None);
        };
        Ok(self.pieces.step(core, input)?.then_some(id))
    }
}

/// Redis 8.6's metadata of a key: for each class a word that names it, then pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyMetadata {
    classes: Option<u64>,
    pieces: Option<Pieces>,
}

impl KeyMetadata {
    pub(super) const fn new() -> Self {
        KeyMetadata { classes: None, pieces: None }
    }

    /// Steps over one piece. True when it was the last.
    pub(super) fn step(&mut self, core: &mut Core, input: &mut Input<'_>) -> Read<bool> {
        let Some(left) = self.classes else {
            let classes = input.length()?;
            self.classes = Some(classes);
            return if classes == 0 {
                Err(ErrorKind::Corrupt("key metadata without a class").into())
            } else {
                Ok(false)
            };
        };
        match &mut self.pieces {
            None => {
                input.array::<4>()?;
                self.pieces = Some(Pieces::Opcode);
            }
            Some(pieces) => {
                if pieces.step(core, input)? {
                    self.pieces = None;
                    self.classes = Some(left - 1);
                    return Ok(left == 1);
                }
            }
        }
        Ok(false)
    }
}

/// Whether data of a module (`Item::ModuleAux`) is to stand behind the keys rather than before them: a module says
/// so in the first piece (1 before, 2 after).
#[must_use]
pub fn is_behind_keys(raw: &[u8]) -> bool {
    let mut input = Input::new(raw);
    let mut lengths = std::iter::from_fn(|| input.length().ok());
    lengths.nth(2) == Some(2)
}
