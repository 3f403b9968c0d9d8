//! Runs a request over blocks.

use crate::aggregate;
use crate::aggregate::function::{Functions, NoFunctions};
use crate::answer::{ScanOutput, ScanStats};
use crate::bits::{Bits, Rows};
use crate::block_pages::BlockPages;
use crate::block_view::{BlockView, CountedSource, PageBuffers, Part};
use crate::cancel::Cancel;
use crate::error::ScanError;
use crate::filter::{self, BlockFilter, Scratch};
use crate::plan::Plan;
use crate::request::{Output, ScanRequest};
use crate::{rows, top_time};
use basalt_block::HeaderView;
use basalt_cache::PageCache;
use std::cell::Cell;
use std::sync::Arc;

/// Answers `request` over `parts`, which are given in the order of storage. Aggregation over several parts answers once.
///
/// Errors: a request that contradicts itself, a block that cannot be read, an answer over a limit. Never a partial answer.
pub fn scan(request: &ScanRequest, parts: &[Part]) -> Result<ScanOutput, ScanError> {
    scan_with(request, parts, &ScanOptions::default())
}

/// How a scan goes about it; none of this changes what is answered in the end.
#[derive(Clone, Copy)]
pub struct ScanOptions<'a> {
    /// Aggregate functions of the caller's.
    pub functions: &'a dyn Functions,
    /// Decoded pages come from here, and go to it.
    pub cached: Option<Cached<'a>>,
    /// Looked at before each page.
    pub cancel: Option<&'a Cancel>,
    /// Pages of the first part before this one are left out: another scan has answered them.
    pub first_page: usize,
    /// Of the first row of each part, for `ARRIVAL` and for rows of equal time. Without, parts are listed in order of arrival.
    pub arrivals: &'a [i64],
    /// Once rows, groups or states take more bytes the scan answers what it has and says where to go on. An answer of the newest rows is
    /// as large as it has to be.
    pub bytes_max: usize,
}

impl Default for ScanOptions<'_> {
    fn default() -> Self {
        Self {
            functions: &NoFunctions,
            cached: None,
            cancel: None,
            first_page: 0,
            arrivals: &[],
            bytes_max: usize::MAX,
        }
    }
}

/// What an answer that came early leaves: this part from this page on, and all parts behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    pub part: usize,
    pub page: usize,
}

/// `scan` as the options say.
pub fn scan_with(request: &ScanRequest, parts: &[Part], options: &ScanOptions) -> Result<ScanOutput, ScanError> {
    if let Some(Cached { files, .. }) = options.cached
        && files.len() != parts.len()
    {
        let (files, parts) = (files.len(), parts.len());
        return Err(ScanError::Internal(format!("{files} file ids for {parts} blocks")));
    }
    if !options.arrivals.is_empty() && options.arrivals.len() != parts.len() {
        let (arrivals, parts) = (options.arrivals.len(), parts.len());
        return Err(ScanError::Internal(format!("{arrivals} arrivals for {parts} blocks")));
    }
    let plan = Plan::compile(request)?;
    let bytes = Cell::new(0);
    let mut scanner = Scanner::new(&plan, parts, &bytes, options);
    match &request.output {
        Output::Rows { project, limit } => rows::run(&plan, &mut scanner, project, *limit),
        Output::TopTime {
            project,
            descending,
            limit,
        } => {
            scanner.sort_by_arrival();
            top_time::run(&plan, &mut scanner, project, *descending, *limit)
        }
        Output::Aggregate { groups, aggregates, .. } => {
            aggregate::run(&plan, &mut scanner, groups, aggregates, options.functions)
        }
    }
}

/// A page cache and, for each part, the number of its file there: never used for two files while the cache lives.
#[derive(Clone, Copy)]
pub struct Cached<'a> {
    pub cache: &'a PageCache<'a>,
    pub files: &'a [u64],
}

/// Opens one part after the other for an output to work on.
pub struct Scanner<'a> {
    plan: &'a Plan,
    parts: Vec<Part<'a>>,
    /// Of each part: its file in the page cache, and where its first row stands in order of arrival.
    files: Vec<u64>,
    arrivals: Vec<i64>,
    options: ScanOptions<'a>,
    bytes: &'a Cell<u64>,
    buffers: PageBuffers,
    work: Work,
}

/// What pages are worked on with.
pub struct Work {
    pub stats: ScanStats,
    selection: Selection,
    scratch: Scratch,
    cancel: Option<Cancel>,
}

