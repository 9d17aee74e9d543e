/** The image of a container, as what a mount or a listing of it is stacked on. */

import { configLimitBytes, parseImageConfig } from '../oci/config.js';
import type { Container } from '../store/containers.js';
import type { Store } from '../store/store.js';
import { type LocatedImage, locateStoredImage } from './located-image.js';

/** The layers below the container's upper. It does not matter whether the image still has a name. PlyfsError for a damaged config. */
export function locateContainerImage(store: Store, { image, imageName }: Container): LocatedImage {
  const config = parseImageConfig(store.blobs.readDocument(image.id, configLimitBytes), `config ${image.id}`);
  return locateStoredImage(store, image, config, imageName);
}
