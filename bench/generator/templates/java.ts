import type { TemplateGroup } from '../template.js';

/** Java services: frameworks, pools, heads of stack traces. */
export const java: TemplateGroup = {
  prefix:
    '{isocomma} {!INFO|INFO|INFO|WARN|ERROR} [http-exec-{int:1-32}] [req={hex:12} ' +
    'user={int:1-199999}] {!package}.{!class} - ',
  templates: [
    'Request {uuid} failed\n{exception}: {service} gave no result within {int:100-9000} ms\n\tat ' +
      '{!package}.{!class}.call({!class}.java:{int:20-900})\n\tat ' +
      '{!package}.{!class}.run({!class}.java:{int:20-900})',
    '{exception}: cannot reach {ip}:{port}\n\tat {!package}.{!class}.connect({!class}.java:{int:20-900})',
    'Unhandled {exception} in {!class}.{!method}, order {int:100000-9999999}',
    'Pool {!database}-pool: active={int:0-40} idle={int:0-20} waiting={int:0-90}',
    'Pool {!database}-pool: no connection free after {int:1000-30000} ms',
    'Handled {url} for {user} in {log:4000} ms, {int:1-900} rows',
    'Started {!class} in {dec:60:3} seconds, process running for {dec:70:3}',
    'Bean {!class} made with {int:1-12} dependencies in {log:900} ms',
    'Cache {cache}: {log:90000} entries, {int:10-99} % hits, {log:9000} evicted',
    'Order {int:100000-9999999} of {user} moved from {NEW|PAID|PACKED|SHIPPED} to ' +
      '{PAID|PACKED|SHIPPED|DONE|CANCELLED}',
    'Payment {uuid} of {dec:900:2} EUR {captured|authorised|declined|refunded}',
    'Retry {int:1-5} of {!class}.{!method} in {int:100-9000} ms: {exception}',
    'Collected {young|young|mixed|full} generation in {log:900} ms, heap {int:100-4000}M -> ' +
      '{int:50-2000}M of 4096M',
    'Session {hex:32} of {user} expired after {1800|3600} s',
    'Token of {user} is valid until {date}, scopes [{read|read write|read write admin}], kid={hex:16}',
    'Scheduled {!class}.{!method} skipped, previous run still busy for {log:900} s',
    'Sent {bytes} bytes to {ip}:{port} on channel 0x{hex:8}',
    'Circuit {service} is {OPEN|CLOSED|HALF_OPEN}: {int:1-99} % failures over {int:10-200} calls',
    'Mail "{Your order|Your receipt|Password change|Welcome}" to user {int:1-199999} queued as {hex:24}',
    'Migration {int:1-200} ({!table}) applied in {log:9000} ms',
    'Consumer {topic}-{int:0-31} joined generation {int:1-900} as {!class}-{uuid}',
    'Parameter {!column} of {!class}.{!method} is {null|empty|negative|too long}, request {hex:16}',
    'Property {service}.{!column} = {int:1-9000} (from {environment|file|default})',
    'Executor batch-{int:1-24} queue is {int:0-1000} of 1000, {int:0-64} busy, {log:900000} done',
    'Audit: {user} {created|changed|deleted|viewed} {!table} {int:1-9999999} from {wan}',
  ],
};
