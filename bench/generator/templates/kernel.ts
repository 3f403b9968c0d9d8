import type { TemplateGroup } from '../template.js';

/** Operating system kernel: devices, memory, network. */
export const kernel: TemplateGroup = {
  prefix: '{syslog} {node} kernel: [{uptime}] ',
  templates: [
    '{nic}: link {up|up|down}, {1000|10000|25000} Mb/s, flow control {rx/tx|off|rx}',
    '{nic}: bad checksum on frame from {mac}, {log:9000} so far',
    '{disk}: sector {int:1000-999999999} unreadable, op {int:0-1}, flags 0x{hex:4}, phys_seg {int:1-32}',
    '{disk}: command queue of {32|64|256} slots attached, {log:8000} GB',
    '{disk}: reset after {int:1-30} s, tag {int:0-63}, controller state 0x{hex:8}',
    'killing process {pid} ({process}), score {int:100-999}, anon {log:9000000} kB, file {log:9000} kB',
    '{process} asked for order-{int:0-9} pages, mask 0x{hex:6}, node {0|1}, free {log:900000} kB',
    'memory cgroup of {unit} is at its limit, {log:99999} failures, usage {log:9000000} kB',
    '{process}[{pid}]: fault at {hex:12} ip {hex:16} sp {hex:16} code {4|5|6|7} in ' +
      '{library}[{hex:12}+{hex:5}]',
    'task {process}:{pid} stuck for more than {120|241|362} s, state D, wait {hex:16}',
    'cpu {int:0-63}: clock slowed by heat, {log:9000} events in all',
    'cpu {int:0-63}: heat back to normal',
    'clock source moved to {tsc|hpet|kvm}, skew {log:900000} ns',
    'nf_drop IN={nic} SRC={wan} DST={ip} LEN={int:40-1500} TTL={int:30-250} ID={int:1-65535} ' +
      'PROTO=TCP SPT={port} DPT={int:1-9999} WINDOW={int:1024-65535} SYN',
    'nf_drop IN={nic} SRC={wan} DST={ip} LEN={int:40-500} TTL={int:30-250} PROTO=UDP SPT={port} ' +
      'DPT={53|123|1900|5060}',
    'connection table full with {65536|262144} entries, packet dropped',
    'possible SYN flood on port {80|443|5432|9092}, cookies sent',
    'fs ({disk}): mounted with ordered data, uuid {uuid}',
    'fs ({disk}): {int:1-90} orphan inodes removed, log replay {log:900} ms',
    'fs ({disk}): error in directory #{int:100-9999999} block {int:1-999999}: entry of length ' +
      '{int:0-12} too short',
    'usb {int:1-4}-{int:1-9}: new {high|super}-speed device number {int:2-120}, vendor {hex:4} ' +
      'product {hex:4}',
    'pcie {hex:2}:{hex:2}.{int:0-7}: corrected error, layer {link|transaction|physical}, id={hex:4}, ' +
      'count {log:900}',
    'perf sampling took {log:9000} us, rate lowered to {int:1000-99000} Hz',
    'seccomp: {process} pid={pid} syscall {int:0-440} not permitted, ip=0x{hex:12}',
    'rcu: stall on cpu {int:0-63}, {int:20-90} s, gp {int:100000-9999999}, queue {log:9000}',
  ],
};
