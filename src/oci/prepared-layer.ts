/** A layer of an image that can be opened without another look at the image's documents: where its tar and its index lie. */

import type { Digest } from '../base/digest.js';
import type { HistoryEntry } from './config.js';
import type { FileRange } from './source.js';

/** Plain data, so that it can be sent to the thread that serves a mount. */
export interface PreparedLayer {
  /** Its diffID; for a lone tar its path. */
  readonly label: string;
  /** Its place in the image, the bottom being 1; 0 for one that is looked at by itself. */
  readonly number: number;
  readonly diffId: Digest | undefined;
  /** The step that made it. */
  readonly history: HistoryEntry | undefined;
  /** The uncompressed tar. */
  readonly location: FileRange;
  /** Where its index is saved, or will be. */
  readonly indexPath: string;
  /** For messages. */
  readonly title: string;
}
