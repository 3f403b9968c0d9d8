import type { TemplateGroup } from '../template.js';

/** Machine and network provisioning: long lines with request, tenant and instance ids. */
export const cloud: TemplateGroup = {
  prefix:
    '{isospace} {int:1000-32000} {!INFO|INFO|INFO|WARNING|ERROR} ' +
    'cloud.{!compute.manager|compute.tracker|api.wsgi|images.cache|network.agent|placement} ' +
    '[req-{uuid} {tenant} {tenant}] ',
  templates: [
    '{ip} "GET /v2/{tenant}/servers/detail HTTP/1.1" status: 200 len: {int:190-1990} time: {dec:2:7}',
    '{ip} "GET /v2/{tenant}/servers/{uuid} HTTP/1.1" status: {200|200|404} len: {int:190-1990} time: ' +
      '{dec:2:7}',
    '{ip} "POST /v2/{tenant}/servers HTTP/1.1" status: 202 len: {int:700-740} time: {dec:2:7}',
    '{ip} "DELETE /v2/{tenant}/servers/{uuid} HTTP/1.1" status: 204 len: 203 time: {dec:2:7}',
    '{ip},{ip} "GET /latest/meta-data/{public-keys|hostname|placement|block-device|local-ipv4}/ HTTP/1.1" ' +
      'status: 200 len: {int:120-330} time: {dec:1:7}',
    '[instance: {uuid}] machine {resumed|paused|started|stopped} (event from the hypervisor)',
    '[instance: {uuid}] waiting for {network-vif-plugged|volume-attached} of port {uuid}, ' +
      '{int:1-300} s left',
    '[instance: {uuid}] took {dec:40:2} seconds to make the machine on the hypervisor.',
    '[instance: {uuid}] took {dec:60:2} seconds to build in all, claimed on {node} with retry {int:0-3}.',
    '[instance: {uuid}] removing its files under /var/lib/cloud/instances/{uuid}_del',
    '[instance: {uuid}] claim: memory {2048|4096|8192} MB, disk {20|40|80} GB, cpus {1|2|4} on ' +
      '{node}: granted',
    '[instance: {uuid}] claim: memory {16384|32768} MB refused on {node}: free {int:100-16000} MB, ' +
      'overcommit 1.5',
    'image {uuid} at (/var/lib/cloud/instances/_base/{hex:40}): in use: on this node {int:0-9}, on ' +
      'others {int:0-40}',
    'base file /var/lib/cloud/instances/_base/{hex:40} is unused and {log:900000} seconds old, will ' +
      'be removed',
    'resources of {node}: physical memory {64172|128512}MB used {int:512-60000}MB, disk {int:15-900}GB used ' +
      '{int:1-800}GB, cpus {16|32} used {int:0-40}, pci []',
    'state of {int:1-30} machines on {node} differs from the database ({int:1-30} there, {int:1-30} ' +
      'here), synced',
    'port {uuid} on network {uuid} bound to {node} ({nic}), address {ip}, mac {mac}',
    'security group {uuid} of tenant {tenant} changed: {int:1-40} rules, {int:1-90} ports to refresh ' +
      'on {node}',
    'allocation for {uuid} on provider {uuid}: VCPU {1|2|4|8}, MEMORY_MB {2048|4096|8192}, ' +
      'generation {int:1-9000}',
    'volume {uuid} attached to {uuid} as /dev/vd{b|c|d}, target iqn.2010-10.org.cloud:volume-{uuid}',
    'router {uuid} moved from {node} to {node}: no report for {int:75-300} s, {int:1-40} addresses',
    'token of tenant {tenant} checked in {dec:1:4} s, roles member,reader, until {isoz}, audit id {hex:22}',
    'quota of tenant {tenant} for {cores|ram|instances|volumes}: {int:1-100} of {100|200} used, ' +
      'asked {int:1-20} more, {granted|refused}',
    'snapshot {uuid} of {uuid}: {bytes} bytes sent to {ip}:9292 in {dec:600:1} s, state ' +
      '{queued|saving|active}',
    'migration of {uuid} from {node} to {node}: {int:0-100} % of memory, {log:9000} MB left, pass ' +
      '{int:1-30}, downtime {int:10-500} ms',
  ],
};
