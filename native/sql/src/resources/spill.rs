//! Spill files: what operators cannot hold in memory, in files without a name, so that nothing is left behind whatever happens.
//!
//! They are written and read on the thread of the run, in chunks that each have a length and a checksum before them: a file system that
//! gives back other bytes ends the query, and never changes its answer.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::human_readable_size;
use datafusion::execution::spill_file::{SpillFile, SpillWriter, TempFileFactory};
use futures::{Stream, stream};
use xxhash_rust::xxh3::xxh3_64;

use crate::run::cancel;

/// Bytes gathered before they are written.
const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes of the disk that spill files leave to others.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// Before each chunk: its length (u32), its XXH3 (u64), both little-endian.
const FRAME_BYTES: usize = 12;

/// Where spill files are made, and how large they may be together.
#[derive(Debug, Clone)]
pub(super) struct SpillFolder(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    bytes_max: u64,
    used_bytes: AtomicU64,
}

impl SpillFolder {
    pub fn new(path: &Path, bytes_max: u64) -> Self {
        SpillFolder(Arc::new(Folder {
            path: path.to_owned(),
            bytes_max,
            used_bytes: AtomicU64::new(0),
        }))
    }

    pub fn used(&self) -> u64 {
        self.0.used_bytes.load(Ordering::Relaxed)
    }
}

impl TempFileFactory for SpillFolder {
    fn create_temp_file(&self, _description: &str) -> Result<Arc<dyn SpillFile>> {
        let folder = Arc::clone(&self.0);
        let file = tempfile::tempfile_in(&folder.path).map_err(|error| folder.failed("make", &error))?;
        Ok(Arc::new(Spilled(Arc::new(Chunks {
            folder,
            file,
            bytes: AtomicU64::new(0),
        }))))
    }
}

impl Folder {
    fn take(&self, bytes: u64) -> io::Result<()> {
        self.leave_room()?;
        let taken = self
            .used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.bytes_max)
            });
        taken.map(drop).map_err(|used| {
            io::Error::other(DataFusionError::ResourcesExhausted(format!(
                "an operator spills {} more, but the spill files of all queries hold {} of {}",
                human_readable_size(bytes as usize),
                human_readable_size(used as usize),
                human_readable_size(self.bytes_max as usize)
            )))
        })
    }

    /// The disk is that of the write-ahead log as a rule, whose writer ends the process when it finds no room: a query must not
    /// bring that about.
    fn leave_room(&self) -> io::Result<()> {
        let disk = rustix::fs::statvfs(&self.path)
            .map_err(|error| io::Error::other(self.failed("find room for", &error.into())))?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free_bytes >= FREE_BYTES_MIN {
            return Ok(());
        }
        Err(io::Error::other(DataFusionError::ResourcesExhausted(format!(
            "an operator has to spill, but the disk of {} has {} left, less than the {} that are kept free for what comes in",
            self.path.display(),
            human_readable_size(free_bytes as usize),
            human_readable_size(FREE_BYTES_MIN as usize)
        ))))
    }

    fn failed(&self, verb: &str, error: &io::Error) -> DataFusionError {
        DataFusionError::Execution(format!(
            "cannot {verb} a spill file in {}: {error}",
            self.path.display()
        ))
    }
}

/// One file: chunks end to end. Written by one writer at a time, read by any number after that.
#[derive(Debug)]
struct Chunks {
    folder: Arc<Folder>,
    file: File,
    bytes: AtomicU64,
}

