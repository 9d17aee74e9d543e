/** The image of a container, as what a mount or a listing of it is stacked on. */

import type { Container } from '../../store/containers.js';
import type { Store } from '../../store/store.js';
import { type LocatedImage, locateStoredImage } from '../stack/located-image.js';
import { readStoredConfig } from '../stack/stored-config.js';

/** The layers below the container's upper. It does not matter whether the image still has a name. PlyfsError for a damaged config. */
export function locateContainerImage(store: Store, { image, imageName }: Container): LocatedImage {
  return locateStoredImage(store, image, readStoredConfig(store, image.id), imageName);
}
