import type { TemplateGroup } from '../template.js';

/** Service manager and the daemons that it starts. */
export const systemd: TemplateGroup = {
  prefix: '{syslog} {node} {!systemd[1]|systemd[1]|systemd[1]|cron|timesync|resolver|udev}: ',
  templates: [
    'Start of {unit} requested...',
    '{unit} is up.',
    '{unit} has stopped.',
    '{unit}: ended with status {1|2|127|143}, result exit-code',
    '{unit}: main process {pid} left, signal {TERM|KILL|SEGV|ABRT}',
    '{unit}: restart {int:1-90} scheduled in {100|500|5000} ms',
    '{unit}: no watchdog ping for {30|60|180} s, process {pid} gets ABRT',
    '{unit}: used {dec:90:3} s of cpu, peak memory {dec:900:1} MB',
    'Session {int:1-90000} of {user} begins on seat0, leader {pid}',
    'Session {int:1-90000} of {user} has ended after {log:86400} s',
    'Slice user-{int:1000-1400}.slice made',
    '({user}) CMD ({home}/bin/{!script} --since {epoch})',
    '({user}) CMD (test -x /usr/sbin/{script} && /usr/sbin/{script} --quiet)',
    'Clock off by {dec:2:6} s against {wan}, slewing at {int:1-500} ppm',
    'Server {wan} answers with stratum {int:1-5}, delay {dec:90:3} ms, jitter {dec:20:3} ms',
    'Name server {ip} does not answer for {!domain}, trying {ip}',
    'Cache flushed, {log:9000} entries, {int:10-99} % hits',
    'Timer {unit} next fires in {int:1-24} h {int:0-59} min',
    'Journal of {log:4000} MB is above {500|1000|4000} MB, {int:1-40} old files removed',
    '{disk}: rule {int:10-99}-{storage|net|local}.rules ran {!script}, exit {0|0|1}',
    '{unit}: socket {ip}:{port} in use already',
    'Mount point {volume} ready, {log:90} ms',
    'Dependency of {!unit} failed: {unit} did not come up',
    'Swap use is {int:1-99} %, pressure {dec:90:2} over 10 s',
    'Reached target {Network|Multi-User|Timers|Basic|Remote File Systems}.',
  ],
};
