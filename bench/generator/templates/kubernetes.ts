import type { TemplateGroup } from '../template.js';

/** Container orchestration: scheduling, probes, images, volumes. */
export const kubernetes: TemplateGroup = {
  prefix: '{!I|I|I|W|E}{klog} {pid} {!source}.go:{!int:20-1900}] ',
  templates: [
    'pod {!namespace}/{workload} bound to {node}, {int:3-90} nodes looked at, {int:1-60} fit',
    'pod {!namespace}/{workload} fits nowhere: {int:1-60} lack cpu, {int:1-60} lack memory, {int:0-9} ' +
      'tainted',
    'liveness of {!namespace}/{workload} failed {int:1-9} times: Get "http://{ip}:{port}/healthz": no ' +
      'answer in time',
    'readiness of {!namespace}/{workload} failed: status {500|502|503}',
    'container {service} of {!namespace}/{workload} started, id={hex:64}',
    'container {service} of {!namespace}/{workload} ended, code={0|1|137|143} ' +
      'reason={Completed|Error|OOMKilled|Error}',
    'back-off {10|20|40|80|160|300}s before restart {int:1-400} of container {service} in {workload}',
    'image {image}:{semver} pulled in {dec:60:3}s ({bytes} bytes)',
    'image {image}@sha256:{hex:64} already here',
    'volume pvc-{uuid} attached to {node} as /dev/{disk}',
    'volume pvc-{uuid} mounted for {!namespace}/{workload}',
    'eviction of {!namespace}/{workload}: memory available {log:900}Mi under {100|200}Mi',
    'lease {!namespace}/{service}-leader renewed by {node}_{uuid}',
    'lease {!namespace}/{service}-leader lost by {node}_{uuid}, new holder {node}',
    'replica set {service}-{hex:10} scaled from {int:0-20} to {int:0-30}',
    'autoscaler {!namespace}/{service}: cpu {int:10-180}% of target {50|70|80}%, want {int:1-40} replicas',
    'endpoint slice {service}-{hex:5} now lists {int:0-40} addresses, {int:0-4} not ready',
    'GET /apis/apps/v1/namespaces/{!namespace}/deployments/{service}?timeout={int:5-60}s ({log:900} ' +
      'ms) {200|200|404|409} [{!script}/v{semver} {ip}:{port}]',
    'config map {!namespace}/{service}-settings changed, revision {int:1000000-99999999}',
    'node {node} reports {Ready|Ready|NotReady|MemoryPressure|DiskPressure} since {int:1-900}s',
    'certificate request csr-{hex:5} of {node} approved',
    'network set up for {!namespace}/{workload}: {ip}/24 on {nic}, mac {mac}',
    'watch on {pods|services|secrets|nodes|events} ended at revision {int:1000000-99999999}, ' +
      '{log:9000} events seen',
    'slow request: range "{/registry/pods/|/registry/events/|/registry/leases/}{!namespace}" took ' +
      '{log:9000} ms, expected 100 ms, {log:9000} keys',
    'garbage collection freed {bytes} bytes in {int:1-60} images on {node}',
  ],
};
