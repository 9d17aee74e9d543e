/** An image, as the layers of a mount: found, decompressed where it must be, and noted as used while the mount lasts. */

import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { locateImage } from '../image/locate.js';
import type { LocatedImage } from '../image/located-image.js';
import { type PreparedLayer, prepareStackOf } from '../image/stack.js';
import { Store } from '../store/store.js';
import { putUse, removeUse } from '../store/uses.js';
import type { ImageRequest } from './mount-request.js';
import { isInside } from './paths.js';

/** The image of a mount: plain data, which the serving thread opens. */
export interface MountedImage {
  label: string;
  storeRoot: string;
  /** Top first. */
  layers: readonly PreparedLayer[];
  /** The image of the store that the mount uses; undefined for an archive. */
  id: Digest | undefined;
}

/** PlyfsError for what is no image, is damaged, or has no such layer. */
export async function findMountedImage(request: ImageRequest): Promise<MountedImage> {
  const store = new Store();
  const image = await locateImage(store, request.text, request.platform);
  const choice = {
    ...(request.upto !== undefined && { upto: request.upto }),
    ...(request.only !== undefined && { only: request.only }),
  };
  const layers = await prepareStackOf(store, image, choice);
  if (layers.length === 0) {
    throw new PlyfsError('no-layer', `${request.text} has no layer: there is nothing to mount`);
  }
  return { label: request.text, storeRoot: store.root, layers, id: storedId(image) };
}

function storedId(image: LocatedImage): Digest | undefined {
  return image.kind === 'store' ? image.id : undefined;
}

/** The store serves the mount's own reads: it must not lie under the mount, nor the mount in it. */
export function refuseStoreOverlap(image: MountedImage, target: string): void {
  const { storeRoot } = image;
  if (isInside(target, storeRoot)) {
    throw new PlyfsError('overlap', `target ${target} lies inside the store ${storeRoot}: mount somewhere else`);
  }
  if (isInside(storeRoot, target)) {
    throw new PlyfsError('overlap', `the store ${storeRoot} would be hidden by the mount on ${target}: mount somewhere else`);
  }
}

/** rmi refuses the image until the returned function is called, or the process ends. */
export function useImage(image: MountedImage, target: string): () => void {
  if (image.id === undefined) return () => undefined;
  const store = new Store(image.storeRoot);
  const key = `mount-${process.pid}`;
  const keeps = image.layers.flatMap((layer) => (layer.diffId === undefined ? [] : [layer.diffId]));
  putUse(store, key, { label: `mount ${target}`, image: image.id, keeps, pid: process.pid });
  return () => removeUse(store, key);
}
