/**
 * Every fixed limit, with its unit and what raising it costs. Relations between them are asserted at load.
 */

/** Largest request body, decompressed. A body needs this much contiguous ring space. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** Request line and fields together. */
export const HEAD_BYTES_MAX = 64 * 1024;

/** Seconds in which the head of a request has to come, and that a connection may be kept without one. uWebSockets.js has 10 fixed. */
export const HEAD_SECONDS = 10;
export const IDLE_SECONDS = 10;

/** Bodies kept outside the ring: of unknown length, or slow to arrive while the ring is full. */
export const HEAP_BODY_BYTES_MAX = 128 * 1024 * 1024;

/** Bytes of the ingest ring when the configuration says nothing: bodies that wait for or are in an ingest worker. */
export const RING_BYTES_DEFAULT = 192 * 1024 * 1024;

/** Offsets in the ring are Int32. */
export const RING_BYTES_MAX = 2 ** 31 - 2 ** 20;

/** Bytes that the compressed bodies of one batch may unpack to; requests beyond are told to come again. */
export const BATCH_DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Compressed bodies that may become larger than this are unpacked each in a batch of its own; so many of one sender may wait for that.
 * What is not known of a sender is taken for the most that deflate packs. Senders of which the ratio is remembered.
 */
export const EXPANDED_ALONE_BYTES = 8 * 1024 * 1024;
export const EXPANSIONS_WAITING_MAX = 64;
export const EXPANSION_RATIO_MAX = 1032;
export const EXPANSION_SENDERS_MAX = 4096;

/** Requests in the ring at once; each costs 40 bytes of shared memory. Must be a power of two. */
export const RING_SLOTS = 8192;

/** What one ingest task takes from the ring: larger means better compression and fewer fsyncs, more memory, longer p99. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
export const BATCH_REQUESTS_MAX = 1024;

/** How long a batch waits for company when no worker is busy, and from how many requests a batch on that pays. */
export const LINGER_MS = 1;
export const LINGER_REQUESTS = 1.2;

/** Bodies of fewer bytes wait for the batch of one ingest worker before a second one is woken. */
export const SHARED_BATCH_BYTES = 256 * 1024;

/**
 * A WAL file is closed for a new one past this size, so that merged data can be cut off in pieces. As many bytes of zeros lie ready
 * for each ingest worker.
 */
export const WAL_FILE_BYTES_MAX = 16 * 1024 * 1024;

/** Without a batch for this long, WAL files that hold nothing live and those prepared for more are let go of. */
export const WAL_IDLE_MS = 60_000;

/** Of a stream or of all, a century: more is a mistake, and the times that follow from it are no times. */
export const RETENTION_DAYS_MAX = 36_500;

/** Seconds between collections, at most. */
export const COLLECTION_INTERVAL_SECONDS_MAX = 86_400;

/**
 * With less of the disk free (an eighth of a small one), records are refused, and as much is kept in a file that is given up when even
 * deletions find no room (at most half of the former).
 */
export const DISK_FREE_BYTES = 256 * 1024 * 1024;
export const DISK_RESERVE_BYTES = 32 * 1024 * 1024;

/** How often the catalog learns of what was written to WAL files, milliseconds. */
export const WAL_CHECKPOINT_MS = 1000;

/** Live WAL bytes over which ingest answers 503 until merges catch up; bounds disk use and recovery time. */
export const WAL_BYTES_MAX = 8 * 1024 * 1024 * 1024;

/** A WAL file that was not prepared is closed past this size: by then a prepared one is likely to be ready. */
export const WAL_UNPREPARED_BYTES_MAX = 4 * 1024 * 1024;

/** A stream's blocks are merged when they hold this many rows; also the most rows of one part of such a merge (bounds its memory). */
export const MERGE_ROWS = 512 * 1024;

/** Or when the oldest block is this old. */
export const MERGE_AGE_MS = 60_000;

/** With more unmerged rows than this, merges run at normal priority, so that ingest does not outrun them for long. */
export const MERGE_URGENT_ROWS = 4 * MERGE_ROWS;

/** Blocks of one part of a merge; bounds open files and the length of a task message. */
export const MERGE_BLOCKS_MAX = 8192;

/**
 * Blocks of so many streams, each with at most so many blocks and rows and all together with so many bytes, are merged by one task and made
 * live by one commit: with many small streams the syncs are what takes time.
 */
export const TOGETHER_STREAMS_MAX = 128;
export const TOGETHER_BLOCKS_MAX = 64;
export const TOGETHER_ROWS_MAX = 8192;
export const TOGETHER_BYTES_MAX = 1024 * 1024;

