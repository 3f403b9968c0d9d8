//! What the runs of a process share: memory, and files for what does not fit into it.

mod memory;
mod spill;

use std::path::Path;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use memory::{RunMemory, SharedMemory};
use spill::SpillFolder;

/// Shared by all runs that are started with it; any thread.
#[derive(Debug, Clone)]
pub struct Resources {
    memory: Arc<SharedMemory>,
    spill: Option<SpillFolder>,
    merged_files_max: usize,
}

/// A merge of spill files holds a batch of each twice, and whoever reads the merged rows needs room too.
const MERGED_FILE_BYTES: usize = 12 << 20;
const MERGED_FILES_MAX: usize = 64;

impl Resources {
    /// All runs together may hold `memory_bytes`. What a sort, a grouping or some joins cannot hold goes to nameless files in `spill`, a
    /// folder that exists, with the most bytes of all these files; without it they fail.
    pub fn new(memory_bytes: usize, spill: Option<(&Path, u64)>) -> Self {
        Resources {
            memory: Arc::new(SharedMemory::new(memory_bytes)),
            merged_files_max: (memory_bytes / MERGED_FILE_BYTES).clamp(2, MERGED_FILES_MAX),
            spill: spill.map(|(folder, bytes_max)| SpillFolder::new(folder, bytes_max)),
        }
    }

    /// Bytes that runs hold now.
    pub fn memory_bytes(&self) -> usize {
        self.memory.used()
    }

    /// Bytes of all spill files now.
    pub fn spilled_bytes(&self) -> u64 {
        self.spill.as_ref().map_or(0, SpillFolder::used)
    }

    pub(crate) fn pool(&self, run_bytes_max: usize) -> Arc<dyn MemoryPool> {
        Arc::new(RunMemory::new(run_bytes_max, Arc::clone(&self.memory)))
    }

    pub(crate) fn runtime(&self, pool: Arc<dyn MemoryPool>) -> Result<Arc<RuntimeEnv>, DataFusionError> {
        let mode = match &self.spill {
            Some(folder) => DiskManagerMode::Custom(Arc::new(folder.clone())),
            None => DiskManagerMode::Disabled,
        };
        let disk = DiskManagerBuilder::default()
            .with_mode(mode)
            .with_max_spill_merge_fan_in(self.merged_files_max);
        RuntimeEnvBuilder::new()
            .with_disk_manager_builder(disk)
            .with_memory_pool(pool)
            .build_arc()
    }
}
