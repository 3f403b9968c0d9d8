import type { TemplateGroup } from '../template.js';

/** Message broker: partitions, replication, groups. */
export const queue: TemplateGroup = {
  prefix: '[{isocomma}] {!INFO|INFO|INFO|WARN} [{!broker}] ',
  templates: [
    'Log {topic}-{int:0-31}: rolled a new segment at offset {int:100000-999999999} in {log:90} ms',
    'Log {topic}-{int:0-31}: start offset raised to {int:100000-999999999}, retention {24|72|168} h',
    'Log {topic}-{int:0-31}: removed segments {int:100000-999999999}, {int:100000-999999999}',
    'Leader epoch of {topic}-{int:0-31} is now {int:1-90}, leader {int:1-9}, in sync ' +
      '[{int:1-3},{int:4-6},{int:7-9}]',
    'In-sync set of {topic}-{int:0-31} shrinks to [{int:1-9}], high mark {int:100000-999999999}, end ' +
      '{int:100000-999999999}',
    'In-sync set of {topic}-{int:0-31} grows to [{int:1-3},{int:4-6}]',
    'Group {service}-consumers: member {service}-{uuid} joined, generation {int:1-900}',
    'Group {service}-consumers: member {service}-{uuid} left, session ran out after {10000|30000|45000} ms',
    'Group {service}-consumers: balanced in {log:3000} ms, generation {int:1-900} with {int:1-24} members',
    'Offset {int:100000-999999999} of {topic}-{int:0-31} stored for {service}-consumers',
    'Fetch from broker {int:1-9} failed at {topic}-{int:0-31}, epoch {int:1-90}: {not leader|offset ' +
      'out of range|timed out}',
    'Producer {int:1000-99999} epoch {int:0-9} fenced on {topic}-{int:0-31}',
    'Request {PRODUCE|FETCH|METADATA|HEARTBEAT} {int:1-9999999} from {ip}:{port} took {log:3000} ms ' +
      '(queue {log:90}, local {log:900}, remote {log:900})',
    'Client {service}-{int:1-30} at /{ip}:{port} slowed by {log:3000} ms, quota {bytes} B/s',
    'Index of {topic}-{int:0-31}/{pad:12}.log rebuilt, {log:9000} entries in {log:9000} ms',
    'Compaction of {topic}-{int:0-31}: {dec:900:1} MB to {dec:400:1} MB, {int:1-99} % removed, ' +
      '{dec:60:1} s',
    'Controller {int:1-9} took over, epoch {int:1-400}',
    'Session 0x{hex:16} opened with limit {6000|18000|40000} ms for /{ip}:{port}',
    'Session 0x{hex:16} ran out, limit {6000|18000|40000} ms',
    'Vote for {int:1-9}: zxid=0x{hex:10}, round {int:1-90}, my state {LOOKING|FOLLOWING|LEADING}',
    'Snapshot 0x{hex:10} written, {bytes} bytes in {log:9000} ms',
    'Broken link to broker {int:1-9} ({node}:{port}), {exception}',
    'Record of {bytes} bytes on {topic} is larger than {1048576|4194304}',
    'Transaction {service}-tx-{int:1-90} {committed|committed|aborted} in {log:3000} ms, {int:1-12} ' +
      'partitions',
    'Lag of {service}-consumers on {topic}-{int:0-31}: {log:900000} records, {log:9000} s',
  ],
};
