/** An image, as the layers of a mount: found, decompressed where it must be, and noted as used while the mount lasts. */

import { randomBytes } from 'node:crypto';
import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { ensureImage } from '../image/ensure.js';
import { locateContainerImage } from '../image/find/container-image.js';
import { locateImage } from '../image/find/locate.js';
import { loadPath } from '../image/load.js';
import type { LocatedImage } from '../image/stack/located-image.js';
import { prepareStackOf } from '../image/stack/stack.js';
import type { MountOptions } from '../mount/mount-option-values.js';
import type { ImageRequest, MountedImage } from '../mount/mount-request.js';
import { type Container, findContainer } from '../store/containers.js';
import { Store } from '../store/store.js';
import { putUse, removeUse } from '../store/uses.js';
import { newContainer } from './create.js';

/** Finds the image; `options` gets the upper of the container, where the text names one or `isWritable` asks for a new one. PlyfsError for
 *  what is no image, is damaged, or has no such layer. */
export async function findMountedImage(asked: ImageRequest, options: MountOptions): Promise<MountedImage> {
  const store = new Store();
  const text = await ensureImage(store, asked.text, {
    policy: asked.pull,
    platform: asked.platform,
    onPull: (name) => process.stderr.write(`Unable to find image '${name}' locally: pulling it\n`),
  });
  const request = { ...asked, text };
  const container = findContainer(store, request.text) ?? (await makeContainer(store, request, options));
  const image =
    container === undefined ? await locateImage(store, request.text, request.platform) : locateContainerImage(store, container);
  if (container !== undefined && options.upper === undefined) {
    options.upper = container.upper;
    options.work = container.work;
  }
  const choice = {
    ...(request.upto !== undefined && { upto: request.upto }),
    ...(request.only !== undefined && { only: request.only }),
  };
  const layers = await prepareStackOf(store, image, choice);
  return { label: request.text, storeRoot: store.root, layers, id: storedId(image) };
}

/** `--rw` without an upper: a new container. An archive is loaded into the store first, as a container needs a stored image. */
async function makeContainer(store: Store, request: ImageRequest, options: MountOptions): Promise<Container | undefined> {
  if (request.isWritable !== true || options.upper !== undefined) return undefined;
  if (request.upto !== undefined || request.only !== undefined) {
    throw new PlyfsError('usage', '--upto and --layer show a part of an image: give --upper DIR to write on top of it');
  }
  const located = await locateImage(store, request.text, request.platform);
  const isStored = located.kind === 'store' && located.id !== undefined;
  const id = isStored ? located.id : (await loadPath(store, request.text, { platform: request.platform }))[0]?.id;
  if (id === undefined) throw new PlyfsError('no-image', `${request.text} has no image to make a container of`);
  const container = await newContainer(store, id, undefined);
  process.stdout.write(`${container.id}\n`);
  return container;
}

function storedId(image: LocatedImage): Digest | undefined {
  return image.kind === 'store' ? image.id : undefined;
}

/** rmi refuses the image until the returned function is called, or the process ends. */
export function useImage(image: MountedImage, target: string): () => void {
  if (image.id === undefined) return () => undefined;
  const store = new Store(image.storeRoot);
  const key = `mount-${process.pid}-${randomBytes(4).toString('hex')}`;
  const keeps = image.layers.flatMap((layer) => (layer.diffId === undefined ? [] : [layer.diffId]));
  putUse(store, key, { label: `mount ${target}`, image: image.id, keeps, pid: process.pid });
  return () => removeUse(store, key);
}
