//! Path globs: `*` is any text within a segment, `**` across segments; `**/` after a slash may
//! also be nothing, so `/a/**/b` covers `/a/b`. Everything else stands for itself.
//!
//! Invariant: linear in pattern times path, whatever the pattern.
//! Not here: methods and headers (module `fault`).

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// This byte.
    Byte(u8),
    /// Any bytes but slashes.
    Within,
    /// Any bytes.
    Across,
    /// Nothing, or any bytes up to and with a slash.
    Segments,
}

/// A parsed glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
}

impl Glob {
    /// Every text is a glob.
    #[must_use]
    pub fn new(pattern: &str) -> Glob {
        let mut tokens = Vec::new();
        let mut rest = pattern.as_bytes();
        loop {
            let starts_segment = matches!(tokens.last(), None | Some(Token::Byte(b'/')));
            rest = match rest {
                [] => return Glob { tokens },
                [b'*', b'*', b'/', after @ ..] if starts_segment => {
                    tokens.push(Token::Segments);
                    after
                }
                [b'*', b'*', after @ ..] => {
                    tokens.push(Token::Across);
                    after
                }
                [b'*', after @ ..] => {
                    tokens.push(Token::Within);
                    after
                }
                [byte, after @ ..] => {
                    tokens.push(Token::Byte(*byte));
                    after
                }
            };
        }
    }

    /// Whether it covers the whole path.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let path = path.as_bytes();
        // reached[i]: the tokens so far cover the first i bytes.
        let mut reached = vec![false; path.len() + 1];
        reached[0] = true;
        for token in &self.tokens {
            let mut next = vec![false; path.len() + 1];
            let mut open = false;
            for end in 0..=path.len() {
                let last = end.checked_sub(1).map(|before| path[before]);
                next[end] = match token {
                    Token::Byte(byte) => end > 0 && reached[end - 1] && last == Some(*byte),
                    Token::Within => {
                        open = reached[end] || (open && last != Some(b'/'));
                        open
                    }
                    Token::Across => {
                        open |= reached[end];
                        open
                    }
                    Token::Segments => {
                        let covered = reached[end] || (open && last == Some(b'/'));
                        open |= reached[end];
                        covered
                    }
                };
            }
            reached = next;
        }
        reached[path.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_are_within_a_segment_or_across() {
        for (pattern, covered, spared) in [
            ("/health", vec!["/health"], vec!["/health/", "/healthz", "/", ""]),
            ("/a/*", vec!["/a/", "/a/b"], vec!["/a", "/a/b/c", "/b/a"]),
            ("/a/*/c", vec!["/a/b/c", "/a//c"], vec!["/a/c", "/a/b/b/c"]),
            ("/a/b*", vec!["/a/b", "/a/bc"], vec!["/a/c", "/a/b/c"]),
            ("/a/**", vec!["/a/", "/a/b", "/a/b/c"], vec!["/a", "/b/"]),
            ("/a/**/c", vec!["/a/c", "/a/b/c", "/a/b/b/c"], vec!["/a/bc", "/ac", "/a/c/d"]),
            ("**", vec!["", "/", "/a/b"], vec![]),
            ("**/c", vec!["/c", "c", "/a/b/c"], vec!["/ac"]),
            ("/a**c", vec!["/ac", "/ab/bc"], vec!["/a/b"]),
        ] {
            let glob = Glob::new(pattern);
            for path in covered {
                assert!(glob.covers(path), "{pattern} should cover {path}");
            }
            for path in spared {
                assert!(!glob.covers(path), "{pattern} should not cover {path}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_path_covers_itself_and_stars_cover_more(path in "(/[a-c]{0,3}){0,5}", at in 0..20_usize) {
            prop_assert!(Glob::new(&path).covers(&path));
            let at = at.min(path.len());
            let starred = format!("{}*{}", &path[..at], &path[at..]);
            let double = format!("{}**{}", &path[..at], &path[at..]);
            prop_assert!(Glob::new(&starred).covers(&path));
            prop_assert!(Glob::new(&double).covers(&path));
        }
    }
}
