//! The chunked transfer coding (RFC 9112 section 7.1), read and thrown away.
//!
//! Invariant: pure; bytes may come in any pieces.
//! Not here: where the body begins.

use super::answer::Malformed;

/// A chunk's size with its extensions, and all trailers, may be so long.
const MOST_AROUND: u32 = 64 * 1024;

/// Where in the body the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In a chunk's size; whether a digit was there.
    Size(bool),
    /// Behind a chunk's size.
    Extension,
    /// The size's line ends.
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    /// In the trailers; whether their line is empty so far.
    Trailer(bool),
    /// A trailer line ends; whether it was empty.
    TrailerEnd(bool),
    End,
}

/// A body under way.
#[derive(Debug)]
pub(super) struct Chunked {
    at: At,
    left: u64,
    /// Bytes since the last of the data.
    around: u32,
}

impl Chunked {
    pub(super) fn new() -> Chunked {
        Chunked { at: At::Size(false), left: 0, around: 0 }
    }

    /// Takes bytes; gives how many belong to the body if it has ended within them. `data` gets what
    /// the body holds.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut data: impl FnMut(&[u8]),
    ) -> Result<Option<usize>, Malformed> {
        let mut index = 0;
        while let Some(byte) = bytes.get(index).copied() {
            if self.at == At::Data {
                let here = (bytes.len() - index) as u64;
                let taken = here.min(self.left);
                self.left -= taken;
                self.around = 0;
                data(bytes.get(index..index + taken as usize).unwrap_or_default());
                index += taken as usize;
                if self.left == 0 {
                    self.at = At::DataCr;
                }
                continue;
            }
            index += 1;
            self.around += 1;
            if self.around > MOST_AROUND {
                return Err(Malformed::NO_HTTP);
            }
            self.at = self.next(byte)?;
            if self.at == At::End {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn next(&mut self, byte: u8) -> Result<At, Malformed> {
        Ok(match (self.at, byte) {
            (At::Size(_), digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).ok_or(Malformed::NO_HTTP)?;
                let size = self.left.checked_mul(16).and_then(|s| s.checked_add(digit.into()));
                self.left = size.ok_or(Malformed::NO_HTTP)?;
                At::Size(true)
            }
            (At::Size(true), b';' | b' ' | b'\t') => At::Extension,
            (At::Size(true) | At::Extension, b'\r') => At::SizeEnd,
            (At::Extension, byte) if byte != b'\n' => At::Extension,
            (At::SizeEnd, b'\n') if self.left == 0 => At::Trailer(true),
            (At::SizeEnd, b'\n') => At::Data,
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size(false),
            (At::Trailer(empty), b'\r') => At::TrailerEnd(empty),
            (At::Trailer(_), byte) if byte != b'\n' => At::Trailer(false),
            (At::TrailerEnd(true), b'\n') => At::End,
            (At::TrailerEnd(false), b'\n') => At::Trailer(true),
            _ => return Err(Malformed::NO_HTTP),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the body ended, fed in pieces of this size.
    fn fed(body: &[u8], piece: usize) -> Result<Option<usize>, Malformed> {
        let mut chunked = Chunked::new();
        let mut before = 0;
        for part in body.chunks(piece) {
            if let Some(end) = chunked.feed(part, |_| {})? {
                return Ok(Some(before + end));
            }
            before += part.len();
        }
        Ok(None)
    }

    #[test]
    fn ends_where_it_ends_in_any_pieces() {
        let body = b"4\r\nWiki\r\n0a;x=\"1\"\r\n0123456789\r\n0\r\nExpires: never\r\n\r\nHTTP";
        for piece in 1..body.len() {
            assert_eq!(fed(body, piece).unwrap(), Some(body.len() - 4), "{piece}");
        }
        assert_eq!(fed(b"0\r\n\r\n", 9).unwrap(), Some(5));
        assert_eq!(fed(b"5\r\nabc", 9).unwrap(), None);
        // However much stands around all chunks together.
        let mut many = b"1;abcdefghijklmnopqrstuvwxyz\r\nx\r\n".repeat(10_000);
        many.extend(b"0\r\n\r\n");
        assert_eq!(fed(&many, 1000).unwrap(), Some(many.len()));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let mut long = b"1;".to_vec();
        long.resize(70_000, b'x');
        let mut trailers = b"1\r\nx\r\n0\r\n".to_vec();
        trailers.extend(b"a: b\r\n".repeat(20_000));
        for body in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"1\nab",
            b"1\r\nab\r\n",
            b"1\r\na\n",
            b"ffffffffffffffffff\r\n",
            b"0\r\na\nb",
            &long,
            &trailers,
        ] {
            assert!(fed(body, 7).is_err(), "{:?}", String::from_utf8_lossy(body));
        }
    }
}