/** Bytes that a merge holds decoded for each encoded one that it reads: 80 to 190 MB were measured for 32 MB of application logs. */
export const MERGE_DECODED_RATIO = 5;

/** Encoded bytes of one part of a merge of blocks at least, however little memory there is: fewer make too many small segments. */
export const MERGE_PART_BYTES_MIN = 4 * 1024 * 1024;

/** Segments of like size are merged when this many have gathered, until they have about so many rows. */
export const COMPACT_SEGMENTS = 8;
export const SEGMENT_ROWS_MAX = 4 * 1024 * 1024;

/** A day whose rows in a merge fill a row group gets a segment of its own; so many days of one merge at most. */
export const PARTITION_ROWS_MIN = 64 * 1024;
export const PARTITIONS_MAX = 16;

/** Footers of segments held in memory for pruning; a query holds those that it needs beyond it. */
export const FOOTER_CACHE_BYTES = 128 * 1024 * 1024;

/**
 * Fields that a stream's schema lists; as many become columns (STREAM_COLUMNS_MAX of native/shred/src/fields.rs says what one costs).
 * Further ones are kept in the overflow column and found by their names there, as texts and numbers.
 */
export const STREAM_FIELDS_MAX = 20_000;

/** zstd levels: the WAL block is short-lived, the segment is not. */
export const WAL_ZSTD_LEVEL = 1;
export const SEGMENT_ZSTD_LEVEL = 1;

/** Search request bodies; they are parsed on the main thread. */
export const SEARCH_BODY_BYTES_MAX = 4 * 1024 * 1024;

/** Of one statement: the planner's limit (native/sql/src/parse.rs), told before anybody reads the text. */
export const SQL_BYTES_MAX = 1024 * 1024;

/** The main thread does not take statements apart that are longer than this: nothing of theirs is told or taken over as written. */
export const SQL_BYTES_READ_MAX = 64 * 1024;

/**
 * Of the memory that queries get (config/memory.ts), the most for residual plans, which spill what does not fit, and for answers of scans
 * that wait for them: more of either serves nobody.
 */
export const QUERY_MEMORY_BYTES_MAX = 1024 * 1024 * 1024;
export const LEAF_CREDIT_BYTES = 64 * 1024 * 1024;

/** Rows of a full row group (native/block). */
export const ROW_GROUP_ROWS = 64 * 1024;

/** Row groups in one morsel: enough that the task message costs nothing, few enough to stop early. */
export const MORSEL_GROUPS_MAX = 8;

/** Likewise where rows are grouped: the fewer answers, the less often a group is in several. */
export const GROUPING_MORSEL_GROUPS_MAX = 32;
export const GROUPING_MORSEL_GROUPS_MIN = 8;

/** Row groups that one scan groups: the more, the less often a group is in several answers, and the more memory. */
export const GROUPING_RUN_GROUPS_MAX = 16;

/** Answers of one leaf that wait to be combined, and rows in them from which that pays. */
export const GATHERED_BYTES_MAX = 96 * 1024 * 1024;
export const COMBINE_ROWS_MIN = 4096;

/** So many kept answers of one leaf are combined into one that is kept. */
export const TOGETHER_PIECES_MIN = 4;

/** Plans kept for statements that come again; each is some hundred kilobytes in the addon. */
export const PLANS_KEPT_MAX = 128;

/** How often caches are looked through for what is too old. */
export const CACHE_SWEEP_MS = 60_000;

/**
 * Shared memory for decoded pages when the configuration says nothing: more means fewer pages read and decoded again. Fewer bytes than the
 * least are no cache; typed arrays end at the most.
 */
export const PAGE_CACHE_BYTES_DEFAULT = 256 * 1024 * 1024;
export const PAGE_CACHE_BYTES_MIN = 1024 * 1024;
export const PAGE_CACHE_BYTES_MAX = 2 ** 32 - 2 ** 20;

/** Memory for kept answers when neither the configuration nor a small memory limit say otherwise. */
export const RESULT_CACHE_BYTES_DEFAULT = 128 * 1024 * 1024;

/** Disk that the spill files of all queries together may take. */
export const SPILL_BYTES_DEFAULT = 32 * 1024 * 1024 * 1024;

/** Seconds after which a cached page is dropped. Pages never change, so this only frees what nobody asks for. */
export const PAGE_CACHE_TTL_SECONDS_DEFAULT = 3600;

/**
 * Queries running, by the number of query workers, and waiting; more are refused with 503. More at once only take turns: with 16 on two
 * workers a quarter of the throughput was lost.
 */
export const QUERIES_RUNNING_MIN = 8;
export const QUERIES_RUNNING_PER_WORKER = 4;
export const QUERIES_WAITING_MAX = 256;

