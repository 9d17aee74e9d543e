/** Every workload, in the order of the tables. A further one is a further line here. */

import type { Workload } from '../workload.js';
import { chmod, copyUp, copyUpLarge, latency, remove } from './change.js';
import { compile } from './compile.js';
import { large, read, readOnly } from './read.js';
import { cold, depth, lookup, usage, walk } from './walk.js';
import { install, largeWrite, small, untar } from './write.js';

export const workloads: readonly Workload[] = [
  walk,
  lookup,
  usage,
  cold,
  read,
  readOnly,
  large,
  largeWrite,
  small,
  untar,
  install,
  remove,
  chmod,
  copyUp,
  copyUpLarge,
  latency,
  compile,
  depth,
];
