//! Where encoded bytes come from: a file read by position, or memory.

use std::io;

/// Positioned reads. `read_at` fills the whole buffer or fails; it never moves a file position,
/// so one source may be read from several places.
pub trait ReadAt {
    /// Fills `buffer` from the bytes starting at `offset`; `UnexpectedEof` if there are fewer.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        let bytes = self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.as_slice().read_at(buffer, offset)
    }
}

/// A file descriptor that somebody else owns and keeps open while this value lives.
pub struct FileSource {
    file: std::mem::ManuallyDrop<std::fs::File>,
}

impl FileSource {
    /// Borrows an open descriptor; it is not closed on drop.
    pub fn from_fd(fd: i32) -> Self {
        use std::os::fd::FromRawFd;
        // SAFETY: the caller keeps the descriptor open for the life of this value, and ManuallyDrop never closes it.
        let file = unsafe { std::fs::File::from_raw_fd(fd) };
        Self {
            file: std::mem::ManuallyDrop::new(file),
        }
    }
}

impl ReadAt for FileSource {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&*self.file, buffer, offset)
    }
}