/**
 * Encoded rows of an answer that is put together in memory, where queries may hold twice as much, and of all such that run at once; an
 * export has no such limit. Of texts and series, which the main thread makes of them in steps, less.
 */
export const ANSWER_BYTES_MAX = 128 * 1024 * 1024;
export const ANSWER_BYTES_RUNNING_MAX = 256 * 1024 * 1024;
export const ANSWER_BYTES_MIN = 8 * 1024 * 1024;
export const MADE_ANSWER_BYTES_MAX = 32 * 1024 * 1024;

/** An answer that is longer than one slice is written slice by slice; seconds that it waits for its reader to take one. */
export const ANSWER_SLICE_BYTES = 256 * 1024;
export const ANSWER_STALL_SECONDS = 60;

/** Default and largest number of rows in one answer. */
export const SEARCH_SIZE_DEFAULT = 1000;

/** Searches remembered for `_search_history`, and characters of the SQL of each. */
export const SEARCH_HISTORY_MAX = 1000;
export const SEARCH_HISTORY_TEXT_MAX = 4096;

/** Hits go out in frames of about so many bytes where an answer is streamed. */
export const STREAM_FRAME_BYTES = 1024 * 1024;

/** Parts of a streamed search of rows: so many rows in the newest, so many times more in each further one, and so many parts at most. */
export const STREAM_PART_ROWS = 128 * 1024;
export const STREAM_PART_GROWTH = 4;
export const STREAM_PART_ROWS_MAX = 2 * 1024 * 1024;
export const STREAM_PARTS_MAX = 100;

/** Of an export, that a socket is given at once: what it does not take is copied for it. */
export const EXPORT_WRITE_BYTES = 256 * 1024;

/** Rows of one part of an export, which are in memory at once. */
export const EXPORT_PART_ROWS = 32 * 1024;

/** Seconds that an export waits for its reader to take a piece. */
export const EXPORT_STALL_SECONDS = 60;

/** Of a search that is answered as a file, kept back until it is known whether all rows are in it. */
export const SEARCH_FILE_HELD_BYTES_MAX = 8 * 1024 * 1024;

/** Exports whose number of rows can still be asked for. */
export const EXPORTS_REMEMBERED_MAX = 1000;

/** Live tails at once; each is a socket, and each filter among them a scan of every new block of its stream. */
export const TAILS_MAX = 256;

/** Bytes that wait for a slow reader of a tail; rows beyond are dropped, and it is told how many. */
export const TAIL_BUFFER_BYTES = 4 * 1024 * 1024;

/** Messages of a tail have about so many bytes: what is dropped is dropped by the message. */
export const TAIL_MESSAGE_BYTES = 64 * 1024;

/** Bytes of new blocks that wait for the scan of one filter; their files stay until then, so the oldest are passed over beyond it. */
export const TAIL_PENDING_BYTES = 64 * 1024 * 1024;

/** Most rows from before that a tail can begin with. */
export const TAIL_LAST_ROWS_MAX = 10_000;

/** Seconds after which a tail whose reader answers no ping is closed; pings go out in time. */
export const TAIL_IDLE_SECONDS = 60;

/** Rest between two scans for one filter, so that a tail of many small batches does not take the workers from queries. */
export const TAIL_PAUSE_MS = 20;

/** How long a scan for a tail waits when the query workers have too much to do. */
export const TAIL_RETRY_MS = 200;

/** A plan is left after 5 s (native/sql/src/deadline.rs); a worker that is at one so long is given up. */
export const PLAN_TASK_MS_MAX = 10_000;

/** A worker that is still at a query's task so long after the query was stopped is given up. */
export const STOPPED_TASK_MS_MAX = 2000;

/** With so many threads of given-up workers held up, by worker of the pool, the server is not ready for more. */
export const WORKERS_GIVEN_UP_MAX_PER_WORKER = 2;

/** Seconds after which a query is stopped. */
export const QUERY_TIMEOUT_SECONDS_DEFAULT = 600;

if (BODY_BYTES_MAX * 2 > RING_BYTES_DEFAULT)
  throw new Error('BUG: the ring must hold two bodies of the largest size');
if ((RING_SLOTS & (RING_SLOTS - 1)) !== 0) throw new Error('BUG: RING_SLOTS must be a power of two');
if (WAL_FILE_BYTES_MAX * 4 > WAL_BYTES_MAX) throw new Error('BUG: the WAL limit must span several files');
if (SEGMENT_ROWS_MAX < MERGE_ROWS * 2) throw new Error('BUG: a segment must hold several merges');
