/** From a request to a mount that can be made, or one sentence that names the path and says what to do. Nothing is mounted here, and a
 *  request that is refused leaves nothing behind. */

import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { codeOf, ifPresent } from '../base/node-error.js';
import type { DriverOptions } from '../fuse/driver.js';
import { checkTarget } from '../fuse/mount-point.js';
import type { AccessTimeRules, IdMap, OverlayConfig } from '../overlay/config.js';
import { fsMagic, O_PATH } from '../sys/constants.js';
import { mountTable } from '../sys/mount.js';
import { closeFd, openPath } from '../sys/open.js';
import { fsTypeOf } from '../sys/stat.js';
import { fixedOptions } from './fixed-options.js';
import type { MountOptions } from './mount-option-values.js';
import { Claims, type MountedImage, type MountRequest, type PreparedMount, type Writable } from './mount-request.js';
import { isInside, mountPointPath, realDirectory, wrongPath } from './paths.js';
import { claimUpper } from './upper-claim.js';

/** Checks everything, makes what the form for people makes, and claims the upper. PlyfsError; 2 is wrong usage. */
export function prepareMount(request: MountRequest, image?: MountedImage): PreparedMount {
  const claims = new Claims();
  try {
    return prepare(request, image, claims);
  } catch (error) {
    claims.undo();
    throw error;
  }
}

function prepare(request: MountRequest, image: MountedImage | undefined, claims: Claims): PreparedMount {
  const { options } = request;
  const layers = image === undefined ? checkLayers(request) : [];
  const writable = checkUpper(request, claims);
  const target = realTarget(request);
  refuseOverlaps(layers, writable, target);
  if (image !== undefined) refuseStoreOverlap(image, target);
  if (writable !== undefined && !options.isReadOnly) claimUpper(writable, options, claims);
  return {
    driver: options.driver,
    config: overlayConfig(options, layers, writable, image),
    image,
    driverOptions: {
      ...driverOptions(options, target, writable === undefined || options.isReadOnly),
      isBackingStacked: options.io === 'passthrough' && backingPlaces(layers, writable, image).some(liesOnOthers),
    },
    upper: writable?.upper,
    work: writable?.work,
    claims,
    fixedOptions: fixedOptions(options, request.cwd),
  };
}

function checkLayers({ options, cwd }: MountRequest): string[] {
  if (options.layers.length === 0) {
    throw new PlyfsError('usage', 'no layer is given: write -o lowerdir=TOP:...:BOTTOM, or --layer for each, bottom first');
  }
  return options.layers.map((layer) => realDirectory('layer', layer, cwd, 'correct the path (write \\: for a colon in it)'));
}

/** The real upper and work directory; undefined for a view without an upper. */
function checkUpper(request: MountRequest, claims: Claims): Writable | undefined {
  const { options, cwd, makesUpper } = request;
  if (options.upper === undefined) {
    if (options.work !== undefined) options.warnings.push('workdir is ignored: without an upper the mount is read-only');
    return undefined;
  }
  if (options.work === undefined && !makesUpper && !options.isReadOnly) {
    throw new PlyfsError('no-work', `upperdir=${options.upper} needs a workdir: an empty directory on the same file system`);
  }
  if (makesUpper) makeDirectory(resolve(cwd, options.upper), 'upper', claims);
  const upper = realDirectory('upper', options.upper, cwd, 'create it with mkdir');
  // A read-only mount never touches the work directory.
  if (options.isReadOnly) return { upper, work: options.work === undefined ? upper : resolve(cwd, options.work) };
  const workPath = options.work ?? join(dirname(upper), `${basename(upper)}.work`);
  if (makesUpper) makeDirectory(resolve(cwd, workPath), 'work directory', claims);
  return { upper, work: realDirectory('work directory', workPath, cwd, 'create it with mkdir') };
}

function makeDirectory(path: string, what: string, claims: Claims): void {
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    throw wrongPath(what, path, error, 'create its parent, or choose another place');
  }
  claims.add(() => removeIfEmpty(path));
}

/** Somebody may have put something into it: then it is not ours to remove. */
function removeIfEmpty(path: string): void {
  ifPresent(() => rmdirSync(path), 'ENOTEMPTY');
}

/** The mount point's real path. A dead FUSE mount there is fine: it is replaced when the mount is made. */
function realTarget({ target, cwd }: MountRequest): string {
  const isDead = checkTarget(resolve(cwd, target)) === 'dead';
  const path = mountPointPath(target, cwd);
  if (isDead) return path;
  const mounted = mountTable().findLast((entry) => entry.target === path);
  if (mounted?.type === 'fuse.plyfs') {
    throw new PlyfsError('target-busy', `target ${path} is a plyfs mount already: run plyfs umount ${path} first`);
  }
  return path;
}

/** Directories inside each other that would show the mount to itself, or let a write change a layer. */
function refuseOverlaps(layers: readonly string[], writable: Writable | undefined, target: string): void {
  const refuse = (sentence: string) => {
    throw new PlyfsError('overlap', sentence);
  };
  const trees: [string, string][] = layers.map((layer) => ['layer', layer]);
  if (writable !== undefined) trees.push(['upper', writable.upper], ['work directory', writable.work]);
  for (const [what, tree] of trees) {
    if (isInside(target, tree)) refuse(`target ${target} lies inside the ${what} ${tree}: mount somewhere else`);
    if (isInside(tree, target)) refuse(`${what} ${tree} would be hidden by the mount on ${target}: mount somewhere else`);
  }
  if (writable === undefined) return;
  const { upper, work } = writable;
  for (const layer of layers) {
    if (isInside(layer, upper)) refuse(`layer ${layer} lies inside the upper ${upper}: keep layers and upper apart`);
    if (isInside(layer, work)) refuse(`layer ${layer} lies inside the work directory ${work}: keep them apart`);
    // Another file system mounted inside the layer is no part of it.
    if (isInside(upper, layer) && statSync(upper).dev === statSync(layer).dev) {
      refuse(`upper ${upper} lies inside the layer ${layer}: keep layers and upper apart`);
    }
  }
  if (upper !== work && (isInside(upper, work) || isInside(work, upper))) {
    refuse(`upper ${upper} and work directory ${work} lie inside each other: make them neighbours`);
  }
}

