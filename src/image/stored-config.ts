/** The config of an image of the store. */

import type { Digest } from '../base/digest.js';
import { configLimitBytes, type ImageConfig, parseImageConfig } from '../oci/config.js';
import type { Store } from '../store/store.js';

/** PlyfsError `no-blob`, `damaged`, `document`. */
export function readStoredConfig(store: Store, id: Digest): ImageConfig {
  return parseImageConfig(store.blobs.readDocument(id, configLimitBytes), `config ${id}`);
}
