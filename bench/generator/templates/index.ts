import type { TemplateGroup } from '../template.js';
import { application } from './application.js';
import { blockstore } from './blockstore.js';
import { cache } from './cache.js';
import { cloud } from './cloud.js';
import { compute } from './compute.js';
import { java } from './java.js';
import { kernel } from './kernel.js';
import { kubernetes } from './kubernetes.js';
import { postgres } from './postgres.js';
import { proxy } from './proxy.js';
import { queue } from './queue.js';
import { sshd } from './sshd.js';
import { systemd } from './systemd.js';

/** Every message template, by the system whose style it has. The order decides the popularity: append, never reorder. */
export const templateGroups: readonly TemplateGroup[] = [
  sshd,
  blockstore,
  compute,
  proxy,
  kernel,
  systemd,
  kubernetes,
  postgres,
  java,
  queue,
  cache,
  application,
  cloud,
];
