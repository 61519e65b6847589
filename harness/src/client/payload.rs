//! An answer's body, read to its end and kept only as far as somebody looks into it.
//!
//! Not here: looking into it (`asks`).

/// A body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// Its beginning, or all of it: as much as was to be kept.
    pub kept: Vec<u8>,
    /// The length of the whole body in bytes.
    pub length: u64,
}

impl Payload {
    /// Takes what has come, and keeps it unless there are `most` bytes already.
    pub(super) fn take(&mut self, bytes: &[u8], most: usize) {
        self.length += bytes.len() as u64;
        let room = most.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_counted_whole_and_kept_in_part() {
        let mut body = Payload::default();
        for part in [&b"abc"[..], b"", b"defg", b"hi"] {
            body.take(part, 5);
        }
        assert_eq!(body, Payload { kept: b"abcde".to_vec(), length: 9 });
    }
}
