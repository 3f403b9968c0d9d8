import type { TemplateGroup } from '../template.js';

/** Cache server and search index nodes. */
export const cache: TemplateGroup = {
  prefix: '{pid}:{!M|M|S|C} {daytime} {!*|*|#|-} ',
  templates: [
    '{int:1-999} changes in {60|300|900} seconds, saving',
    'Saver process {pid} started',
    'Saver process done, {log:900} MB copied on write, {bytes} bytes on disk',
    'Replica {ip}:{port} asks for offset {int:100000-999999999} of {hex:40}',
    'Replica {ip}:{port} gets {bytes} bytes of backlog from offset {int:100000-999999999}',
    'Replica {ip}:{port} disconnected, {log:900} s since last ping',
    'Client id={int:1-999999} addr={ip}:{port} name={service}-{int:1-30} age={log:90000} idle={log:900} ' +
      'cmd={get|set|hgetall|mget|expire} closed, output buffer over {bytes} bytes',
    'Slow: {log:900000} us, {KEYS|HGETALL|SMEMBERS|ZRANGE|EVAL} {cache}:{int:1-199999} from ' + '{ip}:{port}',
    'Evicted {log:9000} keys to stay under {int:1-64} GB, policy {allkeys-lru|volatile-ttl}',
    'Expired {log:9000} keys of {log:900000} in {log:90} ms',
    'Failover of {cache}: {ip}:{port} is the new primary, epoch {int:1-400}, {int:2-5} votes',
    'Node {hex:40} marked {failing|healthy} by {int:2-6} peers',
    'Slot {int:0-16383} moves from {hex:40} to {hex:40}, {log:9000} keys',
    'Append file grew {int:20-200} % to {bytes} bytes, rewrite begins',
    'Sync of append file takes long ({log:9000} ms), disk busy?',
    'Memory {dec:60:2}G of {int:16-64}.00G, fragmentation {dec:2:2}, {log:9000} clients, {log:90000} ops/s',
    'Index [{index}-{date}][{int:0-9}] moved to {node}, {bytes} bytes in {dec:90:1}s',
    'Index [{index}-{date}] made, {int:1-9} shards, {int:0-2} replicas, cause [{auto|api|rollover}]',
    'Merge of [{index}-{date}][{int:0-9}]: {int:2-12} parts, {log:900000} documents, {dec:900:1} MB, ' +
      '{dec:60:1}s',
    'Query on [{index}-*] took {log:30000} ms, {log:900000} hits, source match on {!column} for {uuid}',
    'Cluster is {GREEN|YELLOW|RED} (was {GREEN|YELLOW|RED}), {int:0-90} shards unassigned',
    'Disk of {node} at {int:85-97} %, shards are moved away',
    'Script {hex:40} ran {log:9000} ms, still busy',
    'Auth as {user} from {ip}:{port} refused',
    'Lookup {cache}:{hex:16} {hit|hit|hit|miss} {log:900} us',
  ],
};
