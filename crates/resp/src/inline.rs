//! Inline commands: words split at spaces, with quotes, as a person types them into telnet.
//!
//! The same rules serve configuration files (Redis's sdssplitargs): "double quotes" know \n \r \t \b \a, \xHH and
//! escaped characters; 'single quotes' only \'. A closing quote must be followed by a space or the end.

/// Splits a line into words. None when quotes are not balanced.
pub fn split_arguments(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut at = 0;
    let byte = |i: usize| line.get(i).copied();
    loop {
        while byte(at).is_some_and(is_space) {
            at += 1;
        }
        if at >= line.len() {
            return Some(words);
        }
        let mut word = Vec::new();
        loop {
            match byte(at) {
                None => break,
                Some(b'"') => at = double_quoted(line, at + 1, &mut word)?,
                Some(b'\'') => at = single_quoted(line, at + 1, &mut word)?,
                Some(b) if is_space(b) || b == 0 => break,
                Some(b) => {
                    word.push(b);
                    at += 1;
                    continue;
                }
            }
            // A closing quote ends the word, and a space or the end must follow it.
            match byte(at) {
                None => break,
                Some(b) if is_space(b) => break,
                Some(_) => return None,
            }
        }
        words.push(word);
        if byte(at) == Some(0) {
            // A zero byte ends the line for Redis, which walks it as a C string.
            return Some(words);
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c)
}

/// Reads up to and with the closing quote; gives the place after it.
fn double_quoted(line: &[u8], mut at: usize, word: &mut Vec<u8>) -> Option<usize> {
    loop {
        match (line.get(at).copied()?, line.get(at + 1).copied()) {
            (b'"', _) => return Some(at + 1),
            (b'\\', Some(b'x')) => {
                let high = line.get(at + 2).and_then(|&b| (b as char).to_digit(16));
                let low = line.get(at + 3).and_then(|&b| (b as char).to_digit(16));
                if let (Some(high), Some(low)) = (high, low) {
                    word.push((high * 16 + low) as u8);
                    at += 4;
                } else {
                    word.push(b'x');
                    at += 2;
                }
            }
            (b'\\', Some(escaped)) => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => other,
                });
                at += 2;
            }
            (byte, _) => {
                word.push(byte);
                at += 1;
            }
        }
    }
}

fn single_quoted(line: &[u8], mut at: usize, word: &mut Vec<u8>) -> Option<usize> {
    loop {
        match (line.get(at).copied()?, line.get(at + 1).copied()) {
            (b'\'', _) => return Some(at + 1),
            (b'\\', Some(b'\'')) => {
                word.push(b'\'');
                at += 2;
            }
            (byte, _) => {
                word.push(byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split_arguments;

    fn words(line: &str) -> Option<Vec<String>> {
        split_arguments(line.as_bytes())
            .map(|words| words.into_iter().map(|w| String::from_utf8_lossy(&w).into_owned()).collect())
    }

    #[test]
    fn splits_and_quotes() {
        assert_eq!(words("  set  k 'a b' ").unwrap(), ["set", "k", "a b"]);
        assert_eq!(words(r#"set k "a\x41\n\q""#).unwrap(), ["set", "k", "aA\nq"]);
        assert_eq!(words(r"'it\'s'").unwrap(), ["it's"]);
        assert_eq!(words(r#"a "" b"#).unwrap(), ["a", "", "b"]);
        assert_eq!(words(""), Some(vec![]));
        assert_eq!(words(r#""a"b"#), None);
        assert_eq!(words(r#"a "b"#), None);
        assert_eq!(words("a 'b"), None);
        assert_eq!(words(r#"ab"c d""#).unwrap(), ["abc d"]);
    }
}
