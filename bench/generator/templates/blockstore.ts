import type { TemplateGroup } from '../template.js';

/** Distributed block store: replicas, block reports, deletions. */
export const blockstore: TemplateGroup = {
  prefix:
    '{compact} {int:1-29999} {!INFO|INFO|INFO|INFO|WARN} ' +
    'store.{!BlockReceiver|ReplicaServer$Writer|NameDirectory|BlockScanner|TransferPlan}: ',
  templates: [
    'Incoming replica blk_{blk} from /{ip}:{port} towards /{ip}:50010',
    'Replica blk_{blk} complete, {bytes} bytes, sent by /{ip}',
    'writer {int:0-3} of blk_{blk} closing, pipeline drained',
    'blk_{blk} terminating writer {int:0-3}, last packet {int:0-1024}',
    'DIRECTORY* map updated: {ip}:50010 now holds blk_{blk} with ' +
      '{67108864|67108864|67108864|33554432} bytes',
    'DIRECTORY* invalidate: blk_{blk} queued for removal at {ip}:50010 {ip}:50010',
    'DIRECTORY* allocate: {jobfile} -> blk_{blk}',
    'Removing replica blk_{blk} at {volume}/current/subdir{int:0-63}/blk_{blk}',
    'Scan of blk_{blk} agrees with its checksum',
    'Scan of blk_{blk} on {volume} found checksum {hex:8}, expected {hex:8}',
    '{ip}:50010 broke off while serving blk_{blk} to /{ip}: {peer reset the stream|stream closed ' +
      'early|write would block for 480000 ms}',
    'Serving replica blk_{blk} to /{ip}',
    'Told {ip}:50010 to copy blk_{blk} to {ip}:50010',
    '{ip}:50010 sends blk_{blk} on to {ip}:50010, {log:9000} ms',
    'Report with {int:900-9000} replicas from {ip}:50010 handled in {log:400} ms',
    'Under-replicated: blk_{blk} has {1|2} of 3 copies, priority {int:0-4}',
    'Volume {volume} is {int:70-99} % full, {log:4000} GB left, new replicas go elsewhere',
    'Lease of {jobfile} passed from client c_{int:100000000-999999999} after {int:60-3600} s silence',
    'Rename {jobfile} to {jobfile}-done by {user} from {ip}',
    'Edit log segment {int:1000000-9999999} closed, {int:10-9000} transactions, {log:900} syncs, ' +
      '{log:4000} ms in sync',
    'Heartbeat of {ip}:50010 is {int:10-630} s late, marked stale',
    'Balancer moves {log:900} blocks ({log:60} GB) from rack /r{int:1-20} to rack /r{int:1-20}',
    'Short-circuit read of blk_{blk} by {user}, slot {int:0-127}',
    'Decommission of {ip}:50010: {log:90000} blocks still wait for a copy',
    'Packet {int:1-1024} for blk_{blk} acknowledged by mirror {ip} in {log:900} ms, slow',
  ],
};
