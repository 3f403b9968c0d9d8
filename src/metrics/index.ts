/** The server's own metrics, in the Prometheus text format. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { BatchResult } from '../ingest/batch-task.js';

const LATENCY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const DELAY_RESOLUTION_MS = 5;

export class Metrics {
  readonly registry = new Registry();
  private readonly requests = this.counter('basalt_http_requests_total', 'Requests answered', [
    'route',
    'status',
  ]);
  private readonly latency = new Histogram({
    name: 'basalt_http_request_seconds',
    help: 'From the request line to the answer',
    labelNames: ['route'],
    buckets: LATENCY_SECONDS,
    registers: [this.registry],
  });
  private readonly records = this.counter('basalt_ingest_records_total', 'Records by outcome', ['outcome']);
  private readonly rawBytes = this.counter('basalt_ingest_body_bytes_total', 'Bytes of request bodies');
  private readonly batches = this.counter('basalt_ingest_batches_total', 'Batches made durable');
  private readonly encodeSeconds = this.counter(
    'basalt_ingest_encode_seconds_total',
    'Time in shredding and encoding',
  );
  private readonly syncSeconds = this.counter(
    'basalt_ingest_sync_seconds_total',
    'Time in WAL write and fdatasync',
  );
  private readonly mergedRows = this.counter('basalt_merge_rows_total', 'Rows written to segments');
  private readonly mergedBytes = this.counter('basalt_merge_bytes_total', 'Bytes of segments written');
  private readonly mergeSeconds = this.counter('basalt_merge_seconds_total', 'Time in merges');

  private readonly collectedFiles = this.counter('basalt_collected_files_total', 'Files taken away by kind', [
    'kind',
  ]);
  private readonly collectedBytes = this.counter('basalt_collected_bytes_total', 'Bytes given back by kind', [
    'kind',
  ]);
  private readonly collectionErrors = this.counter(
    'basalt_collection_errors_total',
    'Steps of collections that failed',
  );

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
    delay.enable();
    this.gauge(
      'basalt_main_thread_longest_stop_seconds',
      'The longest that the main thread let everybody wait since these metrics were last asked for',
      () => {
        // It measures from one timer to the next, so an idle thread shows their distance.
        const stopMs = Math.max(0, delay.max / 1e6 - DELAY_RESOLUTION_MS);
        delay.reset();
        return stopMs / 1000;
      },
    );
  }

  /** A value read when the metrics are asked for. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** A count kept elsewhere, read when the metrics are asked for. */
  total(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  answered(route: string, status: number, tookMs: number): void {
    this.requests.inc({ route, status: String(status) });
    this.latency.observe({ route }, tookMs / 1000);
  }

  batch(result: BatchResult): void {
    this.records.inc({ outcome: 'stored' }, result.records);
    this.records.inc({ outcome: 'failed' }, result.failedRecords);
    this.rawBytes.inc(result.rawBytes);
    this.batches.inc();
    this.encodeSeconds.inc(result.encodeMs / 1000);
    this.syncSeconds.inc(result.syncMs / 1000);
  }

  merged(rows: number, bytes: number, tookMs: number): void {
    this.mergedRows.inc(rows);
    this.mergedBytes.inc(bytes);
    this.mergeSeconds.inc(tookMs / 1000);
  }

  collected(kind: string, files: number, bytes: number): void {
    this.collectedFiles.inc({ kind }, files);
    this.collectedBytes.inc({ kind }, bytes);
  }

  failed(): void {
    this.collectionErrors.inc();
  }

  private counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}