/// The selected rows of the current page.
#[derive(Default)]
pub struct Selection {
    page_rows: usize,
    count: usize,
    bits: Option<Bits>,
    list: Vec<u32>,
    listed: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(plan: &'a Plan, parts: &[Part<'a>], bytes: &'a Cell<u64>, options: &ScanOptions<'a>) -> Self {
        Self {
            plan,
            parts: parts.to_vec(),
            files: options.cached.map_or_else(Vec::new, |cached| cached.files.to_vec()),
            arrivals: match options.arrivals {
                [] => (0..parts.len() as i64).map(|part| part << 32).collect(),
                arrivals => arrivals.to_vec(),
            },
            options: *options,
            bytes,
            buffers: Vec::new(),
            work: Work {
                stats: ScanStats::default(),
                selection: Selection::default(),
                scratch: Scratch::default(),
                cancel: options.cancel.cloned(),
            },
        }
    }

    /// From here on, parts are in order of arrival.
    fn sort_by_arrival(&mut self) {
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_key(|&part| self.arrivals[part]);
        self.parts = order.iter().map(|&part| self.parts[part].clone()).collect();
        if !self.files.is_empty() {
            self.files = order.iter().map(|&part| self.files[part]).collect();
        }
        self.arrivals.sort_unstable();
    }

    /// Where the first row of a part stands in order of arrival.
    pub fn arrival(&self, part: usize) -> i64 {
        self.arrivals[part]
    }

    /// The first page of a part that is to be answered.
    pub fn first_page(&self, part: usize) -> usize {
        if part == 0 { self.options.first_page } else { 0 }
    }

    /// Whether an answer of so many bytes is enough for now.
    pub fn is_enough(&self, bytes: usize) -> bool {
        bytes > self.options.bytes_max
    }

    pub fn options(&self) -> ScanOptions<'a> {
        self.options
    }

    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The header of a part, which later openings then need not read.
    pub fn header(&mut self, part: usize) -> Result<Arc<HeaderView>, ScanError> {
        let Part { source, offset, header } = &mut self.parts[part];
        if let Some(header) = header {
            return Ok(header.clone());
        }
        let source = CountedSource::new(*source, self.bytes);
        let view = HeaderView::read(&source, *offset).map_err(|error| ScanError::Block { offset: *offset, error })?;
        Ok(header.insert(Arc::new(view)).clone())
    }

    /// Opens a part, binds the filter to it and, unless the header or dictionaries rule it out, calls `visit`.
    pub fn with_block(
        &mut self,
        part: usize,
        visit: impl FnOnce(&mut BlockView, &BlockFilter, &mut Work) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        let plan = self.plan;
        self.with_columns(part, |block, work| {
            if block.rows() == 0 {
                return Ok(());
            }
            match filter::bind(&plan.filter, block, plan.time_slot)? {
                BlockFilter::Nothing(pruner) => work.stats.count_pruned(pruner, block.column_pages()),
                filter => visit(block, &filter, work)?,
            }
            work.stats.pages_skipped += block.column_pages() as u64;
            Ok(())
        })
    }

    /// Opens a part for reading columns, whatever the filter says of it.
    pub fn with_columns(
        &mut self,
        part: usize,
        visit: impl FnOnce(&mut BlockView, &mut Work) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        self.work.check_cancel()?;
        let source = CountedSource::new(self.parts[part].source, self.bytes);
        let pages = BlockPages {
            cache: self.options.cached.map(|cached| cached.cache),
            file: self.files.get(part).copied().unwrap_or(0),
            offset: self.parts[part].offset,
        };
        let mut block = BlockView::open(&self.parts[part], &source, pages, &self.plan.slots, &mut self.buffers)?;
        visit(&mut block, &mut self.work)?;
        let stats = &mut self.work.stats;
        stats.pages_read += block.pages_read;
        stats.pages_cached += block.pages_cached;
        stats.pages_skipped = stats.pages_skipped.saturating_sub(block.pages_touched());
        block.close(&mut self.buffers);
        Ok(())
    }

    pub fn finish(&mut self) -> ScanStats {
        let mut stats = self.work.stats;
        stats.bytes_read = self.bytes.get();
        stats
    }
}

impl Work {
    fn check_cancel(&self) -> Result<(), ScanError> {
        match &self.cancel {
            Some(cancel) if cancel.is_stopped() => Err(ScanError::Cancelled),
            _ => Ok(()),
        }
    }

    /// The rows of a page that pass the filter.
    pub fn select(
        &mut self,
        block: &mut BlockView,
        filter: &BlockFilter,
        page: usize,
    ) -> Result<&mut Selection, ScanError> {
        self.select_within(block, filter, page, |_, _| Ok(()))
    }

    /// Likewise, after `narrow` has cleared rows that are not wanted anyway.
    pub fn select_within(
        &mut self,
        block: &mut BlockView,
        filter: &BlockFilter,
        page: usize,
        narrow: impl FnOnce(&mut BlockView, &mut Bits) -> Result<(), ScanError>,
    ) -> Result<&mut Selection, ScanError> {
        self.check_cancel()?;
        let rows = block.page_rows(page);
        let selection = &mut self.selection;
        let bits = selection.bits.get_or_insert_with(Bits::none);
        bits.select_first(rows);
        narrow(block, bits)?;
        if !bits.is_empty() {
            let touched = block.pages_touched();
            filter.apply(block, page, bits, &mut self.scratch)?;
            let pruner = self.scratch.take_pruner();
            if bits.is_empty() && block.pages_touched() == touched {
                self.stats.count_pruned(pruner, block.present_slots());
            }
        }
        selection.page_rows = rows;
        selection.count = bits.count();
        selection.listed = false;
        self.stats.rows_scanned += rows as u64;
        self.stats.rows_matched += selection.count as u64;
        Ok(selection)
    }
}

impl Selection {
    pub fn count(&self) -> usize {
        self.count
    }

    /// One bit a row of the page.
    pub fn words(&self) -> &[u64] {
        self.bits.as_ref().map_or(&[], |bits| bits.words.as_slice())
    }

    pub fn rows(&mut self) -> Rows<'_> {
        if self.count == self.page_rows {
            return Rows::All(self.page_rows);
        }
        if !self.listed {
            self.list.clear();
            if let Some(bits) = &self.bits {
                bits.rows_into(&mut self.list);
            }
            self.listed = true;
        }
        Rows::Some(&self.list)
    }
}
