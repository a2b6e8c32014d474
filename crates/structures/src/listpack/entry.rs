//! One entry of a listpack: its encodings, both ways.
//!
//! ```text
//! 0xxxxxxx                   integer 0..127
//! 10xxxxxx bytes             text of up to 63 bytes
//! 110xxxxx yyyyyyyy          integer -4096..4095, two's complement in 13 bits
//! 1110xxxx yyyyyyyy bytes    text of up to 4095 bytes
//! F0 u32 bytes               text        F1 i16   F2 i24   F3 i32   F4 i64     all little-endian
//!
//! backlen: the size of all that, 7 bits a byte, most significant first; every byte but the first has bit 7 set,
//! so that a reader who comes from the right knows where it begins.
//! ```

use crate::number::parse_i64;

/// An element: an integer, or bytes that are not a canonical integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    /// Shown to clients in decimal.
    Int(i64),
    /// Borrowed from the listpack.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// How a listpack stores these bytes.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Self {
        match parse_i64(bytes) {
            Some(value) => Value::Int(value),
            None => Value::Bytes(bytes),
        }
    }

    /// The element as clients see it. The buffer holds the digits of an integer.
    #[inline]
    pub fn as_bytes<'b>(&self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Value::Int(value) => digits.format(value).as_bytes(),
            Value::Bytes(bytes) => bytes,
        }
    }

    /// Owned bytes, as clients see them.
    pub fn to_vec(&self) -> Vec<u8> {
        self.as_bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// Whether clients see exactly these bytes.
    pub fn is(&self, bytes: &[u8]) -> bool {
        match *self {
            Value::Int(_) => Value::of(bytes) == *self,
            Value::Bytes(own) => own == bytes,
        }
    }

    /// Bytes the whole entry takes, backlen included.
    pub fn entry_bytes(&self) -> usize {
        let size = match *self {
            Value::Int(value) => int_size(value),
            Value::Bytes(bytes) => text_head_size(bytes.len()) + bytes.len(),
        };
        size + backlen_size(size)
    }
}

fn int_size(value: i64) -> usize {
    match value {
        0..=127 => 1,
        -4096..=4095 => 2,
        -32768..=32767 => 3,
        -8_388_608..=8_388_607 => 4,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    }
}

fn text_head_size(len: usize) -> usize {
    match len {
        0..=63 => 1,
        64..=4095 => 2,
        _ => 5,
    }
}

/// The largest entry whose backlen is one byte, which is then the size itself.
pub(crate) const BACKLEN_ONE_BYTE_MAX: usize = 127;