/** The store serves the mount's own reads: it must not lie under the mount, nor the mount in it. */
function refuseStoreOverlap(image: MountedImage, target: string): void {
  const { storeRoot } = image;
  if (isInside(target, storeRoot)) {
    throw new PlyfsError('overlap', `target ${target} lies inside the store ${storeRoot}: mount somewhere else`);
  }
  if (isInside(storeRoot, target)) {
    throw new PlyfsError('overlap', `the store ${storeRoot} would be hidden by the mount on ${target}: mount somewhere else`);
  }
}

function overlayConfig(
  options: MountOptions,
  layers: readonly string[],
  writable: Writable | undefined,
  image: MountedImage | undefined,
): OverlayConfig {
  const { isVolatile, staticNlink, xino, whNames, redirectDir, posixAcl } = options;
  // Read-only, the upper is one more layer on top: it needs neither work directory nor lock.
  const isWritable = writable !== undefined && !options.isReadOnly;
  return {
    layers: writable === undefined || isWritable ? layers : [writable.upper, ...layers],
    ...(isWritable && writable),
    ...(image !== undefined && { history: image.layers.map((layer) => layer.history?.createdBy) }),
    isVolatile,
    staticNlink,
    xino,
    whNames,
    redirectDir,
    posixAcl,
    accessTimes: accessTimeRules(options.mountFlags),
    ...(options.uidMapping && { uidMapping: options.uidMapping }),
    ...(options.gidMapping && { gidMapping: options.gidMapping }),
    ...(options.squashToUid !== undefined && { squashToUid: options.squashToUid }),
    ...(options.squashToGid !== undefined && { squashToGid: options.squashToGid }),
    ...(image !== undefined && idsOfUser(options)),
    ...(options.userXattr !== undefined && { userXattr: options.userXattr }),
  };
}

/** Without root's rights an image shows as in a user namespace where the user is root: what is root's there is his. The ids that he has on
 *  this machine are nobody's then. */
function idsOfUser({ uidMapping, gidMapping, squashToUid, squashToGid }: MountOptions): Partial<OverlayConfig> {
  const uid = process.geteuid?.() ?? 0;
  if (uid === 0) return {};
  const isTold = uidMapping ?? gidMapping ?? squashToUid ?? squashToGid;
  if (isTold !== undefined) return { keepsIds: true };
  return { keepsIds: true, uidMapping: rootShownAs(uid), gidMapping: rootShownAs(process.getegid?.() ?? 0) };
}

function rootShownAs(id: number): IdMap {
  if (id === 0) return [{ onDisk: 0, shown: 0, count: 0xffffffff }];
  const below = { onDisk: 1, shown: 1, count: id - 1 };
  const above = { onDisk: id + 1, shown: id + 1, count: 0xfffffffe - id };
  return [{ onDisk: 0, shown: id, count: 1 }, below, above].filter(({ count }) => count > 0);
}

/** mount(8): strictatime wins over relatime, noatime over both. */
function accessTimeRules(flags: ReadonlySet<string>): AccessTimeRules {
  const files = flags.has('noatime') ? 'never' : flags.has('strictatime') ? 'always' : 'relative';
  return { files, directories: flags.has('nodiratime') ? 'never' : files };
}

/** Keeping idle CPUs awake costs the rest of all of them: not on larger machines, unless asked for. */
const awakeCpusMax = 8;

function driverOptions(options: MountOptions, target: string, isReadOnly: boolean): Omit<DriverOptions, 'isBackingStacked'> {
  return {
    target,
    source: options.source,
    subtype: options.subtype,
    isReadOnly,
    // Root mounts for everybody, as the kernel's overlayfs does; fusermount3 lets others ask for it only where fuse.conf allows.
    allowOther: options.allowOther ?? process.getuid?.() === 0,
    defaultPermissions: options.defaultPermissions,
    posixAcl: options.posixAcl,
    mountFlags: [...options.mountFlags],
    io: options.io,
    timeoutSec: options.timeoutSec,
    isVolatile: options.isVolatile,
    spinUs: options.spinUs,
    keepsAwake: options.awake === 'auto' ? availableParallelism() <= awakeCpusMax : options.awake === 'on',
    trace: options.isDebug ? ['fuse'] : [],
  };
}

/** Where the bytes of the view's files lie. */
function backingPlaces(layers: readonly string[], writable: Writable | undefined, image: MountedImage | undefined): string[] {
  const tars = image?.layers.map(({ location }) => location.path) ?? [];
  return [...layers, ...tars, ...(writable === undefined ? [] : [writable.upper])];
}

/** Whether the file system of `path` is, or may be, one above others: FUSE mounts do not tell whether they let files pass through. */
function liesOnOthers(path: string): boolean {
  const fd = openPath(path, O_PATH);
  try {
    return ([fsMagic.overlay, fsMagic.fuse, fsMagic.ecryptfs] as number[]).includes(fsTypeOf(fd));
  } finally {
    closeFd(fd);
  }
}
