import type { TemplateGroup } from '../template.js';

/** Cluster compute engine: stages, tasks, shuffles, executors. */
export const compute: TemplateGroup = {
  prefix: '{slash} {!INFO|INFO|INFO|INFO|WARN} {!engine}: ',
  templates: [
    'Task {int:0-199}.0 of stage {int:0-90}.0 begins (id {int:1-90000})',
    'Task {int:0-199}.0 of stage {int:0-90}.0 done (id {int:1-90000}), result of {int:900-4000} ' +
      'bytes returned',
    'Task {int:0-199}.{int:0-3} of stage {int:0-90}.0 lost on {node} (executor {int:1-40}): {exception}',
    'Launch task {int:0-199}.0, stage {int:0-90}.0 (id {int:1-90000}, {node}, partition {int:0-199}, ' +
      '{RACK|NODE|PROCESS}_LOCAL, {int:1500-9000} bytes)',
    'Partition part_{int:2-60}_{int:0-199} absent, will be computed',
    'Partition part_{int:2-60}_{int:0-199} read from this node',
    'Keep part_{int:2-60}_{int:0-199} as {bytes|values} in memory: about {dec:900:1} KB, {dec:360:1} ' +
      'MB still free',
    'Keep broadcast_{int:0-300}_piece0 as bytes in memory: about {dec:60:1} KB, {dec:360:1} MB still free',
    'Read broadcast variable {int:0-300} within {log:90} ms',
    'Drop broadcast_{int:0-300}_piece0 on {ip}:{port}, {dec:60:1} KB, {dec:360:1} MB still free',
    'Fetch {int:1-200} non-empty of {int:100-200} shuffle blocks, {int:0-20} remote, begun in {log:60} ms',
    'Shuffle {int:0-60} written: {log:90000} rows, {dec:900:1} MB in {log:9000} ms',
    'Stage {int:0-90} ({collect|count|save|aggregate|join} at {!class}.scala:{int:20-900}) done in ' +
      '{dec:90:3} s',
    'Job {int:0-500} done: {collect|count|save|aggregate|join} at {!class}.scala:{int:20-900}, took ' +
      '{dec:200:6} s',
    'Input split {jobfile}:{int:0-9000}+{int:1000-99999}',
    'Executor {int:1-40} on {node} grants {int:1-16} cores, {int:1-64}.0 GB of memory',
    'Executor {int:1-40} on {node} gone: {container killed for exceeding memory|heartbeat missed for ' +
      '120 s|node drained}',
    'Commit attempt_{int:201601010000-201712312359}_0000_m_{pad:6}_0 saved to {jobfile}',
    'Spill {int:1-20} of {dec:900:1} MB to disk by thread {int:40-99} ({int:1-9} so far)',
    'Worker times: whole = {log:900}, start = {int:2-60}, setup = {int:20-190}, close = {int:0-40}',
    'Block pruning kept {int:1-40} of {int:40-900} files, {dec:20:2} GB of {dec:90:2} GB',
    'Speculative copy of task {int:0-199} in stage {int:0-90}: {dec:60:1} s against a median of ' +
      '{dec:9:1} s',
    'Old broadcast {int:0-300} cleaned',
    'Application app-{date}-{pad:4} now has {int:1-90} executors, wants {int:1-120}',
    'Garbage collection took {int:10-60} % of task time on executor {int:1-40}, {log:9000} ms',
  ],
};
