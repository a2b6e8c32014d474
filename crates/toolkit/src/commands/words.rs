//! Words of commands in RESP, as a client would send them.
//!
//! ```text
//! *3\r\n $3\r\nSET\r\n $1\r\nk\r\n $1\r\nv\r\n        head(3), then bulk() for each word
//! ```
//!
//! Its one idea: most words are shorter than a hundred bytes, and their length is written digit by digit, without a call.

pub(super) fn head(out: &mut Vec<u8>, words: usize) {
    out.push(b'*');
    out.extend_from_slice(itoa::Buffer::new().format(words).as_bytes());
    out.extend(b"\r\n");
}

#[inline]
pub(super) fn bulk(out: &mut Vec<u8>, word: &[u8]) {
    let size = word.len();
    out.reserve(size + 16);
    let (tens, ones) = (b'0' + (size / 10 % 10) as u8, b'0' + (size % 10) as u8);
    match size {
        0..10 => out.extend_from_slice(&[b'$', ones, b'\r', b'\n']),
        10..100 => out.extend_from_slice(&[b'$', tens, ones, b'\r', b'\n']),
        _ => {
            out.push(b'$');
            out.extend_from_slice(itoa::Buffer::new().format(size).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn digits(number: impl itoa::Integer) -> Vec<u8> {
    itoa::Buffer::new().format(number).as_bytes().to_vec()
}

#[inline]
pub(super) fn set(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n");
    bulk(out, name);
    bulk(out, value);
}

pub(super) fn select(out: &mut Vec<u8>, db: u64) {
    head(out, 2);
    bulk(out, b"SELECT");
    bulk(out, &digits(db));
}
