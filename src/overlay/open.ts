/** Opens an OverlayFs from its configuration: directories as layers, or layers that somebody else has opened (tars of an image). */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Descriptors } from '../layers/directory/descriptors.js';
import { DirectoryLayer } from '../layers/directory/directory-layer.js';
import { Origins } from '../layers/directory/origins.js';
import { Upper } from '../layers/directory/upper.js';
import type { Layer } from '../layers/layer.js';
import { PrivateXattrs } from '../layers/markers.js';
import { Union } from '../layers/union/union.js';
import type { Counters } from '../observe/counters.js';
import { isIdmapped } from '../sys/mount.js';
import { openDescriptors, raiseNofile, readsTrusted, setUmask } from '../sys/process.js';
import type { OverlayConfig } from './config.js';
import { descriptorBudget } from './descriptor-budget.js';
import { IdmappedLayer } from './idmapped-layer.js';
import { Ids } from './ids.js';
import { OpenFiles } from './open-files.js';
import { OverlayFs } from './overlay-fs.js';
import { OverlayState } from './state.js';

/** Changes of the process that the engine rests on: a umask of 0, and as many descriptors as allowed. `layers`, top first, stand for
 *  `config.layers` when given. FsError: ENOENT, ENOTDIR, EACCES for a layer; EROFS... for the upper. */
export function openOverlay(config: OverlayConfig, counters: Counters, layers?: readonly Layer[]): OverlayFs {
  setUmask(0);
  const budget = descriptorBudget(raiseNofile(), openDescriptors() + config.layers.length);
  const descriptors = new Descriptors(budget.directories);
  const upper = openUpper(config, descriptors);
  const privates = upper?.privateXattrs ?? privatesOf(config);
  const lower = layers ?? openLayers(config, descriptors, privates);
  const origins = upper === undefined ? undefined : new Origins(upper, lower);
  const union = new Union({
    layers: upper === undefined ? lower : [upper, ...lower],
    hasUpper: upper !== undefined,
    counters,
    onDrop: (node) => files.drop(node),
    ...(origins === undefined ? {} : { originOf: (dir, name) => origins.of(dir, name) }),
  });
  const files = new OpenFiles(union, upper, budget, config.accessTimes.files === 'never');
  const state = new OverlayState(union, upper, files, config, counters, privates);
  let isOpen = true;
  return new OverlayFs(state, () => {
    if (!isOpen) return;
    isOpen = false;
    // The mount is gone, and whoever unmounted it may be deleting these directories: nothing is made or removed in them any more.
    files.close();
    descriptors.close();
    union.close();
  });
}

/** Where no upper decides: the kernel's rule, as far as there is the right to read trusted ones. */
function privatesOf(config: OverlayConfig): PrivateXattrs {
  return config.userXattr === true || !readsTrusted() ? PrivateXattrs.user : PrivateXattrs.trusted;
}

function openLayers(config: OverlayConfig, descriptors: Descriptors, privates: PrivateXattrs): DirectoryLayer[] {
  const mapsIds = config.uidMapping !== undefined || config.gidMapping !== undefined;
  const ids = new Ids(config);
  return config.layers.map((path) =>
    mapsIds && isIdmapped(path)
      ? new IdmappedLayer(path, descriptors, ids, privates)
      : new DirectoryLayer(path, path, descriptors, privates),
  );
}

function openUpper(config: OverlayConfig, descriptors: Descriptors): Upper | undefined {
  if (config.upper === undefined || config.work === undefined) return undefined;
  const { whNames, keepsIds = false } = config;
  const options = config.userXattr === true ? ({ whNames, keepsIds, format: 'overlay-user' } as const) : { whNames, keepsIds };
  const upper = new Upper(config.upper, config.work, descriptors, options);
  if (config.isVolatile) markVolatile(config.work);
  return upper;
}

/** The kernel's own mark (OV-30): a mount that promised nothing about the disk makes later mounts refuse this upper. */
function markVolatile(work: string): void {
  mkdirSync(join(work, 'work', 'incompat', 'volatile'), { recursive: true });
}
