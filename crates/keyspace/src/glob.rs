//! Glob patterns as KEYS, SCAN MATCH, CONFIG GET and PSUBSCRIBE use them: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
//!
//! Redis's matcher recurses at each star; this one goes back to the last star only, which is enough and keeps
//! `a*a*a*a*b` linear in practice.

/// Redis recurses at each star that something follows, and gives up at this depth: no match.
const STARS_MAX: usize = 1000;

/// Does the whole text match?
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the rest does not match: behind the last star, one byte further in the text.
    let mut retry: Option<(usize, usize)> = None;
    let mut stars = 0;
    loop {
        match pattern.get(p) {
            Some(b'*') => {
                while pattern.get(p) == Some(&b'*') {
                    p += 1;
                }
                if p == pattern.len() {
                    return true;
                }
                stars += 1;
                if stars > STARS_MAX {
                    return false;
                }
                retry = Some((p, t));
                continue;
            }
            None if t == text.len() => return true,
            Some(_) if t < text.len() => {
                if let Some(next) = one(pattern, p, text[t], ignore_case) {
                    p = next;
                    t += 1;
                    continue;
                }
            }
            _ => {}
        }
        match retry {
            Some((star, from)) if from < text.len() => {
                retry = Some((star, from + 1));
                p = star;
                t = from + 1;
            }
            _ => return false,
        }
    }
}

fn fold(byte: u8, ignore_case: bool) -> u8 {
    if ignore_case { byte.to_ascii_lowercase() } else { byte }
}

/// Does the pattern's element at `p` match the byte? Gives the place behind the element.
fn one(pattern: &[u8], p: usize, byte: u8, ignore_case: bool) -> Option<usize> {
    let byte = fold(byte, ignore_case);
    match pattern[p] {
        b'?' => Some(p + 1),
        b'[' => {
            let mut at = p + 1;
            let negated = pattern.get(at) == Some(&b'^');
            at += usize::from(negated);
            let mut found = false;
            loop {
                match (pattern.get(at), pattern.get(at + 1), pattern.get(at + 2)) {
                    (Some(b'\\'), Some(&escaped), _) => {
                        found |= fold(escaped, ignore_case) == byte;
                        at += 2;
                    }
                    (Some(b']'), _, _) => {
                        at += 1;
                        break;
                    }
                    // A class that is not closed ends with the pattern.
                    (None, _, _) => break,
                    (Some(&low), Some(b'-'), Some(&high)) => {
                        let (low, high) = (fold(low, ignore_case), fold(high, ignore_case));
                        found |= (low.min(high)..=low.max(high)).contains(&byte);
                        at += 3;
                    }
                    (Some(&plain), _, _) => {
                        found |= fold(plain, ignore_case) == byte;
                        at += 1;
                    }
                }
            }
            (found != negated).then_some(at)
        }
        b'\\' if p + 1 < pattern.len() => (fold(pattern[p + 1], ignore_case) == byte).then_some(p + 2),
        plain => (fold(plain, ignore_case) == byte).then_some(p + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*b", "axxb", true),
            ("a*b", "axxc", false),
            ("h?llo", "hello", true),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("[", "a", false),
            ("a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("", "", true),
            ("", "a", false),
            ("*foo*", "a foo b", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), false), expected, "{pattern} {text}");
        }
        assert!(matches(b"ABC*", b"abcd", true));
    }
}
