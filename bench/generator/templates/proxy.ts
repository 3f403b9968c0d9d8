import type { TemplateGroup } from '../template.js';

/** Web proxy: access lines and upstream trouble. */
export const proxy: TemplateGroup = {
  prefix: '',
  templates: [
    '{wan} - - [{clf}] "GET {url} HTTP/1.1" {200|200|200|304} {bytes} "-" "{agent}"',
    '{wan} - {user} [{clf}] "GET {url}?page={int:1-90} HTTP/2.0" 200 {bytes} "https://{domain}/" "{agent}"',
    '{wan} - - [{clf}] "POST {url} HTTP/1.1" {201|200|202|422} {bytes} "https://{domain}{url}" "{agent}"',
    '{ip} - - [{clf}] "GET /healthz HTTP/1.1" 200 15 "-" "probe/{int:1-3}.{int:0-9}" rt=0.{pad:3}',
    '{wan} - - [{clf}] "GET /assets/{hex:8}.{js|css|woff2|svg} HTTP/2.0" {200|304} {bytes} ' +
      '"https://{domain}/" "{agent}"',
    '{wan} - - [{clf}] "GET /{wp-login.php|.env|admin/config|cgi-bin/test|actuator/env} HTTP/1.1" ' +
      '404 {int:140-170} "-" "{agent}"',
    '{wan} - {user} [{clf}] "DELETE {url}/{int:1-99999} HTTP/1.1" 204 0 "-" "{agent}" rt=0.{pad:3} ' +
      'ut=0.{pad:3}',
    '{wan} - - [{clf}] "PUT {url}/{int:1-99999} HTTP/1.1" {200|409|412} {bytes} "-" "{agent}"',
    '{slash} [error] {pid}#{int:0-15}: *{int:1000-999999} upstream {ip}:{port} gave no answer within ' +
      '60 s while reading the header, client: {wan}, request: "GET {url} HTTP/1.1"',
    '{slash} [error] {pid}#{int:0-15}: *{int:1000-999999} link to {ip}:{port} refused while ' +
      'connecting, client: {wan}, server: {domain}, request: "POST {url} HTTP/1.1"',
    '{slash} [warn] {pid}#{int:0-15}: *{int:1000-999999} body of {bytes} bytes kept in ' +
      '/var/cache/proxy/body/{pad:10}, client: {wan}',
    '{slash} [warn] {pid}#{int:0-15}: *{int:1000-999999} answer from upstream kept in ' +
      '/var/cache/proxy/reply/{int:0-9}/{int:10-99}/{pad:10}',
    '{slash} [notice] {pid}#{int:0-15}: worker {pid} left with code {0|0|0|1}',
    '{slash} [error] {pid}#{int:0-15}: *{int:1000-999999} {home}/public{url} not there (2), client: ' +
      '{wan}, server: {domain}',
    '{slash} [error] {pid}#{int:0-15}: *{int:1000-999999} zone "{api|login|search}" allows no more, ' +
      'excess {dec:20:3}, client: {wan}',
    '{slash} [crit] {pid}#{int:0-15}: *{int:1000-999999} handshake with {wan} failed: {no shared ' +
      'cipher|unknown protocol|certificate expired}',
    '{slash} [info] {pid}#{int:0-15}: *{int:1000-999999} client {wan} went away, {int:1-400} ' +
      'requests on this link',
    'backend {service}/{node}:{port} is {UP|DOWN|UP|DRAINING}, check took {log:2000} ms, {int:1-12} ' +
      'active of {int:2-14}',
    '{ip}:{port} [{clf}] web~ {service}/{node} {int:0-9}/0/{int:0-9}/{log:3000}/{log:4000} ' +
      '{200|200|503} {bytes} - - ---- {int:1-900}/{int:1-90}/{int:1-9}/{int:0-9}/0 0/0 "GET {url} ' +
      'HTTP/1.1"',
    'certificate of {domain} renewed, serial {hex:32}, next renewal in {int:29-60} days',
    'cache {HIT|HIT|MISS|STALE|EXPIRED} key={hex:32} age={log:86400} ttl={60|300|3600} url={url}',
    'retry {int:1-3} of request {uuid} on {ip}:{port} after {502|503|504}, {log:900} ms spent, ' +
      '{log:3000} ms left of the budget of route {url}',
    'circuit for {service} {opened|closed|half-open} after {int:3-60} failures in {int:1-30} s',
    'rate of {user} on {url}: {int:90-400} of {100|200|300} a minute, answer 429',
    'reload of routes: {int:20-400} routes, {int:5-60} services, {log:400} ms, version {hex:12}',
  ],
};
