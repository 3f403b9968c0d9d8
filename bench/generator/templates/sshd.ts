import type { TemplateGroup } from '../template.js';

/** Remote shell daemon: logins, refusals, key exchange. */
export const sshd: TemplateGroup = {
  prefix: '{syslog} {node} sshd[{pid}]: ',
  templates: [
    'Login refused: unknown account {user} from {wan} port {port}',
    'unknown account {user} asked for by {wan} before authentication, attempt {int:1-6} of 6',
    'Password rejected for {user} from {wan} port {port} protocol 2',
    'Password rejected for unknown account {user} from {wan} port {port} protocol 2',
    'Password taken for {user} from {ip} port {port} protocol 2',
    'Public key taken for {user} from {ip} port {port} protocol 2: {ed25519|rsa|ecdsa} SHA256:{hex:40}',
    'peer {wan} closed the link in phase {preauth|kex|userauth} after {int:1-120} s',
    'pam(sshd:session): opening session for {user} (uid={int:1000-1400}) by login (uid=0)',
    'pam(sshd:session): closing session for {user}',
    'pam(sshd:auth): credentials do not match; tty=ssh rhost={wan} user={user}',
    'pam(sshd:auth): {int:2-5} further mismatches; tty=ssh rhost={wan} user={user}',
    'Peer {wan} port {port} said goodbye, code {int:2-14}: {Bye|disconnected by user|Auth fail|No ' +
      'more methods}',
    'Name lookup of {wan} gave {domain}, which does not point back: address may be forged',
    'Too many tries for {user} from {wan} port {port}, dropping the link',
    'No shared host key type with {wan} port {port}; they offer {ssh-dss|ssh-rsa|ssh-rsa,ssh-dss}',
    'Banner exchange with {wan} port {port} broken: bytes do not form an identification string',
    'Listening on 0.0.0.0 port {22|22|2222}',
    'Subsystem {sftp|sftp|scp} requested by {user} from {ip} port {port}, session {int:1-9}',
    'Forwarding of port {port} to {ip}:{port} requested by {user}: {permitted|denied by policy}',
    'Key {hex:16} of {user} has been revoked on {date}, login not allowed',
    'rekey after {log:4000} MB with {ip} port {port}, cipher {chacha20-poly1305|aes256-gcm|aes128-ctr}',
    'Idle limit of {300|600|900} s reached for {user} at {ip} port {port}',
    'Authorised keys file {home}/.ssh/authorized_keys is writable by others, ignored',
    'Certificate serial {int:100000-999999} for {user} signed by CA {hex:12}, valid until {date}',
    'Connection count from {wan} is {int:5-90}, above the limit: slowing answers by {int:1-9}00 ms',
  ],
};
