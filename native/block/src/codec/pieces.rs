//! Bytes put together from many short spans, which is what decoding of split text does.

/// Copies are done in pieces of this size, past the end of what is wanted, into room that is cut off later.
pub const PIECE: usize = 32;

/// Bytes written front to back in whole pieces. The buffer is kept from page to page.
#[derive(Default)]
pub struct Pieces {
    /// At least a piece longer than what is to come; behind `used` lies what was there before.
    pub room: Vec<u8>,
    pub used: usize,
}

impl Pieces {
    /// Starts anew with room for `bytes` bytes.
    pub fn start(&mut self, bytes: usize) {
        self.used = 0;
        if self.room.len() < bytes + PIECE {
            self.room.resize(bytes + PIECE, 0);
        }
    }

    /// Appends `from[start..end]`. Most spans are shorter than a piece, where a copy of fixed size beats memcpy.
    #[inline(always)]
    pub fn copy(&mut self, from: &[u8], start: usize, end: usize) {
        let count = end - start;
        let next = self.used + count;
        if end + PIECE <= from.len() && next + PIECE <= self.room.len() {
            let (mut from, mut room) = (&from[start..end + PIECE], &mut self.room[self.used..next + PIECE]);
            loop {
                room[..PIECE].copy_from_slice(&from[..PIECE]);
                if from.len() <= 2 * PIECE {
                    break;
                }
                (from, room) = (&from[PIECE..], &mut room[PIECE..]);
            }
        } else {
            self.room[self.used..next].copy_from_slice(&from[start..end]);
        }
        self.used = next;
    }

    #[inline(always)]
    pub fn push(&mut self, byte: u8) {
        self.room[self.used] = byte;
        self.used += 1;
    }

    pub fn bytes(&self) -> &[u8] {
        &self.room[..self.used]
    }
}
