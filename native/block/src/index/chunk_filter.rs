//! A page filter read from its chunk: the head once, sectors as lookups need them.

use super::page_filter::{HEAD_BYTES_USUAL, Head, PageSet};
use crate::chunk_reader::Chunk;
use crate::cursor::Damage;
use crate::error::BlockError;
use crate::source::ReadAt;

/// The page filter in one section of a chunk.
pub struct ChunkFilter<'c, 's, S: ReadAt + ?Sized> {
    chunk: &'c Chunk<'s, S>,
    kind: u8,
    head: Head,
    /// Bytes of sectors by number, empty until read and checked.
    sectors: Vec<Vec<u8>>,
}

impl<'c, 's, S: ReadAt + ?Sized> ChunkFilter<'c, 's, S> {
    /// The filter in the section of `kind`; `None` if the chunk has no such section. Reads the head: mostly one read.
    pub fn open(chunk: &'c Chunk<'s, S>, kind: u8) -> Result<Option<Self>, BlockError> {
        let bytes = chunk.section_bytes(kind);
        if bytes == 0 {
            return Ok(None);
        }
        let mut head = Vec::new();
        chunk.read_section_part(kind, 0..bytes.min(HEAD_BYTES_USUAL), &mut head)?;
        let corrupt = |damage: Damage| chunk.corrupt_section(kind, &damage);
        let head_bytes = Head::bytes_of(&head).map_err(corrupt)?;
        if head_bytes > bytes {
            return Err(corrupt(Damage(format!("a head of {head_bytes} bytes in {bytes}"))));
        }
        if head_bytes > head.len() {
            chunk.read_section_part(kind, 0..head_bytes, &mut head)?;
        }
        let head = Head::parse(&head, chunk.page_count(), bytes).map_err(corrupt)?;
        let sectors = vec![Vec::new(); head.sector_count()];
        Ok(Some(Self {
            chunk,
            kind,
            head,
            sectors,
        }))
    }

    /// Pages that may have the hash, all of them where the filter knows nothing of it: at most one read of some kilobytes.
    pub fn pages(&mut self, hash: u64) -> Result<PageSet, BlockError> {
        if !self.head.knows(hash) {
            return Ok(PageSet::MAX);
        }
        let sector = self.head.sector_of(hash);
        if self.sectors[sector].is_empty() {
            self.sectors[sector] = self.read_sector(sector)?;
        }
        let sector = self
            .head
            .sector(sector, &self.sectors[sector])
            .map_err(|damage| self.chunk.corrupt_section(self.kind, &damage))?;
        Ok(self.head.pages(&sector, hash))
    }

    fn read_sector(&self, sector: usize) -> Result<Vec<u8>, BlockError> {
        let mut bytes = Vec::new();
        self.chunk
            .read_section_part(self.kind, self.head.sector_range(sector), &mut bytes)?;
        self.head
            .check_sector(sector, &bytes)
            .map_err(|damage| self.chunk.corrupt_section(self.kind, &damage))?;
        Ok(bytes)
    }

    /// Reads and checks every sector.
    pub fn verify(&self) -> Result<(), BlockError> {
        for sector in 0..self.head.sector_count() {
            let bytes = self.read_sector(sector)?;
            self.head
                .sector(sector, &bytes)
                .map_err(|damage| self.chunk.corrupt_section(self.kind, &damage))?;
        }
        Ok(())
    }
}
