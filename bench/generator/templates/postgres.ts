import type { TemplateGroup } from '../template.js';

/** Relational database: statements, locks, checkpoints, replication. */
export const postgres: TemplateGroup = {
  prefix: '{isospace} UTC [{pid}] app{int:1-9}@{!database} {!LOG|LOG|LOG|WARNING|ERROR}:  ',
  templates: [
    'took {dec:9000:3} ms: SELECT {!column}, {!column} FROM {!table} WHERE id = {int:1-9999999}',
    'took {dec:900:3} ms: SELECT count(*) FROM {!table} WHERE {!column} > {int:1-99999} AND {!column} = ' +
      "'{user}'",
    'took {dec:900:3} ms: UPDATE {!table} SET {!column} = {int:1-99999}, changed_at = now() WHERE id = ' +
      '{int:1-9999999}',
    "took {dec:900:3} ms: INSERT INTO {!table} ({!column}, {!column}) VALUES ({int:1-99999}, '{hex:16}')",
    'took {dec:900:3} ms: DELETE FROM {!table} WHERE {!column} < {int:1-99999} LIMIT 1000',
    'client {ip} port {port} connected',
    'client {ip} port {port} left after {dec:9000:3} s',
    'credentials of {user} for {!database} do not match, rule {int:80-120} of hba.conf',
    'key ({!column})=({int:1-9999999}) is in {!table} already, unique index {!table}_{!column}_idx',
    'row ({int:1-9999999}) of {!table} is still used by {!table}, foreign key {!table}_{!column}_fk',
    'process {pid} waits for {ShareLock|ExclusiveLock|RowExclusiveLock} on transaction ' +
      '{int:1000000-99999999}, {dec:9000:3} ms so far',
    'deadlock: process {pid} waits for {pid}, process {pid} waits for {pid}; {pid} is rolled back',
    'checkpoint begins: {time|wal|shutdown}',
    'checkpoint done: {log:90000} buffers ({dec:90:1}%), {int:0-9} wal files added, ' +
      'write={dec:270:3} s, sync={dec:9:3} s, longest={dec:3:3} s',
    'vacuum of {!database}.public.{!table}: {log:9000} pages removed, {log:90000} remain, {log:90000} ' +
      'row versions gone, {dec:90:2} s',
    'analyse of {!database}.public.{!table}: {dec:90:2} s, {log:90000} rows sampled',
    'temporary file pgsql_tmp{pid}.{int:0-40}, {bytes} bytes',
    'statement of {pid} cancelled: limit of {1000|5000|30000} ms passed',
    'replica {node} at {hex:2}/{hex:8}, {log:900000} bytes behind, {log:9000} ms',
    'segment {hex:24} archived',
    'could not serialise access to {!table}: changed by another transaction, retry',
    'column "{!column}" of table "{!table}" is not there, position {int:8-300}',
    'syntax problem near "{!column}", position {int:8-300}',
    'slots for clients are used up ({100|200|400}), {user} from {ip} turned away',
    'plan of statement {hex:16} changed: index scan on {!table}_{!column}_idx replaced by sequential ' +
      'scan, cost {dec:9000:2}..{dec:99999:2}',
  ],
};
