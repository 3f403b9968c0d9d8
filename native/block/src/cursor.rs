//! Bounds-checked little-endian reads from bytes that may be damaged.

use std::fmt;

/// Bytes that contradict their encoding, in words for the error text. Offsets are added by the caller that knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage(pub String);

impl Damage {
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads forward through a byte slice; running past the end is `Damage`, never a panic.
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn take(&mut self, bytes: usize) -> Result<&'a [u8], Damage> {
        match self.rest.split_at_checked(bytes) {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => Err(Damage(format!("{bytes} bytes expected, {} left", self.rest.len()))),
        }
    }

    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// All bytes must have been read.
    pub fn finish(self) -> Result<(), Damage> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Damage(format!("{} bytes too many", self.rest.len())))
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn u8(&mut self) -> Result<u8, Damage> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, Damage> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, Damage> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, Damage> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn i64(&mut self) -> Result<i64, Damage> {
        Ok(i64::from_le_bytes(self.array()?))
    }
}
