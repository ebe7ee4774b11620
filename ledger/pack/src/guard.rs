//! What is asked of a file before the library decodes a byte of it: that it will not need more memory than a segment may.
//!
//! The library takes the size of a page from the page's own header and sets so much aside; it does not compare it with
//! what the footer says. So headers are read here first. They are of Thrift's compact protocol; only the two sizes
//! are looked at, and everything else is passed over, with lengths held against what is there.

use crate::UnpackError;

/// Structures within structures of a page header; ours have three.
const MAX_NESTING: usize = 8;

/// The sum of the sizes that the page headers of a column chunk name.
pub(crate) fn uncompressed(chunk: &[u8]) -> Result<u64, UnpackError> {
    let (mut rest, mut sum) = (chunk, 0_u64);
    while !rest.is_empty() {
        let mut header = Thrift(rest);
        let (uncompressed, compressed) =
            header.page_sizes().ok_or_else(|| UnpackError::foreign("a page header that cannot be read"))?;
        sum += uncompressed;
        rest = usize::try_from(compressed)
            .ok()
            .and_then(|length| header.0.get(length..))
            .ok_or_else(|| UnpackError::foreign("a page that is longer than its column"))?;
    }
    Ok(sum)
}

struct Thrift<'a>(&'a [u8]);

impl Thrift<'_> {
    /// Fields 2 and 3 of a page header: its size without and with compression.
    fn page_sizes(&mut self) -> Option<(u64, u64)> {
        let (mut field, mut uncompressed, mut compressed) = (0, None, None);
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some((uncompressed?, compressed?));
            }
            field = self.field(field, head)?;
            match (field, head & 0x0f) {
                (2, 5) => uncompressed = Some(self.size()?),
                (3, 5) => compressed = Some(self.size()?),
                (_, kind) => self.skip(kind, 0)?,
            }
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some(i64::try_from(value >> 1).ok()? ^ -i64::from(value & 1 == 1))
    }

    fn size(&mut self) -> Option<u64> {
        u64::try_from(self.zigzag()?).ok()
    }

    /// The number of the field that a head byte begins, after that of the field before.
    fn field(&mut self, before: i64, head: u8) -> Option<i64> {
        match head >> 4 {
            0 => self.zigzag(),
            step => before.checked_add(i64::from(step)),
        }
    }

    fn advance(&mut self, length: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(length).ok()?..)?;
        Some(())
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > MAX_NESTING {
            return None;
        }
        match kind {
            1 | 2 => Some(()),
            3 => self.advance(1),
            4..=6 => self.varint().map(drop),
            7 => self.advance(8),
            8 => {
                let length = self.varint()?;
                self.advance(length)
            }
            12 => {
                let mut field = 0;
                loop {
                    let head = self.byte()?;
                    if head == 0 {
                        return Some(());
                    }
                    field = self.field(field, head)?;
                    self.skip(head & 0x0f, depth + 1)?;
                }
            }
            // Page headers have no lists, sets or maps.
            _ => None,
        }
    }
}
