/** The config of an image of the store. */

import type { Digest } from '../../base/digest.js';
import { readLimits } from '../../base/limits.js';
import { type ImageConfig, parseImageConfig } from '../../oci/config.js';
import type { Store } from '../../store/store.js';

/** PlyfsError `no-blob`, `damaged`, `document`. */
export function readStoredConfig(store: Store, id: Digest): ImageConfig {
  return parseImageConfig(store.blobs.readDocument(id, readLimits().configBytes), `config ${id}`);
}