/// Bytes of the backlen of an entry of this size.
#[inline]
pub(crate) fn backlen_size(size: usize) -> usize {
    match size {
        0..=BACKLEN_ONE_BYTE_MAX => 1,
        128..16383 => 2,
        16383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// An entry ready to be written: the head (all of it for an integer) and the text.
pub(crate) struct Encoded<'a> {
    head: [u8; 9],
    head_size: usize,
    text: &'a [u8],
}

impl<'a> Encoded<'a> {
    pub(crate) fn of(value: &Value<'a>) -> Self {
        let mut head = [0; 9];
        match *value {
            Value::Int(value) => {
                let head_size = int_size(value);
                let bytes = value.to_le_bytes();
                match head_size {
                    1 => head[0] = bytes[0],
                    2 => {
                        head[0] = 0xC0 | (bytes[1] & 0x1F);
                        head[1] = bytes[0];
                    }
                    _ => {
                        head[0] = match head_size {
                            3 => 0xF1,
                            4 => 0xF2,
                            5 => 0xF3,
                            _ => 0xF4,
                        };
                        head[1..head_size].copy_from_slice(&bytes[..head_size - 1]);
                    }
                }
                Encoded { head, head_size, text: &[] }
            }
            Value::Bytes(text) => {
                let len = text.len();
                let head_size = text_head_size(len);
                match head_size {
                    1 => head[0] = 0x80 | len as u8,
                    2 => {
                        head[0] = 0xE0 | (len >> 8) as u8;
                        head[1] = len as u8;
                    }
                    _ => {
                        head[0] = 0xF0;
                        head[1..5].copy_from_slice(&(len as u32).to_le_bytes());
                    }
                }
                Encoded { head, head_size, text }
            }
        }
    }

    /// Writes the entry at `at`, where the block has room for it; gives the position behind it.
    pub(crate) fn write(&self, block: &mut [u8], at: usize) -> usize {
        let text_at = at + self.head_size;
        let backlen_at = text_at + self.text.len();
        block[at..text_at].copy_from_slice(&self.head[..self.head_size]);
        block[text_at..backlen_at].copy_from_slice(self.text);
        let size = backlen_at - at;
        let digits = backlen_size(size);
        for digit in 0..digits {
            let bits = (size >> (7 * (digits - 1 - digit))) as u8 & 0x7F;
            block[backlen_at + digit] = if digit == 0 { bits } else { bits | 0x80 };
        }
        backlen_at + digits
    }
}

/// The element at `position` and the bytes of its encoding and data. None when it does not fit the block,
/// or when there is none with this encoding (the end mark included).
#[inline]
pub(crate) fn decode(bytes: &[u8], position: usize) -> Option<(Value<'_>, usize)> {
    let head = *bytes.get(position)?;
    let text = |head_size: usize, len: usize| {
        let from = position + head_size;
        let text = bytes.get(from..from.checked_add(len)?)?;
        Some((Value::Bytes(text), head_size + len))
    };
    // Most are short texts, and a branch that is nearly always taken costs less than a jump through a table.
    if is_short_text(head) {
        return text(1, (head & 0x3F) as usize);
    }
    match head {
        0..=0x7F => Some((Value::Int(head as i64), 1)),
        0xC0..=0xDF => {
            let low = *bytes.get(position + 1)?;
            let unsigned = (((head & 0x1F) as i16) << 8) | low as i16;
            // Bit 12 is the sign.
            Some((Value::Int(((unsigned << 3) >> 3) as i64), 2))
        }
        0xE0..=0xEF => text(2, (((head & 0x0F) as usize) << 8) | *bytes.get(position + 1)? as usize),
        0xF0 => {
            let len = bytes.get(position + 1..)?.first_chunk::<4>()?;
            text(5, u32::from_le_bytes(*len) as usize)
        }
        0xF1 => {
            let data = bytes.get(position + 1..)?.first_chunk::<2>()?;
            Some((Value::Int(i16::from_le_bytes(*data) as i64), 3))
        }
        0xF2 => {
            let [a, b, c] = *bytes.get(position + 1..)?.first_chunk::<3>()?;
            Some((Value::Int((i32::from_le_bytes([0, a, b, c]) >> 8) as i64), 4))
        }
        0xF3 => {
            let data = bytes.get(position + 1..)?.first_chunk::<4>()?;
            Some((Value::Int(i32::from_le_bytes(*data) as i64), 5))
        }
        0xF4 => {
            let data = bytes.get(position + 1..)?.first_chunk::<8>()?;
            Some((Value::Int(i64::from_le_bytes(*data)), 9))
        }
        0x80..=0xBF | 0xF5..=0xFF => None,
    }
}

/// 10xxxxxx
#[inline]
const fn is_short_text(head: u8) -> bool {
    head & 0xC0 == 0x80
}

/// Bytes of the encoding and data of the element at `position`: what `decode` says, without the element. None as there.
#[inline]
pub(crate) fn encoded_size(bytes: &[u8], position: usize) -> Option<usize> {
    let head = *bytes.get(position)?;
    let size = match head {
        // Asked for before the others: see `decode`.
        _ if is_short_text(head) => 1 + (head & 0x3F) as usize,
        0..=0x7F => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 2 + (((head & 0x0F) as usize) << 8 | *bytes.get(position + 1)? as usize),
        0xF0 => {
            let len = bytes.get(position + 1..)?.first_chunk::<4>()?;
            5 + u32::from_le_bytes(*len) as usize
        }
        0xF1 => 3,
        0xF2 => 4,
        0xF3 => 5,
        0xF4 => 9,
        0x80..=0xBF | 0xF5..=0xFF => return None,
    };
    (size <= bytes.len() - position).then_some(size)
}

/// Position of the entry that ends right before `position`; None at the start, or when the backlen is nonsense.
#[inline]
pub(crate) fn previous(bytes: &[u8], position: usize) -> Option<usize> {
    if position <= super::HEADER_BYTES {
        return None;
    }
    let mut size = 0usize;
    for digit in 0..5 {
        let byte = *bytes.get(position.checked_sub(1 + digit)?)?;
        size |= ((byte & 0x7F) as usize) << (7 * digit);
        if byte & 0x80 == 0 {
            let start = position.checked_sub(size + digit + 1)?;
            return (start >= super::HEADER_BYTES && backlen_size(size) == digit + 1).then_some(start);
        }
    }
    None
}