impl Drop for Chunks {
    fn drop(&mut self) {
        self.folder
            .used_bytes
            .fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Chunks {
    fn append(&self, chunk: &[u8]) -> io::Result<()> {
        cancel::check().map_err(io::Error::other)?;
        let framed = (FRAME_BYTES + chunk.len()) as u64;
        self.folder.take(framed)?;
        let offset = self.bytes.fetch_add(framed, Ordering::Relaxed);
        let mut frame = [0; FRAME_BYTES];
        frame[..4].copy_from_slice(&(chunk.len() as u32).to_le_bytes());
        frame[4..].copy_from_slice(&xxh3_64(chunk).to_le_bytes());
        self.file
            .write_all_at(&frame, offset)
            .and_then(|()| self.file.write_all_at(chunk, offset + FRAME_BYTES as u64))
            .map_err(|error| io::Error::other(self.folder.failed("write", &error)))
    }

    /// The chunk at `offset` and where the next one is; none at the end.
    fn read(&self, offset: u64) -> Result<Option<(Bytes, u64)>> {
        cancel::check()?;
        if offset >= self.bytes.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let failed = |error: io::Error| self.folder.failed("read", &error);
        let mut frame = [0; FRAME_BYTES];
        self.file.read_exact_at(&mut frame, offset).map_err(failed)?;
        let [l0, l1, l2, l3, hash @ ..] = frame;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let damaged = || {
            self.folder.failed(
                "read",
                &io::Error::other(format!("the chunk at byte {offset} is damaged")),
            )
        };
        if length > CHUNK_BYTES {
            return Err(damaged());
        }
        let mut chunk = vec![0; length];
        let start = offset + FRAME_BYTES as u64;
        self.file.read_exact_at(&mut chunk, start).map_err(failed)?;
        if xxh3_64(&chunk) != u64::from_le_bytes(hash) {
            return Err(damaged());
        }
        Ok(Some((Bytes::from(chunk), start + length as u64)))
    }
}

#[derive(Debug)]
struct Spilled(Arc<Chunks>);

impl SpillFile for Spilled {
    fn size(&self) -> Option<u64> {
        Some(self.0.bytes.load(Ordering::Relaxed))
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        let chunks = Arc::clone(&self.0);
        let read = move |offset| {
            let next = chunks.read(offset);
            async move {
                match next {
                    Ok(next) => next.map(|(bytes, after)| (Ok(bytes), after)),
                    Err(error) => Some((Err(error), u64::MAX)),
                }
            }
        };
        Ok(Box::pin(stream::unfold(0, read)))
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        Ok(Box::new(ChunkWriter {
            chunks: Arc::clone(&self.0),
            pending: Vec::with_capacity(CHUNK_BYTES),
        }))
    }
}

/// Cuts what it is given into chunks.
struct ChunkWriter {
    chunks: Arc<Chunks>,
    pending: Vec<u8>,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        if self.pending.len() == CHUNK_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.chunks.append(&self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }
}

impl SpillWriter for ChunkWriter {
    fn finish(&mut self) -> Result<()> {
        Ok(self.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on_stream;

    fn written(folder: &SpillFolder, bytes: &[u8]) -> Result<Arc<dyn SpillFile>> {
        let file = folder.create_temp_file("test")?;
        let mut writer = file.open_writer()?;
        writer.write_all(bytes)?;
        writer.finish()?;
        Ok(file)
    }

    fn read(file: &Arc<dyn SpillFile>) -> Result<Vec<u8>> {
        let chunks: Result<Vec<Bytes>> = block_on_stream(file.read_stream()?).collect();
        Ok(chunks?.concat())
    }

    #[test]
    fn what_was_written_is_read_and_its_room_given_back() {
        let folder = SpillFolder::new(&std::env::temp_dir(), 1 << 30);
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7] {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 31 % 251) as u8).collect();
            let file = written(&folder, &bytes).expect("room");
            assert_eq!(read(&file).expect("whole"), bytes);
            assert_eq!(read(&file).expect("twice"), bytes);
            assert!(folder.used() >= length as u64);
        }
        assert_eq!(folder.used(), 0);
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let folder = SpillFolder::new(&std::env::temp_dir(), 100_000);
        let error = written(&folder, &[0; 200_000]).err().expect("too much").to_string();
        assert!(error.contains("spill files of all queries"), "{error}");
        assert_eq!(folder.used(), 0);
    }

    #[test]
    fn a_changed_byte_is_an_error() {
        let folder = SpillFolder::new(&std::env::temp_dir(), 1 << 30);
        let file = folder.create_temp_file("test").expect("a file");
        let chunks = Chunks {
            folder: Arc::clone(&folder.0),
            file: tempfile::tempfile_in(std::env::temp_dir()).expect("a file"),
            bytes: AtomicU64::new(0),
        };
        drop(file);
        chunks.append(b"some bytes").expect("room");
        chunks.file.write_all_at(b"X", FRAME_BYTES as u64 + 3).expect("a write");
        let error = chunks.read(0).expect_err("damaged").to_string();
        assert!(error.contains("damaged"), "{error}");
    }

    #[test]
    fn a_folder_that_is_gone_is_named() {
        let folder = SpillFolder::new(Path::new("/nonexistent/spill"), 1 << 30);
        let error = folder.create_temp_file("test").err().expect("no folder").to_string();
        assert!(error.contains("/nonexistent/spill"), "{error}");
    }
}
